"""``bayes`` of a line with a known posterior: its report, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import CatenaError
from catena.ops.bayes import OPERATION, BayesSettings, bayes
from tests.ops.bayes.lines import DATA, FREE, MEAN, PRECISION, SD, X, agrees, line


@pytest.fixture(scope="module")
def nuts():
    return bayes(line(), DATA, FREE, noise="additive(0.3)", draws=500, warmup=150, key=1)


def test_posterior_of_a_linear_model_is_the_closed_form(nuts):
    agrees(nuts)
    assert nuts.summary["method"] == "nuts"
    assert nuts.summary["converged"], nuts.summary["reasons"]
    assert list(nuts["parameter"]) == ["a", "b"]
    assert list(nuts["unit"]) == ["mg", "mg"]
    np.testing.assert_allclose(nuts.lower["estimate"], MEAN - 1.645 * SD, atol=0.25 * SD.max())
    assert np.all(nuts["rhat"] < 1.02)


def test_report_holds_draws_checks_figures_and_the_new_model(nuts):
    assert nuts.samples["estimate"].shape == (2000, 2)
    draws = nuts.diagnostics["draws"]
    wanted = np.linalg.inv(PRECISION)
    correlation = wanted[0, 1] / np.sqrt(wanted[0, 0] * wanted[1, 1])
    assert np.corrcoef(draws["a"], draws["b"])[0, 1] == pytest.approx(correlation, abs=0.1)
    assert nuts.model.inputs["a"].default == pytest.approx(np.median(draws["a"]))
    table = nuts.parts["draws"].table()
    assert list(table.columns) == ["chain", "a [mg]", "b [mg]"]
    assert len(nuts.parts["predictive"].table()) == 12
    assert set(nuts.parts["checks"]["statistic"]) >= {"mean", "sd", "misfit"}
    assert "interval: a" in nuts.summary["headline"]
    for name in ("trace", "marginals", "pairs", "predictive"):
        assert nuts.plot(name).data


def test_laplace_is_a_quick_look():
    found = bayes(line(), DATA, FREE, noise="additive(0.3)", method="laplace", draws=500, key=1)
    agrees(found)
    assert found.summary["converged"]
    assert any("quick look" in text for text in found.warnings)


def test_modes_are_not_called_converged_by_nuts():
    model = ct.model(id="test.square", inputs="a = 1, x = 0", outputs="y", backend="jax")(
        lambda a, x: {"y": a**2 + 0 * x}
    )
    data = {"x": np.arange(5.0), "y": np.array([3.9, 4.0, 4.1, 4.05, 3.95])}
    found = bayes(model, data, {"a": "-4..4"}, noise="additive(0.1)", draws=100, warmup=100, key=7)
    assert not found.summary["converged"]
    assert found.summary["headline"].startswith("NOT CONVERGED")
    assert any("R-hat" in reason for reason in found.summary["reasons"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"free": {}}, "Nothing is free"),
        ({"free": {"c": "0..1"}}, "No input or parameter"),
        ({"free": {"a": "0..1", "y.cv": "0..1"}}, "Nothing is called"),
        ({"free": {"a": "0..1", "z.sd": "0..1"}}, "No input or parameter"),
        ({"free": {"a": "5..1"}}, "Cannot vary"),
        ({"data": {"x": X, "y": np.ones(12)}}, "constant"),
        ({"data": {"x": [], "y": []}}, ""),
        ({"draws": 10}, "draws"),
        ({"chains": 0}, "chains"),
        ({"target": 1.5}, "acceptance"),
        ({"method": "gibbs"}, "No method"),
        ({"method": "sbi", "noise": None}, "Nothing scatters"),
        ({"summary": np.mean, "method": "nuts"}, "summary"),
    ],
)
def test_nonsense_is_refused(changes, words):
    call = {"data": DATA, "free": FREE, "noise": "additive(0.3)", **changes}
    if changes.get("free", {}).get("y.cv") or changes.get("free", {}).get("z.sd"):
        call["noise"] = "additive"
    with pytest.raises(CatenaError) as error:
        bayes(line(), **call)
    assert words in error.value.what


def test_operation_runs_from_plain_settings():
    settings = BayesSettings(free=FREE, noise="additive(0.3)", method="laplace", draws=200)
    found = OPERATION.run(line(), settings, data=pd.DataFrame(DATA), key=1)
    agrees(found)
    assert OPERATION.needs_data
