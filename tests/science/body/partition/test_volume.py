"""Volume of distribution: limits, red cells, the eleven reference drugs."""

from __future__ import annotations

import numpy as np
import pytest

from catena.science.body.organs import ORGANS
from catena.science.body.partition.drug import Drug
from catena.science.body.partition.ionisation import Groups
from catena.science.body.partition.validation import drugs, reference_body, vss_per_weight
from catena.science.body.partition.volume import red_cell_ratio, steady_state_volume

NONE = np.zeros(len(ORGANS))


def test_drug_confined_to_plasma_has_the_plasma_volume() -> None:
    assert float(steady_state_volume(NONE, NONE, 5.0, 0.55, 0.45)) == pytest.approx(2.75)


def test_drug_spread_evenly_has_the_whole_volume() -> None:
    volume = np.linspace(0.1, 30.0, len(ORGANS))
    total = float(steady_state_volume(np.ones(len(ORGANS)), volume, 5.0, 1.0, 0.45))
    assert total == pytest.approx(5.0 + volume.sum())


def test_red_cell_ratio_is_clipped_and_flagged() -> None:
    ratio, clipped = red_cell_ratio(np.array([0.4, 0.55, 1.0, 1.45]), 0.45)
    np.testing.assert_allclose(ratio, [0.0, 0.0, 1.0, 2.0], atol=1e-12)
    assert clipped.tolist() == [True, False, False, False]


def test_reference_body_volumes() -> None:
    volume, weight = reference_body()
    assert weight == 73.0
    assert volume[ORGANS.index("adipose")] == pytest.approx(15.76, abs=0.01)
    assert volume[ORGANS.index("muscle")] == pytest.approx(27.88, abs=0.01)


def test_reference_drugs_reproduce_the_golden_numbers() -> None:
    table = {name: np.asarray(values) for name, values in drugs().items()}
    groups = Groups(table["pka_acid"], table["pka_base"])
    drug = Drug(table["logp"], table["fu_plasma"], groups, table["blood_plasma_ratio"], 0.45)
    np.testing.assert_allclose(vss_per_weight(drug), table["vss_reference"], atol=0.006)
