"""One chain input that serves several ports: the field all of them accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catena.core.chain.coupling import Mismatch
from catena.core.spec import NUMERIC, Field
from catena.core.units import compatible, conversion


def merge(name: str, fields: Sequence[Field]) -> Field | Mismatch:
    """Return the field of a chain input that serves all ``fields``.

    It takes the unit, documentation and distribution of the first; bounds are narrowed to what
    all ports accept, the first default counts, and choices are those all know.

    Returns:
        The field, or why the ports cannot share a value.
    """
    first = fields[0]
    if len(fields) == 1:
        return first if first.name == name else first.with_(name=name)
    parts: dict[str, Any] = {"name": name, "optional": all(field.optional for field in fields)}
    for other in fields[1:]:
        if other.kind not in NUMERIC and other.kind != "integer":
            continue
        if not compatible(first.unit, other.unit):
            return Mismatch(
                f"{first.unit or 'dimensionless'} and {other.unit or 'dimensionless'} "
                "measure different things",
                "expose them as two inputs",
                is_unit=True,
            )
    parts |= _bounds(first, fields)
    defaults = [
        _in_unit(field, first, field.default) for field in fields if field.default is not None
    ]
    parts["default"] = defaults[0] if defaults else None
    if first.distribution is None:
        same = (
            f.distribution for f in fields if f.distribution is not None and f.unit == first.unit
        )
        parts["distribution"] = next(same, None)
    if first.kind == "category":
        common = tuple(c for c in first.choices if all(c in f.choices for f in fields if f.choices))
        if not common:
            return Mismatch("the ports have no choice in common", "expose them as two inputs")
        parts["choices"] = common
        if parts["default"] not in common:
            parts["default"] = None
    if any(field.kind == "integer" for field in fields) and first.kind in NUMERIC:
        parts["kind"] = "integer"
    low, high = parts.get("bounds", (None, None))
    if low is not None and high is not None and low > high:
        return Mismatch("no value lies within the bounds of all ports", "expose them as two inputs")
    return first.with_(**parts)


def _bounds(first: Field, fields: Sequence[Field]) -> dict[str, Any]:
    """Return the narrowest bounds, in the unit of the first field."""
    lows: list[tuple[float, bool]] = []
    highs: list[tuple[float, bool]] = []
    for field in fields:
        low, high = (_in_unit(field, first, bound) for bound in field.bounds)
        if low is not None:
            lows.append((low, field.low_open))
        if high is not None:
            highs.append((-high, field.high_open))
    # Of equal bounds the open one is narrower: True sorts after False.
    low, low_open = max(lows, default=(None, False))
    high, high_open = max(highs, default=(None, False))
    return {
        "bounds": (low, None if high is None else -high),
        "low_open": low_open,
        "high_open": high_open,
    }


def _in_unit(field: Field, first: Field, value: Any) -> Any:
    """Convert a number declared for ``field`` to the unit of ``first``."""
    if value is None or field.unit == first.unit or isinstance(value, (str, bool)):
        return value
    return conversion(field.unit, first.unit).apply(value)
