"""Tables: values, units, texts and gaps survive Parquet; equal content has an equal key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catena.core.spec import Field, Schema
from catena.study.table import Table, joined

FIELDS = Schema(
    [
        Field("n", kind="integer"),
        Field("dose", unit="mg", doc="a dose"),
        Field("name", kind="text"),
        Field("curve", unit="mg/L", shape=("time",)),
        Field("good", kind="boolean"),
    ]
)


def table(size: int = 3) -> Table:
    return Table(
        FIELDS,
        {
            "n": np.arange(size),
            "dose": np.linspace(0.1, np.pi, size),
            "name": [f"é{i}" for i in range(size)],
            "curve": np.arange(size * 4.0).reshape(size, 4),
            "good": np.arange(size) % 2 == 0,
        },
    )


def test_parquet_round_trip_is_exact(tmp_path: Path) -> None:
    table().write(tmp_path / "t.parquet")
    back = Table.read(tmp_path / "t.parquet")
    assert back.key == table().key
    assert back.fields["dose"].unit == "mg"
    assert back["curve"].shape == (3, 4)


def test_missing_whole_numbers_and_texts_stay_missing(tmp_path: Path) -> None:
    fields = FIELDS.select(["n", "dose", "name"])
    gaps = Table(
        fields,
        {
            "n": np.array([1, None], dtype=object),
            "dose": [np.nan, 2.0],
            "name": np.array([None, "b"], dtype=object),
        },
    )
    gaps.write(tmp_path / "t.parquet")
    back = Table.read(tmp_path / "t.parquet")
    assert back["n"].tolist() == [1, None]
    assert back["name"].tolist() == [None, "b"]
    assert np.isnan(back["dose"][0])


def test_parts_add_up() -> None:
    whole = joined(
        [
            table().where(np.array([True, False, False])),
            table().where(np.array([False, True, True])),
        ]
    )
    assert whole.key == table().key
    assert table().select(["n", "dose"]).frame().columns.tolist() == ["n", "dose [mg]"]
    assert "n" in whole
    assert len(whole) == 3


def test_keys_see_every_cell() -> None:
    other = table()
    other.columns["dose"][1] += 1e-12
    assert other.key != table().key


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Table(FIELDS.select(["n", "dose"]), {"n": [1], "dose": [1.0, 2.0]})
