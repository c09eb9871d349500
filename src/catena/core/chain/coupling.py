"""Whether one port may feed another: kind, dimensions, labels, choices, columns and unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from catena.core.chain.bridging import propose
from catena.core.chain.links import Link
from catena.core.spec import NUMERIC, Field
from catena.core.units import compatible, conversion, dimension

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
    wanted = f"in a unit of {right}" if target.unit else "without a unit"
    return Mismatch(
        f"the left side: {sides[0]}; the right side: {sides[1]}",
        f"connect a port {wanted}, or insert a node that turns one into the other",
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
