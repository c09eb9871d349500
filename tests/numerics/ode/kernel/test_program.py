"""The compiled stepper: values, stops, failures, threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from catena.core.errors import SolverError
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Call, Outcome
from catena.numerics.ode.kernel.program import Kernel
from catena.numerics.ode.kernel.workspace import CODES
from tests.numerics.ode.kernel import flat_systems as systems

RTOL = 1e-9


def solve(flat: Flat, call: Call, rtol: float = RTOL, **options: Any) -> Outcome:
    kernel = options.pop("kernel", None) or Kernel.build(flat)
    options.setdefault("max_steps", 100_000)
    return kernel.run(call, rtol, np.full(flat.n, options.pop("atol", 1e-3 * rtol)), **options)


def stepwise(flat: Flat, call: Call, row: int) -> np.ndarray:
    """Follow one row's slots with SciPy."""

    def pick(array: np.ndarray) -> np.ndarray:
        return array[row if len(array) > 1 else 0]

    p, times, stops = pick(call.p), pick(call.times), pick(call.slot_time)
    actions, amounts, segments = map(pick, (call.slot_action, call.slot_amount, call.segment))
    t, y, out = float(pick(call.start)), np.asarray(flat.initial(p)), []

    def act(slot: int, t: float, y: np.ndarray) -> np.ndarray:
        number = int(actions[slot])
        if not number:
            return y
        return np.asarray(
            flat.actions[number - 1](t, jnp.asarray(y), p, segments[slot], amounts[slot])
        )

    y = act(0, t, y)
    for slot in range(len(stops) + 1):
        end = stops[slot] if slot < len(stops) else times[-1]
        wanted = times[(times >= t) & ((times < end) | (slot == len(stops)))]
        if end > t:
            path = solve_ivp(
                lambda t, y, s=segments[slot]: np.asarray(flat.rhs(t, jnp.asarray(y), p, s)),
                (t, end), y, "LSODA", rtol=1e-11, atol=1e-13, dense_output=True,
            )  # fmt: skip
            out += [
                np.asarray(flat.outputs(w, jnp.asarray(path.sol(w)), p, segments[slot]))
                for w in wanted
            ]
            t, y = end, path.y[:, -1]
        if slot < len(stops):
            y = act(slot + 1, t, y)
    return np.array(out)


def test_decay_is_exact_to_tolerance_for_many_rows() -> None:
    rates, times = np.geomspace(1e-3, 1e6, 37), np.linspace(0.0, 2.0, 9)
    outcome = solve(systems.decay(), systems.call(rates[:, None], times), rtol=1e-8, atol=1e-12)
    assert (outcome.code == CODES["OK"]).all()
    exact = np.exp(-rates[:, None] * times)
    assert np.abs(outcome.out[:, :, 0] - exact).max() < 1e-7
    np.testing.assert_allclose(outcome.state[:, 0], outcome.out[:, -1, 0])


def test_doses_dilutions_and_segments_agree_with_scipy() -> None:
    flat, call = systems.mixed(), systems.mixed_call(3)
    outcome = solve(flat, call)
    for row in range(3):
        np.testing.assert_allclose(
            outcome.out[row], stepwise(flat, call, row), rtol=2e-7, atol=1e-8
        )


def test_output_at_a_stop_is_the_value_after_it() -> None:
    flat = systems.mixed()
    call = systems.mixed_call(1)
    at = replace(call, times=np.array([[1.0, 1.0 + 1e-9]]))
    before = replace(call, times=np.array([[1.0 - 1e-9, 1.0 - 1e-9]]))
    kernel = Kernel.build(flat)
    here, there = (solve(flat, c, kernel=kernel).out[0] for c in (at, before))
    np.testing.assert_allclose(here[0], here[1], rtol=1e-6)
    assert not np.allclose(here[0], there[0], rtol=1e-3)


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_width_does_not_matter(lanes: int) -> None:
    flat, call = systems.mixed(), systems.mixed_call(11)
    usual = solve(flat, call)
    other = solve(flat, call, kernel=Kernel.build(flat, lanes=lanes))
    np.testing.assert_allclose(other.out, usual.out, rtol=1e-12, atol=1e-13)


def test_threads_and_neighbours_leave_every_bit() -> None:
    flat, call = systems.mixed(), systems.mixed_call(50)
    kernel = Kernel.build(flat)
    one = solve(flat, call, kernel=kernel, threads=1)
    two = solve(flat, call, kernel=kernel, threads=2)
    np.testing.assert_array_equal(one.out, two.out)
    alone = [solve(flat, replace(call, rows=1, p=call.p[[row]]), kernel=kernel) for row in (0, 17)]
    np.testing.assert_array_equal(one.out[[0, 17]], [a.out[0] for a in alone])


def test_given_initial_states_replace_those_of_the_system() -> None:
    call = systems.call([[1.0], [1.0]], [0.0, 1.0], y0=np.array([[2.0], [3.0]]))
    outcome = solve(systems.decay(), call)
    np.testing.assert_allclose(outcome.out[:, :, 0], [[2, 2 / np.e], [3, 3 / np.e]], rtol=1e-8)


def test_order_of_a_nonlinear_time_dependent_problem() -> None:
    # dy/dt = -y^3 + cos t + sin^3 t has the solution sin t.
    flat = Flat(1, 0, 0, 1, lambda t, y, p, s: -(y**3) + jnp.cos(t) + jnp.sin(t) ** 3,
                lambda t, y, p, s: y, lambda p: jnp.zeros(1))  # fmt: skip
    kernel = Kernel.build(flat)
    errors, steps = [], []
    for rtol in (1e-6, 1e-10):
        outcome = solve(flat, systems.call(np.zeros((1, 0)), [3.0]), rtol, kernel=kernel)
        errors.append(abs(outcome.out[0, 0, 0] - np.sin(3.0)))
        steps.append(outcome.steps[0])
    assert np.log(errors[0] / errors[1]) / np.log(steps[1] / steps[0]) > 3.7


def test_mass_matrix_and_consistent_start() -> None:
    p, times = np.linspace(0.1, 0.9, 9)[:, None], np.array([0.0, 1.0, 2.0])
    outcome = solve(systems.algebraic(), systems.call(p, times))
    y = 1 / (p + (1 - p) * np.exp(times))
    np.testing.assert_allclose(outcome.out[:, :, 0], y, rtol=1e-8)
    np.testing.assert_allclose(outcome.out[:, :, 1], p * y**2, rtol=1e-6)


def test_structurally_singular_system_is_refused() -> None:
    flat = replace(
        systems.algebraic(), rhs=lambda t, y, p, s: jnp.stack([-y[0] + y[1], y[0] - p[0]])
    )
    with pytest.raises(SolverError, match="cannot be solved for all states"):
        # The algebraic equation holds no algebraic state: index 2, or without pivot at all.
        Kernel.build(replace(flat, rhs=lambda t, y, p, s: jnp.stack([-y[0], y[0] - p[0]])))


def test_failures_have_code_time_and_state_and_leave_the_others() -> None:
    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        grow = jnp.stack([p[0] * y[0] ** 2, -y[1]])
        return jnp.where(p[0] > 2, jnp.stack([-y[0], jnp.sqrt(1 - t)]), grow)

    flat = Flat(2, 1, 0, 2, rhs, lambda t, y, p, s: y, lambda p: jnp.ones(2))
    call = systems.call([[0.1], [1.0], [3.0], [0.2], [np.nan]], [0.5, 2.0])
    outcome = solve(flat, call)
    wanted = ["OK", "TOO_SMALL", "NOT_A_NUMBER", "OK", "NOT_A_NUMBER"]
    assert list(outcome.code) == [CODES[name] for name in wanted]
    np.testing.assert_allclose(outcome.time, [2.0, 1.0, 1.0, 2.0, 0.0], atol=1e-6)
    assert list(outcome.worst[[1, 2]]) == [0, 1]
    good = outcome.out[[0, 3], :, 0]
    np.testing.assert_allclose(good, 1 / (1 - np.array([[0.1], [0.2]]) * [0.5, 2.0]), rtol=1e-7)
    assert np.isfinite(outcome.out[1, 0]).all()
    assert np.isnan(outcome.out[1, 1]).all()


def test_singular_matrix_is_named() -> None:
    flat = Flat(
        2, 1, 0, 2,
        lambda t, y, p, s: jnp.stack([-y[0], (y[1] - 1) * jnp.where(p[0] > 1, 0.0, 1.0)]),
        lambda t, y, p, s: y, lambda p: jnp.ones(2), mass=np.diag([1.0, 0.0]),
    )  # fmt: skip
    outcome = solve(flat, systems.call([[0.5], [2.0]], [1.0]))
    assert list(outcome.code) == [CODES["OK"], CODES["SINGULAR"]]


def test_too_many_steps() -> None:
    outcome = solve(systems.decay(), systems.call([[1.0], [1e-9]], [50.0]), max_steps=20)
    assert list(outcome.code) == [CODES["TOO_MANY"], CODES["OK"]]
    assert 0 < outcome.time[0] < 50


def test_interrupting_stops_all_threads() -> None:
    flat = systems.decay()
    rows = 20_000
    call = systems.call(np.linspace(1, 2, rows)[:, None], np.linspace(0, 50, 3))

    def stop(begun: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(flat, call, rtol=1e-13, threads=2, progress=stop)
    assert not [t for t in threading.enumerate() if t.name.startswith("catena-ode")]


def test_progress_reports_rows() -> None:
    seen: list[int] = []
    call = systems.call(np.linspace(1, 2, 3_000)[:, None], [50.0])
    solve(systems.decay(), call, rtol=1e-12, threads=1, progress=seen.append)
    assert seen
    assert seen[-1] <= 3_000
