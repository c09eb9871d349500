from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import BackendError, SolverError
from catena.core.model import ModelInfo
from catena.numerics.ode import Crossing, OdeSystem, SolverSettings

METHODS = ("kernel", "rodas4")
G = 9.81


def ball(method: Any, loss: float = 0.5, **options: Any) -> OdeSystem:
    """A ball that bounces: height h, speed v, and the number of bounces."""
    bounce = Crossing(
        "bounce", lambda t, y, p, u: y["h"], "falling",
        action=lambda t, y, p, u: {"v": -p["keep"] * y["v"], "n": y["n"] + 1.0},
    )  # fmt: skip
    return OdeSystem(
        ModelInfo(id="test.ball", backend="jax"),
        "h [m] = 0, v [m/s] = 0, n = 0",
        f"keep = {1 - loss}, top [m] = 10",
        lambda t, y, p, u: {"h": y["v"], "v": -G + 0.0 * y["h"], "n": 0.0 * y["n"]},
        "h [m] (time), v [m/s] (time), n (time)",
        lambda t, y, p, u: dict(y),
        initial=lambda p: {"h": p["top"]},
        crossings=(bounce,),
        settings=SolverSettings(method=method, rtol=1e-8, atol=1e-10),
        time_unit="s",
        **options,
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_bounce_is_located_and_applied(method: Any) -> None:
    first = np.sqrt(2 * 10 / G)
    speed = 0.5 * G * first
    t = np.array([0.5, first + 0.3, first + 0.6])
    got = ball(method).predict(time=t)
    since = t[1:] - first
    np.testing.assert_allclose(got["h"][0, 0], 10 - 0.5 * G * 0.25, rtol=1e-8)
    np.testing.assert_allclose(got["h"][0, 1:], speed * since - 0.5 * G * since**2, rtol=1e-6)
    assert got["n"][0].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("method", METHODS)
def test_rows_cross_at_their_own_times(method: Any) -> None:
    tops = np.array([1.0, 5.0, 10.0, 20.0])
    got = ball(method).predict(top=tops, time=[0, 0.8])
    first = np.sqrt(2 * tops / G)
    assert got["n"][:, -1].tolist() == (first < 0.8).astype(float).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_go_through_the_moment_of_the_event(method: Any) -> None:
    t, eps = 1.8, 1e-5
    jacobian = ball(method).jacobian(time=[0.0, t], of=("h", "v"), wrt=("top", "keep"))

    def exact(top: float, keep: float) -> np.ndarray:
        first = np.sqrt(2 * top / G)
        v0 = keep * G * first
        return np.array([v0 * (t - first) - 0.5 * G * (t - first) ** 2, v0 - G * (t - first)])

    by_top = (exact(10 + eps, 0.5) - exact(10 - eps, 0.5)) / (2 * eps)
    by_keep = (exact(10, 0.5 + eps) - exact(10, 0.5 - eps)) / (2 * eps)
    for place, name in enumerate(("h", "v")):
        np.testing.assert_allclose(jacobian[name, "top"][0, -1], by_top[place], rtol=1e-6)
        np.testing.assert_allclose(jacobian[name, "keep"][0, -1], by_keep[place], rtol=1e-6)


def watched(method: Any, *crossings: Crossing, **options: Any) -> OdeSystem:
    """dx/dt = -1 until x has once been below 0.5, then +1 while ``u`` is absent; z counts."""
    return OdeSystem(
        ModelInfo(id="test.watched", backend="jax"), "x [g] = 1, z = 0", "k [g/h] = 1",
        lambda t, y, p, u: {"x": -p["k"] + 0.0 * y["x"], "z": 0.0 * y["z"]},
        "x [g] (time), z (time)", lambda t, y, p, u: dict(y), crossings=crossings,
        settings=SolverSettings(method=method, rtol=1e-8, atol=1e-10), **options,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_terminal_crossing_ends_the_row_and_keeps_its_values(method: Any) -> None:
    low = Crossing("low", lambda t, y, p, u: 0.25 - y["x"], terminal=True)
    result = watched(method, low).predict(k=[1.0, 0.1], time=[0, 0.5, 1, 2])
    np.testing.assert_allclose(result["x"], [[1, 0.5, 0.25, 0.25], [1, 0.95, 0.9, 0.8]], rtol=1e-7)
    assert result.status == ["ok", "ok"]


@pytest.mark.parametrize("method", METHODS)
def test_events_without_end_are_a_storm(method: Any) -> None:
    stuck = Crossing("stuck", lambda t, y, p, u: 0.5 - y["x"],
                     action=lambda t, y, p, u: {"x": 0.5 + 1e-13})  # fmt: skip
    with pytest.raises(SolverError) as caught:
        watched(method, stuck).predict(time=[0, 2.0])
    (fault,) = caught.value.details["rows"]
    assert "crossings" in fault["why"]
    assert "stopped at 0.5 h" in fault["why"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("direction", "count"), [("rising", 3.0), ("falling", 2.0), ("both", 5.0)])
def test_directions(method: Any, direction: Any, count: float) -> None:
    """sin(t) rises through zero at 0 (where it starts, and so does not count), 2 pi, ..."""
    cross = Crossing("wave", lambda t, y, p, u: y["x"], direction,
                     action=lambda t, y, p, u: {"n": y["n"] + 1.0})  # fmt: skip
    wave = OdeSystem(
        ModelInfo(id="test.wave", backend="jax"), "x = -0.1, v = 1, n = 0", "k = 1",
        lambda t, y, p, u: {"x": y["v"], "v": -y["x"], "n": 0.0 * y["n"]},
        "n (time)", lambda t, y, p, u: {"n": y["n"]}, crossings=(cross,),
        settings=SolverSettings(method=method),
    )  # fmt: skip
    assert wave.predict(time=[0, 15.0])["n"][0, -1] == count


@pytest.mark.parametrize("method", METHODS)
def test_an_event_may_set_off_another_and_a_dose_may_too(method: Any) -> None:
    refill = Crossing("empty", lambda t, y, p, u: 0.5 - y["x"],
                      action=lambda t, y, p, u: {"x": y["x"] + 2.0})  # fmt: skip
    full = Crossing("full", lambda t, y, p, u: y["x"] - 2.0,
                    action=lambda t, y, p, u: {"z": y["z"] + 1.0})  # fmt: skip
    system = watched(method, refill, full, doses=("x",))
    got = system.predict(time=[0.4, 0.6, 1.0, 1.2])
    np.testing.assert_allclose(got["x"][0], [0.6, 2.4, 2.0, 1.8], rtol=1e-7)
    np.testing.assert_allclose(got["z"][0], [0, 1, 1, 1])
    dosed = system.predict(time=[0.1, 0.3], events=[{"time": 0.2, "amt": 3}])
    assert dosed["z"][0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("method", METHODS)
def test_a_discontinuity_is_landed_on(method: Any) -> None:
    import jax.numpy as jnp

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        return {"x": jnp.where(y["x"] > 0.5, -1.0, -0.1) + 0.0 * y["x"], "z": 0.0 * y["z"]}

    jump = Crossing("jump", lambda t, y, p, u: 0.5 - y["x"])
    system = watched(method, jump)
    system.rhs = rhs
    got = system.predict(time=[0, 0.5, 1.5])
    np.testing.assert_allclose(got["x"][0], [1, 0.5, 0.4], rtol=1e-7)


def test_second_derivatives_through_events_are_refused() -> None:
    import jax

    system = ball("kernel")

    def h(top: Any) -> Any:
        batch = {"keep": np.full(1, 0.5), "top": top, "time": np.array([[0.0, 1.8]])}
        return system.trace(batch)["h"][0, -1]

    assert np.isfinite(jax.grad(h)(np.array([10.0]))[0])
    with pytest.raises(BackendError, match="state events"):
        jax.hessian(h)(np.array([10.0]))
