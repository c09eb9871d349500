"""Numbers as people write them: quantities, grids, lists, ragged rows, in any unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import CatenaError
from catena.core.spec import Field
from catena.core.values import Padded

_GRID = re.compile(r"\s*([^:\s]+)\s*:\s*([^:\s]+)\s*:\s*([^:\s]+)\s*(.*?)\s*$")
#: Longest series a text such as "0:24:0.5 h" may ask for.
MAX_GRID = 1_000_000


class BadColumn(Exception):
    """Faults of one column, found while converting it."""

    def __init__(self, *faults: tuple[int, str]) -> None:
        super().__init__()
        self.faults = faults


def listed(value: Any) -> list[Any]:
    """Return a value's items: its rows if it is a list or array, else the value alone."""
    if isinstance(value, np.ndarray):
        return list(value.ravel()) if value.ndim <= 1 else list(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    return list(value) if hasattr(value, "__array__") and np.ndim(value) else [value]


def any_per_row(marks: np.ndarray) -> np.ndarray:
    """Return per row whether any of its marks is set (rows of no length have none)."""
    return np.asarray(marks.any(axis=tuple(range(1, marks.ndim))))


def numbers(field: Field, value: Any) -> Any:
    """Convert numbers, texts with units, lists of either or a grid to the field's unit.

    Args:
        field: A numeric field.
        value: What was given; ``(value, unit)`` states the unit of bare numbers.

    Returns:
        An array (n or 1, *shape), or ``Padded`` for ragged rows.

    Raises:
        BadColumn: with every row that cannot be read.
        UnitError: a unit is unknown or of another dimension.
    """
    unit = field.unit
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        value, unit = value
        if isinstance(value, str):  # a column read from text under a head with a unit
            value = [value]
    if isinstance(value, str):
        grid = _grid(value, field)
        array = np.asarray(_quantity(value, field, unit)) if grid is None else grid
    else:
        array = _array(value, field, unit)
        if isinstance(array, Padded):
            return array
        if unit != field.unit:
            from catena.core.units import conversion

            array = np.asarray(conversion(unit, field.unit).apply(array))
    if array.ndim == len(field.shape):
        array = array[None]
    if array.ndim != len(field.shape) + 1:
        shape = ", ".join(("batch", *field.shape))
        raise BadColumn((-1, f"{array.ndim} dimensions given, the field has ({shape})"))
    if field.kind == "integer":
        return _integers(array)
    return array


def _integers(array: np.ndarray) -> np.ndarray:
    safe = np.isfinite(array) & (np.abs(array) < 2**53)
    whole = safe & (np.where(safe, array, 0.0) == np.floor(np.where(safe, array, 0.0)))
    wrong = np.flatnonzero(any_per_row(~whole))
    if len(wrong):
        raise BadColumn(
            *[(int(row) if len(array) > 1 else -1, "a whole number is expected") for row in wrong]
        )
    return np.asarray(array).astype(np.int64)


def _array(value: Any, field: Field, unit: str) -> Any:
    """Return floats for numbers, lists of numbers or texts, or ragged lists (as Padded)."""
    if isinstance(value, (bool, np.bool_)):
        raise BadColumn((-1, "a number is expected, got a boolean"))
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value.astype(np.float64, copy=False)
    if isinstance(value, np.ndarray) and value.dtype.kind in "bcSMm":
        raise BadColumn((-1, f"numbers are expected, got {value.dtype}"))
    if isinstance(value, (int, float)):
        return _float(value)
    items = listed(value)
    if field.ragged and any(np.ndim(item) for item in items):
        return _ragged(items, field)
    out, wrong = [], []
    for row, item in enumerate(items):
        try:
            out.append(_item(item, field, unit))
        except BadColumn as bad:
            wrong += [(row, why) for _, why in bad.faults]
        except CatenaError as error:
            wrong.append((row, f"{error.what}; {error.fix}"))
    if wrong:
        raise BadColumn(*wrong)
    try:
        return np.array(out, dtype=np.float64)
    except ValueError:
        raise BadColumn((-1, "rows differ in length and the field is not ragged")) from None


def _item(item: Any, field: Field, unit: str) -> Any:
    """Convert one list item. Texts without a unit are in ``unit``; the caller converts the rest."""
    if isinstance(item, str):
        value = _quantity(item, field, unit)
        if unit != field.unit:  # the caller converts the whole array from ``unit``
            from catena.core.units import conversion

            value = float(conversion(field.unit, unit).apply(value))
        return value
    if isinstance(item, (bool, np.bool_)):
        raise BadColumn((-1, "a number is expected, got a boolean"))
    if isinstance(item, (int, float, np.integer, np.floating)):
        return _float(item)
    if isinstance(item, (list, tuple, np.ndarray)):
        array = _array(item, field.with_(ragged=False), unit)
        return np.asarray(array)
    raise BadColumn((-1, f"a number is expected, got {type(item).__name__}"))


def _float(value: Any) -> Any:
    try:
        return np.float64(value)
    except OverflowError:
        raise BadColumn((-1, "the number is too large")) from None


def _quantity(text: str, field: Field, unit: str) -> float:
    from catena.core.units import conversion, parse_quantity

    value, given = parse_quantity(text, unit)
    return float(conversion(given, field.unit).apply(value))


def _grid(text: str, field: Field) -> np.ndarray | None:
    """Read "start:stop:step unit" for a one-dimensional field."""
    match = _GRID.match(text) if len(field.shape) == 1 else None
    if match is None:
        return None
    from catena.core.units import conversion

    try:
        start, stop, step = (float(part) for part in match.groups()[:3])
        count = int(np.floor((stop - start) / step + 1e-9)) + 1
    except (ValueError, OverflowError, ZeroDivisionError):
        raise BadColumn(
            (-1, f"cannot read the grid {text[:60]!r}; write start:stop:step unit")
        ) from None
    if step <= 0 or not 1 <= count <= MAX_GRID:
        raise BadColumn(
            (
                -1,
                f"the grid {text[:60]!r} has {max(count, 0):.7g} points; 1 to {MAX_GRID} are allowed",
            )
        )
    return np.asarray(
        conversion(match.group(4) or field.unit, field.unit).apply(start + step * np.arange(count))
    )


def _ragged(items: list[Any], field: Field) -> Padded:
    """Pad rows to the longest; padding repeats the last value, so sorted grids stay sorted."""
    rows = []
    for number, item in enumerate(items):
        if item is None or isinstance(item, (str, bytes, Mapping)):
            raise BadColumn((number, f"a list of numbers is expected, got {type(item).__name__}"))
        row = np.atleast_1d(np.asarray(item, dtype=np.float64))
        if row.ndim != len(field.shape):
            raise BadColumn((number, f"{row.ndim} dimensions given, a row has {len(field.shape)}"))
        rows.append(row)
    longest = max(len(row) for row in rows)
    inner = next((row.shape[1:] for row in rows if len(row)), ())
    values = np.zeros((len(rows), longest, *inner))
    mask = np.zeros((len(rows), longest), dtype=bool)
    for number, row in enumerate(rows):
        if len(row):
            fill = np.repeat(row[-1:], longest - len(row), axis=0)
            values[number] = np.concatenate([row, fill])
        mask[number, : len(row)] = True
    return Padded(values, mask)
