"""Bounds on states: a belief that left them is projected, and says so.

Projection in the metric of the covariance (D. Simon and D. L. Simon, Int. J. Syst. Sci. 41 (2010)
159, doi:10.1080/00207720903042970); intervals are those of the truncated marginals.
"""

from __future__ import annotations

import numpy as np

from catena.core.banded import ENDS

#: Half of what a 90 % interval leaves out.
TAIL = 0.05


def projected(
    mean: np.ndarray, cov: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable mean within bounds, and which entries lie on one.

    Args:
        mean: Mean (n,).
        cov: Covariance (n, n).
        low: Lower bounds (n,).
        high: Upper bounds (n,).
    """
    moved, held = mean.copy(), np.zeros(len(mean), dtype=bool)
    for _ in range(len(mean)):
        outside = np.maximum(low - moved, moved - high)
        outside[held] = -np.inf
        worst = int(np.argmax(outside))
        if outside[worst] <= 1e-12 * (1.0 + abs(moved[worst])):
            break
        held[worst] = True
        target = np.clip(moved, low, high)
        own = cov[np.ix_(held, held)] + 1e-14 * np.trace(cov) * np.eye(int(held.sum()))
        moved = mean + cov[:, held] @ np.linalg.solve(own, target[held] - mean[held])
        moved[held] = target[held]
    return moved, held


def interval(
    mean: np.ndarray, deviation: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of 90 % intervals of Gaussians truncated to bounds."""
    from scipy.special import ndtr, ndtri

    safe = np.maximum(deviation, 1e-300)
    first, last = ndtr((low - mean) / safe), ndtr((high - mean) / safe)
    room = np.maximum(last - first, 1e-12)
    ends = [mean + safe * ndtri(np.clip(first + share * room, 1e-15, 1 - 1e-15))
            for share in (TAIL, 1 - TAIL)]  # fmt: skip
    free = np.isinf(low) & np.isinf(high)
    plain = ENDS * deviation
    lower = np.where(free, mean - plain, np.clip(ends[0], low, high))
    return lower, np.where(free, mean + plain, np.clip(ends[1], low, high))
