"""Pareto sets and hypervolume (low is good)."""

from __future__ import annotations

import numpy as np


def pareto(y: np.ndarray, violation: np.ndarray | None = None) -> np.ndarray:
    """Return positions of the points no other point beats in every objective.

    Args:
        y: Objectives (n, m), low is good.
        violation: How far a point breaks constraints (n,); points that break any are left out.
    """
    allowed = np.isfinite(y).all(axis=1)
    if violation is not None:
        allowed &= violation <= 0.0
    left = np.flatnonzero(allowed)
    left = left[np.lexsort(y[left].T[::-1])]
    kept: list[int] = []
    while len(left):
        first, rest = left[0], left[1:]
        kept.append(int(first))
        left = rest[np.any(y[rest] < y[first], axis=1)]
    return np.array(sorted(kept), dtype=int)


def hypervolume(y: np.ndarray, reference: np.ndarray) -> float:
    """Return the volume between a set of points and a reference they should beat.

    Args:
        y: Objectives (n, m), low is good.
        reference: Reference point (m,).

    Source: exact recursion over the last objective (While, Bradstreet and Barone 2012,
    10.1109/TEVC.2010.2077298).
    """
    inside = y[np.all(y < reference, axis=1)]
    if not len(inside):
        return 0.0
    front = inside[pareto(inside)]
    if front.shape[1] == 1:
        return float(reference[0] - front.min())
    order = front[np.argsort(front[:, -1], kind="stable")]
    edges = np.append(order[:, -1], reference[-1])
    return float(
        sum(
            hypervolume(order[: k + 1, :-1], reference[:-1]) * (edges[k + 1] - edges[k])
            for k in range(len(order))
            if edges[k + 1] > edges[k]
        )
    )
