"""Observations beside predictions: what counts, and how agreement is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catena.formats.compound import load_card
from catena.study.dose.evidence import Point, agreement, cited, comparison, inputs, profiles

DOSES = np.array([2.0, 8.0])
RANGES = np.array([[1.0, 4.0], [2.0, 8.0], [4.0, 16.0]]) / 1000


def test_only_single_doses_of_the_route_in_mass_are_cited() -> None:
    card = load_card("midazolam")
    found = cited(card, "oral")
    assert [point.dose for point in found] == sorted(point.dose for point in found)
    assert {point.study for point in found} >= {"Link 2008", "Bornemann 1986"}
    assert all(point.cmax is not None for point in found)
    assert cited(card, "tablet") == found
    assert cited(None, "oral") == []
    assert cited(card, "iv") == []  # those doses are per kilogram


def test_agreement_is_interpolated_between_the_doses_and_not_beyond() -> None:
    points = [
        Point("on the median", 4.0, 5, None, 0.004, "here"),
        Point("twice the median", 2.0, 5, None, 0.004, "here"),
        Point("beyond the doses", 20.0, 5, None, 0.004, "here"),
    ]
    found = agreement(points, DOSES, RANGES, RANGES)
    assert "auc" not in found
    assert found["cmax"]["n"] == 2
    assert found["cmax"]["fold_error"] == pytest.approx(np.sqrt(2.0))
    assert found["cmax"]["bias"] == pytest.approx(1 / np.sqrt(2.0))
    assert found["cmax"]["inside_range"] == 1.0
    rows = comparison(points, DOSES, RANGES, RANGES)
    assert rows[0][-1] == "2 - 4 - 8"
    assert rows[2][-1] == "outside the doses"


def test_inputs_name_their_status_and_source() -> None:
    card = load_card("midazolam")
    given = {"fu_plasma": 0.031, "clint_microsome": 7.3, "smiles": "C"}
    rows = {row[0]: row for row in inputs(card, given, card.uncertain())}
    assert set(rows) == {"fu_plasma", "clint_microsome"}
    assert rows["fu_plasma"][2] == "lognormal, CV 25%"
    assert rows["fu_plasma"][3] == "measured"
    assert rows["clint_microsome"][3] == "predicted"


@pytest.mark.data
def test_digitised_profiles_of_the_drug_alone(data_dir: Path) -> None:
    found = profiles("midazolam", [7.5, 15.0], "oral")
    assert len(found) >= 8
    assert {profile.dose for profile in found} == {7.5, 15.0}
    for profile in found:
        assert np.all(profile.time >= 0)
        assert np.all(profile.concentration > 0)
        assert np.all(profile.concentration < 1.0)
    assert profiles("aspirin", [100.0], "oral") == []
