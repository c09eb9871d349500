"""Lowering: every supported JAX function gives JAX's own numbers; the rest is refused by name."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from catena.core.errors import BackendError
from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.kernel.graph import Graph, evaluate, order
from catena.numerics.ode.kernel.primitives import RULES, lower, trace
from catena.numerics.ode.kernel.unsupported import KernelUnsupported

enable_x64()

TABLE = np.array([0.5, 1.5, 2.5, 4.0])
MATRIX = np.arange(12.0).reshape(3, 4) - 5.0


def lowered(function, *values):
    """Return the values of a function through the graph, and the graph."""
    values = [np.asarray(value, dtype=float) for value in values]
    graph, arguments, inputs = Graph(), [], {}
    for k, value in enumerate(values):
        nodes = graph.inputs(f"g{k}", value.size)
        arguments.append(nodes.reshape(value.shape))
        inputs[f"g{k}"] = value.ravel()
    (ids,) = lower(trace(function, *(v.shape for v in values)), graph, arguments)
    found = evaluate(graph, ids.ravel().tolist(), inputs)
    return np.array(found).reshape(ids.shape), graph, ids


def check(function, *values, rtol=1e-14, atol=0.0):
    expected = np.asarray(jax.jit(function)(*values))
    found, _, _ = lowered(function, *values)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=rtol, atol=atol)


@jax.custom_vjp
def tripled(x):
    return 3.0 * x


tripled.defvjp(lambda x: (tripled(x), None), lambda _, g: (3.0 * g,))

EXACT = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y - 2.0,
    "mul": lambda x, y: x * y * 3.0,
    "div": lambda x, y: x / y + 1.0 / y + x / 4.0,
    "neg": lambda x, y: -x + -(y - x),
    "square": lambda x, y: jnp.square(x) + y**3 + y**-2,
    "integer_pow": lambda x, y: x**7 + (x * y) ** -5,
    "max": lambda x, y: jnp.maximum(x, y) - jnp.minimum(x, 0.3),
    "abs": lambda x, y: jnp.abs(x) + jnp.sign(y),
    "select": lambda x, y: jnp.where(x > y, x, 2 * y) + jnp.where(True, x, y),
    "compare": lambda x, y: (
        1.0 * (x < y) + 2.0 * (x <= y) + 4.0 * (x >= 0.5) + (x == y) + 8.0 * (x != 1.0)
    ),
    "logic": lambda x, y: 1.0 * (((x > 0) & (y > 0)) | ~(x > y)) + ((x > 0) ^ (y > 0)),
    "bool_equality": lambda x, y: 1.0 * ((x > 0) == (y > 0)) + ((x > 0) != (y > 1)),
    "bool_where": lambda x, y: jnp.where(jnp.where(x > 0, y > 0, y > 1), x, y),
    "to_bool": lambda x, y: x.astype(bool) * y,
    "floor": lambda x, y: jnp.floor(3 * x) + jnp.ceil(3 * y) + jnp.round(5 * x) + jnp.trunc(2 * y),
    "round_away": lambda x, y: lax.round(2 * x, lax.RoundingMethod.AWAY_FROM_ZERO),
    "round_decimals": lambda x, y: jnp.round(x, 2),
    "rem": lambda x, y: lax.rem(x, y) + jnp.mod(x, y),
    "floor_divide": lambda x, y: x // y,
    "clip": lambda x, y: jnp.clip(x, -0.5, 0.5) + lax.clamp(0.0, y, 1.0),
    "whole_numbers": lambda x, y: (3 * x).astype(int) // 2 + (x > y).astype(int) * 2,
    "is_finite": lambda x, y: 1.0 * jnp.isfinite(x / (y - y[0])) + jnp.isnan(x),
    "concatenate": lambda x, y: jnp.concatenate([x, y[1:], TABLE]),
    "stack": lambda x, y: jnp.stack([x, y, TABLE], axis=1),
    "unstack": lambda x, y: sum(k * v for k, v in enumerate(jnp.unstack(x * y))),
    "slice": lambda x, y: x[1:3] - y[::2] + x[-1] * y[2],
    "reverse": lambda x, y: x[::-1] - jnp.flip(y),
    "reshape": lambda x, y: (x.reshape(2, 2) @ jnp.eye(2)).T + y.reshape(2, 2),
    "transpose": lambda x, y: jnp.transpose((x[:, None] * y)[None], (2, 0, 1)),
    "squeeze": lambda x, y: jnp.squeeze(x[None, :, None]) + jnp.expand_dims(y, 0)[0],
    "broadcast": lambda x, y: jnp.broadcast_to(x[:, None], (4, 3)) * y[0],
    "pad": lambda x, y: lax.pad(x, y[0], [(1, 2, 1)]) + lax.pad(y, 0.0, [(-1, 8, 0)])[:10],
    "split": lambda x, y: jnp.split(x, 2)[1] + jnp.array_split(y, 3)[0],
    "tile": lambda x, y: jnp.tile(x, 2) + jnp.repeat(y, 2),
    "roll": lambda x, y: jnp.roll(x, 1) - jnp.diff(y, prepend=0.0),
    "iota": lambda x, y: x * lax.iota(int, 4) + jnp.arange(4) * y + jnp.linspace(0.0, 1.0, 4),
    "gather_list": lambda x, y: x[jnp.array([3, 0, -1])] + y[np.array([1, 1, 2])],
    "gather_rows": lambda x, y: (x[:, None] * y)[jnp.array([2, 0])],
    "gather_pairs": lambda x, y: (x[:, None] * y)[jnp.array([2, 0]), jnp.array([1, 3])],
    "gather_column": lambda x, y: (x[:, None] * TABLE)[:, jnp.array([1, 1])],
    "gather_fill": lambda x, y: x.at[jnp.array([1, 9])].get(mode="fill", fill_value=7.0),
    "gather_clip": lambda x, y: x.at[jnp.array([1, 9])].get(mode="clip"),
    "take_along": lambda x, y: jnp.take_along_axis(x.reshape(2, 2), jnp.array([[1], [0]]), axis=1),
    "known_gather": lambda x, y: x[:2] * jnp.asarray(TABLE)[jnp.array([3, 1])],
    "at_set": lambda x, y: x.at[1].set(y[0]).at[jnp.array([0, 3])].set(y[:2]),
    "at_add": lambda x, y: x.at[jnp.array([1, 1, 2])].add(y[:3]).at[0].add(-1.0),
    "at_multiply": lambda x, y: x.at[2].multiply(y[2]).at[1:3].multiply(2.0),
    "at_extremes": lambda x, y: x.at[:2].max(y[:2]).at[2:].min(y[2:]),
    "at_block": lambda x, y: jnp.zeros((3, 4)).at[1].set(x).at[:, 2].add(y[:3]),
    "at_drop": lambda x, y: x.at[jnp.array([1, 9])].set(y[:2], mode="drop"),
    "dynamic_slice": lambda x, y: lax.dynamic_slice(x, (9,), (2,)) + y[:2],
    "dynamic_update": lambda x, y: lax.dynamic_update_slice(x, y[:2], (1,)),
    "cummax": lambda x, y: lax.cummax(x) + lax.cummin(y, reverse=True),
    "argmax": lambda x, y: jnp.argmax(x) + 2.0 * jnp.argmin(y),
    "argmax_of_truth": lambda x, y: jnp.argmax(x > 0.5) * y + jnp.argmin(x < 0.5),
    "first_case": lambda x, y: jnp.select([x > 1, y > 1], [x, y], 0.5),
    "reduce_max": lambda x, y: jnp.max(x) + jnp.min(y) + 1.0 * jnp.any(x > 1) + jnp.all(y > 0),
    "fori_loop": lambda x, y: lax.fori_loop(0, 4, lambda i, c: c * x[i] + y[i], y[0]),
    "scan": lambda x, y: jnp.concatenate(
        [jnp.atleast_1d(v) for v in lax.scan(lambda c, a: (c * a, c + a), y[0], x)]
    ),
    "scan_reverse": lambda x, y: lax.scan(lambda c, a: (c - a, c), y[0], x, reverse=True)[1],
    "while": lambda x, y: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x),
                                         (0, y))[1],
    "cond_known": lambda x, y: lax.cond(TABLE[0] > 0, lambda a: a + 1.0, lambda a: a - 1.0, x),
    "cond": lambda x, y: lax.cond(x[0] > y[0], lambda a: a * 2.0, lambda a: a + 1.0, y),
    "switch": lambda x, y: lax.switch(2, [lambda a: a, lambda a: a + 1.0, lambda a: a * 3.0], x),
    "switch_traced": lambda x, y: lax.switch(
        (9 * x[0]).astype(int), [lambda a: a, lambda a: a + 1.0, lambda a: a * 3.0], y
    ),
    "select_n": lambda x, y: lax.select_n((x > 0).astype("int32") + (y > 0), x, y, x + y),
    "piecewise": lambda x, y: jnp.piecewise(x, [x < 0, x > 1], [0.0, lambda z: 2 * z, 5.0]),
    "searchsorted": lambda x, y: jnp.searchsorted(TABLE, 2.0) * x + jnp.searchsorted(
        TABLE, y, method="compare_all"
    ),
    "interp_known": lambda x, y: jnp.interp(0.7, TABLE, MATRIX[0]) * x + y,
    "relu": lambda x, y: jax.nn.relu(x) + jax.nn.leaky_relu(y),
    "custom_vjp": lambda x, y: tripled(x) + y,
    "random_numbers": lambda x, y: x * jax.random.uniform(jax.random.key(0), (4,)),
    "checkpoint": lambda x, y: jax.checkpoint(lambda a: a * y)(x),
    "vmap": lambda x, y: jax.vmap(lambda a, b: a * y[1] + b)(x, y),
}  # fmt: skip

CLOSE = {
    "div_constant": lambda x, y: x / y + y / 3.0,
    "cumsum": lambda x, y: jnp.cumsum(x) + jnp.cumprod(y) + lax.cumsum(x, reverse=True),
    "reduce_sum": lambda x, y: jnp.sum(x) + jnp.mean(y) + jnp.prod(x) + jnp.sum(x[:, None] * y, 1),
    "matmul": lambda x, y: MATRIX @ x + MATRIX @ y * jnp.dot(x, y),
    "einsum": lambda x, y: jnp.einsum("ij,j,k->ik", MATRIX, x, y) + jnp.outer(x, y)[:3],
    "batched_matmul": lambda x, y: jnp.einsum(
        "bij,bjk->bik", x.reshape(2, 2, 1), y.reshape(2, 1, 2)
    ),
    "norm": lambda x, y: jnp.linalg.norm(x) * y,
    "var": lambda x, y: jnp.var(x) + jnp.std(y),
    "exp": lambda x, y: jnp.exp(x) + jnp.exp2(y) + jnp.expm1(x),
    "log": lambda x, y: jnp.log(y) + jnp.log1p(y) + jnp.log2(y) + jnp.log10(y),
    "pow": lambda x, y: y**1.5 + y**-0.5 + y**x + 2.0**x + jnp.power(y, 2.3) + y**2.0,
    "sqrt": lambda x, y: jnp.sqrt(y) + lax.rsqrt(y) + jnp.cbrt(x) + jnp.hypot(x, y),
    "trigonometric": lambda x, y: jnp.stack([jnp.sin(x), jnp.cos(x), jnp.tan(y)]),
    "inverse": lambda x, y: jnp.arcsin(x / 9) + jnp.arccos(x / 9) + jnp.arctan(y),
    "atan2": lambda x, y: jnp.arctan2(x, y),
    "hyperbolic": lambda x, y: jnp.sinh(x) + jnp.cosh(x) + jnp.tanh(y),
    "inverse_hyperbolic": lambda x, y: jnp.arcsinh(x) + jnp.arccosh(1 + y) + jnp.arctanh(x / 9),
    "logistic": lambda x, y: jax.nn.sigmoid(x) + jax.nn.sigmoid(500 * y) + jax.nn.sigmoid(-90 * y),
    "activations": lambda x, y: jax.nn.softplus(x) + jax.nn.silu(y) + jax.nn.gelu(x),
    "softmax": lambda x, y: jax.nn.softmax(x) + jax.nn.logsumexp(y) + jnp.logaddexp(x, y),
    "erf": lambda x, y: jax.scipy.special.erf(x) + jax.scipy.special.erfc(y),
    "gamma": lambda x, y: jax.scipy.special.gammaln(y) + jax.scipy.special.digamma(y),
    "cumlogsumexp": lambda x, y: lax.cumlogsumexp(x) + y,
    "sinc_of_known": lambda x, y: x * jnp.sinc(TABLE) + jnp.linalg.solve(
        MATRIX[:, :3] + 9 * np.eye(3), np.ones(3)
    )[0] * y,
}  # fmt: skip


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=4) * 1.5, rng.uniform(0.2, 3.0, size=4)


@pytest.mark.parametrize("name", EXACT)
def test_same_bits_as_jax(name):
    for seed in range(3):
        check(EXACT[name], *inputs(seed), rtol=0)


@pytest.mark.parametrize("name", CLOSE)
def test_same_values_as_jax(name):
    for seed in range(3):
        # XLA sums in another order, turns x / 3 into x * (1 / 3), and errs by an ulp of its own.
        check(CLOSE[name], *inputs(seed), rtol=2e-14)


def test_nan_is_the_largest_for_argmax():
    check(lambda x: jnp.argmax(x) + 0.0, np.array([1.0, np.nan, 3.0, np.nan]))


def test_sums_of_nothing():
    check(lambda x: jnp.sum(x[:0]) + jnp.prod(x[:0]) + jnp.zeros(()), np.ones(3))


def test_known_parts_leave_no_nodes():
    def function(x):
        table = jnp.cumsum(jnp.exp(jnp.asarray(TABLE))) * MATRIX.sum()
        return x * table[jnp.argmax(table)]

    _, graph, ids = lowered(function, np.ones(()))
    assert {graph.ops[k] for k in order(graph, ids.ravel())} == {"input", "const", "mul"}


def test_a_constant_matrix_multiplies_only_where_it_is_not_zero():
    _, graph, ids = lowered(lambda x: jnp.diag(jnp.asarray(TABLE)) @ x, np.ones(4))
    ops = [graph.ops[k] for k in order(graph, ids.ravel())]
    assert ops.count("mul") == 4
    assert "add" not in ops


def test_repeated_calls_share_nodes():
    _, graph, ids = lowered(lambda x: jnp.exp(x) + jax.jit(jnp.exp)(x) * jnp.exp(x), np.ones(()))
    assert [graph.ops[k] for k in order(graph, ids.ravel())].count("exp") == 1


def test_unused_equations_are_not_refused():
    def function(x):
        jnp.sort(x)
        return x + 1.0

    check(function, np.ones(3))


REFUSED = {
    "sort": lambda x: jnp.sort(x),
    "cholesky": lambda x: jnp.linalg.cholesky(jnp.outer(x, x)),
    "dynamic_slice": lambda x: jnp.asarray(TABLE)[x[0].astype(int)],
    "gather": lambda x: jnp.asarray(TABLE)[x.astype(int)],
    "scatter": lambda x: x.at[x[0].astype(int)].set(1.0),
    "while": lambda x: lax.while_loop(lambda c: c[0] < 9.0, lambda c: 2 * c, x),
    "scan": lambda x: lax.fori_loop(0, 65, lambda i, c: c * x, x),
    "pure_callback": lambda x: jax.pure_callback(lambda a: a, x, x),
    "convert_element_type": lambda x: x.astype("float32"),
    "reduce_precision": lambda x: lax.reduce_precision(x, 8, 23),
}


@pytest.mark.parametrize("primitive", REFUSED)
def test_refused_by_primitive_and_line(primitive):
    with pytest.raises(KernelUnsupported) as caught:
        lowered(REFUSED[primitive], np.ones(3))
    error = caught.value
    assert isinstance(error, BackendError)
    assert error.primitive == primitive
    assert primitive in str(error)
    assert "test_primitives.py:" in error.source
    assert error.where == error.source
    assert error.fix
    assert error.to_dict()["details"]["primitive"] == primitive


def test_a_traced_index_names_what_to_declare_instead():
    for function in (
        lambda t: jnp.interp(t, TABLE, TABLE),
        lambda t: jnp.asarray(TABLE)[jnp.searchsorted(jnp.asarray(TABLE), t)],
        lambda t: lax.dynamic_update_slice(TABLE, jnp.ones(1), (t.astype(int),)),
    ):
        with pytest.raises(KernelUnsupported, match="forcing") as caught:
            lowered(function, np.ones(()))
        assert "OdeSystem" in caught.value.fix


def test_every_rule_is_for_a_primitive_jax_could_meet():
    assert {"scatter-add", "select_n", "lt_to", "erf", "pad", "split"} <= set(RULES)


# Random functions ------------------------------------------------------------------------

_UNARY = [jnp.exp, jnp.sin, jnp.tanh, jnp.arctan, jnp.abs, jnp.floor, jax.nn.sigmoid, jnp.square,
          lambda a: jnp.log1p(jnp.abs(a)), lambda a: jnp.sqrt(1 + a * a), lambda a: -a,
          jnp.cumsum, lambda a: a[::-1], lambda a: a.at[1].add(a[0]),
          lambda a: jnp.where(a > 0.2, a, 0.1 * a)]  # fmt: skip
_PAIRS = [jnp.add, jnp.subtract, jnp.multiply, jnp.maximum, jnp.minimum,
          lambda a, b: a / (1.5 + b * b), lambda a, b: jnp.where(a < b, a, b * b),
          lambda a, b: a * jnp.sum(b), lambda a, b: jnp.dot(a, b) + a,
          lambda a, b: jnp.concatenate([a[:2], b[2:]]), lambda a, b: (1.0 + a * a) ** jnp.tanh(b),
          jnp.arctan2]  # fmt: skip


def expression(choices):
    """Return a function that grows a pool of values as the choices say."""

    def function(x, y):
        pool = [x, y, jnp.asarray([0.5, 0.0, 1.0])]
        for pair, which, first, second in choices:
            a, b = pool[first % len(pool)], pool[second % len(pool)]
            table = _PAIRS if pair else _UNARY
            value = table[which % len(table)](*((a, b) if pair else (a,)))
            pool.append(2.0 * jnp.tanh(0.5 * value))
        return sum(pool[2:]) + x

    return function


programs = st.lists(
    st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=8,
)
vectors = st.lists(st.floats(-2.0, 2.0, width=32), min_size=3, max_size=3).map(np.array)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(programs, vectors, vectors)
def test_random_functions(choices, x, y):
    function = expression(choices)
    # Steps (floor, comparisons) turn a last bit into a jump: keep away from them by a hair.
    x, y = x + 0.01234567, y - 0.00765432
    expected = np.asarray(function(jnp.asarray(x), jnp.asarray(y)))
    found, _, _ = lowered(function, x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
