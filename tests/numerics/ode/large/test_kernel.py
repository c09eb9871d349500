import threading

import jax.numpy as jnp
import numpy as np
import pytest
from problems import bump, call, diffusion, flat, reacting
from scipy.integrate import solve_ivp
from scipy.special import erfc

from catena.numerics.ode.kernel.tableau import RODAS4
from catena.numerics.ode.kernel.unsupported import KernelUnsupported
from catena.numerics.ode.large import LargeKernel

CELLS = 60
TIMES = [0.0, 0.05, 0.4, 1.0]


@pytest.fixture(scope="module")
def kernel():
    return LargeKernel.build(flat(CELLS, reacting(CELLS), bump(CELLS), parameters=3))


def test_agrees_with_radau_at_every_output_time(kernel):
    p = np.array([0.1, 0.7, 0.5])
    found = kernel.run(call(TIMES, p), 1e-8, 1e-10, 10_000)
    rhs = kernel.functions.rhs
    truth = solve_ivp(lambda t, y: rhs(t, y, p, np.zeros(0)), (0, 1), bump(CELLS), method="Radau",
                      rtol=1e-10, atol=1e-12, t_eval=TIMES).y.T  # fmt: skip
    assert found.code.tolist() == [0]
    np.testing.assert_allclose(found.out[0], truth, rtol=1e-7)
    np.testing.assert_array_equal(found.state[0], found.out[0, -1])


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_error_is_within_ten_tolerances(kernel, rtol):
    p = [0.1, 0.7, 0.5]
    found = kernel.run(call(TIMES, p), rtol, rtol * 1e-2, 10_000).out
    truth = kernel.run(call(TIMES, p), 1e-11, 1e-13, 10_000).out
    assert np.abs(found / truth - 1.0).max() < 10 * rtol


def test_advected_and_dispersed_front_is_the_analytic_one():
    """Ogata and Banks (1961): a step fed to a semi-infinite column."""
    cells, velocity, spread = 2000, 1.0, 0.02
    width = 4.0 / cells

    def rhs(t, y, p, s):
        inner = 0.5 * velocity * (y[1:] + y[:-1]) - spread * jnp.diff(y) / width
        # The face at the inlet holds the feed: one-sided difference of second order.
        entry = velocity - spread * (-8.0 / 3.0 + 3.0 * y[0] - y[1] / 3.0) / width
        flux = jnp.concatenate([entry[None], inner, velocity * y[-1:]])
        return -jnp.diff(flux) / width

    kernel = LargeKernel.build(flat(cells, rhs, np.zeros(cells)))
    found = kernel.run(call([1.0, 1.5]), 1e-7, 1e-9, 10_000)
    x = (np.arange(cells) + 0.5) * width
    for row, t in zip(found.out[0], (1.0, 1.5), strict=True):
        far = 2.0 * np.sqrt(spread * t)
        truth = 0.5 * (
            erfc((x - velocity * t) / far)
            + np.exp(velocity * x / spread) * erfc((x + velocity * t) / far)
        )
        assert np.nanmax(np.abs(row - truth)) < 5e-5  # of the cells, not of time


@pytest.mark.parametrize("cells", [200, 3000])
def test_closed_system_keeps_its_mass(cells):
    kernel = LargeKernel.build(flat(cells, diffusion(cells), bump(cells), parameters=1))
    found = kernel.run(call([0.1, 3.0], [0.2]), 1e-5, 1e-7, 10_000)
    total = found.out[0].sum(axis=1)
    np.testing.assert_allclose(total, bump(cells).sum(), rtol=1e-10)
    # And the slowest mode of the discrete system dies out as it should.
    rate = 0.2 * (2 * cells * np.sin(np.pi / (2 * cells))) ** 2
    np.testing.assert_allclose(
        found.out[0, 0] - 1, np.exp(-rate * 0.1) * (bump(cells) - 1), atol=1e-5
    )


@pytest.mark.parametrize(("method", "least"), [(RODAS4, 3.9), (None, 4.7)])
def test_observed_order(method, least):
    """Error per step when each interval between close stops takes exactly one step."""
    build = {} if method is None else {"method": method}
    kernel = LargeKernel.build(flat(8, reacting(8), bump(8), parameters=3), **build)
    p = [0.01, 0.7, 0.5]

    def run(steps):
        slots = np.linspace(0.0, 1.0, steps + 1)[1:-1]
        shape = (1, slots.size + 1)
        loose = call([1.0], p, slot_time=slots[None], slot_action=np.zeros(shape, np.int64),
                     slot_amount=np.zeros(shape), segment=np.zeros((*shape, 0)))  # fmt: skip
        found = kernel.run(loose, 1e2, 1e2, 10_000)
        assert found.steps[0] <= steps + 3
        return found.state[0]

    truth = kernel.run(call([1.0], p), 1e-12, 1e-14, 100_000).state[0]
    errors = [np.abs(run(steps) - truth).max() for steps in (8, 16, 32)]
    order = np.log2(np.array(errors[:-1]) / errors[1:])
    assert order.max() > least


def test_rows_are_independent_and_the_same_on_two_threads(kernel):
    p = np.random.default_rng(0).uniform(0.05, 0.8, (5, 3))
    one = kernel.run(call(TIMES, p), 1e-6, 1e-8, 10_000, threads=1)
    two = kernel.run(call(TIMES, p), 1e-6, 1e-8, 10_000, threads=2)
    np.testing.assert_array_equal(one.out, two.out)
    alone = kernel.run(call(TIMES, p[3]), 1e-6, 1e-8, 10_000)
    np.testing.assert_array_equal(one.out[3], alone.out[0])


def test_given_initial_state_replaces_the_own(kernel):
    start = 2.0 * bump(CELLS)
    found = kernel.run(call([0.0, 0.2], [0.1, 0.2, 0.0], y0=start[None]), 1e-6, 1e-8, 1000)
    np.testing.assert_array_equal(found.out[0, 0], start)


def test_slots_act_in_order_and_outputs_see_what_follows():
    """Add, then halve, at one moment; then infuse the last cell."""
    system = flat(
        3, lambda t, y, p, s: jnp.zeros(3).at[2].set(s[0]), np.array([1.0, 0.0, 0.0]), ns=1,
        actions=(lambda t, y, p, s, a: y.at[0].add(a), lambda t, y, p, s, a: y / 2),
    )  # fmt: skip
    kernel = LargeKernel.build(system)
    found = kernel.run(
        call([0.0, 0.5, 1.0, 2.0, 2.0], slot_time=np.array([[1.0, 1.0, 2.0, np.inf]]),
             slot_action=np.array([[1, 1, 2, 1, 0]]), slot_amount=np.array([[4.0, 3.0, 0, 2.0, 0]]),
             segment=np.array([[[0.0], [9.0], [6.0], [0.0], [0.0]]])),
        1e-6, 1e-9, 1000,
    )  # fmt: skip
    np.testing.assert_allclose(found.out[0, :, 0], [5, 5, 4, 6, 6])
    np.testing.assert_allclose(found.out[0, :, 2], [0, 0, 0, 6, 6], atol=1e-12)


def algebraic(n):
    """Cells that decay at a rate set by an algebraic total: 0 = z - sum of squares."""

    def rhs(t, y, p, s):
        return jnp.append(-p[0] * y[:-1] * y[-1], y[-1] - (y[:-1] ** 2).sum())

    def reset(t, y, p, s, a):
        return y.at[0].set(a)

    mass = np.append(np.ones(n), 0.0)
    return flat(
        n + 1, rhs, np.append(np.full(n, 0.1), 77.0), parameters=1, mass=mass, actions=(reset,)
    )


def test_algebraic_equation_holds_from_the_start_and_after_an_action():
    kernel = LargeKernel.build(algebraic(100))
    found = kernel.run(
        call([0.0, 1.0, 2.0, 3.0], [0.5], slot_time=np.array([[2.0]]), slot_action=np.array([[0, 1]]),
             slot_amount=np.array([[0.0, 1.0]]), segment=np.zeros((1, 2, 0))),
        1e-8, 1e-10, 1000,
    )  # fmt: skip
    assert found.code[0] == 0
    np.testing.assert_allclose(found.out[0, :, -1], (found.out[0, :, :-1] ** 2).sum(1), rtol=1e-7)
    # dx/dt = -0.5 * 100 x^3 until the action.
    np.testing.assert_allclose(found.out[0, 1, 0], 0.1 / np.sqrt(1 + 100 * 0.01), rtol=1e-7)
    assert found.out[0, 2, 0] == 1.0


def test_mass_matrix_off_the_diagonal_is_refused():
    mass = np.eye(4) + np.eye(4, k=1)
    with pytest.raises(KernelUnsupported, match="mass"):
        LargeKernel.build(flat(4, lambda t, y, p, s: y, np.ones(4), mass=mass))


def test_failures_carry_a_code_and_leave_other_rows_alone():
    def rhs(t, y, p, s):
        blow = jnp.where(p[0] > 1.5, y[7] ** 2, -y[7])
        broken = jnp.where((p[0] == 1.0) & (t > 0.5), jnp.nan, 0.0)
        return (-y).at[7].set(blow).at[3].add(broken)

    kernel = LargeKernel.build(flat(9, rhs, np.ones(9), parameters=1))
    found = kernel.run(call([0.1, 2.0], [[0.0], [1.0], [2.0]]), 1e-6, 1e-9, 5000)
    assert found.code.tolist() == [0, 3, 2]
    assert (found.worst[1], found.worst[2]) == (3, 7)
    assert found.time[1] == pytest.approx(0.5, abs=1e-6)
    assert found.time[2] == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(found.out[0, 1], np.exp(-2.0), rtol=1e-5)
    assert np.isnan(found.out[1:, 1]).all()
    assert np.isfinite(found.out[1:, 0]).all()
    few = kernel.run(call([2.0], [[0.0]]), 1e-6, 1e-9, 5)
    assert (few.code[0], few.steps[0]) == (1, 5)


def test_not_a_number_at_the_start_is_told():
    kernel = LargeKernel.build(flat(3, lambda t, y, p, s: jnp.log(y), np.array([1.0, -1.0, 1.0])))
    found = kernel.run(call([1.0]), 1e-6, 1e-9, 100)
    assert (found.code[0], found.worst[0], found.time[0]) == (3, 1, 0.0)


def test_unsolvable_algebraic_equation_is_singular():
    system = flat(
        2, lambda t, y, p, s: jnp.array([1.0, 1.0]) * y[0], np.ones(2), mass=np.array([1.0, 0])
    )
    assert LargeKernel.build(system).run(call([1.0]), 1e-6, 1e-9, 100).code[0] == 4


def test_exception_in_progress_ends_the_call(kernel):
    begun = []

    def stop(count):
        begun.append(count)
        raise KeyboardInterrupt

    p = np.tile([0.1, 0.7, 0.5], (40, 1))
    with pytest.raises(KeyboardInterrupt):
        kernel.run(call(np.linspace(0, 50, 200), p), 1e-9, 1e-11, 10_000, progress=stop)
    assert len(begun) == 1
    assert threading.active_count() < 20


def test_facts_name_what_was_found(kernel):
    facts = kernel.facts()
    assert facts["states"] == CELLS
    assert facts["method"] == "rodas5p"
