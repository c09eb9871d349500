"""Primitives that only move elements: the same NumPy operation on numbers or on nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from catena.numerics.ode.kernel.primitives_values import Scope, Traced, Value

Params = Mapping[str, Any]


def _broadcast_in_dim(params: Params, x: np.ndarray) -> np.ndarray:
    shape = [1] * len(params["shape"])
    for place, size in zip(params["broadcast_dimensions"], x.shape, strict=True):
        shape[place] = size
    return np.broadcast_to(x.reshape(shape), params["shape"])


def _slice(params: Params, x: np.ndarray) -> np.ndarray:
    start, stop = params["start_indices"], params["limit_indices"]
    steps = params["strides"] or (1,) * x.ndim
    return x[tuple(slice(*each) for each in zip(start, stop, steps, strict=True))]


def _pad(params: Params, x: np.ndarray, filler: np.ndarray) -> np.ndarray:
    """Put elements ``inner + 1`` apart; a negative margin cuts instead."""
    config = params["padding_config"]
    spread = [max(0, n + (n - 1) * inner) for n, (_, _, inner) in zip(x.shape, config, strict=True)]
    whole = np.full([n + max(0, lo) + max(0, hi) for n, (lo, hi, _) in zip(spread, config,
                    strict=True)], filler, dtype=x.dtype)  # fmt: skip
    places, kept = [], []
    for n, total, (lo, hi, inner) in zip(spread, whole.shape, config, strict=True):
        places.append(slice(max(0, lo), max(0, lo) + n, inner + 1))
        kept.append(slice(max(0, -lo), total - max(0, -hi)))
    whole[tuple(places)] = x
    return whole[tuple(kept)]


def _split(params: Params, x: np.ndarray) -> list[np.ndarray]:
    return np.split(x, np.cumsum(params["sizes"])[:-1], axis=params["axis"])


def _same(params: Params, x: np.ndarray) -> np.ndarray:
    return x


MOVES: dict[str, Callable[..., np.ndarray | list[np.ndarray]]] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": lambda params, x: x.reshape(params["new_sizes"]),
    "squeeze": lambda params, x: np.squeeze(x, tuple(params["dimensions"])),
    "expand_dims": lambda params, x: np.expand_dims(x, tuple(params["dimensions"])),
    "transpose": lambda params, x: np.transpose(x, params["permutation"]),
    "rev": lambda params, x: np.flip(x, tuple(params["dimensions"])),
    "slice": _slice,
    "concatenate": lambda params, *x: np.concatenate(x, axis=params["dimension"]),
    "stack": lambda params, *x: np.stack(x, axis=params["axis"]),
    "unstack": lambda params, x: list(np.moveaxis(x, params["axis"], 0)),
    "tile": lambda params, x: np.tile(x, params["reps"]),
    "broadcast_to": lambda params, x: np.broadcast_to(x, params["shape"]),
    "pad": _pad,
    "split": _split,
    # Values in a graph have one copy, and no gradient is taken through JAX.
    "copy": _same, "copy_p": _same, "stop_gradient": _same, "name": _same,
    "reduce_precision": _same, "optimization_barrier": lambda params, *x: list(x),
}  # fmt: skip


def move(scope: Scope, values: list[Value]) -> list[Value]:
    """Translate an equation that moves elements."""
    equation = scope.equation
    function, params = MOVES[equation.primitive.name], equation.params
    if equation.primitive.name == "reduce_precision" and (
        params["exponent_bits"] < 11 or params["mantissa_bits"] < 52
    ):
        raise scope.unsupported("it lowers the precision", "keep the right-hand side in float64")
    if any(isinstance(value, Traced) for value in values):
        found = function(params, *(scope.lift(value) for value in values))
        arrays = found if isinstance(found, list) else [found]
        return [
            Traced(array, out.aval.dtype)
            for array, out in zip(arrays, equation.outvars, strict=True)
        ]
    found = function(params, *values)
    return list(found) if isinstance(found, list) else [found]


def iota(scope: Scope, values: list[Value]) -> list[Value]:
    """Return the known array that counts along one axis."""
    params = scope.equation.params
    shape, axis = params["shape"], params["dimension"]
    counts = np.arange(shape[axis], dtype=params["dtype"])
    return [np.broadcast_to(counts.reshape([-1 if k == axis else 1 for k in range(len(shape))]),
                            shape)]  # fmt: skip
