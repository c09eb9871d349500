"""The outputs of one row, written as integration passes their times."""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.method import Step
from catena.numerics.ode.large.rows import Row
from catena.numerics.ode.large.tangents import Directions, PushedStep


class Record:
    """Outputs and their derivatives; NaN where the row has not been.

    Args:
        functions: The system.
        row: Its output times.
        directions: Derivatives carried along, or None.
        slopes: Whether the derivatives by time are wanted.

    Attributes:
        out: (nt, no).
        tangents: (nd, nt, no), or None.
        time_slopes: (nt, no), or None.
    """

    def __init__(
        self, functions: Functions, row: Row, directions: Directions | None, slopes: bool
    ) -> None:
        self.functions, self.times, self.directions = functions, row.times, directions
        shape = (row.times.size, functions.flat.no)
        self.out = np.full(shape, np.nan)
        self.tangents = self.time_slopes = None
        if directions is not None:
            self.tangents = np.full((directions.count, *shape), np.nan)
            self.time_slopes = np.full(shape, np.nan) if slopes else None
        self._next = 0

    def inside(
        self, point: tuple[Any, ...], step: Step, pushed: PushedStep | None, now: float
    ) -> None:
        """Write the outputs inside an accepted step; those at its end belong to the next."""
        t, _, p, s = point
        while self._next < self.times.size and self.times[self._next] < now:
            due = float(self.times[self._next])
            theta = max(0.0, (due - t) / step.h)
            dy = None if pushed is None else pushed.inside(theta)
            self._write((max(due, t), step.inside(theta), p, s), dy)

    def rest(self, point: tuple[Any, ...]) -> None:
        """Write all outputs that are left at the last state."""
        while self._next < self.times.size:
            self._write(point, None if self.directions is None else self.directions.dy)

    def _write(self, point: tuple[Any, ...], dy: np.ndarray | None) -> None:
        at = self._next
        self.out[at] = self.functions.outputs(*point)
        if self.directions is not None and self.tangents is not None and dy is not None:
            self.tangents[:, at] = self.directions.look(point, dy)
            if self.time_slopes is not None:
                slope = self.functions.slope(*point)
                self.time_slopes[at] = self.directions.look_on(point, slope)
        self._next += 1
