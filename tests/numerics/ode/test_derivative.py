from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from systems import CL, KA, V, one_compartment, oral

from catena.core.errors import InputError
from catena.core.values import Padded
from catena.numerics.ode import OdeSystem

T = np.linspace(0.5, 12.0, 8)
EVENTS = [{"time": 0, "amt": 100, "cmt": "depot", "ii": 5, "addl": 1}]
SYSTEMS = {"stepper": one_compartment(), "expm": one_compartment(linear=True)}


def conc(ka: float = KA, cl: float = CL) -> np.ndarray:
    return oral(T, 100, ka=ka, cl=cl) + oral(T - 5, 100, ka=ka, cl=cl)


def slope(name: str) -> np.ndarray:
    at, h = {"ka": KA, "cl": CL}, 1e-5
    up, down = ({**at, name: at[name] + s} for s in (h, -h))
    return (conc(**up) - conc(**down)) / (2 * h)


@pytest.mark.parametrize("kind", list(SYSTEMS))
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobian_against_the_closed_form(kind: str, mode: Any) -> None:
    time = T if mode == "forward" else T[[1, 6]]
    got = SYSTEMS[kind].jacobian(time=time, events=EVENTS, of="conc", wrt=("ka", "cl"), mode=mode)
    for name in ("ka", "cl"):
        want = slope(name) if mode == "forward" else slope(name)[[1, 6]]
        np.testing.assert_allclose(got["conc", name][0], want, atol=2e-7)


def traced(system: OdeSystem, cl: Any, amt: Any, table: Padded) -> Any:
    import jax.numpy as jnp

    events = Padded({**table.columns(), "amt": amt}, table.mask)
    n = len(cl)
    batch = {"ka": jnp.full(n, KA), "cl": cl, "v": jnp.full(n, V), "time": np.tile(T, (n, 1))}
    return system.trace({**batch, "events": events})["conc"]


@pytest.mark.parametrize("kind", list(SYSTEMS))
def test_gradients_through_jax_in_both_modes(kind: str) -> None:
    import jax
    import jax.numpy as jnp

    system = SYSTEMS[kind]
    table = system.event_table(EVENTS)
    cl, amt = jnp.asarray([CL]), jnp.asarray(table.columns()["amt"])
    f = jax.jit(lambda cl, amt: traced(system, cl, amt, table).sum())
    by_cl, by_amt = jax.jit(jax.grad(f, argnums=(0, 1)))(cl, amt)
    np.testing.assert_allclose(by_cl[0], slope("cl").sum(), rtol=1e-5)
    np.testing.assert_allclose(by_amt[0, 0], conc().sum() / 100, rtol=1e-7)
    forward = jax.jit(jax.jacfwd(f))(cl, amt)
    np.testing.assert_allclose(forward, by_cl, rtol=1e-6)


def test_an_infusion_keeps_its_duration_when_its_amount_varies() -> None:
    import jax
    import jax.numpy as jnp

    system = SYSTEMS["stepper"]
    table = system.event_table([{"time": 0, "amt": 100, "rate": 50, "cmt": "central"}])
    cl, amt = jnp.asarray([CL]), jnp.asarray(table.columns()["amt"])
    value, by_amt = jax.value_and_grad(lambda amt: traced(system, cl, amt, table).sum())(amt)
    np.testing.assert_allclose(by_amt[0, 0], value / 100, rtol=1e-7)


def test_steady_state_has_its_exact_derivative() -> None:
    system = SYSTEMS["expm"]
    events = [{"time": 0, "amt": 60, "cmt": "central", "ii": 12, "ss": 1}]
    got = system.jacobian(time=[0.0], events=events, of="conc", wrt="cl")
    k, e = CL / V, np.exp(-12 * CL / V)
    assert k == pytest.approx(0.2)
    want = -60 / V * e * 12 / V / (1 - e) ** 2
    np.testing.assert_allclose(got["conc", "cl"][0, 0], want, rtol=1e-7)


def test_traced_event_times_are_refused() -> None:
    import jax

    system = SYSTEMS["expm"]
    table = system.event_table(EVENTS)

    def f(time: Any) -> Any:
        events = Padded({**table.columns(), "time": time}, table.mask)
        one = np.ones(1)
        return system.trace({"ka": one, "cl": one, "v": one, "time": T[None], "events": events})

    with pytest.raises(InputError, match="traced"):
        jax.jit(f)(table.columns()["time"])
