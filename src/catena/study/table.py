"""Rows with units: columns of NumPy arrays, stored as Parquet with the unit in each column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.identity import content_key
from catena.core.spec import NUMERIC, Field, Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@final
class Table:
    """Columns of equal length with their declarations.

    Args:
        fields: Declaration of every column; a field with a dimension holds a list per row.
        columns: Arrays (rows, *shape); texts and missing whole numbers as object arrays.
    """

    def __init__(self, fields: Schema, columns: Mapping[str, Any]) -> None:
        self.fields = fields
        self.columns = {name: _column(fields[name], columns[name]) for name in fields.names}
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns differ in length: {sorted(lengths)}")
        self.size = lengths.pop() if lengths else 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    @property
    def key(self) -> str:
        """Content key of the values and declarations."""
        return content_key(self.fields.key, {n: _hashable(c) for n, c in self.columns.items()})

    def select(self, names: Sequence[str]) -> Table:
        """Return the named columns only."""
        return Table(self.fields.select(names), {name: self.columns[name] for name in names})

    def where(self, keep: np.ndarray) -> Table:
        """Return the rows where ``keep`` (boolean, one per row) holds."""
        return Table(self.fields, {name: column[keep] for name, column in self.columns.items()})

    def frame(self) -> pd.DataFrame:
        """Return the scalar columns as a DataFrame, units in the heads."""
        import pandas as pd

        flat = [field for field in self.fields if not field.shape]
        heads = [f"{field.name} [{field.unit}]" if field.unit else field.name for field in flat]
        data = {head: self.columns[f.name] for head, f in zip(heads, flat, strict=True)}
        return pd.DataFrame(data)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table; unit, documentation and declaration ride in the metadata."""
        import pyarrow as pa

        schema = pa.schema([item.with_nullable(True) for item in self.fields.to_arrow()])
        arrays = [_arrow(self.columns[item.name], item.type) for item in schema]
        return pa.Table.from_arrays(arrays, schema=schema)

    def write(self, path: Path) -> None:
        """Write Parquet (the caller makes the write atomic)."""
        import pyarrow.parquet as pq

        pq.write_table(self.to_arrow(), path, compression="zstd")

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read what ``write`` wrote."""
        import pyarrow.parquet as pq

        table = pq.ParquetFile(path).read()
        fields, columns = [], {}
        for item in table.schema:
            field = Field.from_dict(json.loads((item.metadata or {})[b"x-catena"]))
            fields.append(field)
            columns[field.name] = _numpy(table.column(item.name), field)
        return cls(Schema(fields), columns)


def joined(tables: Sequence[Table]) -> Table:
    """Stack tables that have the same columns."""
    first = tables[0]
    return Table(
        first.fields,
        {name: np.concatenate([table[name] for table in tables]) for name in first.fields.names},
    )


def _column(field: Field, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if field.kind in NUMERIC:
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind in "US":
        return array.astype(object)
    return array


def _hashable(column: np.ndarray) -> Any:
    return list(column) if column.dtype == object else column


def _arrow(column: np.ndarray, kind: Any) -> Any:
    import pyarrow as pa

    if column.ndim == 1 and column.dtype != object:
        return pa.array(column, type=kind)
    return pa.array(column.tolist(), type=kind)


def _numpy(column: Any, field: Field) -> np.ndarray:
    if field.shape:
        return np.array(column.to_pylist(), dtype=np.float64 if field.kind in NUMERIC else object)
    if field.kind in NUMERIC or (column.null_count == 0 and field.kind in ("integer", "boolean")):
        return np.asarray(column.to_numpy())
    out = np.empty(len(column), dtype=object)
    out[:] = column.to_pylist()
    return out
