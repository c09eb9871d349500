"""Correlation functions of Gaussian processes over scaled distances, with what gradients need.

Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, chapter 4.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np

from catena.core.errors import InputError, did_you_mean

Kernel = Literal["gauss", "matern"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)


def squared_distances(left: Any, right: Any, xp: ModuleType = np) -> Any:
    """Return squared Euclidean distances (n, m) between rows (n, p) and (m, p), never negative.

    Args:
        left: Points, already divided by their length scales.
        right: Points, likewise.
        xp: ``numpy`` or ``jax.numpy``.
    """
    # The expanded form is one matrix product; its rounding near zero is clipped.
    squares = (left * left).sum(1)[:, None] + (right * right).sum(1)[None, :]
    return xp.maximum(squares - 2.0 * (left @ right.T), 0.0)


def correlation(kernel: Kernel, squares: Any, xp: ModuleType = np) -> Any:
    """Return correlations at squared scaled distances.

    Args:
        kernel: ``gauss`` (infinitely smooth) or ``matern`` (Matern 5/2, twice differentiable).
        squares: Squared distances, any shape.
        xp: ``numpy`` or ``jax.numpy``.

    Raises:
        InputError: there is no such kernel.
    """
    if kernel == "gauss":
        return xp.exp(-0.5 * squares)
    if kernel == "matern":
        # The floor keeps the derivative of the root finite where two points coincide.
        r = xp.sqrt(5.0 * squares + 1e-24)
        return (1.0 + r + r * r / 3.0) * xp.exp(-r)
    raise InputError(f"Unknown kernel {kernel!r}", where="gaussian process",
                     why=f"there are {', '.join(KERNELS)}",
                     fix=did_you_mean(str(kernel), KERNELS, "use one of these"))  # fmt: skip


def correlation_and_slope(kernel: Kernel, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations and their factor in the derivative to log length scales.

    With difference ``delta_j`` along input j in units of its length scale, the derivative of the
    correlation to the logarithm of that length scale is ``slope * delta_j ** 2``.
    """
    if kernel == "gauss":
        values = correlation(kernel, squares)
        return values, values
    r = np.sqrt(5.0 * squares)
    decay = np.exp(-r)
    return (1.0 + r + r * r / 3.0) * decay, (5.0 / 3.0) * (1.0 + r) * decay
