"""Calibration against closed forms, certified results and models with known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fit_models import bateman, decay, line, pharmacokinetics, product
from scipy import optimize, stats

import catena
from benchmarks.ops.nist import Certified, mgh09, misra1a, thurber
from catena.core.chain import Chain
from catena.core.errors import InputError, SolverError
from catena.core.result import Result
from catena.core.work import Work
from catena.ops.calibrate import calibrate

RNG = np.random.default_rng(0)
X = np.linspace(0.0, 10.0, 15)
Y = 3.0 + 2.0 * X + RNG.standard_normal(15)
DESIGN = np.stack([np.ones(15), X], axis=1)


def estimates(result: Result) -> dict[str, float]:
    return dict(zip(result["parameter"], result["estimate"], strict=True))


def test_a_straight_line_is_exact() -> None:
    result = calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=4)
    best, rss = np.linalg.lstsq(DESIGN, Y, rcond=None)[:2]
    errors = np.sqrt(np.diag(np.linalg.inv(DESIGN.T @ DESIGN)) * rss[0] / 13)
    np.testing.assert_allclose(result["estimate"][:2], best, rtol=1e-9)
    np.testing.assert_allclose(result["std_error"][:2], errors, rtol=1e-9)
    half = stats.t.ppf(0.95, 13) * errors
    np.testing.assert_allclose(result.upper["estimate"][:2], best + half, rtol=1e-9)
    sd = np.sqrt(rss[0] / 15)
    np.testing.assert_allclose(result["estimate"][2], sd, rtol=1e-9)
    llh = stats.norm(0, sd).logpdf(Y - DESIGN @ best).sum()
    assert result.summary["log_likelihood"] == pytest.approx(llh, rel=1e-10)
    assert result.summary["aic"] == pytest.approx(6 - 2 * llh)
    assert result.summary["bic"] == pytest.approx(3 * np.log(15) - 2 * llh)
    assert result.summary["rmse"] == {"y": pytest.approx(sd)}
    assert result.summary["identifiable"] is True
    assert result.summary["reached_best"] == 1.0


def test_prediction_band_of_a_straight_line_is_exact() -> None:
    result = calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=2)
    fit = result.parts["fit"]
    inverse = np.linalg.inv(DESIGN.T @ DESIGN)
    rss = float(np.sum(fit["residual"] ** 2))
    spread = np.einsum("ki,ij,kj->k", DESIGN, inverse, DESIGN) * rss / 13 + rss / 15
    np.testing.assert_allclose(
        fit.upper["predicted"] - fit["predicted"], 1.6448536 * np.sqrt(spread), rtol=1e-6
    )


@pytest.mark.parametrize("problem", [misra1a, mgh09, thurber])
def test_certified_regressions(problem: Any) -> None:
    known: Certified = problem()
    result = calibrate(known.model, known.data, known.free, starts=20)
    count = len(known.estimate)
    np.testing.assert_allclose(result["estimate"][:count], known.estimate, rtol=1e-6)
    rss = len(known.data["y"]) * result.summary["rmse"]["y"] ** 2
    assert rss == pytest.approx(known.residual, rel=1e-9)
    if known.error:
        np.testing.assert_allclose(result["std_error"][:count], known.error, rtol=1e-6)


@pytest.mark.parametrize("method", ["fisher", "bfgs"])
def test_both_methods_agree(method: Any) -> None:
    t = np.linspace(0.1, 6, 12)
    c = 8 * np.exp(-0.6 * t) * np.exp(0.1 * np.random.default_rng(2).standard_normal(12))
    over = {"k": "log 0.01..10", "a": "log 0.1..100"}
    result = calibrate(decay(), {"t": t, "c": c}, over, noise="lognormal", starts=6, method=method)
    slope, level = np.polyfit(t, np.log(c), 1)
    np.testing.assert_allclose(result["estimate"][:2], [-slope, np.exp(level)], rtol=1e-6)
    assert result.model.inputs["k"].default == pytest.approx(-slope, rel=1e-6)
    assert result.model.predict(t=1.0)["c"][0] == pytest.approx(np.exp(level + slope), rel=1e-5)


def test_censored_data_against_a_direct_maximum() -> None:
    seen = [f"<{4.0}" if y < 4.0 else (">20" if y > 20 else y) for y in Y]
    result = calibrate(line(), {"x": X, "y": seen}, ["a", "b"], starts=4)

    def minus(theta: np.ndarray) -> float:
        law = stats.norm(theta[0] + theta[1] * X, np.exp(theta[2]))
        parts = np.where(Y < 4, law.logcdf(4), np.where(Y > 20, law.logsf(20), law.logpdf(Y)))
        return -float(parts.sum())

    direct = optimize.minimize(minus, [3.0, 2.0, 0.0], method="BFGS", options={"gtol": 1e-8})
    expected = [direct.x[0], direct.x[1], np.exp(direct.x[2])]
    np.testing.assert_allclose(result["estimate"], expected, rtol=1e-4)
    assert result.summary["log_likelihood"] == pytest.approx(-direct.fun, abs=1e-7)


def test_limits_make_the_same_of_plain_numbers() -> None:
    seen = [f"<{4.0}" if y <= 4.0 else y for y in Y]
    marked = calibrate(line(), {"x": X, "y": seen}, ["a", "b"], starts=2)
    limited = calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=2, limits={"y": (4.0, None)})
    np.testing.assert_allclose(marked["estimate"], limited["estimate"], rtol=1e-8)


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "student(4)"])
def test_robust_losses_shrug_off_an_outlier(loss: str) -> None:
    spoilt = Y.copy()
    spoilt[7] += 60.0
    plain = estimates(calibrate(line(), {"x": X, "y": spoilt}, ["a", "b"], starts=3))
    robust = estimates(calibrate(line(), {"x": X, "y": spoilt}, ["a", "b"], starts=3, loss=loss))
    clean = estimates(calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=3))
    assert abs(robust["a"] - clean["a"]) < 0.25 * abs(plain["a"] - clean["a"])


def test_huber_against_scipy() -> None:
    result = calibrate(
        line(), {"x": X, "y": Y}, ["a", "b"], starts=3, noise="additive(0.7)", loss="huber(1.2)"
    )
    peer = optimize.least_squares(
        lambda p: (p[0] + p[1] * X - Y) / 0.7,
        [0, 0],
        loss="huber",
        f_scale=1.2,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    np.testing.assert_allclose(result["estimate"], peer.x, rtol=1e-5)


def test_a_normal_prior_gives_the_conjugate_posterior() -> None:
    over = {"a": "-100..100", "b": "normal(1, 0.1)"}
    result = calibrate(line(), {"x": X, "y": Y}, over, noise="additive(1)", starts=3)
    precision = DESIGN.T @ DESIGN + np.diag([0.0, 100.0])
    mode = np.linalg.solve(precision, DESIGN.T @ Y + np.array([0.0, 100.0]))
    np.testing.assert_allclose(result["estimate"], mode, rtol=1e-8)
    np.testing.assert_allclose(
        result["std_error"], np.sqrt(np.diag(np.linalg.inv(precision))), rtol=1e-8
    )
    assert result.summary["priors"] == ["b"]
    free = calibrate(line(), {"x": X, "y": Y}, over, noise="additive(1)", starts=3, priors=False)
    np.testing.assert_allclose(
        free["estimate"], np.linalg.lstsq(DESIGN, Y, rcond=None)[0], rtol=1e-8
    )


def test_profiles_of_a_line_are_parabolas_of_the_logarithm() -> None:
    result = calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=3, intervals="profile")
    best, rss = np.linalg.lstsq(DESIGN, Y, rcond=None)[:2]
    # With estimated noise the ratio is n log(1 + d' A d / rss).
    spread = np.diag(np.linalg.inv(DESIGN.T @ DESIGN))
    for level, quantile, name in ((0.90, 2.705543454, "90%"), (0.95, 3.841458821, "95%")):
        half = np.sqrt(spread * rss[0] * np.expm1(quantile / 15))
        for k, parameter in enumerate(("a", "b")):
            ends = result.summary["profiles"][parameter][name]
            np.testing.assert_allclose(ends, [best[k] - half[k], best[k] + half[k]], rtol=2e-5)
        if level == 0.90:
            np.testing.assert_allclose(result.upper["estimate"][:2], best + half, rtol=2e-5)
    assert "profiles" in result.parts


def test_a_product_is_named_and_the_experiment_that_splits_it() -> None:
    y = 6.0 * X + 1 + 0.1 * RNG.standard_normal(15)
    over = {"k1": "log 0.1..10", "k2": "log 0.1..10", "b": "0..10"}
    result = calibrate(product(), {"x": X, "y": y}, over, starts=8)
    summary = result.summary
    assert summary["identifiable"] is False
    assert summary["combinations"] == ["k1 and k2 matter only through k1 * k2"]
    assert list(result["open"][:3]) == ["both", "both", ""]
    assert summary["proposal_resolves"] is True
    assert summary["proposal"].startswith("measure z")
    assert np.isnan(result["std_error"][0])
    told = calibrate(
        product(),
        {"x": X, "y": y, "z": 2.0 * X * (1 + 0.02 * RNG.standard_normal(15))},
        over,
        starts=8,
    )
    assert told.summary["identifiable"] is True
    assert estimates(told)["k1"] == pytest.approx(2.0, rel=0.05)


def test_a_parameter_without_effect_and_no_way_out() -> None:
    @catena.model(
        id="test.idle",
        inputs="a in 0..10, idle in 0..10, x in 0..10 = 1",
        outputs="y",
        backend="jax",
    )
    def model(a: Any, idle: Any, x: Any) -> dict[str, Any]:
        return {"y": a * x + 0.0 * idle}

    result = calibrate(
        model, {"x": X, "y": 2 * X + 0.1 * RNG.standard_normal(15)}, ["a", "idle"], starts=4
    )
    assert result.summary["combinations"] == ["idle has no effect on the measured outputs"]
    assert result.summary["proposal_resolves"] is False


def pk_rows(cv: float = 0.1, doses: tuple[float, ...] = (100.0, 300.0)) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    for name, dose in zip("abc", doses, strict=False):
        rows.append({"id": name, "time": 0.0, "amt": dose, "cmt": "depot", "conc": None})
        for t in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0):
            c = float(bateman(np.array([t]), dose, 1.2, 2.0, 10.0)[0]) * np.exp(
                cv * rng.standard_normal()
            )
            rows.append({"id": name, "time": t, "conc": c})
    return pd.DataFrame(rows)


def test_time_courses_of_two_doses() -> None:
    over = {"ka": "log 0.05..50", "cl": "log 0.05..50", "v": "log 0.5..200"}
    result = calibrate(pharmacokinetics(), pk_rows(), over, noise="lognormal", starts=10)
    found = estimates(result)
    twins = [found, *result.summary["twins"]]
    assert any(abs(t["ka"] - 1.2) < 0.3 and abs(t["cl"] - 2.0) < 0.2 for t in twins)
    # Absorption and elimination can change places (flip-flop): both answers are told.
    assert len(twins) == 2
    assert twins[0]["ka"] == pytest.approx(twins[1]["cl"] / twins[1]["v"], rel=1e-3)
    drawn = result.plot("fit")
    assert len(drawn.data) == 6
    peak = result.model.predict(
        time=[[1.0]], events=[{"time": [0.0], "amt": [100.0], "cmt": ["depot"]}]
    )
    assert peak["conc"][0, 0] == pytest.approx(
        bateman(np.array([1.0]), 100.0, 1.2, 2.0, 10.0)[0], rel=0.15
    )


def test_a_chain_is_calibrated_as_one_model() -> None:
    @catena.model(id="test.emax", inputs="exposure [mg/L] (time), emax in 0..100, ec50 [mg/L] > 0 = 2",
                  outputs="effect (time)", backend="jax")  # fmt: skip
    def emax(exposure: Any, emax: Any, ec50: Any) -> dict[str, Any]:
        return {"effect": emax[:, None] * exposure / (ec50[:, None] + exposure)}

    chain = Chain({"pk": pharmacokinetics(), "pd": emax}, ["pk.conc -> pd.exposure"])
    t = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 12.0])
    c = bateman(t, 100.0, 1.2, 2.0, 10.0)
    rows = {
        "time": t,
        "pk.conc": c * (1 + 0.02 * np.cos(7 * t)),
        "pd.effect": 50 * c / (1.5 + c) + 0.1 * np.sin(9 * t),
    }
    given = {"ka": 1.2, "v": 10.0, "events": [{"time": [0.0], "amt": [100.0], "cmt": ["depot"]}]}
    over = {"cl": "log 0.1..10", "emax": "0..100", "ec50": "log 0.1..10 mg/L"}
    result = calibrate(chain, rows, over, given=given, noise={"pk.conc": "proportional"}, starts=4)
    found = estimates(result)
    assert found["cl"] == pytest.approx(2.0, rel=0.02)
    assert found["emax"] == pytest.approx(50.0, rel=0.02)
    assert found["ec50"] == pytest.approx(1.5, rel=0.05)


def test_a_parameter_at_its_bound_is_flagged() -> None:
    result = calibrate(line(), {"x": X, "y": Y}, {"a": "-100..100", "b": "0..1.5"}, starts=3)
    assert result["estimate"][1] == 1.5
    assert list(result["at_bound"]) == [False, True, False]
    assert result.summary["at_bound"] == ["b"]


def test_equal_seeds_give_equal_results() -> None:
    one, two = (calibrate(line(), {"x": X, "y": Y}, ["a", "b"], starts=4, key=5) for _ in range(2))
    np.testing.assert_array_equal(one["estimate"], two["estimate"])
    np.testing.assert_array_equal(
        one.parts["starts"]["log_posterior_first"], two.parts["starts"]["log_posterior_first"]
    )


def test_searches_are_kept_in_the_cache() -> None:
    work = Work()
    data, model = {"x": X, "y": Y}, line()
    one = calibrate(model, data, ["a", "b"], starts=3, work=work)
    two = calibrate(model, data, ["a", "b"], starts=3, work=work)
    np.testing.assert_array_equal(one["estimate"], two["estimate"])


@pytest.mark.parametrize(
    ("data", "free", "options", "words"),
    [
        ({"x": X, "y": Y}, [], {}, "No free parameter"),
        ({"x": X, "y": Y}, {"a": "5..1"}, {}, "a"),
        ({"x": X, "y": Y}, ["aa"], {}, "aa"),
        ({"x": [], "y": []}, ["a", "b"], {}, "empty"),
        ({"x": X, "y": np.ones(15)}, ["a", "b"], {}, "constant"),
        ({"x": [1.0], "y": [2.0]}, ["a", "b"], {}, "More free parameters"),
        ({"x": X, "yy": Y}, ["a", "b"], {}, "No measured output"),
        ({"x": X, "y": Y}, ["a", "b"], {"starts": 0}, "No start"),
        ({"x": X, "y": Y}, ["a", "b"], {"method": "magic"}, "Unknown method"),
        ({"x": X, "y": Y}, ["a", "b"], {"noise": "loud"}, "Unknown noise"),
        ({"x": X, "y": Y}, ["a", "b"], {"given": {"x": 1.0}}, "said twice"),
    ],
)
def test_nonsense_is_refused(data: Any, free: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        calibrate(line(), data, free, **options)


def test_a_model_that_never_works_says_why() -> None:
    with pytest.raises(SolverError, match="any start") as raised:
        calibrate(
            line(), {"x": X, "y": Y}, {"a": "-100..-50", "b": "-1..0"}, noise="lognormal", starts=3
        )
    assert "likelihood is zero" in raised.value.why
