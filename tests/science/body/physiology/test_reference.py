"""The reference adult: tables complete, balances closed, sources named."""

from __future__ import annotations

import numpy as np
import pytest

from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.physiology.reference import (
    SEXES,
    parameter_schema,
    reference_adult,
    rows,
)


def test_organs_and_blood_make_up_the_reference_body() -> None:
    reference = reference_adult()
    blood = np.array([5.6, 4.1])
    np.testing.assert_allclose(reference.organ_mass.sum(axis=1) + blood, [73.0, 60.0])
    assert np.all(reference.organ_mass > 0)


def test_flow_shares_sum_to_one_with_the_lung_in_series() -> None:
    share = reference_adult().flow_fraction
    np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-15)
    assert np.all(share[:, INDEX["lung"]] == 0)
    assert np.all(share[:, INDEX["rest"]] > 0)


@pytest.mark.parametrize(
    ("organ", "male", "female"),
    [("liver", 1.8, 1.4), ("brain", 1.45, 1.3), ("muscle", 29.0, 17.5), ("kidney", 0.31, 0.275)],
)
def test_masses_are_those_of_icrp_89(organ: str, male: float, female: float) -> None:
    np.testing.assert_allclose(reference_adult().organ_mass[:, INDEX[organ]], [male, female])


def test_total_liver_flow_is_a_quarter_of_cardiac_output() -> None:
    share = reference_adult().flow_fraction
    portal = ("stomach", "small_intestine", "large_intestine", "spleen", "pancreas", "liver")
    total = sum(share[:, INDEX[name]] for name in portal)
    np.testing.assert_allclose(total, [0.255, 0.275], atol=1e-12)


@pytest.mark.parametrize("table", ["reference_organs.csv", "reference_adult.csv", "parameters.csv"])
def test_every_number_has_a_source(table: str) -> None:
    for row in rows(table):
        sources = [text for name, text in row.items() if name.endswith("source")]
        assert sources, table
        assert all(sources), row


def test_organ_rows_follow_the_organ_axis() -> None:
    assert tuple(row["organ"] for row in rows("reference_organs.csv")) == ORGANS
    assert SEXES == ("male", "female")


def test_parameters_have_defaults_within_their_bounds() -> None:
    for field in parameter_schema():
        low, high = field.bounds
        assert low is not None
        assert low <= field.default <= (np.inf if high is None else high)
        assert "source" in field.doc
