"""One coupling between two ports: whether it is sound, and what happens to values on it.

Everything is decided when a chain is built. At run time a link multiplies, reorders or recodes
arrays; it never parses a unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np

from catena.core.bridging import propose
from catena.core.identity import content_key
from catena.core.spec import NUMERIC, Field
from catena.core.units import compatible, conversion, dimension
from catena.core.values import Padded

#: Kinds that other kinds may feed besides their own.
_WIDENS: dict[str, frozenset[str]] = {
    **{kind: NUMERIC | {"integer", "boolean"} for kind in NUMERIC},
    "integer": frozenset({"boolean"}),
    "text": frozenset({"molecule", "sequence", "structure", "category"}),
}


class Mismatch(NamedTuple):
    """Why two ports do not couple and what to do about it."""

    why: str
    fix: str
    is_unit: bool = False


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


def link(source: Field, target: Field) -> Link | Mismatch:
    """Return how ``source`` feeds ``target``, or why it cannot.

    Checked in this order: kind, optional, dimensions, labels, choices, columns, unit.
    """
    wrong = _kinds(source, target) or _shapes(source, target) or _optional(source, target)
    if wrong is not None:
        return wrong
    if source.kind == "table":
        return _table(source, target)
    if source.kind == "category":
        return _category(source, target)
    order = _order(source, target)
    if isinstance(order, Mismatch):
        return order
    if target.kind not in NUMERIC and target.kind != "integer":
        return Link(order=order)
    if not compatible(source.unit, target.unit):
        return _units(source, target)
    scale, offset = conversion(source.unit, target.unit)
    if target.kind == "integer" and (scale, offset) != (1.0, 0.0):
        return Mismatch(
            f"{target.name} counts in {target.unit or '1'}, and converting {source.unit or '1'} "
            "does not keep whole numbers",
            f"give {source.name} the unit {target.unit or '1'}",
            is_unit=True,
        )
    low, high, open_ends = _limits(source, target, scale, offset)
    return Link(
        scale, offset, order,
        to_float=target.kind in NUMERIC and source.kind not in NUMERIC,
        differentiable=source.kind in NUMERIC and target.kind in NUMERIC and not target.ragged,
        low=low, high=high, open_ends=open_ends,
        points=len(target.labels) if target.labels and not source.labels else None,
        unit=target.unit,
    )  # fmt: skip


def _kinds(source: Field, target: Field) -> Mismatch | None:
    if source.kind == target.kind or source.kind in _WIDENS.get(target.kind, ()):
        return None
    fixes = {
        ("real", "integer"): "insert a node that rounds to whole numbers",
        ("real", "boolean"): "insert a node that compares with a threshold",
        ("real", "category"): "insert a node that bins the number into the choices",
        ("text", "molecule"): "declare the left port with kind molecule, so that it is checked",
        ("text", "sequence"): "declare the left port with kind sequence, so that it is checked",
    }
    fix = fixes.get((source.kind, target.kind))
    return Mismatch(
        f"the left side is of kind {source.kind}, the right side of kind {target.kind}",
        fix
        or f"connect a port of kind {target.kind}, or insert a node that turns "
        f"{source.kind} into {target.kind}",
    )


def _shapes(source: Field, target: Field) -> Mismatch | None:
    if source.ragged and not target.ragged and source.kind != "table":
        return Mismatch("rows of the left side differ in length, the right side takes equal lengths",
                        "put both on one grid, or declare the right port ragged")  # fmt: skip
    if source.shape == target.shape or source.kind == target.kind == "table":
        return None
    left, right = _dims(source), _dims(target)
    if len(source.shape) > len(target.shape):
        fix = "insert a node that summarises the dimension (for example its end, mean or area)"
    elif len(source.shape) < len(target.shape):
        fix = "insert a node that lays the number out along the dimension"
    else:
        fix = "give both ports the same dimension names if they mean the same"
    return Mismatch(f"the left side has dimensions {left}, the right side {right}", fix)


def _dims(port: Field) -> str:
    return f"({', '.join(port.shape)})" if port.shape else "none"


def _optional(source: Field, target: Field) -> Mismatch | None:
    if source.optional and not target.optional:
        return Mismatch("the left side may be absent, the right side needs a value",
                        "insert a node that supplies a value where it is absent")  # fmt: skip
    return None


def _category(source: Field, target: Field) -> Link | Mismatch:
    if target.kind == "text":
        return Link(texts=np.asarray(source.choices, dtype=object))
    unknown = [choice for choice in source.choices if choice not in target.choices]
    if unknown:
        return Mismatch(
            f"the right side does not know {', '.join(map(repr, unknown[:6]))} "
            f"(it takes {', '.join(target.choices[:8])})",
            "give both ports the same choices, or insert a node that maps them",
        )
    codes = [target.choices.index(choice) for choice in source.choices]
    same = codes == list(range(len(codes)))
    return Link(codes=None if same else np.asarray(codes))


def _order(source: Field, target: Field) -> np.ndarray | Mismatch | None:
    if not source.labels or not target.labels or source.labels == target.labels:
        return None
    missing = [name for name in target.labels if name not in source.labels]
    if missing:
        return Mismatch(
            f"along {source.shape[0]} the left side has no {', '.join(missing[:6])}",
            "use models that name the same positions, or insert a node that maps them",
        )
    return np.asarray([source.labels.index(name) for name in target.labels])


def _table(source: Field, target: Field) -> Link | Mismatch:
    assert source.columns is not None
    assert target.columns is not None
    columns: dict[str, Link] = {}
    for column in target.columns:
        if column.name not in source.columns:
            if column.required:
                return Mismatch(
                    f"the left table has no column {column.name!r} "
                    f"(it has {', '.join(source.columns.names[:8])})",
                    "insert a node that adds the column",
                )
            continue
        inner = link(source.columns[column.name], column)
        if isinstance(inner, Mismatch):
            return Mismatch(f"column {column.name!r}: {inner.why}", inner.fix, inner.is_unit)
        columns[column.name] = inner
    return Link(columns=columns)


def _units(source: Field, target: Field) -> Mismatch:
    left, right = dimension(source.unit), dimension(target.unit)
    proposal = propose(source.unit, target.unit)
    if proposal is not None:
        return Mismatch(proposal.why, proposal.fix, is_unit=True)
    sides = [
        f"{unit} is {dim}" if unit else "no unit"
        for unit, dim in ((source.unit, left), (target.unit, right))
    ]
    return Mismatch(
        f"the left side: {sides[0]}; the right side: {sides[1]}",
        f"connect a port in a unit of {right}, or insert a node that turns one into the other",
        is_unit=True,
    )


def _limits(
    source: Field, target: Field, scale: float, offset: float
) -> tuple[float | None, float | None, tuple[bool, bool]]:
    """Return the target's bounds that the source's own bounds do not already keep."""
    ends = [None if b is None else b * scale + offset for b in source.bounds]
    low, high = target.bounds
    if low is not None and ends[0] is not None:
        kept = ends[0] > low or (ends[0] == low and (source.low_open or not target.low_open))
        low = None if kept else low
    if high is not None and ends[1] is not None:
        kept = ends[1] < high or (ends[1] == high and (source.high_open or not target.high_open))
        high = None if kept else high
    return low, high, (target.low_open and low is not None, target.high_open and high is not None)
