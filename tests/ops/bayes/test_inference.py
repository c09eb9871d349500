"""``bayes`` over models of every kind, its report, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import CatenaError, InputError
from catena.core.model import Capabilities, ModelInfo
from catena.numerics.ode import OdeSystem
from catena.ops.bayes import OPERATION, BayesSettings, bayes

X = np.linspace(0.0, 1.0, 12)
Y = 1.0 + 2.0 * X + 0.3 * np.random.default_rng(0).standard_normal(12)
DATA = {"x": X, "y": Y}
FREE = {"a": "normal(0 mg, 2 mg)", "b": "normal(0, 2)"}
DESIGN = np.c_[np.ones(12), X]
PRECISION = DESIGN.T @ DESIGN / 0.09 + np.eye(2) / 4
MEAN, SD = (
    np.linalg.solve(PRECISION, DESIGN.T @ Y / 0.09),
    np.sqrt(np.diag(np.linalg.inv(PRECISION))),
)


def line(backend="jax", **parts):
    def body(a, b, x):
        return {"y": a + b * x}

    return ct.model(id=f"test.line.{backend}", inputs="a [mg] = 1, b [mg] = 2, x = 0", outputs="y [mg]",
                    backend=backend, **parts)(body)  # fmt: skip


def agrees(result, sigmas=4.0, spread=0.2):
    error = SD / np.sqrt(np.nanmin([*result["ess_bulk"], 500.0]))
    np.testing.assert_allclose(result["mean"], MEAN, atol=sigmas * error.max())
    np.testing.assert_allclose(result["sd"], SD, rtol=spread)


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


@pytest.mark.parametrize("backend", ["torch", "numpy"])
def test_other_back_ends_through_the_host(backend):
    method = "laplace" if backend == "torch" else "auto"
    found = bayes(line(backend), DATA, FREE, noise="additive(0.3)", method=method, draws=100,
                  warmup=100, chains=2, key=2)  # fmt: skip
    assert found.summary["method"] == ("laplace" if backend == "torch" else "smc")
    agrees(found, sigmas=6.0, spread=0.35)


def test_chain_of_two_models():
    half = ct.model(id="test.half", inputs="whole [mg]", outputs="part [mg]", backend="jax")(
        lambda whole: {"part": whole / 2}
    )
    chain = ct.chain(line=line(), half=half, edges=["line.y -> half.whole"])
    data = {"x": X, "half.part": Y / 2}
    found = bayes(chain, data, FREE, noise="additive(0.15)", draws=100, warmup=100, chains=2, key=3)
    agrees(found, sigmas=6.0, spread=0.35)


def test_ode_on_the_kernel_with_estimated_noise():
    model = OdeSystem(
        ModelInfo(id="test.bayes.decay", backend="jax"), "x [mg] = 10", "k [1/h] > 0 = 1",
        lambda t, y, p, u: {"x": -p["k"] * y["x"]}, "amount [mg] (time)",
        lambda t, y, p, u: {"amount": y["x"]},
    )  # fmt: skip
    time = np.linspace(0.2, 3.0, 12)
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"time": time, "amount": 10 * np.exp(-0.7 * time) * np.exp(0.1 * rng.standard_normal(12))})  # fmt: skip
    free = {"k": "lognormal(1 1/h, 60 %)", "amount.cv": "lognormal(0.1, 50 %)"}
    found = bayes(model, data, free, noise="proportional", draws=100, warmup=100, chains=2, key=5)
    # Log-amounts are linear in k: least squares through log 10 at time 0.
    k = -np.sum(time * np.log(data["amount"] / 10)) / np.sum(time**2)
    spread = found["estimate"][1] / np.sqrt(np.sum(time**2))
    assert found["estimate"][0] == pytest.approx(k, abs=0.5 * spread)
    assert found["sd"][0] == pytest.approx(spread, rel=0.3)
    assert list(found["parameter"]) == ["k", "amount.cv"]


def test_laplace_is_a_quick_look():
    found = bayes(line(), DATA, FREE, noise="additive(0.3)", method="laplace", draws=500, key=1)
    agrees(found)
    assert found.summary["converged"]
    assert any("quick look" in text for text in found.warnings)


def test_stochastic_model_is_learned_from_simulations():
    def body(a, x, key):
        rng = np.random.default_rng(int(key) % 2**32)
        return {"y": a + 0.5 * rng.standard_normal(len(x))}

    model = ct.model(id="test.noisy", inputs="a = 0, x = 0", outputs="y", backend="numpy",
                     capabilities=Capabilities(stochastic=True))(body)  # fmt: skip
    data = {"x": np.arange(8.0), "y": np.array([1.0, 1.5, 0.4, 1.2, 0.9, 1.8, 0.2, 1.0])}
    found = bayes(model, data, {"a": "normal(0, 1)"}, key=6, simulations=1000, draws=500,
                  summary=lambda y: y.mean(axis=1))  # fmt: skip
    precision = 1 + 8 / 0.25
    assert found.summary["method"] == "sbi"
    assert found["mean"][0] == pytest.approx(data["y"].sum() / 0.25 / precision, abs=0.1)
    assert found["sd"][0] == pytest.approx(1 / np.sqrt(precision), rel=0.4)
    other = found.diagnostics["sampler"]["amortised"](np.array([-0.5]), 500)
    assert other.mean() == pytest.approx(-0.5 * 32 / 33, abs=0.15)


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


def test_stochastic_model_has_no_likelihood():
    model = line("numpy", capabilities=Capabilities(stochastic=True))
    with pytest.raises(InputError, match="no likelihood"):
        bayes(model, DATA, FREE, method="nuts", noise="additive(0.3)")


def test_operation_runs_from_plain_settings():
    settings = BayesSettings(free=FREE, noise="additive(0.3)", method="laplace", draws=200)
    found = OPERATION.run(line(), settings, data=pd.DataFrame(DATA), key=1)
    agrees(found)
    assert OPERATION.needs_data
