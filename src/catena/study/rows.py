"""Rows a study reads: CSV, JSON or Parquet, columns named as ports or mapped to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.errors import DataError, StudyError, did_you_mean
from catena.formats.csvtable import read_csv
from catena.study.schema import Study
from catena.study.subject import path_of

if TYPE_CHECKING:
    import pandas as pd

#: Largest data file read into memory.
MAX_BYTES = 512 * 2**20
_PORT = re.compile(r"\s*([^\[\]]+?)\s*(?:\[([^\[\]]*)\])?\s*")


def read_rows(study: Study) -> dict[str, Any]:
    """Return the columns of the study's data file by port; empty when it names none.

    Raises:
        DataError: the file is missing, too large or not a table.
        StudyError: ``data.columns`` names a column the file does not have.
    """
    if study.data.file is None:
        return {}
    path = path_of(study, study.data.file)
    frame = _read(path)
    columns = {str(name): frame[name].to_numpy() for name in frame.columns}
    if not study.data.columns:
        return columns
    return {port: value for port, value in _mapped(columns, study, path)}


def _mapped(columns: Mapping[str, Any], study: Study, path: Path) -> list[tuple[str, Any]]:
    found = []
    for column, port in study.data.columns.items():
        if column not in columns:
            raise StudyError(
                f"The file has no column {column[:60]!r}",
                where=f"{path.name}, data.columns",
                why=f"its columns are {', '.join(list(columns)[:12])}",
                fix=did_you_mean(column, columns, "use one of these"),
            )
        match = _PORT.fullmatch(port)
        if match is None:
            raise StudyError(f"Not a port: {port[:60]!r}", where=f"data.columns.{column[:60]}",
                             why="a port is written name [unit]", fix='write "dose [mg]"')  # fmt: skip
        name, unit = match.groups()
        found.append((name, (columns[column], unit) if unit is not None else columns[column]))
    return found


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": read_csv, ".json": _json, ".parquet": pd.read_parquet, ".pq": pd.read_parquet
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError("Cannot read the rows", where=str(path), why=f"{path.suffix or 'no'} suffix",
                        fix=f"use one of {', '.join(readers)}")  # fmt: skip
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError("The data file is too large", where=str(path),
                            why=f"{path.stat().st_size} bytes; at most {MAX_BYTES} are read",
                            fix="split it")  # fmt: skip
        frame = reader(path)
    except DataError:
        raise
    except Exception as error:  # pandas and pyarrow raise errors of many kinds on broken files
        raise DataError("Cannot read the rows", where=str(path), why=str(error)[:300] or type(error).__name__,
                        fix="check the path and that the file is a table") from None  # fmt: skip
    return frame


def _json(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8-sig")))
