"""Tables: ragged lists of records as padded columns, and results as DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.core.spec import NUMERIC, OBJECTS, Field, Schema
from catena.core.values import Batch, Padded

if TYPE_CHECKING:
    import pandas as pd


def table_column(field: Field, value: Any) -> Padded:
    """Convert one table, or a list of one table per row, to padded columns.

    Args:
        field: A table field; ``field.columns`` says what its columns are.
        value: A DataFrame, a mapping of columns or a list of records (one table for all rows),
            a list of any of these (one table per row), or a ``Padded``.

    Returns:
        Columns (batch, records) with their mask.

    Raises:
        InputError: a cell is wrong; the fault's row is the batch row (-1 for a shared table).
    """
    columns = field.columns
    if columns is None:
        raise InputError(f"{field.name!r} is not a table", where=field.name)
    if isinstance(value, Padded):
        return value
    shared = _is_one_table(value)
    tables = [value] if shared else list(value)
    batches, faults = [], []
    for row, table in enumerate(tables):
        if _no_records(table):
            batches.append(Batch(columns, {}, 0))
            continue
        try:
            batches.append(columns.validate(table, where=field.name))
        except InputError as error:
            faults += [
                RowFault(
                    -1 if shared else row,
                    fault.field,
                    (f"record {fault.row}: " if fault.row >= 0 else "") + fault.why,
                )
                for fault in error.rows or [RowFault(-1, field.name, error.what)]
            ]
    if faults:
        raise InputError("Bad table", rows=faults, where=field.name)
    return _pad(columns, batches)


def _is_one_table(value: Any) -> bool:
    if isinstance(value, (Mapping, Batch)) or hasattr(value, "columns"):
        return True
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise InputError(
            "Not a table",
            rows=[RowFault(-1, "", f"got {type(value).__name__}; give records or columns")],
        )
    # Records hold single values; a list of tables holds frames, lists or columns of values.
    return all(
        isinstance(item, Mapping) and not any(_is_column(cell) for cell in item.values())
        for item in value
    )


def _no_records(table: Any) -> bool:
    """Tell whether a table is an empty list, an empty frame or a mapping of empty columns."""
    if isinstance(table, Mapping) and not isinstance(table, Batch):
        return all(_is_column(cell) and len(cell) == 0 for cell in table.values())
    return bool(len(table) == 0)


def _is_column(cell: Any) -> bool:
    if isinstance(cell, tuple) and len(cell) == 2 and isinstance(cell[1], str):
        return False
    return np.ndim(cell) > 0 if not isinstance(cell, str) else False


def _pad(columns: Schema, batches: Sequence[Batch]) -> Padded:
    # A table without any record gives no column a length; defaults then have length 1.
    sizes = [0 if batch.given == 1 and not batch.values_ else batch.size for batch in batches]
    longest = max(sizes, default=0)
    mask = np.zeros((len(batches), longest), dtype=bool)
    values: dict[str, np.ndarray] = {}
    for row, size in enumerate(sizes):
        mask[row, :size] = True
    for column in columns:
        present = [batch for batch in batches if column.name in batch]
        if not present and not column.optional and longest == 0:
            kind = float if column.kind in NUMERIC else object if column.kind in OBJECTS else int
            values[column.name] = np.zeros((len(batches), 0), dtype=kind)
        if not present:
            continue
        first = np.asarray(present[0][column.name])
        out = np.zeros((len(batches), longest, *first.shape[1:]), dtype=first.dtype)
        for row, (batch, size) in enumerate(zip(batches, sizes, strict=True)):
            if size and column.name in batch:
                cells = np.broadcast_to(batch[column.name], (size, *first.shape[1:]))
                out[row, :size] = cells
                out[row, size:] = cells[-1]
        values[column.name] = out
    return Padded(values, mask)


def decode(field: Field, array: Any) -> Any:
    """Turn category indices back into their texts; other arrays pass."""
    if field.kind == "category":
        return np.asarray(field.choices, dtype=object)[np.asarray(array)]
    return array


def to_frame(schema: Schema, values: Mapping[str, Any], size: int) -> pd.DataFrame:
    """Return a DataFrame: one row per batch row, or per point of the one shared dimension.

    Scalar fields become columns headed ``name [unit]``. When there is no scalar field but
    series of one common dimension, rows are (batch row, point).
    """
    import pandas as pd

    scalars = [f for f in schema if f.name in values and not f.shape and f.kind != "table"]
    if scalars:
        return pd.DataFrame(
            {_head(f): _cells(f, values[f.name], size) for f in scalars},
            index=pd.RangeIndex(size, name="row"),
        )
    series = [f for f in schema if f.name in values and len(f.shape) == 1 and f.kind != "table"]
    common = [
        f for f in series if f.shape == series[0].shape and not isinstance(values[f.name], Padded)
    ]
    if not common:
        return pd.DataFrame(index=pd.RangeIndex(size, name="row"))
    points = np.shape(values[common[0].name])[1]
    index = pd.MultiIndex.from_product(
        [range(size), common[0].labels or range(points)], names=["row", common[0].shape[0]]
    )
    data = {}
    for f in common:
        array = np.broadcast_to(np.asarray(values[f.name]), (size, points))
        data[_head(f)] = decode(f, array).ravel()
    return pd.DataFrame(data, index=index)


def _head(field: Field) -> str:
    return f"{field.name} [{field.unit}]" if field.unit else field.name


def _cells(field: Field, array: Any, size: int) -> Any:
    cells = decode(field, np.broadcast_to(np.asarray(array), (size,)))
    return list(cells) if field.kind in OBJECTS else cells
