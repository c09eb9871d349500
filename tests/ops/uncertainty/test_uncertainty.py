"""Uncertainty by four methods: exact moments, sources that add up, probabilities, failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from catena.core.errors import InputError, SolverError
from catena.core.function import model
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Schema
from catena.ops.uncertainty import uncertainty
from catena.ops.uncertainty.settings import UncertaintySettings


@model(id="toy.linear", inputs="a [mg], b [mg], c [mg]", outputs="y [mg], flat", backend="jax")
def linear(a, b, c):
    return {"y": a + 2.0 * b - c, "flat": 0.0 * a}


@model(
    id="toy.clearance",
    inputs="dose [mg] = 100, cl [L/h] = 10",
    outputs="auc [mg*h/L]",
    backend="jax",
)
def clearance(dose, cl):
    return {"auc": dose / cl}


@model(id="toy.root", inputs="a", outputs="y", backend="numpy")
def root(a):
    with np.errstate(invalid="ignore"):
        return {"y": np.sqrt(a)}


OVER = {"a": "normal(1 mg, 1 mg)", "b": "normal(2 mg, 0.5 mg)", "c": "normal(0 mg, 2 mg)"}
#: Exact: mean 5, variance 1 + 1 + 4; with a correlation of 0.5 between a and b one more.
SPREAD, COUPLED = np.sqrt(6.0), np.sqrt(7.0)
PAIR = {("a", "b"): 0.5}
METHODS = ["monte_carlo", "qmc", "linearised", "pce"]


@pytest.mark.parametrize("method", METHODS)
def test_moments_and_shares_of_a_linear_model(method: Any) -> None:
    found = uncertainty(linear, "y", OVER, method=method)
    close = 0.06 if method == "monte_carlo" else 0.005
    assert found["mean"][0] == pytest.approx(5.0, abs=close)
    assert found["sd"][0] == pytest.approx(SPREAD, rel=close)
    assert found["q95"][0] == pytest.approx(5.0 + 1.6449 * SPREAD, abs=0.15)
    shares = found.summary["sources"]["y"]
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-9)
    assert [shares[name] for name in "abc"] == pytest.approx([1 / 6, 1 / 6, 4 / 6], abs=0.03)
    assert found.units["mean"] == "mg"


@pytest.mark.parametrize("method", METHODS)
def test_correlated_inputs_keep_their_dependence(method: Any) -> None:
    found = uncertainty(linear, "y", OVER, method=method, correlation=PAIR,
                        groups={"pair": ["a", "b"]})  # fmt: skip
    assert found["sd"][0] == pytest.approx(COUPLED, rel=0.03)
    shares = found.summary["sources"]["y"]
    assert set(shares) >= {"pair", "c"}
    assert shares["pair"] == pytest.approx(3 / 7, abs=0.03)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-9)


def test_correlation_of_lognormal_inputs_reaches_the_delta_method() -> None:
    over = {"dose": "lognormal(100 mg, 10 %)", "cl": "lognormal(10 L/h, 10 %)"}
    pair = {("dose", "cl"): 0.9}
    linearised = uncertainty(clearance, over=over, method="linearised", correlation=pair)
    sampled = uncertainty(clearance, over=over, correlation=pair)
    # The logarithm of the ratio is normal: its variance is 2 s^2 (1 - 0.9), exactly.
    exact = 10.0 * np.sqrt(2.0 * np.log1p(0.01) * 0.1)
    assert linearised["sd"][0] == pytest.approx(exact, rel=0.02)
    assert sampled["sd"][0] == pytest.approx(exact, rel=0.02)


def test_quasi_random_replicates_know_their_error() -> None:
    over = {"dose": "50..150 mg", "cl": "lognormal(10 L/h, 30 %)"}
    exact = 100.0 / 10.0 * np.sqrt(1.0 + 0.3**2)
    held = 0
    for key in range(8):
        found = uncertainty(clearance, over=over, n=256, key=key)
        held += int(found.lower["mean"][0] <= exact <= found.upper["mean"][0])
        assert found.upper["mean"][0] - found.lower["mean"][0] < 0.05 * exact
    assert 5 <= held <= 8


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_of_statements(method: Any) -> None:
    found = uncertainty(linear, "y", OVER, method=method, exceed=["y > 8000 ug", "0 <= y <= 5 mg"])
    stated = found.parts["exceedance"]
    exact = [norm.sf(3.0 / SPREAD), norm.cdf(0.0) - norm.cdf(-5.0 / SPREAD)]
    assert stated["probability"] == pytest.approx(exact, abs=0.015)
    if method in ("monte_carlo", "qmc"):
        assert (stated.lower["probability"] <= stated["probability"]).all()


def test_failing_draws_are_left_out_and_listed() -> None:
    found = uncertainty(root, over={"a": "-0.2..1"}, n=1024)
    failures = found.parts["failures"]
    assert failures.size == found.summary["left_out"]
    assert failures.size == pytest.approx(1024 / 6, rel=0.05)
    assert "left out" in found.warnings[0]
    assert found["mean"][0] == pytest.approx(2 / 3, abs=0.01)
    with pytest.raises(SolverError, match="failed"):
        uncertainty(root, over={"a": "-1..0.2"}, n=64)


def test_draws_come_back_with_units() -> None:
    found = uncertainty(linear, "y", OVER, n=256)
    drawn = found.parts["draws"]
    assert drawn.size == 256
    assert drawn.units == {"a": "mg", "b": "mg", "c": "mg", "y": "mg"}
    assert drawn["y"] == pytest.approx(drawn["a"] + 2 * drawn["b"] - drawn["c"])
    assert found.plot().data
    assert found.plot("sources").data


class Rough(Model):
    """y = a with a stated error, and chance."""

    def __init__(self, uncertain: bool, stochastic: bool) -> None:
        self.info = ModelInfo(id="toy.rough")
        self.inputs, self.outputs = Schema.parse("a"), Schema.parse("y")
        self.capabilities = Capabilities(uncertainty=uncertain, stochastic=stochastic)

    def _predict(self, batch: Any, params: Any, key: Any) -> Any:
        noise = np.random.Generator(np.random.Philox(key=int(key))).normal(size=len(batch["a"]))
        return {"y": batch["a"] + (noise if self.capabilities.stochastic else 0.0)}

    def predict(self, batch: Any = None, /, **options: Any) -> Any:
        result = super().predict(batch, **options)
        if self.capabilities.uncertainty:
            result.lower["y"] = result["y"] - 1.6448536
            result.upper["y"] = result["y"] + 1.6448536
        return result


def test_the_error_of_the_model_itself_is_a_source() -> None:
    found = uncertainty(Rough(True, False), over={"a": "normal(0, 2)"})
    shares = found.summary["sources"]["y"]
    assert shares["model error"] == pytest.approx(0.2, abs=0.01)
    assert shares["a"] == pytest.approx(0.8, abs=0.01)
    assert found["sd"][0] == pytest.approx(np.sqrt(5.0), rel=0.02)


def test_chance_is_a_source() -> None:
    found = uncertainty(Rough(False, True), over={"a": "normal(0, 2)"})
    shares = found.summary["sources"]["y"]
    assert shares["chance"] == pytest.approx(0.2, abs=0.02)
    assert shares["a"] == pytest.approx(0.8, abs=0.02)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-9)


def test_what_inputs_declare_is_the_default() -> None:
    from catena.core.distribution import Distribution

    field = linear.inputs["a"].with_(distribution=Distribution.parse("normal(0 mg, 1 mg)", "mg"))
    declared = linear.at()
    declared.inputs = linear.inputs.replace(a=field)
    found = uncertainty(declared, "y", n=256, given={"b": "1 mg", "c": "0 mg"})
    assert set(found.summary["sources"]["y"]) >= {"a"}
    with pytest.raises(InputError, match="Nothing to vary"):
        uncertainty(linear, "y")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"n": 1000}, "Cannot use 1000"), ({"n": 4, "method": "pce"}, "Cannot use 4"),
     ({"method": "mc"}, "No method"), ({"groups": {"g": ["d"]}}, "holds 'd'"),
     ({"groups": {"g": []}}, "empty"), ({"groups": {"g": ["a"], "h": ["a"]}}, "two groups"),
     ({"exceed": ["y > 8 L"]}, "Not a constraint"), ({"exceed": ["yy > 8"]}, "No output"),
     ({"over": {"a": "2..1 mg"}}, "Cannot vary")],
)  # fmt: skip
def test_nonsense_is_refused(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        uncertainty(linear, "y", **{"over": OVER, **wrong})


def test_an_output_that_never_varies_is_refused_alone_and_flagged_among_others() -> None:
    with pytest.raises(InputError, match="does not vary"):
        uncertainty(linear, "flat", OVER, n=256)
    found = uncertainty(linear, ["y", "flat"], OVER, n=256)
    assert found["sd"][1] == 0.0
    assert "flat does not vary" in found.warnings[0]


def test_settings_are_the_arguments() -> None:
    from catena.ops.uncertainty.analysis import OPERATION

    chosen = UncertaintySettings(of="y", over=OVER, n=256, correlation={"a ~ b": 0.5})
    found = OPERATION.run(linear, chosen, key=3)
    direct = uncertainty(linear, "y", OVER, n=256, correlation=PAIR, key=3)
    assert np.array_equal(found["sd"], direct["sd"])
