"""State events: where they are found, what they set off, when they are too many."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.program import Kernel
from catena.numerics.ode.kernel.workspace import CODES
from tests.numerics.ode.kernel import flat_systems as systems

BALLS = np.array([[9.81, 0.8, 1.0], [9.81, 0.9, 2.0], [5.0, 0.7, 1.5]])


def test_bouncing_ball_is_exact() -> None:
    times = np.array([0.2, 0.6, 1.0, 1.4])
    outcome = Kernel.build(systems.ball()).run(
        systems.call(BALLS, times), 1e-9, np.full(2, 1e-12), 10_000
    )
    exact = [[systems.height(p, t) for t in times] for p in BALLS]
    np.testing.assert_allclose(outcome.out[:, :, 0], exact, atol=1e-9)


def test_events_without_end_are_reported_as_a_storm() -> None:
    outcome = Kernel.build(systems.ball()).run(
        systems.call(BALLS, [50.0]), 1e-9, np.full(2, 1e-12), 100_000
    )
    assert (outcome.code == CODES["STORM"]).all()
    first = np.sqrt(2 * BALLS[:, 2] / BALLS[:, 0])
    rest = first + 2 * first * BALLS[:, 1] / (1 - BALLS[:, 1])
    np.testing.assert_allclose(outcome.time, rest, rtol=1e-6)


def test_terminal_event_ends_the_row_and_holds_its_state() -> None:
    flat = Flat(1, 1, 0, 1, lambda t, y, p, s: p * y, lambda t, y, p, s: y, lambda p: jnp.ones(1),
                crossings=lambda t, y, p, s: y - 2.0, on_crossing=(-1,))  # fmt: skip
    outcome = Kernel.build(flat).run(
        systems.call([[0.5], [2.0]], [0.2, 5.0]), 1e-9, np.full(1, 1e-12), 10_000
    )
    assert (outcome.code == CODES["TERMINAL"]).all()
    np.testing.assert_allclose(outcome.time, np.log(2) / np.array([0.5, 2.0]), rtol=1e-8)
    np.testing.assert_allclose(outcome.out[:, 1, 0], 2.0, rtol=1e-8)


def test_one_event_sets_off_another() -> None:
    # At y = 1 the first action lifts y to 3, past the second threshold, which resets it to 0.
    flat = Flat(
        1, 1, 0, 1, lambda t, y, p, s: p, lambda t, y, p, s: y, lambda p: jnp.zeros(1),
        actions=(lambda t, y, p, s, a: 0.0 * y + 3.0, lambda t, y, p, s, a: 0.0 * y),
        crossings=lambda t, y, p, s: jnp.concatenate([y - 1.0, y - 2.0]), on_crossing=(1, 2),
    )  # fmt: skip
    times = np.arange(0.25, 4.5, 0.5)
    outcome = Kernel.build(flat).run(systems.call([[1.0]], times), 1e-9, np.full(1, 1e-12), 10_000)
    np.testing.assert_allclose(outcome.out[0, :, 0], times % 1.0, atol=5e-8)


def test_discontinuity_is_landed_on() -> None:
    # The slope changes sign where y reaches 1; without a stop there the error would be larger.
    flat = Flat(
        2, 1, 0, 2,
        lambda t, y, p, s: jnp.stack([jnp.where(y[1] > 1.0, -5.0, 1.0) + 0.0 * t, p[0] + 0.0 * t]),
        lambda t, y, p, s: y, lambda p: jnp.zeros(2),
        crossings=lambda t, y, p, s: y[1:] - 1.0, on_crossing=(0,),
    )  # fmt: skip
    rates = np.array([0.3, 0.7, 1.3])
    outcome = Kernel.build(flat).run(
        systems.call(rates[:, None], [4.0]), 1e-9, np.full(2, 1e-12), 10_000
    )
    turn = 1 / rates
    np.testing.assert_allclose(outcome.out[:, 0, 0], turn - 5 * (4.0 - turn), atol=5e-8)
    assert (outcome.steps + outcome.refused < 100).all()


def test_output_at_the_moment_of_an_event_is_the_value_after_it() -> None:
    # A clock rings at t = 2, whatever the state does; so do the outputs asked for there.
    flat = Flat(
        1, 1, 0, 1, lambda t, y, p, s: -p * y, lambda t, y, p, s: y, lambda p: jnp.ones(1),
        actions=(lambda t, y, p, s, a: y + 5.0,),
        crossings=lambda t, y, p, s: jnp.reshape(t - 2.0, (1,)), on_crossing=(1,),
    )  # fmt: skip
    rates = np.array([0.1, 1.0, 3.0])
    outcome = Kernel.build(flat).run(
        systems.call(rates[:, None], [1.9, 2.0, 2.1]), 1e-9, np.full(1, 1e-12), 10_000
    )
    after = np.exp(-2.0 * rates) + 5.0
    np.testing.assert_allclose(outcome.out[:, 0, 0], np.exp(-1.9 * rates), rtol=1e-7)
    np.testing.assert_allclose(outcome.out[:, 1, 0], after, rtol=1e-7)
    np.testing.assert_allclose(outcome.out[:, 2, 0], after * np.exp(-0.1 * rates), rtol=1e-7)
