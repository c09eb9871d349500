"""Reads a model's inputs from the command line: options made from its schema, or a file of rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catena.core.errors import InputError, RowFault, did_you_mean
from catena.core.spec import Field, Schema
from catena.formats.csvtable import read_csv

_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def from_options(words: Sequence[str], schema: Schema, where: str) -> dict[str, Any]:
    """Turn ``--field value`` words into input values.

    A repeated option gives one row per value; ``@file`` reads the value from a file; a field with
    a dimension takes ``1,2,3`` or ``0:24:0.5 h``; a table takes JSON or a CSV file.

    Args:
        words: What follows the model id.
        schema: The model's inputs.
        where: Named in errors.

    Raises:
        InputError: all unknown fields and unreadable values, each with a proposal.
    """
    given, faults = _pairs(words, schema)
    values: dict[str, Any] = {}
    for name, texts in given.items():
        try:
            rows = [_value(schema[name], text) for text in texts]
        except ValueError as error:
            faults.append(RowFault(-1, name, str(error)))
            continue
        values[name] = rows[0] if len(rows) == 1 else rows
    if faults:
        raise InputError(
            "Bad options",
            rows=faults,
            where=where,
            why="; ".join(f"--{fault.field}: {fault.why}" for fault in faults),
            fix=f"the fields are {', '.join(schema.names)}",
        )
    return values


def _pairs(words: Sequence[str], schema: Schema) -> tuple[dict[str, list[str]], list[RowFault]]:
    given: dict[str, list[str]] = {}
    faults = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            faults.append(RowFault(-1, word[:60], "an option is written --field value"))
            continue
        name, has_value, text = word[2:].partition("=")
        name = _field_name(name, schema)
        if not has_value:
            if rest and not (rest[0].startswith("--") and len(rest[0]) > 2):
                text = rest.pop(0)
            elif name in schema and schema[name].kind == "boolean":
                text = "true"
            else:
                text = ""
        if name not in schema:
            faults.append(
                RowFault(-1, name[:60], did_you_mean(name, schema.names, "no such field"))
            )
        elif not text:
            faults.append(RowFault(-1, name, "a value is missing"))
        else:
            given.setdefault(name, []).append(text)
    return given, faults


def _field_name(name: str, schema: Schema) -> str:
    underscored = name.replace("-", "_")
    return underscored if underscored in schema else name


def _value(field: Field, text: str) -> Any:
    if text.startswith("@") and field.kind not in ("molecule", "text", "category"):
        return _from_file(field, Path(text[1:]))
    if field.kind == "boolean":
        if text.lower() not in _TRUE:
            raise ValueError(f"true or false expected, got {text[:40]!r}")
        return _TRUE[text.lower()]
    if field.kind in ("table", "graph") or (text.startswith(("[", "{")) and field.shape):
        return _json(text)
    if field.shape and ":" not in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON ({error}); write a list of records or @file.csv") from None


def _from_file(field: Field, path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    if field.kind == "table":
        return read_rows(path)
    text = path.read_text(encoding="utf-8")
    return _json(text) if path.suffix == ".json" else text


def read_rows(path: Path) -> Any:
    """Read a file of rows: CSV, JSON (records or columns) or Parquet with units in its columns.

    Returns:
        What ``Schema.validate`` takes; heads may carry units as in ``dose [mg]``.

    Raises:
        InputError: the file is absent or not in its format.
        DataError: it is a CSV file whose rows do not fit its heads.
    """
    readers = {".csv": read_csv, ".json": _records, ".parquet": _parquet}
    if not path.is_file():
        raise InputError("No such file", where=str(path), why="it does not exist or is a folder",
                         fix="give the path of a CSV, JSON or Parquet file")  # fmt: skip
    if path.suffix.lower() not in readers:
        raise InputError("Cannot read this kind of file", where=str(path),
                         why=f"the ending is {path.suffix!r}",
                         fix=f"use one of {', '.join(readers)}")  # fmt: skip
    try:
        return readers[path.suffix.lower()](path)
    except (ValueError, OSError) as error:
        raise InputError("Cannot read the rows", where=str(path),
                         why=str(error).splitlines()[0][:300] if str(error) else type(error).__name__,
                         fix="repair the file") from error  # fmt: skip


def merged(rows: Any, options: Mapping[str, Any], schema: Schema, file: Path) -> Any:
    """Return the columns of a file with options, which hold for all rows, added.

    Raises:
        InputError: a column is no field, or a required field has neither column nor option.
    """
    from catena.core.border import _mapping

    columns: dict[str, Any] = _mapping(rows, str(file))
    faults = [
        RowFault(-1, name[:120], did_you_mean(name, schema.names, "no such field"))
        for name in columns
        if name not in schema
    ]
    faults += [
        RowFault(-1, field.name, "a column or an option is required")
        for field in schema
        if field.required and field.name not in columns and field.name not in options
    ]
    if faults:
        named = "; ".join(f"{fault.field}: {fault.why}" for fault in faults[:6])
        raise InputError(
            "The columns do not fit the fields",
            rows=faults,
            where=str(file),
            why=f"{named}; the columns are {', '.join(list(columns)[:12])}",
            fix=f"the fields are {', '.join(schema.names)}",
            details={"columns": list(columns)},
        )
    return {**columns, **options}


def _records(path: Path) -> Any:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, (list, dict)):
        raise ValueError(f"a list of records or a mapping of columns is expected, got {data!r:.60}")
    return data


def _parquet(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns: dict[str, Any] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        unit = (field.metadata or {}).get(b"unit", b"").decode()
        values: Iterable[Any] = column.to_pylist()
        columns[field.name] = (list(values), unit) if unit else list(values)
    return columns
