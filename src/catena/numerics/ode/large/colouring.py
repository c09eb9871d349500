"""Columns of a sparse matrix that may be differentiated together.

Two columns share a colour when no row holds both, so one directional derivative delivers them
all (Curtis, Powell and Reid 1974, doi:10.1093/imamat/13.1.117; greedy on the column graph).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def colour_columns(pattern: sparse.csr_array) -> np.ndarray:
    """Return a colour 0, 1, ... per column, greedily from the first to the last.

    Args:
        pattern: Nonzero structure, (rows, columns).

    Returns:
        Integer colours, (columns,); columns without entries get colour 0.
    """
    ones = pattern.astype(np.int32)
    neighbours = (ones.T @ ones).tocsr()
    start, other = neighbours.indptr, neighbours.indices
    colours = np.full(pattern.shape[1], -1, np.int64)
    for column in range(pattern.shape[1]):
        taken = colours[other[start[column] : start[column + 1]]]
        colours[column] = _first_free(taken)
    return colours


def _first_free(taken: np.ndarray) -> int:
    """Return the smallest number >= 0 that is not in ``taken`` (which may hold -1)."""
    used = np.zeros(taken.size + 2, bool)
    used[taken[taken <= taken.size] + 1] = True
    return int(np.argmin(used[1:]))
