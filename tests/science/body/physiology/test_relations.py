"""Published relations against examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.science.body.physiology import relations


@pytest.mark.parametrize(
    ("sex", "age", "creatinine", "by_hand"),
    [
        (1, 40.0, 0.7, 112.054),  # 142 * 1 * 1 * 0.9938^40 * 1.012
        (0, 40.0, 0.9, 110.726),  # 142 * 0.9938^40
        (0, 60.0, 1.8, 42.559),  # 142 * 2^-1.2 * 0.9938^60
        (1, 25.0, 0.35, 145.376),  # 142 * 0.5^-0.241 * 0.9938^25 * 1.012
    ],
)
def test_ckd_epi_2021(sex: int, age: float, creatinine: float, by_hand: float) -> None:
    assert float(relations.egfr_ckd_epi_2021(sex, age, creatinine)) == pytest.approx(
        by_hand, rel=1e-4
    )


def test_nadler_blood_volume() -> None:
    # 0.3669 * 1.76^3 + 0.03219 * 73 + 0.6041 and 0.3561 * 1.63^3 + 0.03308 * 60 + 0.1833
    assert float(relations.blood_volume(0, 176.0, 73.0)) == pytest.approx(4.95423, rel=1e-5)
    assert float(relations.blood_volume(1, 163.0, 60.0)) == pytest.approx(3.71028, rel=1e-5)


def test_mosteller_surface() -> None:
    assert float(relations.body_surface_area(180.0, 80.0)) == pytest.approx(2.0)


def test_microsomal_protein_falls_from_forty_to_thirtyone_between_30_and_60_years() -> None:
    # Barter et al. (2008) quote 40 mg/g at 30 years and 31 mg/g at 60.
    assert float(relations.mppgl_mean(30.0)) == pytest.approx(40.0, abs=0.5)
    assert float(relations.mppgl_mean(60.0)) == pytest.approx(31.5, abs=1.0)


def test_lee_muscle_of_a_man_and_a_woman() -> None:
    # 0.244 * 80 + 7.8 * 1.8 + 6.6 - 0.098 * 40 - 3.3 and the same without 6.6
    assert float(relations.skeletal_muscle(0, 40.0, 180.0, 80.0)) == pytest.approx(32.94)
    assert float(relations.skeletal_muscle(1, 40.0, 180.0, 80.0)) == pytest.approx(26.34)


def test_cardiac_output_falls_half_a_percent_a_year_from_thirty() -> None:
    factor = relations.cardiac_output_age_factor(np.array([20.0, 30.0, 50.0, 70.0]), 30.0, 0.005)
    np.testing.assert_allclose(factor, [1.0, 1.0, 0.9, 0.8])


@settings(max_examples=25, deadline=None)
@given(cv=st.floats(0.01, 0.6))
def test_spread_keeps_the_centre_rises_with_z_and_stays_positive(cv: float) -> None:
    z = np.linspace(-8.0, 8.0, 161)
    for spread in (relations.normal_factor, relations.lognormal_factor):
        factor = np.asarray(spread(z, cv))
        assert factor[80] == pytest.approx(1.0, abs=1e-12)
        assert np.all(np.diff(factor) >= 0)
        assert np.all(factor > 0)
    assert np.all(np.asarray(relations.normal_factor(z, cv)) >= 0.1 - 1e-9)


@pytest.mark.parametrize("cv", [0.05, 0.19, 0.25, 0.31])
def test_normal_spread_has_its_mean_and_nearly_its_cv(cv: float) -> None:
    z = np.random.default_rng(1).standard_normal(200_000)
    factor = np.asarray(relations.normal_factor(z, cv))
    assert factor.mean() == pytest.approx(1.0, abs=2e-3)
    assert factor.std() == pytest.approx(cv, rel=0.025)


def test_no_spread_without_a_coefficient_of_variation() -> None:
    z = np.array([-3.0, 0.0, 5.0])
    np.testing.assert_allclose(relations.normal_factor(z, 0.0), 1.0)
    np.testing.assert_allclose(relations.lognormal_factor(z, 0.0), 1.0)
