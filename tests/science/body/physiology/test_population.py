"""Virtual adults: reproducible, plausible, and distributed as the survey says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.errors import DataError, InputError
from catena.science.body.organs import INDEX
from catena.science.body.physiology.model import physiology
from catena.science.body.physiology.population import VirtualAdults, virtual_adults
from catena.science.body.physiology.reference import rows


@pytest.fixture(scope="module")
def people() -> VirtualAdults:
    return virtual_adults(4000, seed=3)


def test_a_person_depends_on_seed_and_index_alone(people: VirtualAdults) -> None:
    few = virtual_adults(40, seed=3)
    other = virtual_adults(40, seed=4)
    for name in people:
        np.testing.assert_array_equal(few[name], people[name][:40])
    assert not np.array_equal(other["weight"], few["weight"])


def test_everybody_is_within_the_domain_of_the_model(people: VirtualAdults) -> None:
    found = physiology.predict(people)
    assert found.in_domain is not None
    assert found.in_domain.all()
    assert found.size == people.size == 4000


def test_rejected_draws_are_counted(people: VirtualAdults) -> None:
    assert 0 < people.redrawn_deviates < 0.1 * people.size
    assert 0 <= people.redrawn_people <= people.redrawn_deviates


def test_age_range_and_share_of_women(people: VirtualAdults) -> None:
    assert people["age"].min() >= 18.0
    assert people["age"].max() <= 65.0
    assert people["sex"].mean() == pytest.approx(0.5, abs=0.03)
    men = virtual_adults(50, age=(40, 40), female_share=0.0)
    assert not men["sex"].any()
    np.testing.assert_array_equal(men["age"], 40.0)


def test_moments_of_a_band_are_those_of_the_table() -> None:
    table = {
        row["quantity"]: float(row["value"])
        for row in rows("adult_moments.csv")
        if (row["sex"], row["age_low"]) == ("male", "40")
    }
    men = virtual_adults(6000, seed=1, age=(40, 49.999), female_share=0.0)
    above = np.log(np.maximum(men["weight"] - table["weight_shift"], 1e-9))
    for name, values in (
        ("height", men["height"]),
        ("ln_weight_above", above),
        ("ln_creatinine", np.log(men["serum_creatinine"])),
    ):
        error = table[f"{name}_sd"] / math.sqrt(men.size)
        assert abs(values.mean() - table[f"{name}_mean"]) < 5 * error
        assert values.std() == pytest.approx(table[f"{name}_sd"], rel=0.06)
    rho = np.corrcoef(men["height"], above)[0, 1]
    assert rho == pytest.approx(table["height_weight_correlation"], abs=0.05)


def test_older_people_have_slower_kidneys_and_livers_grow_with_surface(
    people: VirtualAdults,
) -> None:
    found = physiology.predict(people)
    assert np.corrcoef(people["age"], found["gfr"])[0, 1] < -0.3
    assert np.corrcoef(found["liver_mass"], found["body_surface_area"])[0, 1] > 0.5


def test_deviates_are_standard_normal_and_independent(people: VirtualAdults) -> None:
    for z in (people["z_flow"][:, INDEX["brain"]], people["z_mppgl"], people["z_agp"]):
        assert z.mean() == pytest.approx(0.0, abs=0.06)
        assert z.std() == pytest.approx(1.0, abs=0.05)
    assert abs(np.corrcoef(people["z_cyp3a4_liver"], people["z_cyp3a4_gut"])[0, 1]) < 0.06


def test_cyp3a4_of_liver_and_gut_can_be_correlated() -> None:
    found = virtual_adults(4000, seed=3, cyp3a4_correlation=0.6)
    rho = np.corrcoef(found["z_cyp3a4_liver"], found["z_cyp3a4_gut"])[0, 1]
    assert rho == pytest.approx(0.6, abs=0.05)
    assert found["z_cyp3a4_gut"].std() == pytest.approx(1.0, abs=0.05)


def test_table_has_one_row_per_person_and_one_column_per_organ() -> None:
    few = virtual_adults(3)
    table = few.table()
    assert len(table) == 3
    assert table["z_mass.liver"].iloc[2] == few["z_mass"][2, INDEX["liver"]]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"n": 0}, "n"),
        ({"n": 5, "age": (10, 30)}, "age"),
        ({"n": 5, "age": (50, 40)}, "age"),
        ({"n": 5, "female_share": 1.2}, "female_share"),
        ({"n": 5, "cyp3a4_correlation": -2.0}, "cyp3a4_correlation"),
        ({"n": 5, "source": "census"}, "source"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        virtual_adults(**arguments)
    assert field in str(caught.value)


@pytest.fixture
def _no_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: str) -> Path:
        raise DataError(f"{path} is not here")

    monkeypatch.setattr("catena.formats.datasets.find", missing)


@pytest.mark.usefixtures("_no_survey")
def test_without_survey_records_auto_takes_moments_and_survey_says_so() -> None:
    assert virtual_adults(5, source="auto").source == "moments"
    with pytest.raises(DataError):
        virtual_adults(5, source="survey")


@pytest.mark.data
@pytest.mark.usefixtures("data_dir")
def test_survey_records_are_drawn_with_their_own_hematocrit() -> None:
    found = virtual_adults(2000, seed=5, source="survey")
    again = virtual_adults(20, seed=5, source="auto")
    assert found.source == again.source == "survey"
    for name in again:
        np.testing.assert_array_equal(again[name], found[name][:20])
    men = found["sex"] == 0
    assert found["height"][men].mean() == pytest.approx(175.9, abs=1.0)
    assert found["height"][~men].mean() == pytest.approx(162.2, abs=1.0)
    assert found["z_hematocrit"].std() == pytest.approx(1.0, abs=0.15)
    assert np.all(found["age"] == np.floor(found["age"]))
