"""Scores of exposure forecasts against closed forms and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from catena.science.body.pbpk.scores import auc, bias, bootstrap, gmfe, leave_study_out, within


def test_auc_is_exact_for_exponential_fall_and_straight_rise() -> None:
    time = np.array([0.0, 1.0, 3.0, 7.0])
    assert auc(time, np.exp(-time)) == pytest.approx(1.0 - np.exp(-7.0))
    assert auc(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 4.0])) == pytest.approx(8.0)


def test_fold_errors() -> None:
    fold = np.array([2.0, 0.5, 1.0, 11.0])
    assert gmfe(fold[:2]) == pytest.approx(2.0)
    assert bias(fold[:2]) == pytest.approx(1.0)
    assert (within(fold, 2.0), within(fold, 10.0), within(fold, 11.0)) == (0.75, 0.75, 1.0)


def test_bootstrap_draws_studies_not_sets() -> None:
    fold = np.array([1.0, 1.0, 1.0, 4.0])
    low, high = bootstrap(fold, ["a", "a", "a", "a"], gmfe)
    assert low == high == pytest.approx(gmfe(fold))
    low, high = bootstrap(fold, ["a", "a", "a", "b"], gmfe)
    assert low == pytest.approx(1.0)
    assert high == pytest.approx(4.0)


def test_baseline_never_sees_the_study_it_forecasts() -> None:
    dose, area = np.array([10.0, 20.0, 10.0]), np.array([1.0, 2.0, 5.0])
    fold = leave_study_out(dose, area, ["iv"] * 3, ["a", "b", "c"])
    assert fold[2] == pytest.approx(0.2)
    alone = leave_study_out(dose, area, ["iv"] * 3, ["a"] * 3)
    assert np.isnan(alone).all()
