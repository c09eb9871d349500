"""Formulas as small trees: what SBML's mathematics and PEtab's observables are turned into.

A tree knows nothing of SBML documents; ``evaluate`` turns it into JAX operations, so the same
formula serves the right-hand side, the initial values, events and observables.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, final

#: Operations that hold a truth value.
CONDITIONS = frozenset(
    {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "true", "false"}
)
#: Comparisons whose two sides tell by their difference how far a switch is away.
ORDERED = frozenset({"lt", "le", "gt", "ge"})

Lookup = Callable[[str], Any]


@final
@dataclass(frozen=True)
class Expr:
    """One node of a formula.

    Args:
        op: ``number``, ``symbol``, ``time``, ``rate`` (of a symbol), or an operation.
        args: Operands in order; ``piecewise`` holds value, condition pairs, then the otherwise.
        value: The number of a ``number``.
        name: The symbol of a ``symbol`` or ``rate``.
    """

    op: str
    args: tuple[Expr, ...] = ()
    value: float = 0.0
    name: str = ""


def number(value: float) -> Expr:
    """Return a constant."""
    return Expr("number", value=float(value))


def symbol(name: str) -> Expr:
    """Return a reference to a named quantity."""
    return Expr("symbol", name=name)


def nodes(tree: Expr) -> Iterator[Expr]:
    """Walk over a tree, parents first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.args))


def symbols(tree: Expr) -> frozenset[str]:
    """Return the names a formula refers to (of values, not of rates)."""
    return frozenset(node.name for node in nodes(tree) if node.op == "symbol")


def rates(tree: Expr) -> frozenset[str]:
    """Return the names whose rates of change a formula refers to."""
    return frozenset(node.name for node in nodes(tree) if node.op == "rate")


def substitute(tree: Expr, values: Mapping[str, Expr]) -> Expr:
    """Replace symbols by other formulas, e.g. the arguments of a function."""
    if tree.op == "symbol":
        return values.get(tree.name, tree)
    if not tree.args:
        return tree
    return Expr(tree.op, tuple(substitute(arg, values) for arg in tree.args), tree.value, tree.name)


def evaluate(tree: Expr, lookup: Lookup, time: Any, rate: Lookup | None = None) -> Any:
    """Return the value of a formula as a JAX expression (numbers stay Python floats).

    Args:
        tree: The formula.
        lookup: Gives the value of a symbol.
        time: The current time.
        rate: Gives the rate of change of a symbol.
    """
    if tree.op == "number":
        return tree.value
    if tree.op == "symbol":
        return lookup(tree.name)
    if tree.op == "time":
        return time
    if tree.op == "rate":
        if rate is None:
            raise ValueError(f"the rate of {tree.name} is not defined here")
        return rate(tree.name)
    args = [evaluate(arg, lookup, time, rate) for arg in tree.args]
    if tree.op == "piecewise":
        return _piecewise(args)
    if tree.op in _LOGIC:
        return _LOGIC[tree.op]([as_condition(arg) for arg in args])
    return _OPERATIONS[tree.op](*(as_number(arg) for arg in args))


def as_condition(value: Any) -> Any:
    """Read a value as true or false (a number is true unless it is zero)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) or value.dtype != bool:
        return value != 0
    return value


def as_number(value: Any) -> Any:
    """Read a value as a number (true is one)."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)) or value.dtype != bool:
        return value
    import jax.numpy as jnp

    return jnp.where(value, 1.0, 0.0)


def _piecewise(args: list[Any]) -> Any:
    import jax.numpy as jnp

    pairs = list(zip(args[0::2], args[1::2], strict=False))
    value = args[-1] if len(args) % 2 else math.nan
    for piece, condition in reversed(pairs):
        test = as_condition(condition)
        if isinstance(test, bool):
            value = piece if test else value
        else:
            value = jnp.where(test, as_number(piece), as_number(value))
    return value


def _not(args: list[Any]) -> Any:
    return not args[0] if isinstance(args[0], bool) else ~args[0]


_LOGIC: dict[str, Callable[[list[Any]], Any]] = {
    "and": lambda args: reduce(operator.and_, args, True),
    "or": lambda args: reduce(operator.or_, args, False),
    "xor": lambda args: reduce(operator.xor, args, False),
    "not": _not,
    "true": lambda args: True,
    "false": lambda args: False,
}


def _named(name: str) -> Callable[..., Any]:
    """Return a function of jax.numpy, looked up when it is called."""

    def call(*args: Any) -> Any:
        import jax.numpy as jnp

        return getattr(jnp, name)(*args)

    return call


def _divide(a: Any, b: Any) -> Any:
    # Python refuses to divide plain numbers by zero; the formula means infinity.
    return a * math.inf if isinstance(b, float) and b == 0.0 else a / b


def _power(base: Any, exponent: Any) -> Any:
    import jax.numpy as jnp

    if isinstance(exponent, float):
        if exponent.is_integer() and abs(exponent) <= 64:
            return float(base) ** exponent if isinstance(base, float) else base ** int(exponent)
        if exponent == 0.5:
            return jnp.sqrt(base)
    return jnp.power(base, exponent)


def _log(base: Any, value: Any) -> Any:
    import jax.numpy as jnp

    if isinstance(base, float):
        return jnp.log(value) / math.log(base)
    return jnp.log(value) / jnp.log(base)


def _factorial(value: Any) -> Any:
    import jax.numpy as jnp
    from jax.scipy.special import gammaln

    return jnp.exp(gammaln(value + 1.0))


def _rem(a: Any, b: Any) -> Any:
    import jax.numpy as jnp

    return a - b * jnp.trunc(a / b)


def _quotient(a: Any, b: Any) -> Any:
    import jax.numpy as jnp

    return jnp.trunc(a / b)


def _of_inverse(name: str) -> Callable[[Any], Any]:
    """Return x -> f(1 / x), e.g. arcsec from arccos."""
    function = _named(name)
    return lambda x: function(_divide(1.0, x))


def _inverse_of(name: str) -> Callable[[Any], Any]:
    """Return x -> 1 / f(x), e.g. sec from cos."""
    function = _named(name)
    return lambda x: 1.0 / function(x)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *terms: reduce(operator.add, terms),
    "sub": operator.sub,
    "mul": lambda *factors: reduce(operator.mul, factors),
    "div": _divide,
    "neg": operator.neg,
    "pow": _power,
    "root": lambda degree, x: _power(x, _divide(1.0, degree)),
    "log": _log,
    "factorial": _factorial,
    "rem": _rem,
    "quotient": _quotient,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "ln": _named("log"),
    **{
        name: _named(name)
        for name in (
            "exp", "abs", "floor", "ceil", "sin", "cos", "tan", "sinh", "cosh", "tanh",
            "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "minimum", "maximum",
        )
    },
    "sec": _inverse_of("cos"),
    "csc": _inverse_of("sin"),
    "cot": _inverse_of("tan"),
    "sech": _inverse_of("cosh"),
    "csch": _inverse_of("sinh"),
    "coth": _inverse_of("tanh"),
    "arcsec": _of_inverse("arccos"),
    "arccsc": _of_inverse("arcsin"),
    "arccot": _of_inverse("arctan"),
    "arcsech": _of_inverse("arccosh"),
    "arccsch": _of_inverse("arcsinh"),
    "arccoth": _of_inverse("arctanh"),
}  # fmt: skip
