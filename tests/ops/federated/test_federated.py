"""Coefficients over sites equal those of pooled data; nothing else leaves a site."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from catena.core.errors import InputError, SolverError
from catena.ops.federated import federated
from tests.ops.toys import decay

pytest.importorskip("cryptography")


def trial(n=600, seed=0):
    """Return made-up patients with whole days, ties and unequal sites."""
    rng = np.random.default_rng(seed)
    age, drug = rng.normal(50, 12, n), rng.integers(0, 2, n)
    cd4 = rng.normal(350, 100, n) - age
    risk = 0.03 * (age - 50) - 0.7 * drug - 0.004 * (cd4 - 300)
    hidden = rng.exponential(400 * np.exp(-risk))
    limit = rng.uniform(100, 900, n)
    return pd.DataFrame({
        "age": age, "drug": drug.astype(float), "cd4": cd4,
        "died": (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(float),
        "visits": rng.poisson(np.exp(0.5 + 0.3 * risk)).astype(float),
        "score": 3 + risk + rng.normal(size=n),
        "days": np.ceil(np.minimum(hidden, limit) / 7), "seen": (hidden <= limit).astype(float),
    })  # fmt: skip


def parted(frame):
    cuts = np.cumsum([0, 0.45, 0.25, 0.15, 0.1, 0.05]) * len(frame)
    return {f"site {k}": frame.iloc[int(a) : int(b)] for k, (a, b) in enumerate(pairwise(cuts))}


COVARIATES = ["age", "drug", "cd4"]


@pytest.mark.parametrize(
    ("learner", "outcome"), [("logistic", "died"), ("poisson", "visits"), ("linear", "score")]
)
def test_regressions_equal_pooled_ones(learner, outcome):
    import statsmodels.api as sm

    frame = trial()
    family = {
        "logistic": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
        "linear": sm.families.Gaussian(),
    }
    pooled = sm.GLM(frame[outcome], sm.add_constant(frame[COVARIATES]), family=family[learner]).fit(
        tol=1e-12, maxiter=100
    )
    found = federated(learner, parted(frame), outcome=outcome, covariates=COVARIATES)
    np.testing.assert_allclose(found["estimate"], pooled.params, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["standard_error"], pooled.bse, rtol=2e-3)
    means = found.model.predict(frame[COVARIATES])
    np.testing.assert_allclose(means[found.model.outputs.names[0]], pooled.fittedvalues, rtol=1e-6)


def test_cox_equals_the_pooled_one_with_ties():
    from statsmodels.duration.hazard_regression import PHReg

    frame = trial()
    pooled = PHReg(frame["days"], frame[COVARIATES], status=frame["seen"], ties="efron").fit()
    found = federated("cox", parted(frame), time="days", event="seen", covariates=COVARIATES)
    np.testing.assert_allclose(found["estimate"], pooled.params, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found["standard_error"], pooled.bse, rtol=1e-5)
    assert found.summary["log_likelihood"] == pytest.approx(pooled.llf, rel=1e-9)


def test_cox_with_a_baseline_per_site_equals_the_stratified_one():
    from statsmodels.duration.hazard_regression import PHReg

    frame = trial()
    sites = parted(frame)
    strata = np.concatenate([[k] * len(rows) for k, rows in enumerate(sites.values())])
    pooled = PHReg(
        frame["days"], frame[COVARIATES], status=frame["seen"], strata=strata, ties="efron"
    ).fit()
    found = federated(
        "cox", sites, time="days", event="seen", covariates=COVARIATES, own_baseline=True
    )
    np.testing.assert_allclose(found["estimate"], pooled.params, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["fedavg", "fedprox"])
def test_averaging_comes_near(method):
    frame = trial(2000)
    sites = parted(frame)
    exact = federated("logistic", sites, outcome="died", covariates=COVARIATES)["estimate"]
    found = federated("logistic", sites, outcome="died", covariates=COVARIATES, method=method)
    error = (
        np.abs(found["estimate"] - exact)
        / federated("logistic", sites, outcome="died", covariates=COVARIATES)["standard_error"]
    )
    assert error.max() < 0.5


def test_any_model_is_estimated_over_sites():
    rng = np.random.default_rng(1)
    sites = {}
    for site in range(3):
        x0 = rng.uniform(1, 3, 20)
        sites[f"s{site}"] = pd.DataFrame(
            {"x0": x0, "total": x0 / 0.7 * (1 + 0.05 * rng.normal(size=20))}
        )
    found = federated(decay(), sites, free={"k": "0.1..10 1/h"}, noise="proportional(5 %)")
    pooled = federated(decay(), {"a": sites["s0"], "b": pd.concat([sites["s1"], sites["s2"]])},
                       free={"k": "0.1..10 1/h"}, noise="proportional(5 %)")  # fmt: skip
    assert found["estimate"][0] == pytest.approx(0.7, rel=0.03)
    np.testing.assert_allclose(found["estimate"], pooled["estimate"], rtol=1e-6)
    assert found.model.predict(x0=1.0)["total"][0] == pytest.approx(1 / found["estimate"][0])


@pytest.mark.parametrize(
    ("learner", "secure", "own"),
    [
        ("logistic", True, False),
        ("logistic", False, False),
        ("cox", True, False),
        ("cox", False, True),
    ],
)
def test_the_traffic_holds_no_row(learner, secure, own):
    frame, log = trial(300), []
    ends = {"outcome": "died"} if learner == "logistic" else {"time": "days", "event": "seen"}
    federated(
        learner,
        parted(frame),
        covariates=COVARIATES,
        secure=secure,
        own_baseline=own,
        log=log,
        **ends,
    )
    assert len(log) > 20
    numbers = []

    def walk(tree):
        if isinstance(tree, dict):
            for value in tree.values():
                walk(value)
        elif isinstance(tree, list):
            for value in tree:
                walk(value)
        elif isinstance(tree, float):
            numbers.append(tree)

    for _, direction, raw in log:
        if direction == "from site":
            walk(json.loads(raw))
    cells = frame[["age", "cd4"]].to_numpy().ravel()
    if secure:
        assert numbers == []  # only keys, sealed shares and masked words
    seen = np.array(sorted(set(numbers)) or [0.0])
    nearest = np.abs(
        cells[:, None] - seen[np.clip(np.searchsorted(seen, cells), 0, len(seen) - 1)][:, None]
    )
    assert nearest.min() > 1e-9
    standardised = (frame[["age", "cd4"]] - frame[["age", "cd4"]].mean()) / frame[
        ["age", "cd4"]
    ].std(ddof=0)
    assert not np.isin(np.round(standardised.to_numpy().ravel(), 9), np.round(seen, 9)).any()


def test_a_small_site_takes_no_part():
    frame = trial()
    sites = {**parted(frame), "tiny": frame.iloc[:3]}
    found = federated("logistic", sites, outcome="died", covariates=COVARIATES)
    assert "tiny" in found.summary["refused"]
    assert any("tiny" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sites": {}}, InputError, "none is given"),
        ({"covariates": ["agee"]}, InputError, "did you mean age"),
        ({"covariates": []}, InputError, "nothing to learn"),
        ({"outcome": None}, InputError, "logistic needs it"),
        ({"outcome": "age"}, InputError, "other values than 0 and 1"),
        ({"covariates": ["age", "twice"]}, SolverError, "collinear"),
        ({"covariates": ["one"]}, SolverError, "same in all rows"),
        ({"covariates": ["text"]}, InputError, "texts"),
        (
            {"learner": "cox", "time": "days", "event": "seen", "secure": False},
            InputError,
            "one person",
        ),
        ({"covariates": ["gap"]}, InputError, "1 values are missing"),
    ],
)
def test_refuses_nonsense(change, error, words):
    frame = trial(200).assign(one=1.0, text="a")
    frame["twice"] = 2 * frame["age"] + 1
    frame["gap"] = np.where(np.arange(200) == 3, np.nan, frame["age"])
    asked = {"sites": parted(frame), "outcome": "died", "covariates": COVARIATES, **change}
    with pytest.raises(error) as caught:
        federated(asked.pop("learner", "logistic"), asked.pop("sites"), **asked)
    assert words in f"{caught.value.what} {caught.value.why} {caught.value.fix}"
