"""Shows and stores results of a prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.app.cli import terminal
from catena.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from catena.core.result import Result

#: Rows a person sees; the rest goes to --out.
SHOWN = 20


def to_dict(result: Result) -> dict[str, Any]:
    """Return a result as plain data: values, units, intervals, domain, status, provenance."""
    from catena.core.identity import canonical

    data = {
        "model": result.provenance.get("model"),
        "version": result.provenance.get("version"),
        "rows": result.size,
        "values": {name: result[name] for name in result},
        "units": result.units,
        "lower": result.lower,
        "upper": result.upper,
        "in_domain": result.in_domain,
        "status": result.status,
        "diagnostics": result.diagnostics,
        "provenance": result.provenance,
    }
    plain: dict[str, Any] = json.loads(canonical(data))
    return plain


def show(result: Result) -> None:
    """Print the scalars as a table and a line for every output with dimensions."""
    rows = "1 row" if result.size == 1 else f"{result.size} rows"
    title = f"{result.provenance.get('model', '')}: {rows}"
    scalars = [name for name in result if not result.fields[name].shape]
    if scalars:
        terminal.show(_table(title, result.table().head(SHOWN)))
        title = "series"
    wide = [[*_summary(result, name)] for name in result if name not in scalars]
    if wide:
        heads = ["output", "dimensions", "smallest", "largest", "last of row 0"]
        terminal.show(terminal.grid(title, heads, wide))
    hidden = len(result.status) - SHOWN
    if hidden > 0 and scalars:
        terminal.show(f"{hidden} further rows; store all with --out result.parquet")
    outside = [] if result.in_domain is None else [row for row, ok in zip(_good(result), result.in_domain, strict=False) if not ok]  # fmt: skip
    if outside:
        rows = ", ".join(map(str, outside[:10])) + (", ..." if outside[10:] else "")
        terminal.note(f"outside the model's domain, so extrapolated: rows {rows}")
    bad = [f"row {row}: {text}" for row, text in enumerate(result.status) if text != "ok"]
    for line in [
        *bad[:5],
        *([f"and {len(bad) - 5} more"] if len(bad) > 5 else []),
        *result.warnings,
    ]:
        terminal.note(line)


def _table(title: str, frame: pd.DataFrame) -> Table:
    """Return a table of the rows, turned on its side when few rows have many columns."""
    cells = [[_cell(cell) for cell in row] for row in frame.itertuples(index=False)]
    heads, names = [str(head) for head in frame.columns], [str(row) for row in frame.index]
    if len(cells) <= 4 and len(heads) > 8:
        sideways = [[head, *(row[column] for row in cells)] for column, head in enumerate(heads)]
        return terminal.grid(title, ["output", *(f"row {name}" for name in names)], sideways)
    rows = [[name, *row] for name, row in zip(names, cells, strict=True)]
    return terminal.grid(title, ["row", *heads], rows)


def store(result: Result, path: Path) -> None:
    """Write a result as .parquet (units in the column metadata), .csv or .json.

    Raises:
        InputError: the ending is none of these, or the file cannot be written.
    """
    writers = {".parquet": _parquet, ".csv": _csv, ".json": _json}
    if path.suffix.lower() not in writers:
        raise InputError("Cannot write this kind of file", where=str(path),
                         why=f"the ending is {path.suffix!r}",
                         fix=f"use one of {', '.join(writers)}")  # fmt: skip
    try:
        writers[path.suffix.lower()](result, path)
    except OSError as error:
        raise InputError("Cannot write the result", where=str(path), why=str(error),
                         fix="choose a folder that exists and may be written") from error  # fmt: skip


def _parquet(result: Result, path: Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from catena.core.exchange import to_arrow
    from catena.core.spec import Schema
    from catena.core.values import Padded

    names = [name for name in result if not isinstance(result.values_[name], Padded)]
    schema = to_arrow(Schema(result.fields[name] for name in names))
    columns = [
        pa.array(np.asarray(result[name]).tolist(), type=schema.field(name).type) for name in names
    ]
    rows = _good(result)
    schema = schema.insert(0, pa.field("row", pa.int64()))
    table = pa.Table.from_arrays([pa.array(rows, type=pa.int64()), *columns], schema=schema)
    facts = json.dumps(to_dict(result)["provenance"])
    pq.write_table(table.replace_schema_metadata({"catena": facts}), path)


def _good(result: Result) -> list[int]:
    """Return the numbers of the rows that were computed."""
    return [row for row, text in enumerate(result.status) if text == "ok"]


def _csv(result: Result, path: Path) -> None:
    result.table().to_csv(path)


def _json(result: Result, path: Path) -> None:
    path.write_text(json.dumps(to_dict(result), indent=1, allow_nan=False), encoding="utf-8")


def _cell(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _summary(result: Result, name: str) -> list[str]:
    import numpy as np

    field = result.fields[name]
    if not hasattr(result.values_[name], "dtype") or result.values_[name].dtype.kind not in "fiu":
        return [field.label, " x ".join(field.shape), "", "", ""]
    array = np.asarray(result.values_[name])
    sizes = " x ".join(f"{dim} {n}" for dim, n in zip(field.shape, array.shape[1:], strict=True))
    if array.size == 0:
        return [field.label, sizes, "", "", ""]
    ends = (array.min(), array.max(), array[0].ravel()[-1])
    return [field.label, sizes, *(f"{float(number):.5g}" for number in ends)]
