from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import CL, KA, V, driven, one_compartment
from test_calls import BUSY, INPUTS

from catena.core.errors import InputError
from catena.core.jaxconfig import enable_x64
from catena.core.values import Padded
from catena.numerics.ode import SolverSettings, kernel_derivative

enable_x64()
T = np.linspace(0.5, 12.0, 6)
PK = one_compartment(settings=SolverSettings(method="kernel", rtol=1e-10, atol=1e-12))
TABLE = PK.event_table([{"time": 0, "amt": 100, "cmt": "depot", "ii": 5, "addl": 1}])
POINT = jnp.asarray([KA, CL, V])


def exact(x: Any, amt: Any = 100.0, times: Any = T) -> Any:
    """Concentrations (t,) after two oral doses."""
    ka, k = x[0], x[1] / x[2]

    def one(s: Any) -> Any:
        curve = amt * ka / x[2] / (ka - k) * (jnp.exp(-k * s) - jnp.exp(-ka * s))
        return jnp.where(s >= 0, curve, 0.0)

    return one(times) + one(times - 5)


def conc(x: Any, amt: Any = None) -> Any:
    """The same by the kernel, inside a trace."""
    events = TABLE if amt is None else Padded({**TABLE.columns(), "amt": amt}, TABLE.mask)
    batch = {"ka": x[None, 0], "cl": x[None, 1], "v": x[None, 2], "time": T[None]}
    return PK.trace({**batch, "events": events})["conc"][0]


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_first_derivatives(mode: Callable[..., Any]) -> None:
    np.testing.assert_allclose(mode(conc)(POINT), mode(exact)(POINT), rtol=1e-7, atol=1e-9)


def test_second_derivatives() -> None:
    def loss(f: Any) -> Any:
        return lambda x: (f(x) ** 2).sum()

    got, want = jax.hessian(loss(conc))(POINT), jax.hessian(loss(exact))(POINT)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    np.testing.assert_allclose(got, got.T, rtol=1e-6)
    twice = jax.jacrev(jax.jacrev(loss(conc)))(POINT)
    np.testing.assert_allclose(twice, want, rtol=1e-6)


def test_a_batch_of_gradients_is_one_call_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    from catena.numerics.ode.kernel_backend import KernelRows

    calls: list[int] = []
    run = KernelRows.run_tangents

    def counting(self: Any, row: Any, directions: Any, size: int, **options: Any) -> Any:
        calls.append(size)
        return run(self, row, directions, size, **options)

    monkeypatch.setattr(KernelRows, "run_tangents", counting)
    points = POINT * jnp.linspace(0.8, 1.2, 20)[:, None]
    got = jax.jit(jax.vmap(jax.grad(lambda x: conc(x).sum())))(points)
    want = jax.vmap(jax.grad(lambda x: exact(x).sum()))(points)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)
    assert calls == [20]


def test_vmap_over_some_inputs_and_hessians_in_a_batch() -> None:
    cls = jnp.linspace(1.0, 3.0, 4)
    points = jnp.stack([jnp.full(4, KA), cls, jnp.full(4, V)], axis=1)

    def at(f: Any) -> Any:
        return lambda cl: f(jnp.asarray([KA, 0.0, V]).at[1].set(cl)).sum()

    np.testing.assert_allclose(jax.vmap(at(conc))(cls), jax.vmap(at(exact))(cls), rtol=1e-7)
    got = jax.jit(jax.vmap(jax.hessian(lambda x: conc(x).sum())))(points)
    want = jax.vmap(jax.hessian(lambda x: exact(x).sum()))(points)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_amounts_alone_and_mixed_with_parameters() -> None:
    amt = jnp.asarray(TABLE.columns()["amt"])
    f = lambda x, amt: conc(x, amt).sum()  # noqa: E731
    g = lambda x, amt: exact(x, amt[0, 0]).sum()  # noqa: E731
    np.testing.assert_allclose(jax.grad(f, 1)(POINT, amt)[0, 0], jax.grad(g, 1)(POINT, amt)[0, 0])
    mixed = jax.jacfwd(jax.grad(f, 1))(POINT, amt)[0, 0]
    np.testing.assert_allclose(mixed, jax.jacfwd(jax.grad(g, 1))(POINT, amt)[0, 0], rtol=1e-6)
    amounts = jnp.asarray([50.0, 100.0, 200.0])[:, None, None]
    got = jax.vmap(lambda amt: conc(POINT, amt))(amounts)
    np.testing.assert_allclose(got, jax.vmap(lambda a: exact(POINT, a[0, 0]))(amounts), rtol=1e-7)


def test_output_times_move() -> None:
    def at(times: Any) -> Any:
        batch = {"ka": POINT[None, 0], "cl": POINT[None, 1], "v": POINT[None, 2]}
        return PK.trace({**batch, "time": times[None], "events": TABLE})["conc"][0].sum()

    want = jax.grad(lambda times: exact(POINT, times=times).sum())(jnp.asarray(T))
    np.testing.assert_allclose(jax.grad(at)(jnp.asarray(T)), want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["constant", "linear", "cubic"])
def test_points_of_a_forcing(kind: str) -> None:
    system = driven(kind, settings=SolverSettings(method="kernel", rtol=1e-10, atol=1e-12))
    values = np.array([[0.5, 2.0, 3.0, 1.0]])
    table = Padded({"time": np.array([[1.0, 2.0, 4.0, 5.0]]), "value": values}, values > 0)

    def x(values: Any) -> Any:
        feed = Padded({"time": table.columns()["time"], "value": values}, table.mask)
        return system.trace({"k": np.full(1, 0.5), "time": T[None], "feed": feed})["x"][0]

    got, step = jax.jacrev(x)(values)[:, 0], 1e-5
    for k in range(4):
        unit = np.eye(4)[k] * step
        want = (x(values + unit) - x(values - unit)) / (2 * step)
        np.testing.assert_allclose(got[:, k], want, rtol=1e-5, atol=1e-8)
    many = jax.vmap(lambda s: x(s * values))(jnp.asarray([1.0, 2.0]))
    np.testing.assert_allclose(many[1], x(2 * values), rtol=1e-8)


def test_everything_that_may_move_at_once() -> None:
    """Heights of stimuli, amounts of infusions and actions, parameters: against differences."""
    system = BUSY.solved_with(method="kernel", rtol=1e-11, atol=1e-13)
    batch = dict(system.inputs.validate(INPUTS).values_)
    table = batch["events"]
    start = {"height": np.array([2.0]), "vmax": np.array([0.8]), "amt": table.columns()["amt"]}

    def loss(moved: Any) -> Any:
        events = Padded({**table.columns(), "amt": moved["amt"]}, table.mask)
        given = {**batch, "height": moved["height"], "vmax": moved["vmax"], "events": events}
        out = system.trace(given)
        return (out["x"] ** 2).sum() + out["z"].sum()

    got = jax.grad(loss)(start)
    hessian = jax.jacfwd(jax.grad(loss))(start)
    step = 1e-4
    for name, places in (("height", [0]), ("vmax", [0]), ("amt", [1, 2, 3])):
        for place in places:
            unit = np.zeros(start[name].size)
            unit[place] = step
            unit = unit.reshape(start[name].shape)
            up, down = ({**start, name: start[name] + s * unit} for s in (1, -1))
            if place != 2:  # a traced amount keeps its infusion's duration; a new table does not
                want = (loss(up) - loss(down)) / (2 * step)
                np.testing.assert_allclose(got[name].ravel()[place], want, rtol=1e-5)
            second = (jax.grad(loss)(up)["vmax"][0] - jax.grad(loss)(down)["vmax"][0]) / (2 * step)
            if place != 2:
                found = hessian["vmax"][name].ravel()[place]
                np.testing.assert_allclose(found, second, rtol=1e-4, atol=1e-6)


def test_an_edge_of_a_stimulus_has_no_derivative() -> None:
    with pytest.raises(InputError, match="every"):
        BUSY.jacobian(**INPUTS, of="x", wrt="every", mode="forward")

    def loss(every: Any) -> Any:
        batch = BUSY.inputs.validate(INPUTS).values_
        return BUSY.trace({**batch, "every": every})["x"].sum()

    with pytest.raises(InputError, match="moments"):
        jax.grad(loss)(np.array([3.0]))


def test_jacobians_of_the_model_by_forward_and_reverse_mode() -> None:
    forward, reverse = (
        BUSY.solved_with(method="kernel").jacobian(
            **{**INPUTS, "time": T[:2]}, of="x", wrt=("vmax", "height", "time"), mode=mode
        )
        for mode in ("forward", "reverse")
    )
    for key, value in forward.items():
        np.testing.assert_allclose(reverse[key], value, rtol=1e-9, atol=1e-12)


def test_steady_state_derivatives() -> None:
    table = PK.event_table([{"time": 0, "amt": 60, "cmt": "central", "ii": 12, "ss": 1}])

    def trough(cl: Any) -> Any:
        batch = {"ka": np.full(1, KA), "cl": cl, "v": np.full(1, V), "time": np.zeros((1, 1))}
        return PK.trace({**batch, "events": table})["conc"][0, 0]

    e = np.exp(-12 * CL / V)
    got = jax.jit(jax.grad(trough))(jnp.asarray([CL]))[0]
    np.testing.assert_allclose(got, -60 / V * e * 12 / V / (1 - e) ** 2, rtol=1e-6)
    many = jax.jit(jax.vmap(jax.grad(trough)))(jnp.asarray([[CL], [2 * CL]]))
    np.testing.assert_allclose(many[0, 0], got, rtol=1e-8)


def test_many_directions_take_the_diffrax_back_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_derivative, "MOST", 2)
    with caplog.at_level(logging.INFO):
        got = jax.jit(jax.grad(lambda x: conc(x).sum()))(POINT)
    assert "3 directions take the diffrax back end" in caplog.text
    want = jax.grad(lambda x: exact(x).sum())(POINT)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the closed form in the place of diffrax, whose nested derivatives compile for minutes."""

    def closed(self: Any, moving: Any, forward: bool = False) -> Any:
        given = {**self.leaves.named(), **moving}
        point = [given[f"p.{name}"][0] for name in ("ka", "cl", "v")]
        curve = exact(point, times=given["time"][0])
        return jnp.stack([curve, jnp.zeros_like(curve)], axis=-1)[None]

    monkeypatch.setattr(kernel_derivative._Bridge, "_by_diffrax", closed)


@pytest.mark.usefixtures("known")
def test_third_derivatives_take_the_diffrax_back_end(caplog: pytest.LogCaptureFixture) -> None:
    def third(f: Any) -> Any:
        return jax.jit(jax.jacfwd(jax.jacfwd(jax.jacfwd(lambda x: f(x).sum()))))(POINT)

    with caplog.at_level(logging.INFO):
        got = third(conc)
    assert "third derivatives" in caplog.text
    np.testing.assert_allclose(got, third(exact), rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("known")
def test_second_derivatives_with_moving_times_take_it_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def at(cl: Any, times: Any) -> Any:
        batch = {"ka": POINT[None, 0], "cl": cl[None], "v": POINT[None, 2]}
        return PK.trace({**batch, "time": times[None], "events": TABLE})["conc"][0].sum()

    def want(cl: Any, times: Any) -> Any:
        return exact([POINT[0], cl, POINT[2]], times=times).sum()

    where = (jnp.asarray(CL), jnp.asarray(T))
    with caplog.at_level(logging.INFO):
        got = jax.jacfwd(jax.grad(at, (0, 1)), (0, 1))(*where)
    assert "output times move" in caplog.text
    for mine, theirs in zip(jax.tree.leaves(got),
                            jax.tree.leaves(jax.jacfwd(jax.grad(want, (0, 1)), (0, 1))(*where)),
                            strict=True):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)
