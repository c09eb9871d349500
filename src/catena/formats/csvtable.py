"""CSV tables, read without guessing: what does not fit its heads is refused, with row numbers.

A decimal comma makes one cell too many, and pandas would then take the first column for row
names and go on with wrong numbers. So the cells are counted before pandas reads them.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: Bad rows named in an error; further ones are counted.
_SHOWN = 5


def read_csv(path: Path) -> pd.DataFrame:
    """Read a comma-separated table with one line of heads.

    Args:
        path: The file, UTF-8 with or without a byte-order mark.

    Raises:
        DataError: the file is unreadable, has no or repeated heads, another separator, or rows
            with more or fewer cells than heads; ``details`` holds columns and rows.
    """
    try:
        heads = _check(path)
        import pandas as pd

        frame: pd.DataFrame = pd.read_csv(
            path, encoding="utf-8-sig", skipinitialspace=True, index_col=False
        )
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, UnicodeError):
            raise _refused(path, "it is not UTF-8 text", "store it as CSV in UTF-8") from None
        why = getattr(error, "strerror", None) or str(error).strip().splitlines()[0][:300]
        raise _refused(path, why, "check the path and that the file is a table") from None
    frame.columns = heads  # pandas renames what it finds odd
    return frame


def _check(path: Path) -> list[str]:
    """Return the heads; refuse rows that do not fit them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True, strict=True)
        heads = [head.strip() for head in next((line for line in lines if line), [])]
        _check_heads(path, heads)
        rows = 0
        wrong: list[dict[str, Any]] = []
        for line in lines:
            if line:
                if len(line) != len(heads):
                    wrong.append({"row": rows, "line": lines.line_num, "cells": len(line)})
                rows += 1
    if wrong:
        shown = [
            f"row {w['row']} (line {w['line']}) has {w['cells']} cells" for w in wrong[:_SHOWN]
        ]
        more = f", and {len(wrong) - _SHOWN} more rows" if len(wrong) > _SHOWN else ""
        raise _refused(
            path,
            f"{', '.join(shown)}{more}; there are {len(heads)} columns: {', '.join(heads[:12])}",
            "write decimals with a point, put texts that hold commas into quotes",
            columns=heads,
            rows=wrong,
        )
    return heads


def _check_heads(path: Path, heads: list[str]) -> None:
    if not any(heads):
        raise _refused(path, "it has no column heads", "write the names of the columns on line 1")
    twice = sorted({head for head in heads if heads.count(head) > 1})
    if twice:
        raise _refused(path, f"columns stand there twice: {', '.join(twice)[:200]}",
                       "keep one of each", columns=heads)  # fmt: skip
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(heads) == 1 and sign in heads[0]:
            raise _refused(path, f"its columns are separated by {name}",
                           "separate columns by commas and write decimals with a point",
                           columns=[head.strip() for head in heads[0].split(sign)])  # fmt: skip


def _refused(path: Path, why: str, fix: str, **details: Any) -> DataError:
    return DataError("Cannot read the rows", where=str(path), why=why, fix=fix, details=details)
