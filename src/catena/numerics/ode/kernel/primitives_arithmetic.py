"""Elementwise primitives, each as one formula on scalars.

A formula takes ``do`` (the graph, or NumPy for known arrays), the kind of its last operand
(``f`` real, ``b`` truth, ``i`` or ``u`` whole) and the equation's parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from catena.numerics.ode.kernel.primitives_values import ARRAYS, Scope, Traced, Value
from catena.numerics.ode.kernel.simplify import NUMPY
from catena.numerics.ode.kernel.unsupported import DECLARE_INSTEAD

Formula = Callable[..., Any]


def _direct(op: str) -> Formula:
    return lambda do, kind, params, *args: do.apply(op, *args)


def _by_kind(real: str, truth: str) -> Formula:
    return lambda do, kind, params, *args: do.apply(truth if kind == "b" else real, *args)


def _equal(do: Any, kind: str, params: Any, x: Any, y: Any) -> Any:
    return do.apply("not", do.apply("xor", x, y)) if kind == "b" else do.apply("eq", x, y)


def _truncate(do: Any, x: Any) -> Any:
    toward_zero = do.apply("ceil", x), do.apply("floor", x)
    return do.apply("select", do.apply("lt", x, do.const(0.0)), *toward_zero)


def _divide(do: Any, kind: str, params: Any, x: Any, y: Any) -> Any:
    ratio = do.apply("div", x, y)
    return ratio if kind == "f" else _truncate(do, ratio)


def _round(do: Any, kind: str, params: Any, x: Any) -> Any:
    if int(params["rounding_method"]) == 1:
        return do.apply("round", x)
    size = do.apply("abs", x)
    low = do.apply("floor", size)
    up = do.apply("ge", do.apply("sub", size, low), do.const(0.5))
    rounded = do.apply("select", up, do.apply("add", low, do.const(1.0)), low)
    return do.apply("mul", do.apply("sign", x), rounded)


def _integer_pow(do: Any, kind: str, params: Any, x: Any) -> Any:
    left, result, square = abs(params["y"]), None, x
    while left:
        if left & 1:
            result = square if result is None else do.apply("mul", result, square)
        left >>= 1
        if left:
            square = do.apply("mul", square, square)
    if result is None:
        return do.const(1.0)
    return do.apply("div", do.const(1.0), result) if params["y"] < 0 else result


def _logistic(do: Any, kind: str, params: Any, x: Any) -> Any:
    # exp of a number that is never positive: neither the value nor its derivatives overflow.
    low = do.apply("lt", x, do.const(0.0))
    e = do.apply("exp", do.apply("select", low, x, do.apply("neg", x)))
    above = do.apply("select", low, e, do.const(1.0))
    return do.apply("div", above, do.apply("add", do.const(1.0), e))


def _clamp(do: Any, kind: str, params: Any, low: Any, x: Any, high: Any) -> Any:
    return do.apply("min", do.apply("max", low, x), high)


def _choose(do: Any, kind: str, test: Any, yes: Any, no: Any) -> Any:
    if kind != "b":
        return do.apply("select", test, yes, no)
    first = do.apply("and", test, yes)
    return do.apply("or", first, do.apply("and", do.apply("not", test), no))


def _convert(do: Any, kind: str, params: Any, x: Any) -> Any:
    to = np.dtype(params["new_dtype"]).kind
    if kind == "b" and to != "b":
        return do.apply("select", x, do.const(1.0), do.const(0.0))
    if to == "b" and kind != "b":
        return do.apply("ne", x, do.const(0.0))
    if kind == "f" and to in "iu":
        return _truncate(do, x)
    return x


def _is_finite(do: Any, kind: str, params: Any, x: Any) -> Any:
    return do.apply("lt", do.apply("abs", x), do.const(np.inf))


#: Formula by primitive name; most primitives are called like the graph's operation.
FORMULAS: dict[str, Formula] = {name: _direct(name) for name in NUMPY} | {
    "add_any": _direct("add"), "mul": _by_kind("mul", "and"), "max": _by_kind("max", "or"),
    "min": _by_kind("min", "and"), "eq": _equal, "ne": _by_kind("ne", "xor"),
    "lt_to": _direct("lt"), "le_to": _direct("le"), "div": _divide, "round": _round,
    "integer_pow": _integer_pow, "logistic": _logistic, "clamp": _clamp,
    "convert_element_type": _convert, "is_finite": _is_finite,
    "square": lambda do, kind, params, x: do.apply("mul", x, x),
    "rsqrt": lambda do, kind, params, x: do.apply("div", do.const(1.0), do.apply("sqrt", x)),
    "exp2": lambda do, kind, params, x: do.apply("pow", do.const(2.0), x),
}  # fmt: skip

#: On whole numbers these work on bits: known values only.
_BITS = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
         "not": np.bitwise_not}  # fmt: skip

#: Kinds on which these have no counterpart among real numbers and truth values.
_WRAPPING = {("u", "sub"), ("u", "neg"), ("b", "lt"), ("b", "le"), ("b", "gt"), ("b", "ge")}


def elementwise(scope: Scope, values: list[Value]) -> list[Value]:
    """Translate one elementwise equation."""
    equation = scope.equation
    name, params, aval = equation.primitive.name, equation.params, equation.outvars[0].aval
    formula, kind = FORMULAS[name], values[-1].dtype.kind
    if not any(isinstance(value, Traced) for value in values):
        with np.errstate(all="ignore"):
            if kind in "iu" and name in _BITS:
                return [_BITS[name](*values)]
            found = np.asarray(formula(ARRAYS, kind, params, *values)).astype(aval.dtype)
        return [np.broadcast_to(found, aval.shape)]
    refuse_narrow(scope, aval.dtype, kind)
    do = scope.graph
    return [mapped(scope, lambda *x: formula(do, kind, params, *x), values, aval.dtype)]


def select_n(scope: Scope, values: list[Value]) -> list[Value]:
    """Translate a choice by truth value or by a whole number among any number of cases."""
    which, cases, do = values[0], values[1:], scope.graph
    dtype = cases[0].dtype
    if (test := scope.known(which)) is not None:
        numbers = [case for case in cases if not isinstance(case, Traced)]
        if len(numbers) == len(cases):
            return [np.choose(test.astype(np.int64), numbers)]
        ids = np.choose(test.astype(np.int64), [scope.lift(case) for case in cases])
        return [Traced(ids, dtype)]
    if which.dtype.kind == "b":
        pick = lambda b, no, yes: _choose(do, dtype.kind, b, yes, no)  # noqa: E731
        return [mapped(scope, pick, values, dtype)]
    return [nested(scope, which, list(cases))]


def nested(scope: Scope, which: Value, cases: list[Value]) -> Traced:
    """Return the case a whole number names, ends of the range included, as nested choices."""
    do, kind = scope.graph, cases[0].dtype.kind

    def pick(number: int, *nodes: int) -> int:
        chosen = nodes[0]
        for place, node in enumerate(nodes[1:], 1):
            test = do.apply("ge", number, do.const(float(place)))
            chosen = _choose(do, kind, test, node, chosen)
        return chosen

    return mapped(scope, pick, [which, *cases], cases[0].dtype)


def mapped(
    scope: Scope, function: Callable[..., int], values: list[Value], dtype: np.dtype[Any]
) -> Traced:
    """Apply a function of scalar nodes to each element; scalars meet arrays as in NumPy."""
    arrays = [scope.lift(value) for value in values]
    if all(array.ndim == 0 for array in arrays):
        return Traced(np.asarray(function(*(array.item() for array in arrays))), dtype)
    equal = np.broadcast_arrays(*arrays)
    columns = [array.ravel().tolist() for array in equal]
    nodes = [function(*row) for row in zip(*columns, strict=True)]
    return Traced(np.array(nodes, dtype=np.int64).reshape(equal[0].shape), dtype)


def refuse_narrow(scope: Scope, dtype: np.dtype[Any], kind: str) -> None:
    """Refuse values that depend on inputs and are not float64, truth or signed whole numbers.

    Raises:
        KernelUnsupported: the result is complex, a float of lower precision, or needs bits.
    """
    name = scope.equation.primitive.name
    if dtype.kind in "fc" and dtype != np.float64:
        raise scope.unsupported(f"its result is {dtype}, the kernel computes in float64",
                                "keep the right-hand side in float64")  # fmt: skip
    bits = kind in "iu" and name in _BITS
    if bits or (kind, name) in _WRAPPING:
        # Nearly always a search for a place in a table: searchsorted, interp.
        raise scope.unsupported("it computes with whole numbers that depend on the inputs",
                                f"use real arithmetic; {DECLARE_INSTEAD}")  # fmt: skip
