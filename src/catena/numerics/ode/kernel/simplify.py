"""What each scalar operation means, and when its result is simpler than the operation itself.

The rules only rewrite where every finite input gives the same float64 value (up to the sign of
zero). Two go further, because they are what makes Jacobians sparse: ``0 * x`` and ``0 / x``
are 0, although x might be infinite. ``x - x`` and ``x / x`` stay, they show a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from catena.numerics.ode.kernel.graph import Graph

Rule = Callable[..., "int | None"]

#: Constant exponents up to this size become multiplications; beyond, rounding would add up.
LARGEST_POWER = 32


def _special(name: str) -> Callable[..., Any]:
    """Return a function of scipy.special, imported when first called."""
    return lambda x: getattr(import_module("scipy.special"), name)(x)


#: Meaning of every operation on NumPy arrays.
NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "neg": np.negative, "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1,
    "pow": np.power, "sqrt": np.sqrt, "cbrt": np.cbrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": _special("erf"), "erfc": _special("erfc"), "lgamma": _special("gammaln"),
    "digamma": _special("digamma"), "abs": np.abs, "sign": np.sign, "floor": np.floor,
    "ceil": np.ceil, "round": np.rint, "rem": np.fmod, "max": np.maximum, "min": np.minimum,
    "select": np.where,
    "true": lambda: np.True_, "false": lambda: np.False_,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    "not": np.logical_not, "xor": np.logical_xor,
}  # fmt: skip

COMMUTATIVE = frozenset({"add", "mul", "max", "min", "eq", "ne", "and", "or", "xor"})


def _add(g: Graph, a: int, b: int) -> int | None:
    known = g.constants
    if a in known:
        if b in known:
            return g.const(known[a] + known[b])
        a, b = b, a
    if known.get(b) == 0.0:
        return a
    if g.ops[b] == "neg":
        return g.apply("sub", a, g.args[b][0])
    if g.ops[a] == "neg":
        return g.apply("sub", b, g.args[a][0])
    return None


def _sub(g: Graph, a: int, b: int) -> int | None:
    known = g.constants
    if b in known:
        if a in known:
            return g.const(known[a] - known[b])
        if known[b] == 0.0:
            return a
    if known.get(a) == 0.0:
        return g.apply("neg", b)
    if g.ops[b] == "neg":
        return g.apply("add", a, g.args[b][0])
    return None


def _mul(g: Graph, a: int, b: int) -> int | None:
    known = g.constants
    if b in known:
        if a in known:
            return g.const(known[a] * known[b])
        a, b = b, a
    if a in known:
        x = known[a]
        if x == 0.0:
            return g.zero
        if x == 1.0:
            return b
        if x == -1.0:
            return g.apply("neg", b)
        if g.ops[b] == "neg":
            return g.apply("mul", g.const(-x), g.args[b][0])
        return None
    # Signs move outwards, where additions absorb them.
    if g.ops[a] == "neg":
        return g.apply("neg", g.apply("mul", g.args[a][0], b))
    if g.ops[b] == "neg":
        return g.apply("neg", g.apply("mul", a, g.args[b][0]))
    return None


def _div(g: Graph, a: int, b: int) -> int | None:
    known = g.constants
    if b in known:
        x = known[b]
        if a in known:
            return g.fold("div", a, b)
        if x == 1.0:
            return a
        # Dividing by a power of two is multiplying by its exact inverse.
        if math.isfinite(x) and abs(math.frexp(x)[0]) == 0.5 and 1e-300 < abs(x) < 1e300:
            return g.apply("mul", g.const(1.0 / x), a)
    if known.get(a) == 0.0:
        return g.zero
    if g.ops[b] == "neg":
        return g.apply("neg", g.apply("div", a, g.args[b][0]))
    if g.ops[a] == "neg":
        return g.apply("neg", g.apply("div", g.args[a][0], b))
    return None


def _neg(g: Graph, a: int) -> int | None:
    op, args = g.ops[a], g.args[a]
    if op == "const":
        return g.const(-g.values[a])
    if op == "neg":
        return args[0]
    if op == "sub":
        return g.apply("sub", args[1], args[0])
    if op in ("mul", "div"):
        # A constant factor or divisor takes the sign.
        for place, arg in enumerate(args):
            if arg in g.constants:
                turned = list(args)
                turned[place] = g.const(-g.constants[arg])
                return g.apply(op, *turned)
    return None


def power(g: Graph, x: int, exponent: int) -> int:
    """Return x to a constant integer power by repeated squaring; 1/x^n when negative."""
    left, square, result = abs(exponent), x, g.one
    while left:
        if left & 1:
            result = g.apply("mul", result, square)
        left >>= 1
        if left:
            square = g.apply("mul", square, square)
    return g.apply("div", g.one, result) if exponent < 0 else result


def _pow(g: Graph, a: int, b: int) -> int | None:
    known = g.constants
    if a in known and b in known:
        return g.fold("pow", a, b)
    if known.get(a) == 1.0:
        return g.one
    y = known.get(b)
    if y is None or not abs(y) <= LARGEST_POWER:
        return None
    if y == int(y):
        return power(g, a, int(y))
    if 2.0 * y == int(2.0 * y):
        whole = int(abs(y) - 0.5)
        value = g.apply("mul", power(g, a, whole), g.apply("sqrt", a))
        return g.apply("div", g.one, value) if y < 0 else value
    return None


def _select(g: Graph, b: int, x: int, y: int) -> int | None:
    if x == y or b == g.true:
        return x
    if b == g.false:
        return y
    if g.ops[b] == "not":
        return g.apply("select", g.args[b][0], y, x)
    # A choice nested under its own condition has been made already.
    if g.ops[x] == "select" and g.args[x][0] == b:
        return g.apply("select", b, g.args[x][1], y)
    if g.ops[y] == "select" and g.args[y][0] == b:
        return g.apply("select", b, x, g.args[y][2])
    return None


def _compare(op: str, turned: str) -> Rule:
    """Return the rule of a comparison; ``turned`` is it with the arguments exchanged."""

    def rule(g: Graph, a: int, b: int) -> int | None:
        known = g.constants
        if a in known and b in known:
            return g.fold(op, a, b)
        if b in known:
            decided = _of_choice(g, op, a, b)
        elif a in known:
            decided = _of_choice(g, turned, b, a)
        else:
            decided = None
        if decided is None and op in ("gt", "ge"):
            return g.apply(turned, b, a)
        return decided

    return rule


def _of_choice(g: Graph, op: str, a: int, b: int) -> int | None:
    """Compare a choice between two constants with a constant: that is its condition again."""
    if g.ops[a] != "select":
        return None
    condition, x, y = g.args[a]
    if x not in g.constants or y not in g.constants:
        return None
    when, otherwise = g.fold(op, x, b), g.fold(op, y, b)
    if when == otherwise:
        return when
    return condition if when == g.true else g.apply("not", condition)


def _and(g: Graph, a: int, b: int) -> int | None:
    if a == b or b == g.true:
        return a
    if a == g.true:
        return b
    return g.false if g.false in (a, b) else None


def _or(g: Graph, a: int, b: int) -> int | None:
    if a == b or b == g.false:
        return a
    if a == g.false:
        return b
    return g.true if g.true in (a, b) else None


def _not(g: Graph, a: int) -> int | None:
    if a in (g.true, g.false):
        return g.truth(a == g.false)
    return g.args[a][0] if g.ops[a] == "not" else None


def _xor(g: Graph, a: int, b: int) -> int | None:
    if a == b:
        return g.false
    for one, other in ((a, b), (b, a)):
        if one == g.false:
            return other
        if one == g.true:
            return g.apply("not", other)
    return None


def _same(op: str) -> Rule:
    """Return the rule of max and min: of twice the same value it is that value."""

    def rule(g: Graph, a: int, b: int) -> int | None:
        if a == b:
            return a
        return g.fold(op, a, b) if a in g.constants and b in g.constants else None

    return rule


#: Rules by operation; an operation without one is only folded when all arguments are constant.
SIMPLIFY: dict[str, Rule] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow,
    "select": _select, "and": _and, "or": _or, "not": _not, "xor": _xor,
    "max": _same("max"), "min": _same("min"),
    "lt": _compare("lt", "gt"), "le": _compare("le", "ge"), "gt": _compare("gt", "lt"),
    "ge": _compare("ge", "le"), "eq": _compare("eq", "eq"), "ne": _compare("ne", "ne"),
}  # fmt: skip
