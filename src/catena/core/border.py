"""The border: turns what people give into checked arrays, or lists everything wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from catena.core.errors import CatenaError, InputError, RowFault, did_you_mean
from catena.core.numbers import BadColumn, any_per_row, listed, numbers
from catena.core.spec import NUMERIC, OBJECTS, Field, Schema
from catena.core.values import Batch, Padded, broadcast, rows_of, take

_HEAD = re.compile(r"\s*(.+?)\s*\[(.*)\]\s*$")


def validate(
    schema: Schema,
    values: Any,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    partial: bool = False,
    where: str = "input",
) -> Batch:
    """Check and convert values; see ``Schema.validate``."""
    if on_error not in ("raise", "skip"):
        raise InputError(f"Unknown on_error {on_error!r}", where=where,
                         why="bad rows either stop the call or are skipped",
                         fix='use "raise" or "skip"')  # fmt: skip
    given = _mapping(values, where)
    faults = [
        RowFault(-1, str(name)[:120], did_you_mean(str(name), schema.names, "no such field"))
        for name in given
        if name not in schema
    ]
    columns: dict[str, Any] = {}
    for field in schema:
        value = given.get(field.name)
        if value is None:
            value = field.default
        if value is None:
            if field.required and not partial:
                faults.append(RowFault(-1, field.name, "a value is required"))
            continue
        try:
            columns[field.name] = _column(field, _filled(field, value))
        except BadColumn as bad:
            faults += [RowFault(row, field.name, why) for row, why in bad.faults]
            if on_error == "skip":
                columns |= _standing_in(field, value, {row for row, _ in bad.faults})
    lost = {fault.field for fault in faults} - set(columns)
    if on_error == "skip" and any(schema[name].required for name in lost if name in schema):
        raise input_error(faults, where)
    size, lengths = _size(columns, faults)
    _check_dimensions(schema, columns, faults)
    for name, column in columns.items():
        if rows_of(column) in (1, size):
            faults += _faults_in(schema[name], column)
    return _finish(schema, columns, size, faults, on_error, where, lengths)


def _standing_in(field: Field, value: Any, bad: set[int]) -> dict[str, Any]:
    """Return the column with a good cell in place of the unreadable ones, whose rows are skipped.

    Empty when a fault concerns the whole column or no cell is good: then there is nothing to keep.
    """
    cells, unit = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    cells = listed(cells)
    good = [cell for row, cell in enumerate(cells) if row not in bad and cell is not None]
    if -1 in bad or not good:
        return {}
    kept = [good[0] if row in bad else cell for row, cell in enumerate(cells)]
    try:
        return {field.name: _column(field, _filled(field, kept if unit is None else (kept, unit)))}
    except BadColumn:
        return {}


def _mapping(values: Any, where: str) -> dict[str, Any]:
    """Accept a mapping, a DataFrame or a list of records; heads may carry units in brackets."""
    if isinstance(values, Batch):
        return dict(values.full())
    if hasattr(values, "columns") and hasattr(values, "to_dict"):
        data: dict[str, Any] = {str(name): values[name].to_numpy() for name in values.columns}
    elif isinstance(values, Mapping):
        data = {str(name): value for name, value in values.items()}
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        data = _from_records(values, where)
    else:
        raise InputError(
            "Cannot read the input",
            where=where,
            why=f"got {type(values).__name__}",
            fix="give a mapping of names to values, a DataFrame or a list of records",
        )
    headed = {name: _HEAD.match(name) for name in data}
    return {
        (m.group(1) if m else name): ((data[name], m.group(2)) if m else data[name])
        for name, m in headed.items()
    }


def _from_records(records: Sequence[Any], where: str) -> dict[str, Any]:
    names: list[str] = []
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise InputError("Cannot read the input", where=where,
                             rows=[RowFault(row, "", "a record is a mapping of names to values")],
                             why=f"record {row} is {type(record).__name__}",
                             fix="give a list of mappings")  # fmt: skip
        names += [str(name) for name in record if str(name) not in names]
    return {name: [record.get(name) for record in records] for name in names}


def _filled(field: Field, value: Any) -> Any:
    """Put the default where a record says nothing; without a default that row is at fault."""
    if not isinstance(value, list) or not any(item is None for item in value):
        return value
    if field.default is None:
        raise BadColumn(
            *[(row, "a value is required") for row, item in enumerate(value) if item is None]
        )
    return [field.default if item is None else item for item in value]


def _column(field: Field, value: Any) -> Any:
    """Convert one field's value to an array with a leading batch axis, in the field's unit."""
    try:
        if field.kind == "table":
            from catena.core.tables import table_column

            return table_column(field, value)
        if isinstance(value, Padded):
            return value
        if field.kind in OBJECTS:
            return _objects(field, value)
        if field.kind == "category":
            return _categories(field, value)
        if field.kind == "boolean":
            return _booleans(field, value)
        return numbers(field, value)
    except InputError as error:
        raise BadColumn(
            *[(f.row, f"{f.field}: {f.why}") for f in error.rows] or [(-1, error.what)]
        ) from None
    except CatenaError as error:
        raise BadColumn(
            (-1, "; ".join(x for x in (error.what, error.why, error.fix) if x))
        ) from None
    except (ValueError, TypeError, OverflowError, RecursionError):
        # Arbitrary objects may fail in any way while NumPy reads them.
        raise BadColumn((-1, f"cannot read {type(value).__name__} as {field.kind}")) from None


def _objects(field: Field, value: Any) -> np.ndarray:
    items = listed(value)
    wrong = [
        (row if len(items) > 1 else -1, f"text expected, got {type(item).__name__}")
        for row, item in enumerate(items)
        if field.kind != "graph" and not isinstance(item, str)
    ]
    if wrong:
        raise BadColumn(*wrong)
    out = np.empty(len(items), dtype=object)
    out[:] = [str(item) if isinstance(item, str) else item for item in items]
    return out


def _categories(field: Field, value: Any) -> np.ndarray:
    items = listed(value)
    index = {choice: number for number, choice in enumerate(field.choices)}
    codes = np.zeros(len(items), dtype=np.int64)
    wrong = []
    for row, item in enumerate(items):
        is_code = isinstance(item, (int, np.integer)) and not isinstance(item, bool)
        if is_code and 0 <= int(item) < len(field.choices):
            codes[row] = int(item)
        elif isinstance(item, str) and item in index:
            codes[row] = index[item]
        else:
            near = did_you_mean(str(item), field.choices, f"use one of {', '.join(field.choices)}")
            wrong.append(
                (row if len(items) > 1 else -1, f"{str(item)[:60]!r} is no choice; {near}")
            )
    if wrong:
        raise BadColumn(*wrong)
    return codes


def _booleans(field: Field, value: Any) -> np.ndarray:
    items = listed(value)
    wrong = [
        (row if len(items) > 1 else -1, f"true or false expected, got {str(item)[:60]!r}")
        for row, item in enumerate(items)
        if not (isinstance(item, (bool, np.bool_)) or (isinstance(item, (int, np.integer)) and item in (0, 1)))
    ]  # fmt: skip
    if wrong:
        raise BadColumn(*wrong)
    return np.array([bool(item) for item in items])


def _size(columns: Mapping[str, Any], faults: list[RowFault]) -> tuple[int, dict[str, int]]:
    lengths = {name: rows_of(column) for name, column in columns.items()}
    stretched = {length for length in lengths.values() if length != 1}
    if len(stretched) > 1:
        text = ", ".join(f"{name}: {length}" for name, length in lengths.items() if length != 1)
        faults.append(RowFault(-1, "", f"fields differ in number of rows ({text})"))
    return (max(stretched) if stretched and 0 not in stretched else 0 if stretched else 1), lengths


def _check_dimensions(schema: Schema, columns: Mapping[str, Any], faults: list[RowFault]) -> None:
    """Fields that share a dimension name share its length; labels fix it."""
    sizes: dict[str, tuple[str, int]] = {}
    for name, column in columns.items():
        field = schema[name]
        if isinstance(column, Padded):
            continue
        lengths = np.shape(column)[1:]
        for dim, length in zip(field.shape, lengths, strict=True):
            if field.labels and dim == field.shape[0] and length != len(field.labels):
                faults.append(RowFault(-1, name, f"{length} values along {dim}, {len(field.labels)} are named ({', '.join(field.labels[:4])}, ...)"))  # fmt: skip
            first = sizes.setdefault(dim, (name, length))
            if first[1] != length:
                faults.append(RowFault(-1, name, f"{length} points along {dim}, but {first[0]} has {first[1]}"))  # fmt: skip


def _faults_in(field: Field, column: Any) -> list[RowFault]:
    """Find non-finite and out-of-bounds values."""
    if field.kind == "table":
        return [
            RowFault(fault.row, f"{field.name}.{name}", fault.why)
            for name, values in column.columns().items()
            for fault in _faults_in(field.columns[name], Padded(values, column.mask))  # type: ignore[index]
        ]
    mask = None
    if isinstance(column, Padded):
        column, mask = column.values, column.mask
    if field.kind not in NUMERIC and field.kind != "integer":
        return []
    column = np.asarray(column)
    low, high = field.bounds
    tests = [(~np.isfinite(column), "not a finite number")] if column.dtype.kind == "f" else []
    if low is not None:
        below = column <= low if field.low_open else column < low
        said = "not above" if field.low_open else "below the bound"
        tests.append((below, f"{said} {low:g} {field.unit}".rstrip()))
    if high is not None:
        above = column >= high if field.high_open else column > high
        said = "not below" if field.high_open else "above the bound"
        tests.append((above, f"{said} {high:g} {field.unit}".rstrip()))
    faults = []
    for bad, why in tests:
        if mask is not None:
            bad = bad & mask.reshape(mask.shape + (1,) * (bad.ndim - mask.ndim))
        rows = np.flatnonzero(any_per_row(bad))
        constant = len(bad) == 1
        for row in rows:
            value = column[row].ravel()[np.flatnonzero(bad[row].ravel())[0]]
            faults.append(RowFault(-1 if constant else int(row), field.name, f"{value:g} is {why}"))
    return faults


def _finish(
    schema: Schema,
    columns: dict[str, Any],
    size: int,
    faults: list[RowFault],
    on_error: str,
    where: str,
    lengths: dict[str, int],
) -> Batch:
    fatal = [fault for fault in faults if fault.row < 0]
    if fatal or (faults and on_error == "raise"):
        raise input_error(faults, where)
    bad = sorted({fault.row for fault in faults})
    rows = np.setdiff1d(np.arange(size), bad) if bad else np.arange(size)
    if bad:
        columns = {
            name: take(column, rows) if lengths[name] == size and size > 1 else column
            for name, column in columns.items()
        }
    return Batch(schema, columns, len(rows), rows, size, tuple(faults))


def input_error(faults: Sequence[RowFault], where: str) -> InputError:
    """Sum up faults in one error: the first few in words, all of them in ``rows``."""
    shown = [
        (f"row {f.row}, " if f.row >= 0 else "") + (f"{f.field}: " if f.field else "") + f.why
        for f in faults[:5]
    ]
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
    rows = sorted({fault.row for fault in faults if fault.row >= 0})
    fix = "correct these values"
    if rows and all(fault.row >= 0 for fault in faults):
        fix += ', or pass on_error="skip" to go on with the good rows'
    return InputError("Bad input", rows=faults, where=where, why="; ".join(shown) + more, fix=fix)


__all__ = ["broadcast", "input_error", "validate"]
