"""Inputs and outputs brought to the scales on which learning is easy, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np

#: An input counts as spanning factors, so that its logarithm may serve, from this ratio on.
WIDE = 3.0


@dataclass(frozen=True)
class Column:
    """How one variable becomes features.

    Args:
        low: Value mapped to 0.
        high: Value mapped to 1.
        log: Map the logarithm instead of the value.
        levels: Number of choices of a category; 0 for a number.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    levels: int = 0

    @property
    def width(self) -> int:
        """Number of features."""
        return max(self.levels - 1, 0) if self.levels else 1

    @property
    def wide(self) -> bool:
        """Whether values are positive and span a factor, so that a logarithm makes sense."""
        return not self.levels and self.low > 0 and self.high / self.low >= WIDE

    def forward(self, x: Any, xp: ModuleType = np) -> Any:
        """Return features (n, width) of values (n,)."""
        if self.levels:
            return xp.asarray(contrasts(self.levels))[x.astype(int)]
        if self.log:
            span = np.log(self.high / self.low)
            # Values at or below zero are outside the domain; the floor keeps them finite.
            return (xp.log(xp.maximum(x, 1e-9 * self.low) / self.low) / span)[:, None]
        return ((x - self.low) / (self.high - self.low))[:, None]


@dataclass(frozen=True)
class Features:
    """Maps points (n, d), categories as positions, to features (n, p) around the unit cube.

    Args:
        columns: One per variable.
    """

    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """Number of features p."""
        return sum(column.width for column in self.columns)

    def forward(self, x: Any, xp: ModuleType = np) -> Any:
        """Return the features (n, p) of points (n, d)."""
        parts = [column.forward(x[:, k], xp) for k, column in enumerate(self.columns)]
        return xp.concatenate(parts, axis=1)

    def with_logarithms(self) -> Features:
        """Return features that take the logarithm of every input spanning a factor."""
        return Features(
            tuple(Column(c.low, c.high, c.log or c.wide, c.levels) for c in self.columns)
        )

    def facts(self) -> list[dict[str, Any]]:
        """Return plain data for a file."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def restored(cls, facts: Sequence[Mapping[str, Any]]) -> Features:
        """Rebuild from ``facts``."""
        return cls(tuple(Column(**dict(item)) for item in facts))


def contrasts(levels: int) -> np.ndarray:
    """Return corners of a regular simplex (levels, levels - 1), all at distance 1 of each other.

    Choices have no order; these coordinates give them none (Helmert contrasts).
    """
    out = np.full((levels, max(levels - 1, 0)), 0.5)
    for j in range(1, levels):
        size = np.sqrt(2.0 * j * (j + 1))
        out[:j, j - 1] += 1.0 / size
        out[j, j - 1] -= j / size
    return out


@dataclass(frozen=True)
class Target:
    """Maps an output to what is learned: itself or its logarithm, centred and scaled.

    Args:
        log: Learn the logarithm.
        centre: Mean that is taken off.
        scale: Standard deviation that is divided by.
    """

    log: bool
    centre: float
    scale: float

    @classmethod
    def of(cls, y: np.ndarray, log: bool = False) -> Target:
        """Return the map for training values of any shape, which must differ."""
        values = np.log(y) if log else y
        return cls(log, float(values.mean()), float(values.std()))

    def forward(self, y: Any, xp: ModuleType = np) -> Any:
        """Return what is learned for values of the output."""
        return ((xp.log(y) if self.log else y) - self.centre) / self.scale

    def backward(self, t: Any, xp: ModuleType = np) -> Any:
        """Return the output for what is learned."""
        value = t * self.scale + self.centre
        return xp.exp(value) if self.log else value

    def slope(self, t: np.ndarray) -> np.ndarray:
        """Return how much the output changes with what is learned."""
        return np.asarray(
            self.backward(t) * self.scale if self.log else np.full_like(t, self.scale)
        )
