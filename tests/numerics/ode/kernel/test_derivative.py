"""Derivatives on the graph equal JAX's, stay sparse, and survive branches not taken."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from catena.core import registry
from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.kernel.derivative import jacobian, pushforward
from catena.numerics.ode.kernel.graph import Graph, evaluate, order
from catena.numerics.ode.kernel.primitives import lower, trace
from catena.numerics.ode.kernel.unsupported import KernelUnsupported

enable_x64()


def build(function, size):
    """Return the graph of a function of one vector, its input nodes and its output nodes."""
    graph = Graph()
    y = graph.inputs("y", size)
    (out,) = lower(trace(function, (size,)), graph, [y])
    return graph, y.tolist(), out.ravel().tolist()


def dense(graph, entries, shape, inputs):
    found = np.zeros(shape)
    values = evaluate(graph, list(entries.values()), inputs)
    for place, value in zip(entries, values, strict=True):
        found[place] = value
    return found


def check(function, point, rtol=1e-12, atol=1e-13):
    """Compare the Jacobian, one tangent and the derivative of the tangent with JAX."""
    point = np.asarray(point, dtype=float)
    size = point.size
    graph, y, out = build(function, size)
    direction = np.cos(np.arange(size) + 0.5)
    entries = jacobian(graph, out, y)
    seeds = dict(zip(y, graph.inputs("dy", size).tolist(), strict=True))
    first = pushforward(graph, out, seeds)
    second = pushforward(graph, first, seeds)
    inputs = {"y": point, "dy": direction}

    def along(z):
        return jax.jvp(function, (z,), (jnp.asarray(direction),))[1]

    expected = jax.jit(jax.jacfwd(function))(point)
    found = dense(graph, entries, (len(out), size), inputs)
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=rtol, atol=atol)
    slopes, curves = jax.jit(lambda z: jax.jvp(along, (z,), (jnp.asarray(direction),)))(point)
    np.testing.assert_allclose(
        np.array(evaluate(graph, first, inputs)), np.ravel(slopes), rtol=rtol, atol=atol
    )
    np.testing.assert_allclose(
        np.array(evaluate(graph, second, inputs)), np.ravel(curves), rtol=rtol, atol=atol
    )


SMOOTH = {
    "arithmetic": lambda y: y[0] * y[1] - y[2] / y[1] + (-y[0]) * 3.0 / (1.0 + y[2]),
    "powers": lambda y: (
        y[0] ** 3 + y[1] ** -2 + y[2] ** 1.5 + y[0] ** 2.3 + y[1] ** y[2] + 2 ** y[0]
    ),
    "roots": lambda y: jnp.sqrt(y[0]) * jnp.cbrt(y[1]) + lax.rsqrt(y[2]),
    "exponentials": lambda y: jnp.exp(y[0]) * jnp.log(y[1]) + jnp.expm1(y[2]) * jnp.log1p(y[0]),
    "trigonometric": lambda y: jnp.sin(y[0]) * jnp.cos(y[1]) + jnp.tan(0.3 * y[2]),
    "inverse": lambda y: jnp.arcsin(0.3 * y[0]) + jnp.arccos(0.3 * y[1]) * jnp.arctan(y[2]),
    "atan2": lambda y: jnp.arctan2(y[0], y[1]) * y[2],
    "hyperbolic": lambda y: jnp.sinh(y[0]) * jnp.cosh(y[1]) + jnp.tanh(y[2]),
    "inverse_hyperbolic": lambda y: (
        jnp.arcsinh(y[0]) + jnp.arccosh(1 + y[1]) * jnp.arctanh(0.2 * y[2])
    ),
    "erf": lambda y: jax.scipy.special.erf(y[0]) * y[1] + jax.scipy.special.erfc(y[2]),
    "logistic": lambda y: jax.nn.sigmoid(y) * y[::-1],
    "kinks": lambda y: jnp.abs(y[0] - y[1]) * y[2] + jnp.sign(y[0]) * y[1] + jnp.floor(y[0]) * y[1],
    "choices": lambda y: jnp.maximum(y[0], y[1] * y[2]) + jnp.where(y[0] > 1, y[1] ** 2, y[2]),
    "remainder": lambda y: jnp.mod(5.0 * y[0], y[1]) * y[2] + lax.rem(-7.0 * y[0], y[2]),
    "matrix": lambda y: jnp.cumsum(y) * jnp.linalg.norm(y) + jnp.outer(y, y) @ y,
    "softmax": lambda y: jax.nn.softmax(y) * jax.nn.logsumexp(2 * y),
    "loop": lambda y: lax.fori_loop(0, 5, lambda i, c: jnp.sin(c) * y[1] + c, y[0] * y),
    "many_uses": lambda y: sum(jnp.exp(-(y * k) * y) * jnp.prod(y) for k in (1.0, 2.0)) * y.sum(),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_equal_jax(name):
    check(SMOOTH[name], [0.7, 1.9, 1.3], rtol=2e-12)


def test_lgamma_has_one_derivative():
    graph, y, out = build(lambda y: jax.scipy.special.gammaln(y), 1)
    slope = jacobian(graph, out, y)
    (found,) = evaluate(graph, list(slope.values()), {"y": np.array([2.5])})
    assert found == pytest.approx(jax.scipy.special.digamma(2.5).item(), rel=1e-13)
    with pytest.raises(KernelUnsupported, match="digamma"):
        jacobian(graph, list(slope.values()), y)


def test_ties_are_halved_as_in_jax():
    def function(y):
        return jnp.maximum(y, 0.0) + jnp.minimum(y[0], y[1]) + jnp.abs(y)

    check(function, [0.0, 0.0])


BRANCHES = {
    "log": lambda y: jnp.where(y > 0.5, jnp.log(y), y),
    "sqrt": lambda y: jnp.where(y > 0.0, jnp.sqrt(y), 0.0) ** 2 + y,
    "ratio": lambda y: jnp.where(jnp.abs(y) < 1e-9, 1.0, jnp.expm1(y) / y),
    "power": lambda y: jnp.where(y > 0.0, y**0.3, y),
    "chained": lambda y: 3.0 * jnp.where(y > 0.0, jnp.exp(1.0 / y), y) * y[1],
    "merged": lambda y: (
        jnp.where(y > 0, jnp.sqrt(y) * y, 0.0) - jnp.where(y > 1, jnp.sqrt(y), 0.0) + y
    ),
    "max": lambda y: jnp.maximum(y + 1.0, jnp.sqrt(jnp.abs(y))),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_not_taken_never_poisons(name):
    """Where even JAX gives NaN (0 * inf), differences of the function itself are the truth."""
    function, point, step = BRANCHES[name], np.array([0.0, 0.3]), 1e-7
    graph, y, out = build(function, 2)
    entries = jacobian(graph, out, y)
    found = dense(graph, entries, (2, 2), {"y": point})
    assert np.isfinite(found).all()
    for column in range(2):
        move = np.zeros(2)
        move[column] = step
        slope = (function(jnp.asarray(point + move)) - function(jnp.asarray(point - move))) / 2e-7
        np.testing.assert_allclose(found[1, column], slope[1], rtol=1e-5, atol=1e-6)


def test_custom_rules_are_not_followed():
    """A stiff solver needs the slope of what is computed, whatever JAX is told to report."""

    @jax.custom_jvp
    def double(y):
        return 2.0 * y

    double.defjvp(lambda primals, tangents: (double(*primals), 0.0 * tangents[0]))
    graph, y, out = build(lambda y: double(y) + lax.stop_gradient(y), 1)
    assert [graph.values[k] for k in jacobian(graph, out, y).values()] == [3.0]


def test_powers_at_zero():
    graph = Graph()
    x, h = graph.input("y", 0), graph.input("p", 0)
    out = graph.apply("pow", x, h)
    entries = jacobian(graph, [out], [x, h])
    for exponent, slope in ((2.5, 0.0), (1.0, 1.0), (0.0, 0.0)):
        inputs = {"y": np.zeros(1), "p": np.array([exponent])}
        found = dense(graph, entries, (1, 2), inputs)
        np.testing.assert_array_equal(found, [[slope, 0.0]])


def test_structure_is_sparse():
    graph, y, out = build(lambda y: jnp.diff(y) * y[:-1] + 0.0 * y[-1] + jnp.floor(y[1:]), 5)
    assert set(jacobian(graph, out, y)) == {(i, j) for i in range(4) for j in (i, i + 1)}
    assert jacobian(graph, [graph.const(3.0)], y) == {}
    assert pushforward(graph, [out[0]], {y[4]: graph.one}) == [graph.zero]


def test_outputs_may_be_inputs_constants_or_equal():
    graph, y, _ = build(lambda y: y, 2)
    assert jacobian(graph, [y[1], graph.one, y[1]], y) == {(0, 1): graph.one, (2, 1): graph.one}


def test_a_chain_is_swept_once_whatever_the_number_of_columns():
    def chain(y):
        x = y[0]
        for state in y[1:]:
            x = x * state
        for _ in range(50):
            x = jnp.sin(x)
        return x

    def growth(size):
        graph, y, out = build(chain, size)
        before = len(order(graph, out))
        return len(order(graph, [*out, *jacobian(graph, out, y).values()])) - before

    # Fifty links cost two operations each, plus a handful per column.
    assert growth(10) < 2 * 50 + 6 * 10


_UNARY = [jnp.exp, jnp.sin, jnp.arctan, jax.nn.sigmoid, jnp.cumsum, lambda a: a[::-1], jnp.abs,
          lambda a: jnp.sqrt(1.0 + a * a), lambda a: jnp.where(a > 0.2, a * a, 0.1 * a)]  # fmt: skip
_PAIRS = [jnp.add, jnp.subtract, jnp.multiply, jnp.maximum, lambda a, b: a / (1.5 + b * b),
          lambda a, b: jnp.where(a < b, a, b * b), lambda a, b: a * jnp.dot(a, b),
          lambda a, b: (1.0 + a * a) ** jnp.tanh(b)]  # fmt: skip


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.booleans(), *[st.integers(0, 99)] * 3), min_size=2, max_size=7),
    st.lists(st.floats(-1.5, 1.5, width=32), min_size=3, max_size=3).map(np.array),
)
def test_random_functions(choices, point):
    def function(y):
        pool = [y, jnp.asarray([0.5, 0.0, 1.0])]
        for pair, which, first, second in choices:
            a, b = pool[first % len(pool)], pool[second % len(pool)]
            table = _PAIRS if pair else _UNARY
            value = table[which % len(table)](*((a, b) if pair else (a,)))
            pool.append(2.0 * jnp.tanh(0.5 * value))
        return sum(pool[2:]) + y

    check(function, point + np.array([0.0123, -0.0076, 0.0031]), rtol=1e-9, atol=1e-9)


def test_pattern_of_the_body_model_equals_the_nonzeros_of_jax():
    model = registry.load("body.pbpk")
    sizes = {field.name: len(field.labels or (1,)) for field in model.parameters}
    ends, size = np.cumsum(list(sizes.values())).tolist(), model.layout.size

    def rhs(t, y, p):
        values = {}
        for field, end in zip(model.parameters, ends, strict=True):
            part = p[end - sizes[field.name] : end]
            values[field.name] = part if field.shape else part[0]
        if model.derive is not None:
            values |= model.derive(values)
        return model.layout.join(model.rhs(t, model.layout.split(y), values, {}), "rhs")

    graph = Graph()
    t, y, p = graph.inputs("t", 1), graph.inputs("y", size), graph.inputs("p", ends[-1])
    (out,) = lower(trace(rhs, (), (size,), (ends[-1],)), graph, [t, y, p])
    entries = jacobian(graph, out.tolist(), y.tolist())
    rng, seen = np.random.default_rng(3), np.zeros((size, size), dtype=bool)
    exact = jax.jit(jax.jacfwd(rhs, argnums=1))
    for _ in range(3):
        point, person = rng.uniform(0.1, 2.0, size), rng.uniform(0.1, 1.0, ends[-1])
        inputs = {"t": np.zeros(1), "y": point, "p": person}
        expected = np.asarray(exact(0.0, point, person))
        found = dense(graph, entries, (size, size), inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
        seen |= expected != 0.0
    assert set(entries) == set(zip(*map(np.ndarray.tolist, np.nonzero(seen)), strict=True))
