"""The rules from exposures to a dose, against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.study.dose.recommend import inside, interpolated, recommend

DOSES = np.array([1.0, 2.0, 4.0])


def test_the_share_counts_both_ends() -> None:
    exposure = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert inside(exposure, 1.0, 3.0).tolist() == [1.0, 0.5]


def test_proportional_kinetics_give_the_middle_of_the_window() -> None:
    exposure = np.outer([1.0, 1.0, 1.0], DOSES)
    found = recommend(exposure, DOSES, 1.5, 3.0)
    assert found.dose == 2.0
    assert found.share == 1.0
    assert found.optimum == pytest.approx(np.sqrt(1.5 * 3.0), rel=0.01)
    assert found.edge == ""


def test_of_equal_candidates_the_lowest_wins() -> None:
    exposure = np.outer([1.0, 1.0], DOSES)
    assert recommend(exposure, DOSES, 1.0, 4.0).dose == 1.0


def test_saturation_is_followed_between_the_candidates() -> None:
    square = DOSES[None, :] ** 2
    np.testing.assert_allclose(
        interpolated(square, DOSES, np.array([1.0, 1.5, 3.0, 4.0])), [[1.0, 2.25, 9.0, 16.0]]
    )


def test_an_optimum_beyond_the_candidates_is_flagged() -> None:
    exposure = np.outer([1.0, 1.0], DOSES)
    assert recommend(exposure, DOSES, 3.5, 50.0).edge == "highest"
    assert recommend(exposure, DOSES, 0.1, 1.2).edge == "lowest"


def test_when_nobody_is_inside_the_nearest_dose_is_taken() -> None:
    exposure = np.outer([1.0, 1.0], DOSES)
    assert recommend(exposure, DOSES, 100.0, 200.0).optimum == 4.0
    assert recommend(exposure, DOSES, 0.001, 0.002).optimum == 1.0
    spread = np.outer([0.1, 10.0], DOSES)
    assert recommend(spread, DOSES, 1.9, 2.1).share == 0.0


def test_one_candidate_is_itself_the_answer() -> None:
    found = recommend(np.array([[1.0], [5.0]]), np.array([3.0]), 0.5, 2.0)
    assert (found.dose, found.share, found.optimum, found.edge) == (3.0, 0.5, 3.0, "")


def test_people_on_the_edge_of_the_window_count_on_the_curve_too() -> None:
    exposure = np.outer([18.0, 19.75], DOSES)
    found = recommend(exposure, DOSES, 18.0, 18.0 * 1.1015625)
    assert found.share == 1.0
    assert found.curve.max() == 1.0
    assert set(DOSES) <= set(found.grid)


@settings(max_examples=300)
@given(
    st.lists(st.floats(0.01, 100.0), min_size=1, max_size=30),
    st.floats(0.5, 2.0),
    st.floats(0.05, 20.0),
    st.floats(1.1, 10.0),
)
def test_answers_stay_in_range(
    sensitivities: list[float], power: float, low: float, width: float
) -> None:
    exposure = np.outer(sensitivities, DOSES**power)
    found = recommend(exposure, DOSES, low, low * width)
    assert found.dose in DOSES
    assert 0.0 <= found.share <= 1.0
    assert DOSES[0] * 0.999 <= found.optimum <= DOSES[-1] * 1.001
    assert found.share == pytest.approx(max(found.shares))
    assert found.curve.max() >= found.share - 1e-12
