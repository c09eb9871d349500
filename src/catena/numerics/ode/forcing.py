"""Inputs known as tables over time: piecewise constant or piecewise linear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from catena.core.errors import RowFault
from catena.core.spec import Field, Schema
from catena.core.values import Padded

Interpolation = Literal["linear", "constant"]


def table_field(field: Field, time_unit: str) -> Field:
    """Return the table input (time, value) that drives a declared forcing."""
    value = field.with_(name="value", default=None, shape=())
    return Field(
        field.name,
        kind="table",
        shape=(f"{field.name}_point",),
        columns=Schema([Field("time", unit=time_unit), value]),
        ragged=True,
        doc=field.doc,
    )


def faults(name: str, table: Padded, shared: bool) -> list[RowFault]:
    """Return rows whose table is empty or whose times do not increase."""
    time, real = np.asarray(table.columns()["time"]), np.asarray(table.mask)
    found = []
    for row in range(len(time)):
        place = -1 if shared else row
        points = time[row][real[row]]
        if not len(points):
            found.append(RowFault(place, name, "the table has no points"))
        found += [
            RowFault(place, name, f"record {record + 1}: times must increase")
            for record in np.flatnonzero(np.diff(points) <= 0)
        ]
    return found


def break_times(tables: Mapping[str, Padded], n: int) -> np.ndarray:
    """Return all table times (n, k), inf for padding: the input is not smooth there."""
    parts = [np.full((n, 0), np.inf)]
    for table in tables.values():
        time = np.where(np.asarray(table.mask), np.asarray(table.columns()["time"]), np.inf)
        parts.append(np.broadcast_to(time, (n, time.shape[1])))
    return np.concatenate(parts, axis=1)


def value_at(times: Any, values: Any, t: Any, since: Any, interpolation: Interpolation) -> Any:
    """Return the value at ``t`` of one row's table.

    Args:
        times: Increasing times (k,), padded with inf.
        values: Values (k,).
        t: Time asked for.
        since: A time in the same piece as ``t``. A solver gives the start of its step, so that a
            stage on the far edge of a piece does not see the next piece.
        interpolation: ``constant`` holds each value until the next time.

    Returns:
        The value; outside the table the nearest value is held.
    """
    import jax.numpy as jnp

    last = times.shape[0] - 1
    piece = jnp.searchsorted(times, since, side="right") - 1
    i = jnp.clip(piece, 0, last)
    if interpolation == "constant" or last == 0:
        return values[i]
    j = jnp.minimum(i + 1, last)
    inside = (piece >= 0) & jnp.isfinite(times[j]) & (j > i)
    width = jnp.where(inside, times[j] - times[i], 1.0)
    share = jnp.where(inside, (t - times[i]) / width, 0.0)
    return values[i] + share * (values[j] - values[i])
