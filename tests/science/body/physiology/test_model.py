"""body.physiology as a Model: balances, domain, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import InputError
from catena.science.body.organs import INDEX, ORGANS, SYSTEMIC, organ_indices
from catena.science.body.physiology.model import physiology

MAN: dict[str, Any] = {
    "sex": "male",
    "age": 30,
    "height": 176,
    "weight": 73,
    "serum_creatinine": 0.9,
}


@settings(max_examples=15, deadline=None)
@given(
    female=st.booleans(),
    age=st.floats(18.0, 80.0),
    height=st.floats(160.0, 195.0),
    bmi=st.floats(23.0, 36.0),
    seed=st.integers(0, 2**31),
)
def test_masses_and_flows_balance_for_everybody(
    female: bool, age: float, height: float, bmi: float, seed: int
) -> None:
    z = np.random.default_rng(seed).uniform(-1.0, 1.0, (2, len(ORGANS)))
    weight = bmi * (height / 100.0) ** 2
    found = physiology.predict(
        sex="female" if female else "male", age=age, height=height, weight=weight,
        serum_creatinine=0.8, z_mass=z[0], z_flow=z[1],
    )  # fmt: skip
    blood = (found["arterial_volume"] + found["venous_volume"]) * 1.06
    np.testing.assert_allclose(found["organ_mass"].sum(axis=1) + blood, weight, rtol=1e-12)
    flow = found["organ_flow"]
    np.testing.assert_allclose(
        flow[:, organ_indices(SYSTEMIC)].sum(axis=1), found["cardiac_output"], rtol=1e-12
    )
    np.testing.assert_allclose(flow[:, INDEX["lung"]], found["cardiac_output"])
    assert np.all(found["organ_volume"] > 0)
    assert np.all(flow > 0)


def test_units_are_converted_and_categories_read() -> None:
    plain = physiology.predict(MAN)
    worded = physiology.predict(
        {**MAN, "height": "1.76 m", "weight": "73000 g", "serum_creatinine": "9 mg/L"}
    )
    for name in plain:
        np.testing.assert_allclose(worded[name], plain[name])
    assert physiology.predict({**MAN, "sex": "female"})["hematocrit"] == pytest.approx(0.40)


def test_typical_proteins_and_parameters_that_can_be_changed() -> None:
    found = physiology.predict(MAN)
    assert found["cyp3a4_liver"] == pytest.approx(137.0)
    assert found["cyp3a4_gut"] == pytest.approx(66.2)
    assert found["albumin_ratio"] == pytest.approx(45.0 / 43.5)
    assert found["agp_ratio"] == pytest.approx(1.0)
    assert found["liver_mass"] == pytest.approx(1800.0)
    other = physiology.at(cyp3a4_liver_median="100 pmol/mg", arterial_share=0.3).predict(MAN)
    assert other["cyp3a4_liver"] == pytest.approx(100.0)
    assert other["arterial_volume"] / other["venous_volume"] == pytest.approx(0.3 / 0.7)


def test_cyp3a4_deviates_spread_lognormally() -> None:
    z = np.array([-1.0, 0.0, 1.0])
    found = physiology.predict({**MAN, "z_cyp3a4_liver": z})
    sigma = np.sqrt(np.log(1.0 + 0.41**2))
    np.testing.assert_allclose(found["cyp3a4_liver"], 137.0 * np.exp(sigma * z))
    np.testing.assert_allclose(found["cyp3a4_gut"], 66.2)


def test_thin_and_very_fat_people_are_outside_the_domain() -> None:
    weight = np.array([53.0, 73.0, 250.0])
    height = np.array([176.0, 176.0, 163.0])
    sex = ["male", "male", "female"]
    found = physiology.predict({**MAN, "sex": sex, "height": height, "weight": weight})
    assert list(found.in_domain) == [False, True, False]
    share = found["organ_mass"][:, INDEX["adipose"]] / weight
    np.testing.assert_allclose(found["adipose_share"], share)


def test_the_very_old_are_outside_the_domain_row_by_row() -> None:
    found = physiology.predict({**MAN, "age": np.array([40.0, 60.0, 90.0])})
    assert list(found.in_domain) == [True, True, False]
    only_kidneys = physiology.predict({**MAN, "serum_creatinine": np.array([0.8, 1.4, 2.0])})
    assert list(only_kidneys.in_domain) == [True] * 3


def test_an_impossible_person_is_refused_and_can_be_skipped() -> None:
    people = {**MAN, "weight": np.array([73.0, 35.0])}
    with pytest.raises(InputError) as caught:
        physiology.predict(people)
    assert [(fault.row, fault.field) for fault in caught.value.rows] == [(1, "weight")]
    kept = physiology.predict(people, on_error="skip")
    assert kept.size == 1
    assert kept.status[0] == "ok"
    assert "adipose" in kept.status[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sex", "man"),
        ("age", 12),
        ("age", float("nan")),
        ("height", -170),
        ("height", "70 kg"),
        ("weight", 0),
        ("serum_creatinine", 0),
        ("z_mass", [0.0, 1.0]),
        ("z_agp", 12.0),
    ],
)
def test_bad_input_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        physiology.predict({**MAN, field: value})
    assert field in str(caught.value)


def test_missing_covariates_are_all_named() -> None:
    with pytest.raises(InputError) as caught:
        physiology.predict(sex="male")
    named = {fault.field for fault in caught.value.rows}
    assert named == {"age", "height", "weight", "serum_creatinine"}


def test_jacobian_of_flow_to_creatinine_is_zero_and_of_gfr_is_not() -> None:
    found = physiology.jacobian(MAN, of=("gfr", "cardiac_output"), wrt="serum_creatinine")
    assert found["cardiac_output", "serum_creatinine"][0] == 0.0
    assert found["gfr", "serum_creatinine"][0] < 0.0
