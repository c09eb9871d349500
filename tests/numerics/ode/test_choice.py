from __future__ import annotations

import pickle
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from systems import driven, one_compartment

from catena.core.errors import BackendError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings

T = np.linspace(0, 10, 5)
DOSE = [{"time": 0, "amt": 100, "cmt": "depot"}]
SYSTEM = one_compartment(settings=SolverSettings())


def test_the_kernel_is_the_default_and_is_recorded() -> None:
    found = SYSTEM.predict(time=T, events=DOSE).diagnostics
    assert (found["backend"], found["fallback"]) == ("kernel", None)
    assert one_compartment(linear=True).predict(time=T).diagnostics["backend"] == "expm"


@pytest.mark.parametrize("method", ["rodas4", "kvaerno5", "tsit5", "kernel"])
def test_the_choice_can_be_overridden(method: Any) -> None:
    result = SYSTEM.solved_with(method=method).predict(time=T, events=DOSE)
    assert result.diagnostics["backend"] == ("kernel" if method == "kernel" else "diffrax")
    want = SYSTEM.predict(time=T, events=DOSE)["conc"]
    np.testing.assert_allclose(result["conc"], want, rtol=1e-4, atol=1e-6)


def looked_up(**settings: Any) -> OdeSystem:
    """A table indexed by the state has no scalar form."""
    table = np.array([1.0, 2.0, 3.0])

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        place = jnp.clip(jnp.floor(y["x"]).astype(int), 0, 2)
        return {"x": -p["k"] * y["x"] + 0.0 * jnp.asarray(table)[place]}

    return OdeSystem(
        ModelInfo(id="test.table", backend="jax"), "x = 1", "k = 1", rhs, "x (time)",
        lambda t, y, p, u: dict(y), settings=SolverSettings(**settings),
    )  # fmt: skip


def test_what_the_kernel_cannot_take_falls_back_with_the_reason() -> None:
    result = looked_up().predict(time=[0, 1.0])
    assert result.diagnostics["backend"] == "diffrax"
    assert result.diagnostics["solver"] == "rodas4"
    assert "gather" in result.diagnostics["fallback"] or "index" in result.diagnostics["fallback"]
    np.testing.assert_allclose(result["x"][0, -1], np.exp(-1), rtol=1e-5)
    with pytest.raises(BackendError):
        looked_up(method="kernel").predict(time=[0, 1.0])


def test_inputs_that_act_on_the_matrix_are_not_solved_by_exponentials() -> None:
    """dx/dt = -u x is affine in x, but its matrix is another one in every segment."""
    options: dict[str, Any] = {"forcing": "q [1/h]", "interpolation": "constant", "linear": True}

    def made(**settings: Any) -> OdeSystem:
        return OdeSystem(
            ModelInfo(id="test.rate", backend="jax"), "x = 1", "k = 1",
            lambda t, y, p, u: {"x": -u["q"] * y["x"]}, "x (time)", lambda t, y, p, u: dict(y),
            settings=SolverSettings(**settings), **options,
        )  # fmt: skip

    feed = {"time": [0, 1], "value": [1.0, 0.0]}
    result = made().predict(time=[0, 3.0], q=feed)
    assert result.diagnostics["backend"] == "kernel"
    np.testing.assert_allclose(result["x"][0, -1], np.exp(-1), rtol=1e-5)
    with pytest.raises(BackendError, match="expm"):
        made(method="expm").predict(time=[0, 3.0], q=feed)
    assert driven("constant", linear=True).predict(
        time=T, feed=feed).diagnostics["backend"] == "expm"  # fmt: skip


def test_without_llvmlite_the_reason_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from catena.numerics.ode import compiled

    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    result = one_compartment(settings=SolverSettings()).predict(time=T, events=DOSE)
    assert result.diagnostics["backend"] == "diffrax"
    assert "llvmlite" in result.diagnostics["fallback"]


def test_a_graphics_processor_that_is_not_there_is_said_so() -> None:
    import jax

    if any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("there is one")
    with pytest.raises(BackendError, match="graphics"):
        SYSTEM.solved_with(device="gpu").predict(time=T, events=DOSE)
    with pytest.raises(BackendError, match="graphics"):
        SYSTEM.solved_with(device="gpu", method="kernel").predict(time=T, events=DOSE)


def test_rows_side_by_side_as_on_a_graphics_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    real = jax.devices
    monkeypatch.setattr(jax, "devices", lambda *kind: real())
    cl = np.linspace(1, 3, 3)
    got = SYSTEM.solved_with(device="gpu").predict(cl=cl, time=T, events=DOSE)
    assert got.diagnostics["backend"] == "diffrax"
    assert "graphics" in got.diagnostics["fallback"]
    want = SYSTEM.predict(cl=cl, time=T, events=DOSE)["conc"]
    np.testing.assert_allclose(got["conc"], want, rtol=1e-4, atol=1e-6)


def test_many_states_take_the_sparse_solver() -> None:
    n = 210
    system = many(n)
    result = system.predict(time=[0, 1.0])
    assert result.diagnostics["backend"] == "large"
    np.testing.assert_allclose(result["total"][0], n, rtol=1e-6)


def many(n: int) -> OdeSystem:
    from catena.core.spec import Field, Schema

    return OdeSystem(
        ModelInfo(id="test.many", backend="jax"),
        Schema([Field("x", shape=("cell",), default=[1.0] * n)]), "k = 1",
        lambda t, y, p, u: {"x": p["k"] * (jnp.roll(y["x"], 1) - y["x"])},
        "total (time)", lambda t, y, p, u: {"total": y["x"].sum()},
    )  # fmt: skip


def _rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
    return {"x": -p["k"] * y["x"]}


def _look(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
    return dict(y)


def test_a_system_travels_without_its_machine_code() -> None:
    system = OdeSystem(ModelInfo(id="test.travel", backend="jax"), "x = 1", "k = 1", _rhs,
                       "x (time)", _look)  # fmt: skip
    before = system.predict(time=[0, 1.0])["x"]
    copied = pickle.loads(pickle.dumps(system))
    np.testing.assert_array_equal(copied.predict(time=[0, 1.0])["x"], before)
