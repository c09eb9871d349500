from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catena.core.errors import DataError
from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.sbml.expression import evaluate, rates, substitute, symbols
from catena.numerics.ode.sbml.mathml import from_text

enable_x64()
X, Y = 1.7, 0.4
VALUES = {"x": X, "y": Y, "Pi": 5.0}


def value(text: str, time: float = 3.0) -> float:
    return float(evaluate(from_text(text), VALUES.__getitem__, time))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + y + 2", X + Y + 2),
        ("x - y", X - Y),
        ("-x", -X),
        ("x * y / 3", X * Y / 3),
        ("x ^ 2", X**2),
        ("x ** 2", X**2),
        ("x ^ -2", X**-2),
        ("x ^ y", X**Y),
        ("x ^ 0.5", X**0.5),
        ("2 ^ 3", 8.0),
        ("sqrt(x)", math.sqrt(X)),
        ("root(3, x)", X ** (1 / 3)),
        ("exp(x)", math.exp(X)),
        ("ln(x)", math.log(X)),
        ("log(x)", math.log(X)),
        ("log10(x)", math.log10(X)),
        ("log(3, x)", math.log(X, 3)),
        ("abs(-x)", X),
        ("floor(x)", 1.0),
        ("ceil(x)", 2.0),
        ("factorial(4)", 24.0),
        ("sin(x) + cos(x) + tan(y)", math.sin(X) + math.cos(X) + math.tan(Y)),
        ("sinh(x) + cosh(x) + tanh(y)", math.sinh(X) + math.cosh(X) + math.tanh(Y)),
        ("asin(y) + acos(y) + atan(x)", math.asin(Y) + math.acos(Y) + math.atan(X)),
        ("asinh(x) + acosh(x) + atanh(y)", math.asinh(X) + math.acosh(X) + math.atanh(Y)),
        ("sec(x) * cos(x)", 1.0),
        ("csc(x) * sin(x)", 1.0),
        ("cot(x) * tan(x)", 1.0),
        ("sech(x) * cosh(x)", 1.0),
        ("csch(x) * sinh(x)", 1.0),
        ("coth(x) * tanh(x)", 1.0),
        ("cos(arcsec(x))", 1 / X),
        ("sin(arccsc(x))", 1 / X),
        ("tan(arccot(x))", 1 / X),
        ("cosh(arcsech(y))", 1 / Y),
        ("sinh(arccsch(x))", 1 / X),
        ("tanh(arccoth(x))", 1 / X),
        ("min(x, y, 1)", Y),
        ("max(x, y, 1)", X),
        ("quotient(-7, 2)", -3.0),
        ("rem(-7, 2)", -1.0),
        ("pi", math.pi),
        ("exponentiale", math.e),
        ("Pi", 5.0),  # names are told apart by case: this is no circle's ratio
        ("time", 3.0),
        ("piecewise(1, x < y, 2, x < 2, 3)", 2.0),
        ("piecewise(1, x < y, 3)", 3.0),
        ("piecewise(1, true, 3)", 1.0),
        ("x > y", 1.0),
        ("x >= y && y <= x", 1.0),
        ("x < y || x != y", 1.0),
        ("!(x == y)", 1.0),
        ("xor(x > y, x > 0, x > 1)", 1.0),
        ("implies(x > y, x < y)", 0.0),
        ("0 < y < x", 1.0),
        ("0 < x < y", 0.0),
        ("2 * (x > y)", 2.0),
        ("1 / 0", math.inf),
    ],
)
def test_formulas_mean_what_they_say(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-14)


def test_nothing_holds_and_there_is_no_otherwise() -> None:
    assert math.isnan(value("piecewise(1, x < y)"))


@pytest.mark.parametrize("text", ["x +", "f(x)", "delay(x, 1)", ""])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="where"):
        from_text(text, "observable A")


def test_names_and_rates_are_told_apart() -> None:
    tree = from_text("x + rateOf(y)")
    assert symbols(tree) == {"x"}
    assert rates(tree) == {"y"}
    with pytest.raises(ValueError, match="rate of y"):
        evaluate(tree, VALUES.__getitem__, 0.0)


def test_substitution_is_simultaneous() -> None:
    tree = substitute(from_text("x - y"), {"x": from_text("y"), "y": from_text("x")})
    assert evaluate(tree, VALUES.__getitem__, 0.0) == Y - X


TREE = from_text("piecewise(x^2 + y, x < y, exp(-y) * x) / (1 + y^x)")


@jax.jit
def traced(x: float, y: float) -> jax.Array:
    return jnp.asarray(evaluate(TREE, {"x": x, "y": y}.__getitem__, 0.0))


@given(st.floats(-3, 3), st.floats(0.1, 3))
def test_traced_values_agree_with_plain_ones(x: float, y: float) -> None:
    expected = (x**2 + y if x < y else math.exp(-y) * x) / (1 + y**x)
    np.testing.assert_allclose(traced(x, y), expected, rtol=1e-12, atol=1e-300)


def test_long_sums_do_not_nest() -> None:
    tree = from_text("+".join(["x"] * 3000))
    assert evaluate(tree, VALUES.__getitem__, 0.0) == pytest.approx(3000 * X)
