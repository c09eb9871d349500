from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.numerics.ode.cellml.expression import (
    Call,
    Name,
    Number,
    bernoulli,
    evaluate,
    names,
    power,
    renamed,
    scaled,
)

X = Call("plus", (Name("a"), Call("times", (Name("b"), Name("a")))))


def test_trees_list_rename_and_scale() -> None:
    assert list(names(X)) == ["a", "b", "a"]
    assert renamed(X, lambda name: Number(2.0) if name == "a" else Name(name)) == Call(
        "plus", (Number(2.0), Call("times", (Name("b"), Number(2.0))))
    )
    assert scaled(X, 1.0) is X
    assert scaled(Number(3.0), 2.0, 1.0) == Number(7.0)
    value = evaluate(scaled(X, 2.0, 1.0), {"a": 3.0, "b": 4.0}.__getitem__)
    assert float(value) == 31.0


@settings(deadline=None)
@given(st.floats(1e-3, 50.0), st.sampled_from([-1.0, 1.0]))
def test_bernoulli_is_the_quotient(size: float, sign: float) -> None:
    z = sign * size
    assert float(bernoulli(z)) == pytest.approx(z / math.expm1(z), rel=1e-12)


@settings(deadline=None)
@given(st.floats(-0.1, 0.1))
def test_bernoulli_is_smooth_through_zero(z: float) -> None:
    value, slope = jax.value_and_grad(bernoulli)(jnp.asarray(z))
    assert float(value) == pytest.approx(1 - z / 2 + z**2 / 12 - z**4 / 720, abs=1e-10)
    assert float(slope) == pytest.approx(-0.5 + z / 6 - z**3 / 180 + z**5 / 5040, abs=1e-10)


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0, 2.5])
def test_powers_of_zero_have_finite_derivatives(y: float) -> None:
    at = (jnp.asarray(0.0), jnp.asarray(y))
    value, slopes = jax.value_and_grad(power, (0, 1))(*at)
    _, pushed = jax.jvp(power, at, (jnp.asarray(1.0), jnp.asarray(1.0)))
    assert float(value) == (1.0 if y == 0.0 else 0.0)
    assert [float(s) for s in slopes] == [1.0 if y == 1.0 else 0.0, 0.0]
    assert float(pushed) == float(slopes[0])


@settings(deadline=None)
@given(st.floats(0.01, 10.0), st.floats(-4.0, 4.0))
def test_powers_elsewhere_are_the_usual_ones(x: float, y: float) -> None:
    value, (by_x, by_y) = jax.value_and_grad(power, (0, 1))(jnp.asarray(x), jnp.asarray(y))
    assert float(value) == pytest.approx(x**y, rel=1e-12)
    assert float(by_x) == pytest.approx(y * x ** (y - 1), rel=1e-10, abs=1e-12)
    assert float(by_y) == pytest.approx(math.log(x) * x**y, rel=1e-10, abs=1e-12)


def test_operators_trace_with_arguments_that_are_not_known() -> None:
    for op in ("power", "root", "log", "rem", "factorial"):
        tree = Call(op, (Name("a"), Name("b")) if op != "factorial" else (Name("a"),))

        def at(a: jax.Array, b: jax.Array, tree: Call = tree) -> jax.Array:
            return evaluate(tree, {"a": a, "b": b}.__getitem__)

        known = evaluate(tree, {"a": 3.0, "b": 2.0}.__getitem__)
        assert float(jax.jit(at)(3.0, 2.0)) == pytest.approx(float(known), rel=1e-14)


def test_zero_to_a_negative_power_is_infinite() -> None:
    assert float(power(jnp.asarray(0.0), jnp.asarray(-0.5))) == math.inf
