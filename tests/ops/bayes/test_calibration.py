"""Simulation-based calibration, in short form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.ops.bayes.calibration import (
    Ranks,
    _per_lane,
    bins_for,
    judged,
    simulation_based_calibration,
    uniform_p,
)
from catena.ops.bayes.problem import Problem


def line(backend):
    def body(a, b, x):
        return {"y": a + b * x}

    return ct.model(id="test.line", inputs="a = 0, b = 1, x = 0", outputs="y", backend=backend)(
        body
    )


DESIGN = {"x": np.linspace(-1, 2, 6), "y": np.linspace(-1, 2, 6)}
FREE = {"a": "normal(0, 1)", "b": "0..2"}


def test_a_line_is_calibrated():
    found = simulation_based_calibration(
        line("jax"), DESIGN, FREE, noise="additive(0.5)", replicates=40, draws=120, warmup=120,
        chains=2, kept=49, key=3,
    )  # fmt: skip
    assert found.summary["calibrated"]
    np.testing.assert_allclose(found["mean_rank"], 0.5, atol=0.25)
    assert found.plot().data


def test_likelihoods_of_many_data_sets_agree_between_trace_and_host():
    import jax

    rng = np.random.default_rng(8)
    measured = rng.standard_normal((3, 6))
    lanes, scores = np.array([2, 0, 1, 1]), rng.standard_normal((4, 3))
    free = {**FREE, "y.sd": "lognormal(0.5, 30 %)"}
    found = []
    for backend in ("jax", "numpy"):
        problem = Problem(line(backend), DESIGN, free, noise="additive")
        likelihood, data = _per_lane(problem, np.repeat(measured, 2, axis=0), 2)
        rows = data[2 * lanes]
        found.append(jax.jit(jax.vmap(jax.value_and_grad(likelihood)))(scores, rows))
        direct = [problem.likelihood.with_data(replace(problem.likelihood.data, low=y, high=y)) for y in measured]  # fmt: skip
        theta = problem.prior.values(scores)
        wanted = [direct[lane].value(theta[k : k + 1])[0] for k, lane in enumerate(lanes)]
        np.testing.assert_allclose(found[-1][0], wanted, rtol=1e-10)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_uniform_ranks_pass_and_skewed_ones_do_not():
    rng = np.random.default_rng(1)
    flat, skewed = rng.integers(0, 100, 300), np.minimum(rng.integers(0, 130, 300), 99)
    p = uniform_p(np.stack([flat, skewed], axis=1), 100, bins_for(300, 100))
    assert bins_for(300, 100) == 20
    assert p[0] > 0.01
    assert p[1] < 1e-6
    ranks = np.stack([flat, skewed], axis=1)
    ok = np.ones((300, 2))
    result = judged(None, Ranks(("a", "b"), ranks, ok, 1000 * ok, np.zeros(300), 99), 0)
    assert not result.summary["calibrated"]
    assert "ranks of b" in result.summary["headline"]


def test_rank_tests_reject_as_often_as_they_say():
    ranks = np.random.default_rng(2).integers(0, 100, (300, 2000))
    assert np.mean(uniform_p(ranks, 100, 20) < 0.05) == pytest.approx(0.05, abs=0.02)


def test_nonsense_is_refused():
    model = line("jax")
    with pytest.raises(InputError, match="Too little"):
        simulation_based_calibration(model, DESIGN, FREE, noise="additive(0.5)", replicates=5)
    censored = {"x": [0.0, 1.0, 2.0], "y": ["<0.5", 1.0, 2.0]}
    with pytest.raises(InputError, match="Censored"):
        simulation_based_calibration(model, censored, FREE, noise="additive(0.5)")
