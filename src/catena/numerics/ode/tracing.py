"""What of a call may be traced by JAX, and the concrete values behind what is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import InputError
from catena.core.values import Padded


def traced(value: Any) -> bool:
    """Return whether a value is abstract to JAX."""
    if isinstance(value, np.ndarray):
        return False
    from jax.core import Tracer

    return isinstance(value, Tracer)


def concrete_tables(events: Padded | None, forcing: Mapping[str, Padded]) -> None:
    """Refuse tables of which more than amounts and values is traced.

    Raises:
        InputError: a column that moves stops is traced.
    """
    tables = {**({} if events is None else {"events": events}), **forcing}
    for name, table in tables.items():
        free = "amt" if name == "events" and events is table else "value"
        for column, cells in (*table.columns().items(), ("mask", table.mask)):
            if column != free and traced(cells):
                raise InputError(
                    f"Column {column!r} of {name!r} is traced by JAX",
                    where="OdeSystem",
                    why="the moments at which integration stops must be known before compiling",
                    fix="close over the table instead of passing it through jit or grad; "
                    f"only {free!r} may be traced",
                )


def plain_events(events: Padded, n: int) -> Padded:
    """Return the events over ``n`` rows as NumPy arrays, with the present values of amounts.

    Raises:
        InputError: amounts are abstract and an infusion's duration depends on them.
    """
    columns = dict(events.columns())
    amt = columns["amt"]
    if traced(amt):
        from jax import lax

        present = lax.stop_gradient(amt)
        if not traced(present):
            columns["amt"] = np.asarray(present)
        elif not np.any(np.asarray(columns["rate"])):
            columns["amt"] = np.ones(np.shape(amt))
        else:
            raise InputError(
                "An infusion's amount is traced under jit",
                where="OdeSystem events",
                why="its duration, amt / rate, must be known before compiling",
                fix="differentiate outside jit, or close over the infusions",
            )
    stretched = {
        name: np.broadcast_to(cells, (n, *np.shape(cells)[1:])) for name, cells in columns.items()
    }
    mask = np.asarray(events.mask)
    return Padded(stretched, np.broadcast_to(mask, (n, mask.shape[1])))
