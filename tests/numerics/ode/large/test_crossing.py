import jax.numpy as jnp
import numpy as np
import pytest
from problems import call, flat

from catena.numerics.ode.kernel.calls import Seeds
from catena.numerics.ode.large import LargeKernel, crossing

N = 5


def falling(on_crossing, **others):
    """A ball over a floor, with other states that decay; p = (gravity, rebound)."""

    def rhs(t, y, p, s):
        return jnp.concatenate([jnp.stack([y[1], -p[0]]), -y[2:]])

    return flat(
        N, rhs, np.array([1.0, 0.0, 1.0, 1.0, 1.0]), parameters=2,
        actions=(lambda t, y, p, s, a: y.at[1].set(-p[1] * y[1]).at[0].set(0.0),),
        crossings=lambda t, y, p, s: -y[:1], on_crossing=(on_crossing,), **others,
    )  # fmt: skip


def test_ball_bounces_when_it_should():
    kernel = LargeKernel.build(falling(1))
    times = np.linspace(0.0, 1.1, 12)
    found = kernel.run(call(times, [9.81, 0.8]), 1e-8, 1e-10, 1000)
    hit = np.sqrt(2 / 9.81)
    after = times - hit
    truth = np.where(
        after < 0, 1 - 9.81 / 2 * times**2, 0.8 * np.sqrt(2 * 9.81) * after - 9.81 / 2 * after**2
    )
    np.testing.assert_allclose(found.out[0, :, 0], truth, atol=1e-8)


def test_terminal_crossing_ends_the_row_well():
    kernel = LargeKernel.build(falling(-1))
    found = kernel.run(call([0.1, 1.0, 2.0], [9.81, 0.8]), 1e-8, 1e-10, 1000)
    assert found.code[0] == 6
    assert found.time[0] == pytest.approx(np.sqrt(2 / 9.81), abs=1e-9)
    # What is asked for later is the last state.
    np.testing.assert_allclose(found.out[0, 1], found.state[0])
    np.testing.assert_allclose(found.out[0, 2], found.state[0])


def test_dying_bounces_are_an_event_storm(monkeypatch):
    monkeypatch.setattr(crossing, "EVENT_LIMIT", 40)
    kernel = LargeKernel.build(falling(1))
    found = kernel.run(call([3.0], [9.81, 0.0]), 1e-6, 1e-9, 50_000)
    assert found.code[0] == 5


def test_switch_of_the_right_hand_side_is_landed_on():
    def rhs(t, y, p, s):
        return jnp.where(y[0] > 1.0, -y, 1.0) * jnp.ones(N)

    system = flat(N, rhs, np.zeros(N), crossings=lambda t, y, p, s: y[:1] - 1.0, on_crossing=(0,))
    found = LargeKernel.build(system).run(call([3.0]), 1e-6, 1e-9, 60)
    assert found.code[0] in (0, 1)


def test_slot_sets_off_a_crossing_and_that_another():
    system = flat(
        3, lambda t, y, p, s: jnp.zeros(3), np.zeros(3),
        actions=(lambda t, y, p, s, a: y.at[0].add(a), lambda t, y, p, s, a: y.at[1].add(1.0),
                 lambda t, y, p, s, a: y.at[2].add(1.0)),
        crossings=lambda t, y, p, s: jnp.stack([y[0] - 1.0, y[1] - 0.5]), on_crossing=(2, 3),
    )  # fmt: skip
    found = LargeKernel.build(system).run(
        call([0.5, 1.0, 2.0], slot_time=np.array([[1.0]]), slot_action=np.array([[0, 1]]),
             slot_amount=np.array([[0.0, 2.0]]), segment=np.zeros((1, 2, 0))),
        1e-6, 1e-9, 100,
    )  # fmt: skip
    np.testing.assert_array_equal(found.out[0], [[0, 0, 0], [2, 1, 1], [2, 1, 1]])


def test_derivative_accounts_for_the_moment_of_the_bounce():
    kernel = LargeKernel.build(falling(1))
    times = np.array([0.2, 0.6, 0.9])
    p = np.array([9.81, 0.8])
    seeds = Seeds(2, p=np.eye(2)[None])
    found = kernel.run_tangents(call(times, p), seeds, 1e-9, 1e-11, 1000, time_slopes=True)
    g, e = p
    hit = np.sqrt(2 / g)
    after = times - hit
    by_rebound = np.where(after < 0, 0, np.sqrt(2 * g) * after)
    moved = 0.5 * np.sqrt(2.0) * g**-1.5  # minus the derivative of the moment
    by_gravity = np.where(
        after < 0, -(times**2) / 2,
        e * after / np.sqrt(2 * g) + e * np.sqrt(2 * g) * moved - after**2 / 2 - g * after * moved,
    )  # fmt: skip
    np.testing.assert_allclose(found.tangents[0, 0, :, 0], by_gravity, atol=1e-7)
    np.testing.assert_allclose(found.tangents[0, 1, :, 0], by_rebound, atol=1e-7)
    np.testing.assert_allclose(found.time_slopes[0, :, 0], found.out[0, :, 1], atol=1e-12)


def test_derivative_passes_through_what_an_event_sets_off():
    """A clock stops at p, which starts a second clock; a third event adds to it at once."""

    def rhs(t, y, p, s):
        return jnp.stack([1.0 + 0.0 * y[0], y[2], 0.0 * y[0]])

    system = flat(
        3, rhs, np.zeros(3), parameters=1,
        actions=(lambda t, y, p, s, a: y.at[2].set(2.0), lambda t, y, p, s, a: y.at[1].add(t**2)),
        crossings=lambda t, y, p, s: jnp.stack([y[0] - p[0], y[2] - 1.0]), on_crossing=(1, 2),
    )  # fmt: skip
    found = LargeKernel.build(system).run_tangents(
        call([2.0], [0.7]), Seeds(1, p=np.ones((1, 1, 1))), 1e-9, 1e-11, 1000
    )
    np.testing.assert_allclose(found.out[0, 0, 1], 2 * 1.3 + 0.7**2, rtol=1e-9)
    np.testing.assert_allclose(found.tangents[0, 0, 0, 1], -2 + 2 * 0.7, rtol=1e-8)
