import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.kernel.unsupported import KernelUnsupported
from catena.numerics.ode.large.pattern import jacobian_pattern

enable_x64()

N = 12
INDEX = np.array([3, 3, 0, 11, 7])
WEIGHT = np.diag(np.arange(N)) + np.diag(np.ones(N - 1), 1)


def scanned(y):
    return jax.lax.scan(lambda c, x: (0.5 * c + x, c * x), y[0], y[1:])[1]


# Each has one numerical Jacobian that is nonzero wherever its structure is.
FUNCTIONS = {
    "elementwise": lambda y: jnp.exp(y) * y,
    "slices": lambda y: y[1:-1] * (y[2:] - y[:-2]),
    "roll": lambda y: jnp.roll(y, 2),
    "reversed": lambda y: y[::-1] + y,
    "strided": lambda y: y[::3],
    "pad": lambda y: jnp.diff(jnp.pad(y, 1, constant_values=2.0), 2),
    "stack": lambda y: jnp.stack([y, 2 * y], 1).reshape(-1),
    "transposed": lambda y: y.reshape(3, 4).T.ravel(),
    "gather": lambda y: y[INDEX] ** 2,
    "segment_sum": lambda y: jnp.zeros(4).at[np.arange(N) % 4].add(y * y),
    "set": lambda y: y.at[INDEX[1:]].set(y[:4] * 3.0),
    "sum": lambda y: y.reshape(3, 4).sum(1) * jnp.ones(3),
    "total": lambda y: 3.0 * y - y.sum(),
    "cumsum": lambda y: jnp.cumsum(y * y),
    "constant matrix": lambda y: jnp.asarray(WEIGHT) @ y,
    "batched matrix": lambda y: jnp.einsum(
        "bij,bj->bi", jnp.ones((3, 4, 4)), y.reshape(3, 4)
    ).ravel(),
    "outer": lambda y: jnp.outer(y[:3], y[3:6]).ravel(),
    "mask": lambda y: y * jnp.asarray(np.arange(N) % 2.0) + 0.0,
    "where": lambda y: jnp.where(np.arange(N) < 5, y, y[::-1]),
    "jit": lambda y: jax.jit(lambda z: z[:5] * z[5:10])(y),
    "relu": lambda y: jax.nn.softplus(y)[:4],
    "scan": scanned,
    "cond": lambda y: jax.lax.cond(y[0] > -9.0, lambda z: z[1:4], lambda z: z[1:4] * 2, y),
    "clip": lambda y: jnp.clip(y, 0.0, 99.0),
    "broadcast": lambda y: (y[:, None] * jnp.ones((1, 3))).ravel(),
    "split": lambda y: jnp.split(y, 3)[1],
    "dynamic slice": lambda y: jax.lax.dynamic_slice(y, (2,), (5,)),
    "integer": lambda y: jnp.floor(y) + jnp.round(y) * 2.0 + jnp.sign(y),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pattern_is_that_of_the_numerical_jacobian(name):
    function = FUNCTIONS[name]
    y = np.random.default_rng(1).uniform(0.3, 2.0, N)
    found = jacobian_pattern(function, [(N,)], 0).toarray() != 0
    truth = np.asarray(jax.jacfwd(function)(y)) != 0
    if name == "scan":  # all turns of a loop are taken together
        assert (found | ~truth).all()
    else:
        np.testing.assert_array_equal(found, truth)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["roll", "slice", "square", "gather", "sum", "mix"]), max_size=5),
       st.integers(0, 99))  # fmt: skip
def test_pattern_never_misses_an_entry(steps, seed):
    generator = np.random.default_rng(seed)

    def function(y):
        for step in steps:
            m = y.shape[0]
            if step == "roll":
                y = y + jnp.roll(y, 1)
            elif step == "slice":
                y = jnp.concatenate([y[1:], y[:1] * 2.0])
            elif step == "square":
                y = y * y
            elif step == "gather":
                y = y[generator.integers(0, m, m)]
            elif step == "sum":
                y = y.at[0].add(y[: m // 2].sum())
            else:
                y = jnp.asarray(generator.random((m, m)) > 0.7, float) @ y
        return y

    closed = jax.make_jaxpr(function)(np.ones(6))
    fixed = jax.extend.core.jaxpr_as_fun(closed)
    found = jacobian_pattern(lambda y: fixed(y)[0], [(6,)], 0).toarray() != 0
    truth = np.asarray(jax.jacfwd(lambda y: fixed(y)[0])(generator.uniform(0.5, 1.0, 6))) != 0
    assert (found | ~truth).all()


def test_unknown_primitive_depends_on_everything():
    found = jacobian_pattern(jnp.sort, [(5,)], 0)
    assert found.nnz == 25


def test_other_arguments_carry_no_dependence():
    found = jacobian_pattern(lambda t, y, p: t * p.sum() + y, [(), (4,), (3,)], 1)
    np.testing.assert_array_equal(found.toarray(), np.eye(4))


def test_a_hundred_thousand_states_take_a_moment():
    found = jacobian_pattern(lambda y: jnp.diff(jnp.pad(y * y, 1), 2), [(100_000,)], 0)
    assert found.nnz == 299_998


def test_full_jacobian_is_refused_by_name():
    with pytest.raises(KernelUnsupported, match="sort") as caught:
        jacobian_pattern(lambda y: jnp.sort(y), [(100_000,)], 0)
    assert "test_pattern.py" in caught.value.source
