import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.large.jacobian import Jacobian
from catena.numerics.ode.large.pattern import entries_of

enable_x64()
N = 90
EMPTY = np.zeros(0)


def line(t, y, p, s):
    return jnp.diff(jnp.pad(y**3, 1), 2) + t * y


def pool(t, y, p, s):
    """All cells share one pool, the last state."""
    own, shared = y[:-1], y[-1]
    change = jnp.diff(jnp.pad(own, 1), 2) - own * shared**2
    return jnp.append(change, (own**2).sum() - shared)


def two_pools(t, y, p, s):
    change = pool(t, y, p, s)
    return change.at[0].add(jnp.sin(y).sum()).at[5:].add(y[0] * 0.1)


@pytest.mark.parametrize(("rhs", "border"), [(line, 0), (pool, 1), (two_pools, 2)])
def test_matrix_is_that_of_the_full_jacobian(rhs, border):
    jacobian = Jacobian(rhs, (N, 0, 0))
    assert (jacobian.border.size, jacobian.solver) == (border, "band")
    y = np.random.default_rng(0).uniform(0.5, 1.5, N)
    full = np.asarray(jax.jacfwd(rhs, 1)(0.3, y, EMPTY, EMPTY))
    values = jacobian.evaluate(0.3, y, EMPTY, EMPTY)
    assert values.finite()
    row, column = entries_of(jacobian.pattern)
    np.testing.assert_allclose(jacobian.entries(values), full[row, column], rtol=1e-12, atol=1e-12)
    mass, rows = np.linspace(1.0, 9.0, N), np.linspace(0.2, 2.0, N)
    right = np.random.default_rng(1).standard_normal((N, 3))
    plain = jacobian.factorise(values, mass)
    np.testing.assert_allclose(
        plain(right), np.linalg.solve(np.diag(mass) - full, right), atol=1e-10
    )
    np.testing.assert_allclose(plain(right[:, 1]), plain(right)[:, 1], atol=1e-12)
    scaled = jacobian.factorise(values, mass, rows)
    truth = np.linalg.solve(np.diag(mass) - rows[:, None] * full, right)
    np.testing.assert_allclose(scaled(right), truth, atol=1e-9)


def test_few_derivatives_serve_many_states():
    assert Jacobian(line, (2000, 0, 0)).colours == 3
    assert Jacobian(pool, (2000, 0, 0)).colours == 4
