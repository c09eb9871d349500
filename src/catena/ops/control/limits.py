"""Ranges and limits as people write them, in the units of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from catena.core.errors import Infeasible, InputError
from catena.core.units import conversion, parse_quantity
from catena.ops.control.expression import Formula, formula

_COMPARE = re.compile(r"(<=|>=)")


@final
@dataclass(frozen=True)
class Limit:
    """One row ``value <= bound`` or ``value >= bound`` kept over the horizon.

    Args:
        text: As written.
        subject: What is limited, as text.
        value: The formula.
        bound: Bound in the formula's units, before the margin.
        sign: 1 for an upper, -1 for a lower bound.
        margin: How far inside the bound the plan stays.
        scale: Size of the quantity; a violation of this size counts as one.
        hard: Whether the plan may never break it; otherwise breaking costs.
    """

    text: str
    subject: str
    value: Formula
    bound: float
    sign: float
    margin: float
    scale: float
    hard: bool

    def excess(self, values: Mapping[str, Any], margin: bool = True) -> Any:
        """Return by how much values break the limit, in sizes; negative where they keep it."""
        kept = self.margin if margin else 0.0
        return (self.sign * (self.value(values) - self.bound) + kept) / self.scale


def quantity(text: Any, unit: str, where: str) -> float:
    """Return a number in a unit, from a number or a text such as ``"5 g/L"``.

    Raises:
        InputError: it is neither.
        UnitError: the unit is another dimension.
    """
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise InputError("Not a quantity", where=where, why=f"got {type(text).__name__}",
                         fix=f'write a number or "5 {unit}"')  # fmt: skip
    if not isinstance(text, str):
        number = float(text)
    else:
        value, given = parse_quantity(text, unit)
        number = float(conversion(given, unit).apply(value)) if given != unit else value
    if number != number:
        raise InputError("Not a number", where=where, why="it is NaN", fix="give a number")
    return number


def interval(text: Any, unit: str, where: str) -> tuple[float, float]:
    """Return the two ends of ``"0..0.5 L/h"`` or of a pair.

    Raises:
        InputError: it is no range, or an empty one.
    """
    if isinstance(text, str):
        low, dots, high = text.partition("..")
        if not dots:
            raise InputError(f"Not a range: {text[:60]!r}", where=where, why="there is no ..",
                             fix=f'write "0..5 {unit}"')  # fmt: skip
        spelled = parse_quantity(high, unit)[1]
        ends = (quantity(f"{low.strip()} {spelled}", unit, where), quantity(high, unit, where))
    elif isinstance(text, Sequence) and len(text) == 2:
        ends = (quantity(text[0], unit, where), quantity(text[1], unit, where))
    else:
        raise InputError("Not a range", where=where, why=f"got {text!r}"[:80],
                         fix=f'write "0..5 {unit}"')  # fmt: skip
    if not ends[0] < ends[1]:
        raise InputError(f"An empty range {ends[0]:g}..{ends[1]:g}", where=where,
                         why="the lower end is not below the upper end", fix="turn them round")  # fmt: skip
    return ends


def limits(
    texts: Sequence[str],
    names: tuple[str, ...],
    units: Mapping[str, str],
    sizes: Mapping[str, float],
    *,
    margins: Mapping[str, Any],
    soft: Sequence[str],
    where: str,
) -> tuple[Limit, ...]:
    """Read limits such as ``"t_r <= 140 degC"`` or ``"s / x >= 0.1"``.

    Args:
        texts: Limits; each compares a formula with a quantity.
        names: Names that may occur.
        units: Unit by name; a quantity is converted where the formula is one name.
        sizes: Typical size by name.
        margins: How far inside the plan stays, by subject (as written left of the comparison).
        soft: Subjects whose limits may be broken at a cost.
        where: Named in errors.

    Raises:
        InputError: a text is no limit, or a margin or soft subject is not among them.
        Infeasible: two limits of one subject contradict each other.
    """
    found = []
    for text in texts:
        parts = _COMPARE.split(text)
        if len(parts) != 3:
            raise InputError(f"Not a limit: {text[:80]!r}", where=where,
                             why="it needs one <= or >=", fix='write "t_r <= 140 degC"')  # fmt: skip
        subject, sign = parts[0].strip(), 1.0 if parts[1] == "<=" else -1.0
        unit = units.get(subject, "")
        bound = quantity(parts[2].strip(), unit, where)
        size = max(abs(bound), sizes.get(subject, 0.0)) or 1.0
        margin = quantity(margins[subject], unit, where) if subject in margins else 0.0
        found.append(Limit(text, subject, formula(subject, names, where), bound, sign, margin,
                           0.1 * size, subject not in soft))  # fmt: skip
    known = {limit.subject for limit in found}
    for name in (*margins, *soft):
        if name not in known:
            raise InputError(f"{name!r} has no limit", where=where,
                             why=f"limited are {', '.join(sorted(known)) or 'none'}",
                             fix="name what stands left of <= or >=")  # fmt: skip
    _check(found, where)
    return tuple(found)


def _check(found: Sequence[Limit], where: str) -> None:
    for upper in found:
        for lower in found:
            meets = upper.bound - upper.margin < lower.bound + lower.margin
            if upper.subject == lower.subject and upper.sign > 0 > lower.sign and meets:
                raise Infeasible("Limits contradict each other", where=where,
                                 why=f"{lower.text!r} and {upper.text!r}"
                                 + (" with their margins" if upper.margin or lower.margin else ""),
                                 fix="leave room between them",
                                 details={"conflicts": [lower.text, upper.text]})  # fmt: skip
