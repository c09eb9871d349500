"""What happens to values, tangents and cotangents on the way from one port to another.

Everything is decided when a chain is built. At run time a link multiplies, reorders or recodes
arrays; it never parses a unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.identity import content_key
from catena.core.values import Padded


@final
@dataclass(frozen=True)
class Link:
    """What a value goes through between two ports.

    Args:
        scale: Factor from the source's to the target's unit.
        offset: Offset between the units (temperatures only).
        order: Positions to take along the first dimension, where the labels differ in order.
        codes: New index per category index of the source.
        texts: Text per category index, when a category feeds a text port.
        to_float: Integers or booleans become floating-point numbers.
        columns: Links of a table's columns, by target column.
        differentiable: Tangents pass.
        low: Smallest value the target takes, where the source does not already keep to it.
        high: Largest value.
        open_ends: Whether the low and the high bound themselves are not allowed.
        points: Number of labels the target names where the source names none.
        unit: Unit of the target, for messages.
    """

    scale: float = 1.0
    offset: float = 0.0
    order: np.ndarray | None = None
    codes: np.ndarray | None = None
    texts: np.ndarray | None = None
    to_float: bool = False
    columns: dict[str, Link] = field(default_factory=dict)
    differentiable: bool = False
    low: float | None = None
    high: float | None = None
    open_ends: tuple[bool, bool] = (False, False)
    points: int | None = None
    unit: str = ""

    @cached_property
    def key(self) -> str:
        """Content key of what the link does to values."""
        columns = {name: inner.key for name, inner in self.columns.items()}
        return content_key(
            self.scale, self.offset, self.order, self.codes, self.texts, self.to_float, columns
        )

    def apply(self, value: Any) -> Any:
        """Turn a value of the source into one of the target (constants keep length 1)."""
        if isinstance(value, Padded):
            if self.columns:
                columns = value.columns()
                return Padded(
                    {n: link.apply(columns[n]) for n, link in self.columns.items() if n in columns},
                    value.mask,
                )
            return Padded(self.apply(value.values), value.mask)
        if self.codes is not None:
            return self.codes[np.asarray(value)]
        if self.texts is not None:
            return self.texts[np.asarray(value)]
        if self.order is not None:
            value = value[:, self.order]
        if self.to_float:
            value = np.asarray(value, dtype=float)
        if self.scale != 1.0:
            value = value * self.scale
        return value + self.offset if self.offset != 0.0 else value

    def push(self, tangent: Any) -> Any:
        """Turn a tangent of the source into one of the target."""
        moved = tangent if self.order is None else tangent[:, self.order]
        return moved * self.scale if self.scale != 1.0 else moved

    def pull(self, cotangent: Any, points: int | None = None) -> Any:
        """Turn a cotangent of the target into one of the source.

        Args:
            cotangent: Array (n, *target shape).
            points: Length of the source's first dimension (needed when labels are reordered).
        """
        moved = cotangent
        if self.order is not None:
            moved = np.zeros((len(cotangent), points or len(self.order), *np.shape(cotangent)[2:]))
            np.add.at(moved.swapaxes(0, 1), self.order, np.swapaxes(cotangent, 0, 1))
        return moved * self.scale if self.scale != 1.0 else moved

    def bad_rows(self, value: Any) -> tuple[np.ndarray, str] | None:
        """Return the rows whose values the target does not take, and why (None: all are fine)."""
        array = value.values if isinstance(value, Padded) else value
        if not isinstance(array, np.ndarray):
            return None
        if self.points is not None and array.shape[1] != self.points:
            return np.arange(len(array)), f"{array.shape[1]} values, {self.points} are named"
        if (self.low is None and self.high is None) or array.size == 0:
            return None
        bad, limit = np.zeros(array.shape, bool), ""
        if self.low is not None and (array.min() < self.low or self.open_ends[0]):
            bad |= array <= self.low if self.open_ends[0] else array < self.low
            limit = f"below the bound {self.low:g} {self.unit}".rstrip()
        if self.high is not None and (array.max() > self.high or self.open_ends[1]):
            above = array >= self.high if self.open_ends[1] else array > self.high
            limit = f"above the bound {self.high:g} {self.unit}".rstrip() if above.any() else limit
            bad |= above
        if isinstance(value, Padded):
            bad &= value.mask.reshape(value.mask.shape + (1,) * (bad.ndim - 2))
        rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
        if not len(rows):
            return None
        return rows, f"{array[bad].flat[0]:g} is {limit}"
