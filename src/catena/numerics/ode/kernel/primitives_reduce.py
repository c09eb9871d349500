"""Primitives that combine elements: reductions, running sums, products of arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from catena.numerics.ode.kernel.primitives_values import Scope, Traced, Value

Combine = Callable[[Any, int, int], int]


def _op(op: str) -> Combine:
    return lambda do, a, b: do.apply(op, a, b)


def _log_add_exp(do: Any, a: int, b: int) -> int:
    """Return log(exp(a) + exp(b)) without overflow."""
    high = do.apply("max", a, b)
    down = do.apply("neg", do.apply("abs", do.apply("sub", a, b)))
    return do.apply("add", high, do.apply("log1p", do.apply("exp", down)))


#: Reduction: how two elements combine, for real and truth values, and its value of nothing.
REDUCTIONS: dict[str, tuple[Combine, Combine | None, float]] = {
    "reduce_sum": (_op("add"), None, 0.0),
    "reduce_prod": (_op("mul"), None, 1.0),
    "reduce_max": (_op("max"), _op("or"), -np.inf),
    "reduce_min": (_op("min"), _op("and"), np.inf),
    "reduce_and": (_op("and"), _op("and"), 1.0),
    "reduce_or": (_op("or"), _op("or"), 0.0),
    "reduce_xor": (_op("xor"), _op("xor"), 0.0),
}
RUNNING: dict[str, Combine] = {
    "cumsum": _op("add"), "cumprod": _op("mul"), "cummax": _op("max"), "cummin": _op("min"),
    "cumlogsumexp": _log_add_exp,
}  # fmt: skip
#: The same on known arrays.
_UFUNCS: dict[str, np.ufunc] = {
    "reduce_sum": np.add, "reduce_prod": np.multiply, "reduce_max": np.maximum,
    "reduce_min": np.minimum, "reduce_and": np.bitwise_and, "reduce_or": np.bitwise_or,
    "reduce_xor": np.bitwise_xor, "cumsum": np.add, "cumprod": np.multiply,
    "cummax": np.maximum, "cummin": np.minimum, "cumlogsumexp": np.logaddexp,
}  # fmt: skip


def reduction(scope: Scope, values: list[Value]) -> list[Value]:
    """Combine the elements along axes, first to last."""
    equation, dtype = scope.equation, values[0].dtype
    if not isinstance(values[0], Traced) and values[0].size:
        ufunc = _UFUNCS[equation.primitive.name]
        found = ufunc.reduce(values[0], axis=tuple(equation.params["axes"]))
        return [np.asarray(found).astype(dtype)]
    real, truth, nothing = REDUCTIONS[equation.primitive.name]
    combine = truth if dtype == np.bool_ else real
    whole_bits = equation.primitive.name in ("reduce_and", "reduce_or", "reduce_xor")
    if combine is None or (whole_bits and dtype != np.bool_):
        raise scope.unsupported(f"it reduces {dtype} values", "convert them to real numbers first")
    axes, ids = tuple(equation.params["axes"]), scope.lift(values[0])
    kept = [axis for axis in range(ids.ndim) if axis not in axes]
    shape = [ids.shape[axis] for axis in kept]
    rows = ids.transpose(*kept, *axes).reshape(int(np.prod(shape)), -1).tolist()
    do = scope.graph
    empty = do.truth(bool(nothing)) if dtype == np.bool_ else do.const(nothing)
    nodes = [reduce(lambda a, b: combine(do, a, b), row) if row else empty for row in rows]
    return [Traced(np.array(nodes, dtype=np.int64).reshape(shape), equation.outvars[0].aval.dtype)]


def running(scope: Scope, values: list[Value]) -> list[Value]:
    """Combine each element with all before it along one axis."""
    params, do = scope.equation.params, scope.graph
    if not isinstance(values[0], Traced):
        x = np.flip(values[0], params["axis"]) if params["reverse"] else values[0]
        found = _UFUNCS[scope.equation.primitive.name].accumulate(x, axis=params["axis"])
        found = found.astype(values[0].dtype)
        return [np.flip(found, params["axis"]) if params["reverse"] else found]
    combine = RUNNING[scope.equation.primitive.name]
    ids = np.moveaxis(scope.lift(values[0]), params["axis"], 0)
    ids = (ids[::-1] if params["reverse"] else ids).copy()
    columns = ids.reshape(ids.shape[0], -1)
    for row in range(1, columns.shape[0]):
        pairs = zip(columns[row - 1].tolist(), columns[row].tolist(), strict=True)
        columns[row] = [combine(do, before, here) for before, here in pairs]
    ids = columns.reshape(ids.shape)
    ids = ids[::-1] if params["reverse"] else ids
    return [Traced(np.moveaxis(ids, 0, params["axis"]), scope.equation.outvars[0].aval.dtype)]


def arg_extreme(scope: Scope, values: list[Value]) -> list[Value]:
    """Return the place of the first largest or smallest element; NaN counts as extreme."""
    params, do = scope.equation.params, scope.graph
    if not isinstance(values[0], Traced):
        search = np.argmax if scope.equation.primitive.name == "argmax" else np.argmin
        return [np.asarray(search(values[0], axis=params["axes"][0])).astype(params["index_dtype"])]
    (axis,), ids = params["axes"], scope.lift(values[0])
    beats = "gt" if scope.equation.primitive.name == "argmax" else "lt"
    find = _first_truth if values[0].dtype == np.bool_ else _place
    rows = np.moveaxis(ids, axis, -1)
    nodes = [find(do, beats, row) for row in rows.reshape(-1, rows.shape[-1]).tolist()]
    found = np.array(nodes, dtype=np.int64).reshape(rows.shape[:-1])
    return [Traced(found, scope.equation.outvars[0].aval.dtype)]


def _place(do: Any, beats: str, row: list[int]) -> int:
    best, place = row[0], do.zero
    for number, node in enumerate(row[1:], 1):
        first_nan = do.apply("and", do.apply("ne", node, node), do.apply("eq", best, best))
        better = do.apply("or", do.apply(beats, node, best), first_nan)
        best = do.apply("select", better, node, best)
        place = do.apply("select", better, do.const(float(number)), place)
    return place


def _first_truth(do: Any, beats: str, row: list[int]) -> int:
    """Return the place of the first true (``gt``) or false element, 0 if there is none."""
    place = do.zero
    for number in range(len(row) - 1, -1, -1):
        wanted = row[number] if beats == "gt" else do.apply("not", row[number])
        place = do.apply("select", wanted, do.const(float(number)), place)
    return place


def dot_general(scope: Scope, values: list[Value]) -> list[Value]:
    """Multiply arrays and sum over the contracted axes; constant zeros cost nothing."""
    (left_sum, right_sum), (left_batch, right_batch) = scope.equation.params["dimension_numbers"]
    left = _matrices(scope.lift(values[0]), left_batch, left_sum)
    right = _matrices(scope.lift(values[1]), right_batch, right_sum)
    out, do = scope.equation.outvars[0].aval, scope.graph
    nodes = []
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        for row in a:
            for column in b:
                total = do.zero
                for x, y in zip(row, column, strict=True):
                    total = do.apply("add", total, do.apply("mul", x, y))
                nodes.append(total)
    return [Traced(np.array(nodes, dtype=np.int64).reshape(out.shape), out.dtype)]


def _matrices(ids: np.ndarray, batch: tuple[int, ...], summed: tuple[int, ...]) -> np.ndarray:
    """Return an array as (batch, free, summed)."""
    free = [axis for axis in range(ids.ndim) if axis not in (*batch, *summed)]
    size = [int(np.prod([ids.shape[axis] for axis in axes])) for axes in (batch, free, summed)]
    return ids.transpose(*batch, *free, *summed).reshape(size)
