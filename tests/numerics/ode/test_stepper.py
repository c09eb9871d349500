from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import SolverError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings


def rober(settings: SolverSettings | None = None) -> OdeSystem:
    """Robertson's problem (Hairer and Wanner 1996, section IV.1)."""

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        r1, r2, r3 = p["k1"] * y["a"], 3e7 * y["b"] ** 2, 1e4 * y["b"] * y["c"]
        return {"a": -r1 + r3, "b": r1 - r3 - r2, "c": r2}

    return OdeSystem(
        ModelInfo(id="test.rober", backend="jax"), "a = 1, b = 0, c = 0", "k1 = 0.04", rhs,
        "a (time), b (time), c (time)", lambda t, y, p, u: dict(y), settings=settings,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["rodas4", "kvaerno5"])
def test_rober_against_scipy(method: Any) -> None:
    from scipy.integrate import solve_ivp

    def f(t: float, y: np.ndarray) -> list[float]:
        r1, r2, r3 = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
        return [-r1 + r3, r1 - r3 - r2, r2]

    want = solve_ivp(f, (0, 1e3), [1, 0, 0], method="Radau", rtol=1e-10, atol=1e-14).y[:, -1]
    system = rober(SolverSettings(method=method, rtol=1e-8, atol=1e-12))
    got = system.predict(time=[0, 1e3])
    np.testing.assert_allclose([got[n][0, -1] for n in "abc"], want, rtol=1e-5)


def test_rober_reference_at_the_end() -> None:
    """Reference solution of the IVP test set (Mazzia and Magherini 2008) at t = 1e11."""
    got = rober(SolverSettings(rtol=1e-9, atol=1e-18)).predict(time=[0, 1e11])
    want = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]
    np.testing.assert_allclose([got[n][0, -1] for n in "abc"], want, rtol=1e-5)


def decay(method: Any, rtol: float) -> OdeSystem:
    return OdeSystem(
        ModelInfo(id="test.decay", backend="jax"), "x = 1", "k = 1",
        lambda t, y, p, u: {"x": -p["k"] * y["x"] ** 2 * (2 * t)}, "x (time)",
        lambda t, y, p, u: {"x": y["x"]},
        settings=SolverSettings(method=method, rtol=rtol, atol=1e-12),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["rodas4", "tsit5"])
def test_a_time_dependent_nonlinear_solution(method: Any) -> None:
    t = np.linspace(0, 5, 201)
    got = decay(method, 1e-9).predict(time=t)["x"][0]
    np.testing.assert_allclose(got, 1 / (1 + t**2), rtol=1e-6)


def test_tolerance_controls_the_error() -> None:
    t = np.linspace(0, 5, 11)
    errors = [np.abs(decay("rodas4", r).predict(time=t)["x"][0] - 1 / (1 + t**2)).max()
              for r in (1e-4, 1e-6, 1e-8)]  # fmt: skip
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 1e-5


def blow_up(**settings: Any) -> OdeSystem:
    """dx/dt = r x^2 reaches infinity at 1 / r."""
    return OdeSystem(
        ModelInfo(id="test.blowup", backend="jax"), "x = 1, calm = 1", "r = 1",
        lambda t, y, p, u: {"x": p["r"] * y["x"] ** 2, "calm": -y["calm"]},
        "x (time), calm (time)", lambda t, y, p, u: dict(y), settings=SolverSettings(**settings),
    )  # fmt: skip


def test_a_failing_row_is_named_and_the_others_finish() -> None:
    r, t = [0.1, 1.0, 0.2], np.linspace(0, 2, 5)
    with pytest.raises(SolverError) as caught:
        blow_up().predict(r=r, time=t)
    (fault,) = caught.value.details["rows"]
    assert fault["row"] == 1
    assert "stopped at 1 h" in fault["why"]
    assert "'x'" in fault["why"]
    result = blow_up().predict(r=r, time=t, on_error="skip")
    assert result.status[0] == result.status[2] == "ok"
    assert "stopped at 1 h" in result.status[1]
    np.testing.assert_allclose(result["x"][:, -1], [1 / 0.8, 1 / 0.6], rtol=1e-5)
    assert result.diagnostics["success"].tolist() == [True, False, True]


def test_too_many_steps_is_said_so() -> None:
    with pytest.raises(SolverError, match="max_steps"):
        blow_up(max_steps=3).predict(r=0.1, time=[0, 2])


def test_a_right_hand_side_that_is_not_a_number_fails_quickly() -> None:
    with pytest.raises(SolverError):
        blow_up().predict(r=1e308, time=[0, 2])
