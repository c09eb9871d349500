"""Cells of measured columns: numbers, limits (``<0.5``), intervals (``0.1..0.5``), missing ones."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from catena.core.errors import CatenaError, RowFault
from catena.core.spec import Field

Array = np.ndarray[Any, Any]

#: Kinds of measurement: a number, below ``high``, above ``low``, between the two.
EXACT, BELOW, ABOVE, BETWEEN = 0, 1, 2, 3
_LIMIT = re.compile(r"\s*(<=|>=|<|>|≤|≥)\s*(.+?)\s*$", re.DOTALL)
_INTERVAL = re.compile(r"\s*([^\s.\[,]\S*?)\s*\.\.\s*(.+?)\s*$|\s*\[\s*(.+?)\s*,\s*(.+?)\s*\]\s*$", re.DOTALL)  # fmt: skip
_MISSING = frozenset({"", ".", "na", "n/a", "nan", "none", "null", "-"})
#: What laboratories write for "below the limit of quantification".
_BELOW = frozenset({"blq", "bloq", "bql", "<lloq", "<loq", "lloq"})


class Cell(NamedTuple):
    """One measurement in the unit of its output: its kind, and its ends (equal when exact)."""

    kind: int
    low: float
    high: float


class BadCell(Exception):
    """A cell that cannot be read; the text says why."""


def read_cell(
    value: Any, unit: str, field: Field, limits: tuple[float | None, float | None]
) -> Cell | None:
    """Return what a cell says, or None where nothing was measured.

    Args:
        value: A number or text; text may carry a unit.
        unit: Unit of bare numbers.
        field: The output.
        limits: Lower and upper limit of quantification in the output's unit; numbers at or
            beyond them count as censored.

    Raises:
        BadCell: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _MISSING:
            return None
        if text.lower() in _BELOW:
            if limits[0] is None:
                raise BadCell(f"{text!r} needs the limit: limits={{{field.name!r}: (low, None)}}")
            return Cell(BELOW, -math.inf, limits[0])
        marked = _LIMIT.match(text)
        if marked:
            end = _number(marked.group(2), unit, field)
            if marked.group(1) in ("<", "<=", "≤"):
                return Cell(BELOW, -math.inf, end)
            return Cell(ABOVE, end, math.inf)
        between = _INTERVAL.match(text)
        if between:
            low, high = (_number(part, unit, field) for part in between.groups() if part)
            if not low < high:
                raise BadCell(f"the interval {text!r} is empty")
            return Cell(BETWEEN, low, high)
        number = _number(text, unit, field)
    else:
        number = _converted(value, unit, field)
    if math.isnan(number):
        return None
    return _judged(number, field, limits)


def _judged(number: float, field: Field, limits: tuple[float | None, float | None]) -> Cell:
    low, high = limits
    if low is not None and number <= low:
        return Cell(BELOW, -math.inf, low)
    if high is not None and number >= high:
        return Cell(ABOVE, high, math.inf)
    if math.isinf(number):
        raise BadCell("not a finite number")
    bottom, top = field.bounds
    if (bottom is not None and number < bottom) or (top is not None and number > top):
        raise BadCell(f"{number:g} is outside what {field.name} can be ({bottom} to {top})")
    return Cell(EXACT, number, number)


def _number(text: str, unit: str, field: Field) -> float:
    from catena.core.units import conversion, parse_quantity

    try:
        value, given = parse_quantity(text, unit)
        return float(conversion(given, field.unit).apply(value))
    except CatenaError as error:
        raise BadCell(f"{error.what}; {error.fix}") from None


def _converted(value: Any, unit: str, field: Field) -> float:
    from catena.core.units import conversion

    if isinstance(value, (bool, np.bool_)):
        raise BadCell("a number is expected, got a boolean")
    try:
        return float(conversion(unit, field.unit).apply(float(value)))
    except (TypeError, ValueError):
        raise BadCell(f"a number is expected, got {type(value).__name__}") from None


def read_numbers(column: Any, name: str, faults: list[RowFault], *, positive: bool) -> Array:
    """Return a companion column (sd, weight) as floats, NaN where empty; faults are added."""
    out = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
            continue
        try:
            out[row] = float(value)
        except (TypeError, ValueError):
            faults.append(RowFault(row, name, f"a number is expected, got {str(value)[:40]!r}"))
            continue
        if np.isnan(out[row]):
            continue
        if not np.isfinite(out[row]) or out[row] < 0 or (positive and out[row] == 0):
            faults.append(RowFault(row, name, f"{value} is not a positive number"))
            out[row] = np.nan
    return out


def read_censoring(column: Any, name: str, faults: list[RowFault]) -> Array:
    """Return per row the side of censoring: 0 none, 1 below, -1 above (as in Monolix ``CENS``)."""
    said = {"": 0, "0": 0, "none": 0, "exact": 0, "below": 1, "left": 1, "1": 1, "above": -1,
            "right": -1, "-1": -1, "nan": 0, ".": 0}  # fmt: skip
    out = np.zeros(len(column), dtype=int)
    for row, value in enumerate(column):
        text = "" if value is None else str(value).strip().lower().removesuffix(".0")
        if text not in said:
            faults.append(RowFault(row, name, f"{text[:40]!r} is none of below, above, 1, -1, 0"))
            continue
        out[row] = said[text]
    return out
