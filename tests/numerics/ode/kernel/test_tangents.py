"""Derivatives of the discrete solution, against differences and exact solutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catena.numerics.ode.kernel.calls import Seeds
from catena.numerics.ode.kernel.program import PASS, Kernel
from tests.numerics.ode.kernel import flat_systems as systems

TIGHT = {"rtol": 1e-9, "max_steps": 100_000}


def test_parameters_amounts_and_segments() -> None:
    flat, call = systems.mixed(), systems.mixed_call(6)
    kernel = Kernel.build(flat)
    seeds = Seeds(5, np.zeros((1, 5, 3)), np.zeros((1, 5, 5)), np.zeros((1, 5, 5, 1)))
    assert seeds.p is not None
    assert seeds.amount is not None
    assert seeds.segment is not None
    seeds.p[0, :3] = np.eye(3)
    seeds.amount[0, 3, 2] = 1.0
    seeds.segment[0, 4, 2, 0] = 1.0
    atol = np.full(3, 1e-12)
    outcome = kernel.run_tangents(call, seeds, atol=atol, **TIGHT)
    plain = kernel.run(call, atol=atol, **TIGHT)
    np.testing.assert_allclose(outcome.out, plain.out, rtol=1e-11, atol=1e-12)
    assert outcome.tangents is not None

    def moved(direction: int, by: float) -> np.ndarray:
        other = replace(
            call,
            p=call.p + by * seeds.p[:, direction],
            slot_amount=call.slot_amount + by * seeds.amount[:, direction],
            segment=call.segment + by * seeds.segment[:, direction],
        )
        return kernel.run(other, 1e-12, np.full(3, 1e-14), 200_000).out

    for direction in range(5):
        slope = (moved(direction, 1e-5) - moved(direction, -1e-5)) / 2e-5
        np.testing.assert_allclose(outcome.tangents[:, direction], slope, rtol=1e-6, atol=2e-8)


def test_output_times() -> None:
    flat, call = systems.mixed(), systems.mixed_call(4)
    kernel = Kernel.build(flat)
    outcome = kernel.run_tangents(call, Seeds(1), atol=np.full(3, 1e-12), time_slopes=True, **TIGHT)
    shift = 1e-5 * np.array([0, 1, 1, 1, 1, 1, 1])
    later, earlier = (
        kernel.run(replace(call, times=call.times + by), 1e-12, np.full(3, 1e-14), 200_000).out
        for by in (shift, -shift)
    )
    slope = (later - earlier) / 2e-5
    assert outcome.time_slopes is not None
    np.testing.assert_allclose(outcome.time_slopes[:, 1:], slope[:, 1:], rtol=1e-6, atol=1e-8)


def test_initial_states_and_many_directions() -> None:
    kernel = Kernel.build(systems.decay())
    rates = np.array([0.5, 1.0, 2.0])
    call = systems.call(rates[:, None], [1.0], y0=np.ones((1, 1)))
    count = PASS + 3
    scale = np.arange(count, dtype=float)
    outcome = kernel.run_tangents(
        call, Seeds(count, y0=scale[None, :, None]), atol=np.full(1, 1e-12), **TIGHT
    )
    assert outcome.tangents is not None
    np.testing.assert_allclose(
        outcome.tangents[:, :, 0, 0], np.exp(-rates)[:, None] * scale, rtol=1e-8
    )


def test_state_events_move_with_the_parameters() -> None:
    kernel = Kernel.build(systems.ball())
    p = np.array([[9.81, 0.8, 1.0], [9.81, 0.9, 2.0], [5.0, 0.7, 1.5]])
    times = np.array([0.2, 0.6, 1.0, 1.4])
    outcome = kernel.run_tangents(
        systems.call(p, times), Seeds(3, np.eye(3)[None]), atol=np.full(2, 1e-12), **TIGHT
    )
    assert outcome.tangents is not None
    for direction in range(3):
        step = np.eye(3)[direction] * 1e-6
        slope = [
            [(systems.height(row + step, t) - systems.height(row - step, t)) / 2e-6 for t in times]
            for row in p
        ]
        np.testing.assert_allclose(outcome.tangents[:, direction, :, 0], slope, atol=5e-6)


def test_algebraic_states() -> None:
    kernel = Kernel.build(systems.algebraic())
    p, times = np.linspace(0.1, 0.9, 5)[:, None], np.array([0.0, 1.0, 2.0])
    outcome = kernel.run_tangents(
        systems.call(p, times), Seeds(1, np.ones((1, 1, 1))), atol=np.full(2, 1e-12), **TIGHT
    )
    exact = -(1 - np.exp(times)) / (p + (1 - p) * np.exp(times)) ** 2
    assert outcome.tangents is not None
    np.testing.assert_allclose(outcome.tangents[:, 0, :, 0], exact, rtol=1e-7, atol=1e-10)
