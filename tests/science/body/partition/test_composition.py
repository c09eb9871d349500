"""Composition tables: complete, sourced, physically possible."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import catena.science.body.partition.composition as module
from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.partition.composition import borrowed_tissues, composition

TABLES = ("rodgers_rowland", "poulin_theil", "schmitt", "pksim_standard")
FOLDER = Path(module.__file__).parent


@pytest.mark.parametrize("table", TABLES)
def test_every_organ_is_described(table: str) -> None:
    for values in composition(table).organs.values():
        assert values.shape == (len(ORGANS),)
        assert (values >= 0).all()


@pytest.mark.parametrize("table", TABLES)
def test_borrowed_organs_are_named_with_a_reason(table: str) -> None:
    borrowed = borrowed_tissues(table)
    assert {"rest", "gonads"} <= set(borrowed)
    assert borrowed["rest"].startswith("muscle: ")
    values = next(iter(composition(table).organs.values()))
    assert values[INDEX["rest"]] == values[INDEX["muscle"]]


def test_volume_fractions_do_not_exceed_one() -> None:
    tissue = composition("rodgers_rowland")
    names = ("extracellular_water", "intracellular_water", "neutral_lipid", "neutral_phospholipid")
    assert (sum(tissue[name] for name in names) <= 1.01).all()
    cell = composition("schmitt")
    solids = cell["cell_water"] + cell["cell_lipid"] + cell["cell_protein"]
    soft = np.arange(len(ORGANS)) != INDEX["bone"]  # bone also holds mineral
    assert (abs(solids[soft] - 1.0) < 0.01).all()
    assert solids[INDEX["bone"]] < 1.0
    shares = ("neutral_lipid_share", "neutral_phospholipid_share", "acidic_phospholipid_share")
    assert (abs(sum(cell[name] for name in shares) - 1.0) < 0.01).all()
    whole = composition("pksim_standard")
    assert (whole["water"] + whole["lipid"] + whole["protein"] <= 1.01).all()


def test_every_row_has_a_source() -> None:
    for file in FOLDER.glob("composition_*.csv"):
        with file.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        assert rows
        assert all(row["source"] for row in rows)
        assert all(row["unit"] in ("", "mg/g") for row in rows)
