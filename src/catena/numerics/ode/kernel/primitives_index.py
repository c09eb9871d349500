"""Primitives with an index; the index must be constant, so each becomes a move of elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.numerics.ode.kernel.primitives_values import Scope, Traced, Value


def _starts(scope: Scope, indices: list[Value], room: np.ndarray) -> list[int]:
    """Return constant start indices, moved into the array as JAX does."""
    found = [int(scope.index(index)) for index in indices]
    return [min(max(start, 0), int(most)) for start, most in zip(found, room, strict=True)]


def dynamic_slice(scope: Scope, values: list[Value]) -> list[Value]:
    """Cut a block of constant place out of an array."""
    operand, sizes = values[0], scope.equation.params["slice_sizes"]
    shape = scope.equation.invars[0].aval.shape
    starts = _starts(scope, values[1:], np.subtract(shape, sizes))
    block = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    if isinstance(operand, Traced):
        return [Traced(operand.ids[block], operand.dtype)]
    return [operand[block]]


def dynamic_update_slice(scope: Scope, values: list[Value]) -> list[Value]:
    """Write a block at a constant place of a copy of the array."""
    operand, update = values[:2]
    sizes = scope.equation.invars[1].aval.shape
    room = np.subtract(scope.equation.invars[0].aval.shape, sizes)
    starts = _starts(scope, values[2:], room)
    block = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    if isinstance(operand, Traced) or isinstance(update, Traced):
        ids = scope.lift(operand).copy()
        ids[block] = scope.lift(update)
        return [Traced(ids, operand.dtype)]
    whole = operand.copy()
    whole[block] = update
    return [whole]


def gather(scope: Scope, values: list[Value]) -> list[Value]:
    """Collect slices of an array at constant places."""
    operand, params, out = values[0], scope.equation.params, scope.equation.outvars[0].aval
    numbers, sizes = params["dimension_numbers"], tuple(params["slice_sizes"])
    shape = scope.equation.invars[0].aval.shape
    indices = scope.index(values[1])
    starts = _corner(
        indices, len(shape), numbers.start_index_map,
        numbers.operand_batching_dims, numbers.start_indices_batching_dims,
    )  # fmt: skip
    flat, inside = _places(starts, shape, sizes, params["mode"])
    dropped = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    batch = indices.ndim - 1
    kept = [size for axis, size in enumerate(sizes) if axis not in dropped]

    def shaped(array: np.ndarray) -> np.ndarray:
        array = array.reshape(*indices.shape[:-1], *kept)
        return np.moveaxis(array, range(batch, array.ndim), numbers.offset_dims)

    flat, inside = shaped(flat), shaped(inside)
    filler = np.asarray(_filler(params["fill_value"], out.dtype), dtype=out.dtype)
    if isinstance(operand, Traced):
        return [Traced(np.where(inside, operand.ids.ravel()[flat], scope.lift(filler)), out.dtype)]
    return [np.where(inside, operand.ravel()[flat], filler)]


def _filler(given: Any, dtype: np.dtype[Any]) -> Any:
    """Return what stands for elements outside the array, as documented for ``jax.lax.gather``."""
    if given is not None:
        return given
    if dtype.kind == "i":
        return np.iinfo(dtype).min
    if dtype.kind == "u":
        return np.iinfo(dtype).max
    return True if dtype.kind == "b" else np.nan


#: Operation that joins the old element with the new one; None replaces it.
SCATTERS: dict[str, str | None] = {
    "scatter": None, "scatter-add": "add", "scatter_add": "add", "scatter-sub": "sub",
    "scatter_sub": "sub", "scatter-mul": "mul", "scatter_mul": "mul", "scatter-min": "min",
    "scatter_min": "min", "scatter-max": "max", "scatter_max": "max",
}  # fmt: skip


def scatter(scope: Scope, values: list[Value]) -> list[Value]:
    """Write or combine slices at constant places of a copy of the array."""
    params, graph = scope.equation.params, scope.graph
    operand, updates = scope.lift(values[0]).copy(), scope.lift(values[2])
    numbers, indices = params["dimension_numbers"], scope.index(values[1])
    inserted = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
    windows = iter(numbers.update_window_dims)
    sizes = tuple(
        1 if axis in inserted else updates.shape[next(windows)] for axis in range(operand.ndim)
    )
    starts = _corner(
        indices, operand.ndim, numbers.scatter_dims_to_operand_dims,
        numbers.operand_batching_dims, numbers.scatter_indices_batching_dims,
    )  # fmt: skip
    flat, inside = _places(starts, operand.shape, sizes, params["mode"])
    # The scatter axes come first, in order, then the window axes: the order of ``flat``.
    last = len(numbers.update_window_dims)
    moved = np.moveaxis(updates, numbers.update_window_dims, range(updates.ndim - last,
                                                                   updates.ndim))  # fmt: skip
    op, target = SCATTERS[scope.equation.primitive.name], operand.ravel()
    if values[0].dtype.kind == "b" and op is not None:
        raise scope.unsupported("it combines truth values", "use | and &")
    triples = zip(flat.ravel().tolist(), inside.ravel().tolist(), moved.ravel().tolist(),
                  strict=True)  # fmt: skip
    for place, valid, node in triples:
        if valid:
            target[place] = node if op is None else graph.apply(op, int(target[place]), node)
    result = Traced(target.reshape(operand.shape), values[0].dtype)
    numbers_only = not any(isinstance(value, Traced) for value in values)
    found = scope.known(result) if numbers_only else None
    return [result if found is None else found]


def _corner(
    indices: np.ndarray,
    rank: int,
    axes: tuple[int, ...],
    operand_batch: tuple[int, ...],
    index_batch: tuple[int, ...],
) -> np.ndarray:
    """Return the first element (..., rank) of the slice that each index vector names."""
    starts = np.zeros((*indices.shape[:-1], rank), dtype=np.int64)
    starts[..., list(axes)] = indices
    grid = np.indices(indices.shape[:-1])
    for axis, batch in zip(operand_batch, index_batch, strict=True):
        starts[..., axis] = grid[batch]
    return starts


def _places(
    starts: np.ndarray, shape: tuple[int, ...], sizes: tuple[int, ...], mode: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return flat positions (..., *sizes) of all slices and which of them count."""
    from jax.lax import GatherScatterMode

    room = np.subtract(shape, sizes)
    inside = np.all((starts >= 0) & (starts <= room), axis=-1)
    starts = np.clip(starts, 0, room)
    if mode != GatherScatterMode.FILL_OR_DROP:
        inside = np.ones_like(inside)
    strides = np.array([int(np.prod(shape[k + 1 :])) for k in range(len(shape))], dtype=np.int64)
    window = np.tensordot(strides, np.indices(sizes), axes=1) if sizes else np.int64(0)
    outer = (starts @ strides).reshape(*starts.shape[:-1], *([1] * len(sizes)))
    flat = outer + window
    inside = inside.reshape(*starts.shape[:-1], *([1] * len(sizes)))
    return flat, np.broadcast_to(inside, flat.shape)
