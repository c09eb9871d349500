"""Inputs known as tables over time: piecewise constant, linear or cubic.

Cubic pieces follow the points without overshoot: where the points rise or fall the curve does, and
its slope is continuous (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5:300 (1984),
doi:10.1137/0905021). Outside the table the nearest value is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import numpy as np

from catena.core.errors import RowFault, SchemaError, did_you_mean
from catena.core.spec import Field, Schema
from catena.core.values import Padded

Interpolation = Literal["linear", "constant", "cubic"]
#: Degree of the polynomial pieces.
DEGREE: dict[str, int] = {"constant": 0, "linear": 1, "cubic": 3}
#: Times closer than this (relative) are the same moment.
SAME = 1e-10


def kinds(
    forcing: Schema, given: Interpolation | Mapping[str, Interpolation]
) -> dict[str, Interpolation]:
    """Return the interpolation of every forcing; those a mapping does not name are ``linear``.

    Raises:
        SchemaError: a name is no forcing, or a kind is unknown.
    """
    named = given if isinstance(given, Mapping) else dict.fromkeys(forcing.names, given)
    for name, kind in named.items():
        if name not in forcing:
            raise SchemaError(f"Interpolation of {name!r}, which is no forcing",
                              where="OdeSystem interpolation",
                              why=f"the forcing inputs are {', '.join(forcing.names) or 'none'}",
                              fix=did_you_mean(name, forcing.names, "declare it as forcing"))  # fmt: skip
        if kind not in get_args(Interpolation):
            raise SchemaError(f"Unknown interpolation {kind!r}", where=f"forcing {name!r}",
                              why=f"known are {', '.join(get_args(Interpolation))}",
                              fix=did_you_mean(str(kind), get_args(Interpolation), "choose one"))  # fmt: skip
    return {name: named.get(name, "linear") for name in forcing.names}


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


@final
@dataclass(frozen=True)
class Curves:
    """The tables of one forcing: what of them must be concrete, and how pieces are looked up.

    Args:
        times: Increasing times (n, k), padded with inf.
        last: Position of the last point of each row (n,).
        kind: Interpolation.
    """

    times: np.ndarray
    last: np.ndarray
    kind: Interpolation

    @classmethod
    def of(cls, table: Padded, kind: Interpolation) -> Curves:
        """Read the times of a table."""
        mask = np.asarray(table.mask)
        times = np.where(mask, np.asarray(table.columns()["time"]), np.inf)
        return cls(times, np.maximum(mask.sum(axis=1) - 1, 0), kind)

    def coefficients(self, values: Any, moments: np.ndarray, xp: Any) -> Any:
        """Return the polynomials (n, m, degree + 1) that hold from each moment on.

        Args:
            values: Values (n, k); may be traced.
            moments: Times (n or 1, m), increasing; the polynomials are written about them.
            xp: numpy or jax.numpy.
        """
        rows = max(len(self.times), len(moments))
        if len(values) < len(self.times):
            values = xp.broadcast_to(values, (len(self.times), values.shape[1]))
        piece = _piece(np.broadcast_to(self.times, (rows, self.times.shape[1])),
                       np.broadcast_to(moments, (rows, moments.shape[1])))  # fmt: skip
        at = np.maximum(piece, 0)
        own = np.arange(rows)[:, None] if len(self.times) > 1 else np.zeros((1, 1), dtype=int)
        # Before the first and after the last point nothing changes.
        moves = (piece >= 0) & (at < self.last[own])
        since = np.where(moves, moments - self.times[own, at], 0.0)
        local = self._local(values, xp)[own, at]
        c = [xp.where(moves, local[..., k], 0.0 if k else local[..., 0])
             for k in range(DEGREE[self.kind] + 1)]  # fmt: skip
        return xp.stack(_shifted(c, since), axis=-1)

    def sensitivities(self, values: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Return the derivatives of ``coefficients`` to every value (n, k, m, degree + 1).

        By a step in the imaginary direction, which is exact (Squire and Trapp 1998,
        doi:10.1137/S003614459631241X).
        """
        tiny = 1e-100
        columns = []
        for point in range(values.shape[1]):
            moved = values.astype(complex)
            moved[:, point] += 1j * tiny
            columns.append(self.coefficients(moved, moments, np).imag / tiny)
        return np.stack(columns, axis=1)

    def repeated(self, times: int) -> Curves:
        """Return the tables of all rows, repeated."""
        return Curves(np.tile(self.times, (times, 1)), np.tile(self.last, times), self.kind)

    def _local(self, values: Any, xp: Any) -> Any:
        """Return the pieces (n, k, degree + 1) about their own first points."""
        count = self.times.shape[1]
        place = np.minimum(np.arange(count), self.last[:, None])
        rows = np.arange(len(self.times))[:, None]
        v = values[rows, place]
        if self.kind == "constant":
            return v[..., None]
        after = np.minimum(place + 1, self.last[:, None])
        inner = after > place
        times = self.times[rows, place]
        width = np.where(inner, self.times[rows, after] - times, 1.0)
        rise = (v[rows, after] - v) / width
        if self.kind == "linear":
            return xp.stack([v, rise], axis=-1)
        slope = _slopes(rise, width, self.last, xp)
        end = slope[rows, after]
        second = (3 * rise - 2 * slope - end) / width
        third = (slope + end - 2 * rise) / width**2
        return xp.stack([v, slope, second, third], axis=-1)


def _piece(times: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return for every moment the last point at or before it (-1: none), by merging."""
    slack = moments + SAME * np.maximum(np.abs(moments), 1e-3)
    order = np.argsort(np.concatenate([times, slack], axis=1), axis=1, kind="stable")
    points = np.cumsum(order < times.shape[1], axis=1) - 1
    out = np.empty_like(points)
    np.put_along_axis(out, order, points, axis=1)
    return out[:, times.shape[1] :]


def _shifted(c: list[Any], by: np.ndarray) -> list[Any]:
    """Return the same polynomial (ascending coefficients) about a later origin."""
    if len(c) == 1:
        return c
    if len(c) == 2:
        return [c[0] + by * c[1], c[1]]
    c0, c1, c2, c3 = c
    return [
        c0 + by * (c1 + by * (c2 + by * c3)),
        c1 + by * (2 * c2 + by * 3 * c3),
        c2 + by * 3 * c3,
        c3,
    ]


def _slopes(rise: Any, width: np.ndarray, last: np.ndarray, xp: Any) -> Any:
    """Return the slope at every point (n, k) from the rise and width of the piece after it."""
    n, count = width.shape
    if count == 1:
        return xp.zeros_like(rise)
    before = np.maximum(np.arange(count) - 1, 0)
    r0, h0 = rise[:, before], width[:, before]
    same = xp.real(r0 * rise) > 0
    w0, w1 = 2 * width + h0, width + 2 * h0
    safe0, safe1 = xp.where(same, r0, 1.0), xp.where(same, rise, 1.0)
    inner = xp.where(same, (w0 + w1) / (w0 / safe0 + w1 / safe1), 0.0)
    rows = np.arange(n)
    second = np.minimum(1, np.maximum(last - 1, 0))
    first = _end(rise[:, 0], rise[rows, second], width[:, 0], width[rows, second], xp)
    p, q = np.maximum(last - 1, 0), np.maximum(last - 2, 0)
    final_ = _end(rise[rows, p], rise[rows, q], width[rows, p], width[rows, q], xp)
    place = np.arange(count)
    out = xp.where(place == 0, first[:, None], inner)
    return xp.where(place == last[:, None], final_[:, None], out)


def _end(r0: Any, r1: Any, h0: np.ndarray, h1: np.ndarray, xp: Any) -> Any:
    """Return the slope at an end from the two pieces next to it, limited so as not to overshoot."""
    slope = ((2 * h0 + h1) * r0 - h0 * r1) / (h0 + h1)
    slope = xp.where(xp.real(slope * r0) > 0, slope, 0.0)
    steep = xp.abs(xp.real(slope)) > 3 * xp.abs(xp.real(r0))
    return xp.where((xp.real(r0 * r1) < 0) & steep, 3 * r0, slope)
