"""Dependence through primitives that move, sum or contract elements; see ``pattern``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from catena.numerics.ode.large.pattern import MAX_ENTRIES, TooFullError, Traced

#: How many leading operands of a move hold elements; the others are positions. None: all do.
MOVED = {"dynamic_slice": 1, "dynamic_update_slice": 2, "gather": 1, "broadcast_in_dim": 1}


def unite(parts: Sequence[sparse.csr_array]) -> sparse.csr_array:
    """Return where any of several dependences is."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return ones(total)


def ones(matrix: sparse.csr_array) -> sparse.csr_array:
    """Set all entries to one: only their places count."""
    matrix = matrix.tocsr()
    matrix.data = np.ones(matrix.nnz, np.int8)
    return matrix


def keep(rows: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    """Empty the rows that are not kept."""
    if kept.all():
        return rows
    lengths = np.where(kept, np.diff(rows.indptr), 0)
    entries = np.repeat(kept, np.diff(rows.indptr))
    start = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_array((rows.data[entries], rows.indices[entries], start), shape=rows.shape)


def move(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Run the move on positions 1, 2, ... of all moved elements; 0 means: from nowhere."""
    import jax

    name = equation.primitive.name
    count = MOVED.get(name, len(operands))
    if any(operand.value is None for operand in operands[count:]):
        return everything(equation, operands, states)
    arguments, offset = [], 1
    for operand in operands[:count]:
        places = np.arange(offset, offset + operand.size, dtype=np.int64)
        arguments.append(jax.numpy.asarray(places.reshape(operand.shape)))
        offset += operand.size
    positions = [jax.numpy.asarray(operand.value) for operand in operands[count:]]
    params = dict(equation.params)
    if "fill_value" in params:
        params["fill_value"] = 0
    with jax.ensure_compile_time_eval():
        moved = equation.primitive.bind(*arguments, *positions, **params)
    moved = moved if equation.primitive.multiple_results else [moved]
    source = _stacked(operands[:count], states)
    results = []
    for places in moved:
        origin = np.asarray(places).ravel()
        origin = np.where((origin < 1) | (origin >= offset), 0, origin)
        results.append(Traced(np.shape(places), source[origin]))
    return results


def _stacked(operands: Sequence[Traced], states: int) -> sparse.csr_array:
    """Return the rows of all operands below one empty row."""
    blocks: list[Any] = [sparse.csr_array((1, states), dtype=np.int8)]
    for operand in operands:
        empty = operand.rows is None
        blocks.append(
            sparse.csr_array((operand.size, states), dtype=np.int8) if empty else operand.rows
        )
    return sparse.vstack(blocks, format="csr")


def _collected(
    rows: sparse.csr_array, target: np.ndarray, source: np.ndarray, size: int, equation: Any
) -> sparse.csr_array:
    """Return ``size`` rows; row target[k] takes in the dependence of row source[k]."""
    entries = float(np.diff(rows.indptr)[source].sum())
    if entries > 20.0 * MAX_ENTRIES:
        raise TooFullError(equation, entries)
    weight = np.ones(target.size, np.int32)
    matrix = sparse.csr_array((weight, (target, source)), shape=(size, rows.shape[0]))
    return ones(matrix @ rows.astype(np.int32))


def reduce(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Collect the elements each result is made of."""
    (operand,) = operands
    axes = equation.params["axes"]
    shape = tuple(equation.outvars[0].aval.shape)
    size = int(np.prod(shape, dtype=np.int64))
    kept = [1 if axis in axes else length for axis, length in enumerate(operand.shape)]
    group = np.broadcast_to(np.arange(size).reshape(kept), operand.shape).ravel()
    rows = _collected(operand.rows, group, np.arange(operand.size), size, equation)
    return [Traced(shape, rows)]


def cumulate(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Collect the elements before (or after) each one."""
    (operand,) = operands
    axis, length = equation.params["axis"], operand.shape[equation.params["axis"]]
    if float(operand.size) * length > 20.0 * MAX_ENTRIES:
        raise TooFullError(equation, float(operand.size) * length / 2)
    place = np.moveaxis(np.arange(operand.size).reshape(operand.shape), axis, -1)
    place = place.reshape(-1, length)
    later, earlier = np.tril_indices(length)
    if equation.params.get("reverse", False):
        later, earlier = earlier, later
    target, source = place[:, later].ravel(), place[:, earlier].ravel()
    rows = _collected(operand.rows, target, source, operand.size, equation)
    return [Traced(operand.shape, rows)]


def scatter(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Find the target of every update: the transpose of a scatter-add gathers positions."""
    import jax

    base, where, updates = operands
    if where.value is None:
        return everything(equation, operands, states)
    params = equation.params

    def add(values: Any) -> Any:
        return jax.lax.scatter_add(
            jax.numpy.zeros(base.shape),
            jax.numpy.asarray(where.value),
            values,
            params["dimension_numbers"],
            mode=params["mode"],
        )

    with jax.ensure_compile_time_eval():
        back = jax.linear_transpose(add, jax.ShapeDtypeStruct(updates.shape, np.float64))
        places = jax.numpy.arange(1.0, base.size + 1.0).reshape(base.shape)
        target = np.asarray(back(places)[0]).ravel().astype(np.int64) - 1
    parts = []
    if base.rows is not None:
        kept = np.ones(base.size, bool)
        if equation.primitive.name == "scatter":  # overwrites; the others combine
            kept[target[target >= 0]] = False
        parts.append(keep(base.rows, kept))
    if updates.rows is not None:
        hit = np.flatnonzero(target >= 0)
        parts.append(_collected(updates.rows, target[hit], hit, base.size, equation))
    return [Traced(base.shape, unite(parts))]


def dot(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Contract: element (batch, i, j) takes in row (batch, i, k) where factor (batch, k, j) is."""
    shape = tuple(equation.outvars[0].aval.shape)
    (left_sum, right_sum), (left_batch, right_batch) = equation.params["dimension_numbers"]
    left, left_places = _canonical(operands[0], left_batch, left_sum)
    right, right_places = _canonical(operands[1], right_batch, right_sum)
    size = int(np.prod(shape, dtype=np.int64))
    out = np.arange(size).reshape(left.shape[0], left.shape[1], right.shape[1])
    parts = []
    if operands[0].rows is not None:
        batch, column, inner = np.nonzero(right)
        target, source = out[batch, :, column], left_places[batch, :, inner]
        parts.append(_collected(operands[0].rows, target.ravel(), source.ravel(), size, equation))
    if operands[1].rows is not None:
        batch, row, inner = np.nonzero(left)
        target, source = out[batch, row, :], right_places[batch, :, inner]
        parts.append(_collected(operands[1].rows, target.ravel(), source.ravel(), size, equation))
    return [Traced(shape, unite(parts))]


def _canonical(
    operand: Traced, batch: Sequence[int], summed: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (where not known to be zero, positions), both as (batch, free, summed)."""
    free = [axis for axis in range(len(operand.shape)) if axis not in (*batch, *summed)]
    order = (*batch, *free, *summed)
    lengths = [
        int(np.prod([operand.shape[axis] for axis in axes], dtype=np.int64))
        for axes in (batch, free, summed)
    ]
    present = np.ones(operand.shape, bool) if operand.value is None else operand.value != 0
    places = np.arange(operand.size).reshape(operand.shape)
    return (
        np.transpose(np.asarray(present), order).reshape(lengths),
        np.transpose(places, order).reshape(lengths),
    )


def everything(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Make each element of each result depend on all that any operand depends on."""
    columns = np.unique(
        np.concatenate([operand.rows.indices for operand in operands if operand.rows is not None])
    )
    results = []
    for variable in equation.outvars:
        shape = tuple(variable.aval.shape)
        size = int(np.prod(shape, dtype=np.int64))
        if float(size) * columns.size > MAX_ENTRIES:
            raise TooFullError(equation, float(size) * columns.size)
        start = np.arange(size + 1) * columns.size
        ones = np.ones(size * columns.size, np.int8)
        rows = sparse.csr_array((ones, np.tile(columns, size), start), shape=(size, states))
        results.append(Traced(shape, rows))
    return results
