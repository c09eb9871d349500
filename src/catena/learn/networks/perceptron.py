"""Multilayer perceptrons as plain lists of weights: the same code in NumPy and traced in JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

#: Weights and offsets of one layer.
Layer = tuple[Any, Any]
#: From the slope of a loss to outputs, the slopes to the layers.
Pull = Callable[[np.ndarray], list[Layer]]


def start_layers(widths: Sequence[int], rng: np.random.Generator) -> list[Layer]:
    """Return random layers of the given widths (Glorot and Bengio 2010 scaling)."""
    layers = []
    for wide, narrow in pairwise(widths):
        spread = np.sqrt(2.0 / (wide + narrow))
        layers.append((spread * rng.standard_normal((wide, narrow)), np.zeros(narrow)))
    return layers


def perceptron(layers: Sequence[Layer], z: Any, xp: ModuleType = np) -> Any:
    """Return outputs (n, k) for inputs (n, p); hidden layers are smooth (tanh)."""
    value = 2.0 * z - 1.0  # features fill the unit cube
    for weights, offsets in layers[:-1]:
        value = xp.tanh(value @ weights + offsets)
    weights, offsets = layers[-1]
    return value @ weights + offsets


def perceptron_and_pull(layers: Sequence[Layer], z: np.ndarray) -> tuple[np.ndarray, Pull]:
    """Return outputs, and the function that takes slopes back through the layers.

    At the size of these networks this is several times faster than a compiled trace.
    """
    values = [2.0 * z - 1.0]
    for weights, offsets in layers[:-1]:
        values.append(np.tanh(values[-1] @ weights + offsets))
    weights, offsets = layers[-1]

    def pull(slope: np.ndarray) -> list[Layer]:
        found: list[Layer] = []
        for (weights, _), value in zip(reversed(layers), reversed(values), strict=True):
            found.append((value.T @ slope, slope.sum(axis=0)))
            slope = (slope @ weights.T) * (1.0 - value**2)
        return found[::-1]

    return values[-1] @ weights + offsets, pull


def named(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """Return the layers as arrays by name, for a file."""
    out = {}
    for k, (weights, offsets) in enumerate(layers):
        out[f"weights{k}"], out[f"offsets{k}"] = np.asarray(weights), np.asarray(offsets)
    return out


def unnamed(arrays: dict[str, np.ndarray]) -> list[Layer]:
    """Rebuild layers from ``named``."""
    return [(arrays[f"weights{k}"], arrays[f"offsets{k}"]) for k in range(len(arrays) // 2)]


def flattened(layers: Sequence[Layer]) -> np.ndarray:
    """Return all numbers of the layers in one row."""
    return np.concatenate([np.ravel(part) for layer in layers for part in layer])


def unflattened(flat: np.ndarray, like: Sequence[Layer]) -> list[Layer]:
    """Return layers shaped like others with the numbers of one row."""
    out, start = [], 0
    for weights, offsets in like:
        middle, end = start + weights.size, start + weights.size + offsets.size
        out.append((flat[start:middle].reshape(weights.shape), flat[middle:end]))
        start = end
    return out
