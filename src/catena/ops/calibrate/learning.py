"""Curvatures learnt from gradients, for objectives that do not know theirs.

Source: Powell 1978 (doi:10.1007/BFb0067703), damped BFGS: curvatures stay positive definite.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def first_curvature(gradient: Array) -> Array:
    """Return multiples of the identity whose first step is a tenth of the box."""
    with np.errstate(invalid="ignore"):
        size = np.maximum(10.0 * np.abs(gradient).max(axis=1), 1e-12)
    return np.asarray(size[:, None, None] * np.eye(gradient.shape[1]))


def learnt(curvature: Array, fresh: Array, move: Array, change: Array) -> tuple[Array, Array]:
    """Update curvatures from changes of the gradient.

    Args:
        curvature: Curvatures (n, p, p).
        fresh: Rows that have learnt nothing yet (n,); they take their size from this step.
        move: Steps taken (n, p).
        change: Changes of the gradient (n, p).

    Returns:
        Curvatures, and which rows could learn.
    """
    change = np.where(np.isfinite(change), change, np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sy, yy = (move * change).sum(axis=1), (change**2).sum(axis=1)
        start = (yy / np.where(sy > 0, sy, 1.0))[:, None, None] * np.eye(move.shape[1])
        old = np.where((fresh & (sy > 0))[:, None, None], start, curvature)
        bent = np.einsum("nij,nj->ni", old, move)
        sbs = (move * bent).sum(axis=1)
        damp = np.where(sy >= 0.1 * sbs, 1.0, 0.9 * sbs / (sbs - sy))
        y = damp[:, None] * change + (1.0 - damp)[:, None] * bent
        updated = (
            old
            - bent[:, :, None] * bent[:, None, :] / sbs[:, None, None]
            + y[:, :, None] * y[:, None, :] / (move * y).sum(axis=1)[:, None, None]
        )
    sound = np.isfinite(updated).all(axis=(1, 2)) & (sbs > 0)
    return np.where(sound[:, None, None], updated, curvature), sound
