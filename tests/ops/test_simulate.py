"""Scenarios, people and repeats; people drawn with correlations and with survey weights."""

from __future__ import annotations

import numpy as np
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.core.model import Capabilities
from catena.ops.people import people
from catena.ops.population import population
from catena.ops.simulate import simulate
from tests.ops.toys import decay


def test_scenarios_meet_the_same_people():
    who = people(decay(), 40, 3, vary={"k": "lognormal(1 1/h, 30 %)"})
    result = simulate(decay(), {"low": {"x0": 1.0}, "high": {"x0": 3.0}}, who=who)
    assert result.size == 80
    low, high = (result["scenario"] == name for name in ("low", "high"))
    np.testing.assert_allclose(result["total"][high], 3 * result["total"][low], rtol=1e-12)
    assert result["x"].shape == (80, 5)
    assert result.summary["scenarios"] == ["low", "high"]
    assert len(result.table()) == 80


def test_repeats_differ_and_scenarios_share_their_luck():
    @ct.model(id="toy.luck", inputs="a = 0", outputs="y", backend="numpy",
              capabilities=Capabilities(stochastic=True))  # fmt: skip
    def luck(a, key):
        return {"y": a + np.random.default_rng(int(key)).normal(size=len(a))}

    result = simulate(luck, {"no": {"a": 0.0}, "yes": {"a": 5.0}}, repeats=4, key=1)
    no, yes = (result["y"][result["scenario"] == s] for s in ("no", "yes"))
    assert len(np.unique(no)) == 4
    np.testing.assert_allclose(yes - no, 5.0)


def test_correlated_people():
    result = population(decay(), 4000, 5, x0="lognormal(2, 30 %)", k="lognormal(1 1/h, 40 %)",
                        correlation={("x0", "k"): 0.7})  # fmt: skip
    found = np.corrcoef(np.log(result.inputs["x0"]), np.log(result.inputs["k"]))[0, 1]
    assert found == pytest.approx(0.7, abs=0.03)
    assert result.summary["outputs"]["total"]["median"] == pytest.approx(2.0, rel=0.05)


def test_the_first_people_stay_when_more_are_drawn():
    few = people(decay(), 5, 1, vary={"k": "lognormal(1 1/h, 30 %)"})
    many = people(decay(), 50, 1, vary={"k": "lognormal(1 1/h, 30 %)"})
    np.testing.assert_array_equal(few.columns["k"], many.columns["k"][:5])


def test_survey_rows_stay_together_and_count_by_weight():
    table = {"x0": [1.0, 2.0, 3.0], "k": [0.1, 0.2, 0.3], "count": [1.0, 0.0, 3.0]}
    who = people(decay(), 8000, 2, covariates=table, weights="count")
    np.testing.assert_allclose(who.columns["k"] * 10, who.columns["x0"])
    assert np.mean(who.columns["x0"] == 3.0) == pytest.approx(0.75, abs=0.02)
    assert not np.any(who.columns["x0"] == 2.0)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"covariates": {"x0": []}}, "empty"),
        ({"covariates": {"age": [1.0]}}, "x0"),
        ({"covariates": {"x0": [1.0], "w": [-1.0]}, "weights": "w"}, "negative"),
        ({"covariates": {"x0": [1.0]}, "weights": "w"}, "columns are"),
        ({"vary": {"k": "normal(1, 1)"}, "correlation": {("k", "z"): 0.5}}, "not drawn"),
        ({}, "nothing is varied"),
    ],
)
def test_refuses_people_that_make_no_sense(more, why):
    with pytest.raises(InputError) as caught:
        people(decay(), 3, 0, **more)
    assert why in caught.value.why


def test_a_scenario_that_does_not_fit_is_an_error_or_a_skipped_row():
    with pytest.raises(InputError):
        simulate(decay(), {"bad": {"k": -1.0}})
    result = simulate(decay(), {"good": {"k": 1.0}, "mixed": {"k": [-1.0, 2.0]}}, on_error="skip")
    assert result.size == 2
    assert result.summary["failed_rows"] == 1
