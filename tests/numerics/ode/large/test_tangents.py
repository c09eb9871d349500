import jax.numpy as jnp
import numpy as np
import pytest
from problems import bump, call, flat, reacting
from test_kernel import algebraic

from catena.numerics.ode.kernel.calls import Seeds
from catena.numerics.ode.large import LargeKernel
from catena.numerics.ode.large import kernel as kernel_module

CELLS = 40
TIMES = [0.0, 0.3, 1.0]
TOLERANCE = (1e-9, 1e-11, 10_000)


def dosed():
    """React with an infusion and a dose that multiplies."""
    inner = reacting(CELLS)

    def rhs(t, y, p, s):
        return inner(t, y, p, s).at[3].add(s[0] * p[1])

    def dose(t, y, p, s, a):
        return y.at[5].add(a * p[2] * (1.0 + y[5]))

    return flat(
        CELLS, rhs, lambda p: jnp.asarray(bump(CELLS)) * (1.0 + p[1]), parameters=3, ns=1,
        actions=(dose,), outputs=lambda t, y, p, s: jnp.stack([y.sum() * p[0], y[5] + t * s[0]]),
        no=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def kernel():
    return LargeKernel.build(dosed())


P = np.array([0.1, 0.7, 0.5])
AMOUNT = np.array([0.3, 1.1])
SEGMENT = np.array([[0.2], [0.9]])
START = bump(CELLS)


def asked(p=P, amount=AMOUNT, segment=SEGMENT, y0=None, times=TIMES):
    return call(times, p, slot_time=np.array([[0.3]]), slot_action=np.array([[1, 1]]),
                slot_amount=amount[None], segment=segment[None],
                y0=None if y0 is None else y0[None])  # fmt: skip


def difference(kernel, run, step=1e-5):
    return (run(step).out[0] - run(-step).out[0]) / (2 * step)


def test_derivatives_match_central_differences(kernel):
    dp, da, ds = np.array([1.0, 0.3, -0.4]), np.array([0.5, 1.0]), np.array([[1.0], [-2.0]])
    seeds = Seeds(3, p=np.stack([dp, 0 * dp, 0 * dp])[None],
                  amount=np.stack([0 * da, da, 0 * da])[None],
                  segment=np.stack([0 * ds, 0 * ds, ds])[None])  # fmt: skip
    found = kernel.run_tangents(asked(), seeds, *TOLERANCE, time_slopes=True)
    plain = kernel.run(asked(), *TOLERANCE)
    np.testing.assert_array_equal(found.out, plain.out)
    runs = [
        lambda e: kernel.run(asked(P + e * dp), *TOLERANCE),
        lambda e: kernel.run(asked(amount=AMOUNT + e * da), *TOLERANCE),
        lambda e: kernel.run(asked(segment=SEGMENT + e * ds), *TOLERANCE),
    ]
    for k, run in enumerate(runs):
        np.testing.assert_allclose(
            found.tangents[0, k], difference(kernel, run), rtol=2e-6, atol=2e-6
        )
    later = kernel.run(asked(times=[0.0, 0.5 - 1e-5, 0.5 + 1e-5]), *TOLERANCE).out[0]
    there = kernel.run_tangents(asked(times=[0.5]), seeds, *TOLERANCE, time_slopes=True)
    np.testing.assert_allclose(there.time_slopes[0, 0], (later[2] - later[1]) / 2e-5, rtol=1e-5)


def test_derivative_by_the_initial_state(kernel):
    direction = np.random.default_rng(0).standard_normal(CELLS)
    seeds = Seeds(1, y0=direction[None, None])
    found = kernel.run_tangents(asked(y0=START), seeds, *TOLERANCE)
    expected = difference(kernel, lambda e: kernel.run(asked(y0=START + e * direction), *TOLERANCE))
    np.testing.assert_allclose(found.tangents[0, 0], expected, rtol=2e-6, atol=2e-6)


def test_derivatives_are_those_of_the_discrete_solution(kernel):
    """At a coarse tolerance they match the fine ones only as well as the states do."""
    seeds = Seeds(1, p=np.eye(3)[None, 1:2])
    coarse = kernel.run_tangents(asked(), seeds, 1e-4, 1e-6, 1000)
    fine = kernel.run_tangents(asked(), seeds, *TOLERANCE)
    np.testing.assert_allclose(coarse.tangents, fine.tangents, rtol=1e-3)


def test_many_directions_go_in_passes(kernel, monkeypatch):
    seeds = Seeds(3, p=np.eye(3)[None])
    whole = kernel.run_tangents(asked(), seeds, 1e-6, 1e-8, 1000).tangents
    monkeypatch.setattr(kernel_module, "PASS", 2)
    parts = kernel.run_tangents(asked(), seeds, 1e-6, 1e-8, 1000).tangents
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_algebraic_states_have_derivatives():
    kernel = LargeKernel.build(algebraic(30))
    p = np.array([0.5])

    def given(p):
        return call([0.0, 1.0, 2.0, 3.0], p, slot_time=np.array([[2.0]]),
                    slot_action=np.array([[0, 1]]), slot_amount=np.array([[0.0, 1.0]]),
                    segment=np.zeros((1, 2, 0)))  # fmt: skip

    found = kernel.run_tangents(
        given(p), Seeds(1, p=np.ones((1, 1, 1))), *TOLERANCE, time_slopes=True
    )
    expected = difference(kernel, lambda e: kernel.run(given(p + e), *TOLERANCE))
    np.testing.assert_allclose(found.tangents[0, 0], expected, rtol=1e-5, atol=1e-8)
    x, z = found.out[0, 1, :-1], found.out[0, 1, -1]
    slope = -0.5 * x * z
    np.testing.assert_allclose(found.time_slopes[0, 1, :-1], slope, rtol=1e-9)
    np.testing.assert_allclose(found.time_slopes[0, 1, -1], 2 * (x * slope).sum(), rtol=1e-6)
