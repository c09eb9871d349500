"""Points as Gaussian processes and evolution strategies see them: one column per variable.

Numbers and whole numbers run over [0, 1] (in the logarithm where they vary by factors), categories
are their index. Whole numbers keep their steps, so a search may move between neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np

if TYPE_CHECKING:
    from catena.ops.space import Space


@final
class Coordinates:
    """Maps between points of a space (n, d) and search coordinates (n, d).

    Args:
        space: The space. Variables in a linear constraint stay linear, so that the constraint is
            linear in the coordinates too.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        low, high = space.bounds
        bound = np.zeros(space.dim, dtype=bool)
        for constraint in space.constraints:
            bound |= np.asarray(constraint.weights) != 0.0
        kinds = [variable.kind for variable in space.variables]
        self.category = np.array([kind in ("category", "boolean") for kind in kinds])
        self.integer = np.array([kind == "integer" for kind in kinds])
        scales = np.array([variable.scale == "log" for variable in space.variables])
        self.log = scales & ~bound & ~self.category & ~self.integer
        self._low = np.where(self.category, 0.0, low)
        self._width = np.where(self.category, 1.0, high - low)
        self._ratio = np.where(self.log, np.log(np.where(self.log, high, 1.0))
                               - np.log(np.where(self.log, low, 1.0)), 1.0)  # fmt: skip
        self.upper = np.where(self.category, high, 1.0)

    @property
    def categories(self) -> list[int]:
        """Positions of categories and booleans."""
        return [int(k) for k in np.flatnonzero(self.category)]

    @property
    def discrete(self) -> np.ndarray:
        """Which coordinates only have steps (d,)."""
        return np.asarray(self.category | self.integer)

    @cached_property
    def steps(self) -> dict[int, list[float]]:
        """Values of whole numbers with at most 20 steps, by position."""
        counts = self.space.bounds[1] - self.space.bounds[0]
        return {
            int(k): [float(step / counts[k]) for step in range(int(counts[k]) + 1)]
            for k in np.flatnonzero(self.integer)
            if counts[k] < 20
        }

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Map points to coordinates."""
        x = np.asarray(x, dtype=float)
        linear: np.ndarray = (x - self._low) / self._width
        if not self.log.any():
            return linear
        ratio = np.where(self.log, x, 1.0) / np.where(self.log, self._low, 1.0)
        return np.asarray(np.where(self.log, np.log(ratio) / self._ratio, linear))

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Map coordinates to points, inside the ranges and on existing steps."""
        z = np.clip(np.asarray(z, dtype=float), 0.0, self.upper)
        x = self._low + self._width * z
        if self.log.any():
            factor = np.exp(np.where(self.log, z, 0.0) * self._ratio)
            x = np.where(self.log, self._low * factor, x)
        low, high = self.space.bounds
        return np.asarray(np.clip(np.where(self.discrete, np.round(x), x), low, high))

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Return the derivative of points to coordinates (n, d)."""
        x = self.decode(z)
        return np.where(self.log, x * self._ratio, self._width)

    def snap(self, z: np.ndarray) -> np.ndarray:
        """Round coordinates to existing steps."""
        return self.encode(self.decode(z))

    def linear(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (a, b, equal) of the space's constraints: ``a @ z <= b``, or equal to it."""
        constraints = self.space.constraints
        a = np.array([c.weights for c in constraints]).reshape(-1, self.space.dim)
        b = np.array([c.bound for c in constraints])
        equal = np.array([c.equal for c in constraints], dtype=bool)
        return a * self._width, b - a @ self._low, equal

    def neighbours(self, point: np.ndarray) -> np.ndarray:
        """Return feasible coordinates (k, d) that differ from one in a single discrete place."""
        found = []
        for k in np.flatnonzero(self.discrete):
            for option in self._options(int(k), float(point[k])):
                if 0.0 <= option <= self.upper[k] and abs(option - point[k]) > 1e-9:
                    other = point.copy()
                    other[k] = option
                    found.append(other)
        if not found:
            return np.zeros((0, len(point)))
        near = np.array(found)
        if self.space.constraints:
            near = near[self.space.inside(self.decode(near))]
        return near

    def _options(self, k: int, value: float) -> Sequence[float]:
        """Return other values of a discrete coordinate: all, or steps of several sizes."""
        if self.category[k]:
            return [float(choice) for choice in range(int(self.upper[k]) + 1)]
        if k in self.steps:
            return self.steps[k]
        width = float(np.ptp(self.space.bounds[:, k]))
        return [value + sign * size / width for sign in (-1, 1) for size in (1, 3, 10)]
