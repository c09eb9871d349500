from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import BackendError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings

METHODS = ("kernel", "rodas4")


def fast(method: Any, **options: Any) -> OdeSystem:
    """Substrate bound in fast equilibrium: c^2 + c = total, c algebraic; total decays with c."""
    return OdeSystem(
        ModelInfo(id="test.dae", backend="jax"), "total [g] = 0, c [g] = 1", "k [1/h] = 1",
        lambda t, y, p, u: {"total": -p["k"] * y["c"], "c": y["c"] ** 2 + y["c"] - y["total"]},
        "total [g] (time), c [g] (time)", lambda t, y, p, u: dict(y),
        initial=lambda p: {"total": 2.0 + 0.0 * p["k"]}, mass={"c": 0.0}, doses=("total",),
        settings=SolverSettings(method=method, rtol=1e-9, atol=1e-12), **options,
    )  # fmt: skip


def c_of(total: float) -> float:
    return float((-1 + np.sqrt(1 + 4 * total)) / 2)


def time_from(c0: float, c: float) -> float:
    """(2 c + 1) c' = -k c, so k t = 2 (c0 - c) + log(c0 / c)."""
    return 2 * (c0 - c) + float(np.log(c0 / c))


@pytest.mark.parametrize("method", METHODS)
def test_an_algebraic_state_starts_and_stays_consistent(method: Any) -> None:
    wanted = np.array([0.9, 0.5, 0.2])
    times = [time_from(1.0, c) for c in wanted]
    got = fast(method).predict(time=[0, *times])
    np.testing.assert_allclose(got["c"][0], [1.0, *wanted], rtol=1e-6)
    np.testing.assert_allclose(got["c"] ** 2 + got["c"], got["total"], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_it_is_consistent_right_after_a_dose(method: Any) -> None:
    got = fast(method).predict(time=[0, 1.0], events=[{"time": 1.0, "amt": 4.0}])
    np.testing.assert_allclose(got["c"][0, -1], c_of(got["total"][0, -1]), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_of_algebraic_states(method: Any) -> None:
    jacobian = fast(method).jacobian(time=[0.0, time_from(1.0, 0.5)], of="c", wrt="k")
    slope = -time_from(1.0, 0.5) / (2 + 1 / 0.5)
    np.testing.assert_allclose(jacobian["c", "k"][0], [0.0, slope], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_masses_other_than_one(method: Any) -> None:
    system = OdeSystem(
        ModelInfo(id="test.heavy", backend="jax"), "x = 1", "k = 1",
        lambda t, y, p, u: {"x": -p["k"] * y["x"]}, "x (time)", lambda t, y, p, u: dict(y),
        mass={"x": 4.0}, linear=True, settings=SolverSettings(method=method, rtol=1e-9),
    )  # fmt: skip
    np.testing.assert_allclose(system.predict(time=[0, 4.0])["x"][0, -1], np.exp(-1), rtol=1e-7)


def test_methods_that_take_no_mass_say_so() -> None:
    with pytest.raises(BackendError, match="mass"):
        fast("kvaerno5").predict(time=[0, 1.0])
