"""Posterior predictive checks."""

from __future__ import annotations

import numpy as np
import pytest

import catena as ct
from catena.ops.bayes.predictive import check
from catena.ops.likelihood import read_measurements


@ct.model(id="test.level", inputs="a = 0, x = 0", outputs="y [mg]", backend="numpy")
def level(a, x):
    return {"y": a + 0 * x}


def measured(values):
    return read_measurements(level, {"x": np.arange(len(values)), "y": values}, {"a": 0.0})


def replicates(n=400, size=30, scale=1.0):
    return scale * np.random.default_rng(0).standard_normal((n, size))


def test_data_of_the_model_itself_show_no_conflict():
    found = check(measured(np.random.default_rng(5).standard_normal(30)), replicates())
    assert found.conflicts == []
    assert 0.75 <= found.inside <= 1.0
    assert {c.statistic for c in found.checks} == {"mean", "sd", "smallest", "largest", "misfit"}


def test_data_that_scatter_more_are_told():
    found = check(measured(3 * np.random.default_rng(5).standard_normal(30)), replicates())
    by = {c.statistic: c for c in found.checks}
    assert by["sd"].p == 0.0
    assert by["misfit"].p == 0.0
    assert any("sd of y" in text for text in found.conflicts)
    assert found.inside < 0.75


def test_p_value_is_the_share_of_replicates_at_or_above():
    values = np.zeros(30)
    values[0] = 2.0
    drawn = replicates()
    found = check(measured(values), drawn)
    mean = next(c for c in found.checks if c.statistic == "mean")
    assert mean.p == pytest.approx(np.mean(drawn.mean(axis=1) >= values.mean()))


def test_failed_replicates_and_censored_cells_are_left_out():
    drawn = replicates()
    drawn[:7] = np.nan
    cells = ["<0.5", *np.random.default_rng(6).standard_normal(29)]
    found = check(measured(cells), drawn)
    assert np.isfinite(found.median).all()
    assert all(np.isfinite(c.observed) for c in found.checks)
