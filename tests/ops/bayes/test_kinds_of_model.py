"""``bayes`` over models of every kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.core.model import Capabilities, ModelInfo
from catena.numerics.ode import OdeSystem
from catena.ops.bayes import bayes
from tests.ops.bayes.lines import DATA, FREE, X, Y, agrees, line


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


def test_stochastic_model_is_learned_from_simulations():
    def body(a, x, key):
        rng = np.random.default_rng(int(key) % 2**32)
        return {"y": a + 0.5 * rng.standard_normal(len(x))}

    model = ct.model(id="test.noisy", inputs="a = 0, x = 0", outputs="y", backend="numpy",
                     capabilities=Capabilities(stochastic=True))(body)  # fmt: skip
    data = {"x": np.arange(8.0), "y": np.array([1.0, 1.5, 0.4, 1.2, 0.9, 1.8, 0.2, 1.0])}
    found = bayes(model, data, {"a": "normal(0, 1)"}, key=6, simulations=600, draws=500,
                  summary=lambda y: y.mean(axis=1))  # fmt: skip
    precision = 1 + 8 / 0.25
    assert found.summary["method"] == "sbi"
    assert found["mean"][0] == pytest.approx(data["y"].sum() / 0.25 / precision, abs=0.1)
    assert found["sd"][0] == pytest.approx(1 / np.sqrt(precision), rel=0.4)
    other = found.diagnostics["sampler"]["amortised"](np.array([-0.5]), 500)
    assert other.mean() == pytest.approx(-0.5 * 32 / 33, abs=0.15)


def test_stochastic_model_has_no_likelihood():
    model = line("numpy", capabilities=Capabilities(stochastic=True))
    with pytest.raises(InputError, match="no likelihood"):
        bayes(model, DATA, FREE, method="nuts", noise="additive(0.3)")
