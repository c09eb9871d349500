"""CSV tables: good ones in full, doubtful ones refused with columns and row numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from catena.core.errors import DataError
from catena.formats.csvtable import read_csv


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_a_table_is_read_with_its_heads(table: Path) -> None:
    table.write_text('\ufeffdose [mg], name\n1.5,"a, b"\n\n2,c\n', encoding="utf-8")
    frame = read_csv(table)
    assert list(frame.columns) == ["dose [mg]", "name"]
    assert frame["dose [mg]"].tolist() == [1.5, 2.0]
    assert frame["name"].tolist() == ["a, b", "c"]


def test_a_decimal_comma_is_never_guessed(table: Path) -> None:
    table.write_text("dose,weight\n1,70\n1,5,70\n2,5,80\n")
    with pytest.raises(DataError) as caught:
        read_csv(table)
    error = caught.value
    assert error.where == str(table)
    assert "row 1 (line 3) has 3 cells" in error.why
    assert "columns: dose, weight" in error.why
    assert "point" in error.fix
    assert error.details["columns"] == ["dose", "weight"]
    assert [bad["row"] for bad in error.details["rows"]] == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no column heads"),
        (b"dose;weight\n1,5;70\n", "semicolons"),
        (b"dose\tweight\n1\t70\n", "tabs"),
        (b"dose,dose\n1,2\n", "twice: dose"),
        (b"dose,weight\n1\n", "row 0 (line 2) has 1 cells"),
        (b"dose\n" + b"1,2\n" * 9, "and 4 more rows"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'dose\n"1\n', "unexpected end of data"),
    ],
)
def test_what_is_no_such_table_is_refused(table: Path, text: bytes, said: str) -> None:
    table.write_bytes(text)
    with pytest.raises(DataError) as caught:
        read_csv(table)
    assert said in caught.value.why
    assert caught.value.fix


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_csv(tmp_path / "absent.csv")
