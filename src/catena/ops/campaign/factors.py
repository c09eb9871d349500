"""Factors of a lab campaign, where no model declares their ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catena.core.errors import InputError, UnitError
from catena.core.function import model
from catena.core.spec import Field, Schema
from catena.ops.space import Space


def parse_factors(over: Mapping[str, Any], subject_to: Sequence[str] = ()) -> Space:
    """Read factors: ``{"glucose": "1..20 g/L", "medium": ["A", "B"], "n": "integer 1..4"}``.

    Raises:
        InputError: a factor has no range, or names repeat when written alike.
        Infeasible: the constraints contradict each other.
    """
    lowered: dict[str, str] = {}
    for name in over:
        if lowered.setdefault(str(name).lower(), str(name)) != str(name):
            raise InputError(f"Factor {name!r} is there twice", where="factors",
                             why=f"it differs from {lowered[str(name).lower()]!r} only in capitals",
                             fix="rename one of them")  # fmt: skip
    fields = [_field(str(name), wish) for name, wish in over.items()]
    if not fields:
        raise InputError("No factors", where="factors", why="there is nothing to vary",
                         fix='say {"glucose": "1..20 g/L"}')  # fmt: skip
    bench = model(id="lab.bench", inputs=Schema(fields), outputs="y", backend="numpy")(_nothing)
    return Space.of(bench, {name: _wish(wish) for name, wish in over.items()}, list(subject_to))


def _nothing(**values: Any) -> Mapping[str, Any]:
    raise InputError("A lab has no model", where="lab.bench", why="its results come from outside",
                     fix="record them")  # fmt: skip


def _field(name: str, wish: Any) -> Field:
    if isinstance(wish, (list, tuple)) and wish and all(isinstance(w, str) for w in wish):
        return Field(name, kind="category", choices=tuple(wish))
    return Field(name, unit=_unit(wish), scale="linear")


def _unit(wish: Any) -> str:
    """Return the unit written behind a range."""
    if not isinstance(wish, str):
        return ""
    tail = wish.rpartition("..")[2].split()
    from catena.core.units import check_unit

    text = " ".join(tail[1:])
    try:
        return check_unit(text) if text else ""
    except UnitError as error:
        raise InputError(
            f"Unknown unit {text!r}", where="factors", why=error.why, fix=error.fix
        ) from None


def _wish(wish: Any) -> Any:
    return list(wish) if isinstance(wish, (list, tuple)) and isinstance(wish[0], str) else wish
