from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm

from catena.core.errors import InputError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem
from catena.ops.estimate import estimate, estimator

RATE = np.array([[-0.4, 0.0], [0.4, -0.2]])
SPECTRAL = np.diag([0.05**2, 0.1**2])
TIMES = np.array([0.5, 1.3, 2.0, 3.7, 4.0, 6.0])


def cascade() -> OdeSystem:
    """Two tanks in a row: linear, so that the Kalman filter is exact."""
    return OdeSystem(
        ModelInfo(id="test.cascade", backend="jax"),
        "a [g] >= 0 = 5, b [g] = 1",
        "k [1/h] > 0 = 0.4",
        lambda t, y, p, u: {"a": -p["k"] * y["a"], "b": p["k"] * y["a"] - 0.2 * y["b"]},
        "b [g] (time)",
        lambda t, y, p, u: {"b": y["b"]},
    )


OPTIONS: dict[str, Any] = {
    "noise": {"b": 0.2}, "process": {"a": 0.05, "b": 0.1},
    "start": {"a": (5.0, 0.5), "b": (1.0, 0.3)},
}  # fmt: skip


def record(seed: int = 1, times: np.ndarray = TIMES) -> tuple[pd.DataFrame, np.ndarray]:
    draws = np.random.default_rng(seed)
    x, past, rows, truth = np.array([5.4, 0.8]), 0.0, [], []
    for t in times:
        a, q = exact(t - past)
        x, past = a @ x + np.linalg.cholesky(q) @ draws.normal(size=2), t
        rows.append({"time": t, "b": x[1] + 0.2 * draws.normal()})
        truth.append(x)
    return pd.DataFrame(rows), np.array(truth)


def exact(width: float) -> tuple[np.ndarray, np.ndarray]:
    """Transition and noise of an interval (Van Loan 1978)."""
    big = np.zeros((4, 4))
    big[:2, :2], big[:2, 2:], big[2:, 2:] = -RATE, SPECTRAL, RATE.T
    whole = expm(big * width)
    a = whole[2:, 2:].T
    return a, a @ whole[:2, 2:]


def kalman(data: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    """The textbook filter and smoother, written out."""
    x, p, past = np.array([5.0, 1.0]), np.diag([0.25, 0.09]), 0.0
    h, out = np.array([[0.0, 1.0]]), [(x, p, x, p, np.eye(2))]
    for t, y in data.itertuples(index=False):
        a, q = exact(t - past)
        xp, pp = a @ x, a @ p @ a.T + q
        k = pp @ h.T / (h @ pp @ h.T + 0.04)
        x, p, past = xp + (k * (y - xp[1])).ravel(), (np.eye(2) - k @ h) @ pp, t
        out.append((x, p, xp, pp, a))
    back = [(out[-1][0], out[-1][1])]
    for (x, p, *_), (_, _, xp, pp, a) in zip(out[-2::-1], out[:0:-1], strict=True):
        g = p @ a.T @ np.linalg.inv(pp)
        xs, ps = back[-1]
        back.append((x + g @ (xs - xp), p + g @ (ps - pp) @ g.T))
    return out[1:], back[::-1]


def test_the_extended_filter_and_smoother_are_exact_for_a_linear_model() -> None:
    data, _ = record()
    found = estimate(cascade(), data, smooth=True, accuracy=1e-10, **OPTIONS)
    forward, backward = kalman(data)
    for row, (x, p, *_) in enumerate(forward):
        np.testing.assert_allclose([found["a"][row], found["b"][row]], x, rtol=1e-8)
        half = 1.6448536269514722 * np.sqrt(p[1, 1])
        assert found.upper["b"][row] - found["b"][row] == pytest.approx(half, rel=1e-7)
    smooth = found.parts["smoothed"]
    np.testing.assert_allclose(smooth["a"], [x[0] for x, _ in backward], rtol=1e-8)
    np.testing.assert_allclose(smooth["b"], [x[1] for x, _ in backward], rtol=1e-8)


@pytest.mark.parametrize(
    ("method", "members", "allowed"),
    [("ukf", None, 1e-6), ("mhe", None, 1e-6), ("enkf", 4000, 0.08), ("particle", 8000, 0.12)],
)
def test_every_method_agrees_with_the_exact_filter(
    method: Any, members: int | None, allowed: float
) -> None:
    data, _ = record()
    # Drawn members agree to hundredths only, so their thousands of courses need few digits.
    accuracy = 1e-6 if members else 1e-9
    found = estimate(cascade(), data, method=method, members=members, window=100.0, key=3,
                     accuracy=accuracy, **OPTIONS)  # fmt: skip
    forward, _ = kalman(data)
    for row, (x, p, *_) in enumerate(forward):
        off = np.abs(np.array([found["a"][row], found["b"][row]]) - x) / np.sqrt(np.diag(p))
        assert off.max() < allowed


def test_a_late_sample_counts_as_if_it_had_come_in_time() -> None:
    data, _ = record()
    punctual = estimate(cascade(), data, **OPTIONS)
    late = data.assign(known=data["time"] + [0.0, 2.6, 0.0, 0.0, 0.0, 0.0])
    found = estimate(cascade(), late, **OPTIONS)
    assert found.summary["late"] == 1
    assert found["b"][-1] == pytest.approx(punctual["b"][-1], rel=1e-10)
    row = int(np.flatnonzero(np.isclose(found["time"], 2.0))[0])
    assert found["b"][row] != pytest.approx(punctual["b"][2], rel=1e-6)


def test_streaming_continues_from_its_own_plain_state() -> None:
    data, _ = record()
    build = {**OPTIONS}
    noise = build.pop("noise")["b"]
    whole = estimator(cascade(), ["b"], width=1.0, **build)
    first = estimator(cascade(), ["b"], width=1.0, **build)
    samples = [{"output": "b", "value": y, "sd": noise, "time": t}
               for t, y in data.itertuples(index=False)]  # fmt: skip
    for sample in samples:
        wanted = whole.step(sample["time"], [sample])
    for sample in samples[:3]:
        first.step(sample["time"], [sample])
    second = estimator(cascade(), ["b"], width=1.0, **build)
    second.resume(json.loads(json.dumps(first.state())))
    for sample in samples[3:]:
        found = second.step(sample["time"], [sample])
    assert found.mean == wanted.mean
    with pytest.raises(InputError, match="Time goes back"):
        second.step(1.0)
    with pytest.raises(InputError, match="another estimator"):
        estimator(cascade(), ["b"], width=1.0, method="ukf", **build).resume(first.state())


def test_outliers_are_left_out_and_missing_values_counted() -> None:
    data, _ = record()
    data.loc[3, "b"] += 9.0
    data.loc[1, "b"] = np.nan
    found = estimate(cascade(), data, **OPTIONS)
    assert found.summary["outliers"] == 1
    assert found.summary["missing"] == 1
    assert "outlier in b" in list(found["flags"])[-3]
    assert list(found.parts["innovations"]["used"]).count(False) == 1
    taken = estimate(cascade(), data, outlier_gate=False, **OPTIONS)
    assert taken.summary["outliers"] == 0
    assert taken["b"][-3] > found["b"][-3] + 0.5


def test_an_unknown_parameter_is_found_and_stays_positive() -> None:
    draws = np.random.default_rng(5)
    times = np.arange(0.25, 10.0, 0.25)
    truth = np.array(
        [(expm(np.array([[-0.6, 0], [0.6, -0.2]]) * t) @ [5.0, 1.0])[1] for t in times]
    )
    data = pd.DataFrame({"time": times, "b": truth + 0.05 * draws.normal(size=times.size)})
    found = estimate(cascade(), data, noise={"b": 0.05}, unknown={"k": "50 %"},
                     process={"a": 0.001, "b": 0.001}, start={"a": (5, 0.01), "b": (1, 0.01)})  # fmt: skip
    assert found["k"][-1] == pytest.approx(0.6, rel=0.05)
    assert found.lower["k"].min() > 0
    assert abs(found["k"][-1] - 0.6) < found.upper["k"][-1] - found.lower["k"][-1]


def test_an_estimate_on_a_bound_says_so() -> None:
    data = pd.DataFrame({"time": [6.0, 12.0, 18.0], "b": [0.2, -1.5, -2.0]})
    found = estimate(cascade(), data, noise={"b": 0.05}, process={"a": 1.0, "b": 0.02},
                     outlier_gate=False)  # fmt: skip
    assert found["a"].min() >= 0
    assert any("a on a bound" in text for text in found["flags"])
    assert found.lower["a"].min() >= 0


def test_innovations_of_a_right_model_are_consistent() -> None:
    # The mean of 96 squares of standard normal numbers is 1 with a deviation of 0.14.
    data, _ = record(times=np.arange(1, 97) / 12)
    assert 0.6 < estimate(cascade(), data, **OPTIONS).summary["nis"] < 1.5


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        ([], {}, "No measurements"),
        ([{"time": 1.0, "c": 1.0}], {}, "No output 'c'"),
        ([{"time": 1.0, "b": 1.0}], {"noise": {}}, "noise of 'b' is not told"),
        ([{"time": 1.0, "b": np.nan}], {}, "No measurements"),
        ([{"time": 1.0, "b": 1.0}], {"unknown": {"q": "5 %"}}, "'q' is not among"),
        ([{"time": 1.0, "b": 1.0}], {"process": {"z": 1.0}}, "No state 'z'"),
        ([{"time": 1.0, "b": 1.0}], {"noise": {"b": -1.0}}, "Not a deviation"),
        ([{"time": 1.0, "b": 1.0}], {"method": "wiener"}, "No method"),
    ],
)
def test_nonsense_is_refused(data: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        estimate(cascade(), data, **{**OPTIONS, **options})


def test_the_result_draws_and_saves(tmp_path: Any) -> None:
    data, _ = record()
    found = estimate(cascade(), data, **OPTIONS)
    assert found.plot("b").data[-1].name == "measured"
    found.artefacts["state.json"](tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text())["method"] == "ekf"
    assert "samples followed by ekf" in found.summary["headline"]
