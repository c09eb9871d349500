"""Expressions: small immutable trees, and their value in JAX."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, final

import numpy as np


@final
@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@final
@dataclass(frozen=True, slots=True)
class Name:
    """The value of a variable; ``x'`` is its rate of change (``x't`` as read from a file)."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Call:
    """An operator applied to arguments.

    ``piecewise`` takes condition, value, condition, value, ... and the value otherwise.
    """

    op: str
    args: tuple[Expression, ...]


Expression: TypeAlias = Number | Name | Call


def names(expression: Expression) -> Iterator[str]:
    """Yield the names an expression reads, with repeats."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Call):
        for part in expression.args:
            yield from names(part)


def renamed(expression: Expression, change: Callable[[str], Expression]) -> Expression:
    """Return the expression with every name replaced by ``change(name)``."""
    if isinstance(expression, Name):
        return change(expression.name)
    if isinstance(expression, Call):
        return Call(expression.op, tuple(renamed(part, change) for part in expression.args))
    return expression


def scaled(expression: Expression, factor: float, offset: float = 0.0) -> Expression:
    """Return ``expression * factor + offset``; nothing is added where nothing changes."""
    if isinstance(expression, Number):
        return Number(expression.value * factor + offset)
    if factor != 1.0:
        expression = Call("times", (Number(factor), expression))
    if offset != 0.0:
        expression = Call("plus", (expression, Number(offset)))
    return expression


def evaluate(expression: Expression, value: Callable[[str], Any]) -> Any:
    """Return the value of an expression as a JAX scalar, a Python number or a truth value.

    Args:
        expression: The tree.
        value: Value of a name.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return value(expression.name)
    arguments = [evaluate(part, value) for part in expression.args]
    return OPERATORS[expression.op](*arguments)


# Operators ----------------------------------------------------------------------------------
#
# JAX's bare operations on scalars keep the traced program free of nested calls.


def real(x: Any) -> Any:
    """Return a float64 scalar; a truth value counts as 0 or 1, as in older models."""
    from jax import lax

    if isinstance(x, (bool, int, float)):
        return np.float64(x)
    return x if x.dtype == np.float64 else lax.convert_element_type(x, np.float64)


def _true(x: Any) -> Any:
    """Return a truth value; a number is true unless it is zero."""
    from jax import lax

    if isinstance(x, (bool, int, float)):
        return np.bool_(x)
    return x if x.dtype == np.bool_ else lax.ne(x, np.zeros((), x.dtype))


def _unary(name: str, before: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        from jax import lax

        x = real(x)
        return getattr(lax, name)(x if before is None else before(x))

    return apply


def _inverse(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: _divide(1.0, function(x))


def _fold(name: str, empty: float | None = None) -> Callable[..., Any]:
    def apply(*arguments: Any) -> Any:
        from jax import lax

        if not arguments:
            return empty
        total = real(arguments[0])
        for item in arguments[1:]:
            total = getattr(lax, name)(total, real(item))
        return total

    return apply


def _relation(name: str) -> Callable[..., Any]:
    def apply(*arguments: Any) -> Any:
        from jax import lax

        compare = getattr(lax, name)
        return _logic("bitwise_and")(*(compare(real(a), real(b)) for a, b in pairwise(arguments)))

    return apply


def _logic(name: str) -> Callable[..., Any]:
    def apply(*arguments: Any) -> Any:
        from jax import lax

        total = _true(arguments[0])
        for item in arguments[1:]:
            total = getattr(lax, name)(total, _true(item))
        return total

    return apply


def _not(x: Any) -> Any:
    from jax import lax

    return lax.bitwise_not(_true(x))


def _minus(x: Any, y: Any = None) -> Any:
    from jax import lax

    return lax.neg(real(x)) if y is None else lax.sub(real(x), real(y))


def _divide(x: Any, y: Any) -> Any:
    from jax import lax

    return lax.div(real(x), real(y))


def power(x: Any, y: Any) -> Any:
    """Return ``x ** y`` whose derivatives are finite where ``x`` is exactly zero.

    A dose of nothing raised to a fitted exponent must not turn gradients into NaN: at ``x = 0``
    the slope in ``x`` is 1 for ``y = 1`` and reported as 0 otherwise (the true one-sided slope
    of ``x ** y`` is infinite for ``0 < y < 1``), the slope in ``y`` is 0.
    """
    from jax import lax

    if isinstance(y, float) and y.is_integer() and abs(y) <= 64:
        return lax.integer_pow(real(x), int(y))
    if isinstance(y, float) and y == 0.5:
        return lax.sqrt(real(x))
    x, y = real(x), real(y)
    zero, one = real(0.0), real(1.0)
    at_zero = lax.eq(x, zero)
    edge = lax.select(lax.lt(y, zero), real(math.inf), lax.select(lax.eq(y, zero), one, zero))
    edge = lax.select(lax.eq(y, one), x, edge)
    return lax.select(at_zero, edge, lax.pow(lax.select(at_zero, one, x), y))


def _root(x: Any, degree: Any = 2.0) -> Any:
    from jax import lax

    if isinstance(degree, float) and degree == 2.0:
        return lax.sqrt(real(x))
    if isinstance(degree, float) and degree == 3.0:
        return lax.cbrt(real(x))
    return power(x, _divide(1.0, degree))


def _log(x: Any, base: Any = 10.0) -> Any:
    from jax import lax

    bottom = math.log(base) if isinstance(base, float) and base > 0 else lax.log(real(base))
    return _divide(lax.log(real(x)), bottom)


def _factorial(x: Any) -> Any:
    from jax import lax

    if isinstance(x, float) and x.is_integer() and 0 <= x <= 170:
        return float(math.factorial(int(x)))
    return lax.exp(lax.lgamma(lax.add(real(x), real(1.0))))


def _piecewise(*arguments: Any) -> Any:
    from jax import lax

    total = real(arguments[-1])
    for condition, item in zip(arguments[-3::-2], arguments[-2::-2], strict=True):
        total = lax.select(_true(condition), real(item), total)
    return total


def bernoulli(z: Any) -> Any:
    """Return ``z / (exp(z) - 1)``, smooth through z = 0 where it is 1.

    Below |z| = 0.03 the series (Bernoulli numbers, error below 1e-18) keeps value and
    derivative exact where the quotient would cancel.
    """
    from jax import lax

    z = real(z)
    small = lax.lt(lax.abs(z), real(0.03))
    square = z * z
    series = 1.0 - 0.5 * z + square * (1 / 12 + square * (-1 / 720 + square * (1 / 30240)))
    bottom = lax.select(small, real(1.0), lax.exp(z) - 1.0)
    return lax.select(small, series, z / bottom)


OPERATORS: dict[str, Callable[..., Any]] = {
    "plus": _fold("add", 0.0),
    "times": _fold("mul", 1.0),
    "minus": _minus,
    "divide": _divide,
    "power": power,
    "root": _root,
    "exp": _unary("exp"),
    "ln": _unary("log"),
    "log": _log,
    "abs": _unary("abs"),
    "floor": _unary("floor"),
    "ceiling": _unary("ceil"),
    "factorial": _factorial,
    "rem": _fold("rem"),
    "min": _fold("min"),
    "max": _fold("max"),
    "eq": _relation("eq"),
    "neq": _relation("ne"),
    "lt": _relation("lt"),
    "leq": _relation("le"),
    "gt": _relation("gt"),
    "geq": _relation("ge"),
    "and": _logic("bitwise_and"),
    "or": _logic("bitwise_or"),
    "xor": _logic("bitwise_xor"),
    "not": _not,
    "piecewise": _piecewise,
    "bernoulli": bernoulli,
}
_CIRCULAR = {"sin": "csc", "cos": "sec", "tan": "cot"}
for _name, _other in _CIRCULAR.items():
    for _tail in ("", "h"):
        OPERATORS[_name + _tail] = _unary(_name + _tail)
        OPERATORS[_other + _tail] = _inverse(_unary(_name + _tail))
        OPERATORS["arc" + _name + _tail] = _unary("a" + _name + _tail)
        # arcsec x = arccos(1 / x), and so on for the other five.
        OPERATORS["arc" + _other + _tail] = _unary("a" + _name + _tail, lambda x: _divide(1.0, x))
