"""Elementary effects: which inputs matter at all, from few runs.

Trajectories through a grid change one input at a time. Of many candidates those are kept that
spread most over the space.

Sources: M. D. Morris, Technometrics 33 (1991) 161, doi:10.1080/00401706.1991.10484804;
F. Campolongo, J. Cariboni, A. Saltelli, Environ. Model. Softw. 22 (2007) 1509,
doi:10.1016/j.envsoft.2006.10.004 (mean of absolute effects, spread trajectories);
M. V. Ruano et al., Environ. Model. Softw. 37 (2012) 103, doi:10.1016/j.envsoft.2012.03.008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Candidates per trajectory kept, at most so many in all.
_CANDIDATES, _MOST = 10, 400


def trajectories(r: int, d: int, levels: int, key: int) -> Floats:
    """Return r trajectories (r, d + 1, d) in the unit cube, chosen to spread.

    Args:
        r: Number of trajectories.
        d: Number of inputs.
        levels: Levels of the grid (even).
        key: 64-bit seed.
    """
    random = np.random.Generator(np.random.Philox(key=key))
    pool = max(r, min(_MOST, _CANDIDATES * r))
    step = levels / (2.0 * (levels - 1))
    start = random.integers(0, levels // 2, size=(pool, d)) / (levels - 1)
    order = np.argsort(random.random((pool, d)), axis=1)
    up = random.random((pool, d)) < 0.5
    moved = np.argsort(order, axis=1)[:, None, :] < np.arange(d + 1)[None, :, None]
    points = start[:, None, :] + step * np.where(up[:, None, :], moved, ~moved)
    return points[_spread(points, r)]


def _spread(points: Floats, r: int) -> NDArray[np.intp]:
    """Choose r trajectories that lie far from each other: the best pair, then one by one."""
    pool = len(points)
    if pool == r:
        return np.arange(r)
    distance = np.zeros((pool, pool))
    for place in range(points.shape[1]):
        for other in range(points.shape[1]):
            a, b = points[:, place], points[:, other]
            squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
            distance += np.sqrt(np.maximum(squared, 0.0))
    np.fill_diagonal(distance, 0.0)
    first = np.unravel_index(np.argmax(distance), distance.shape)
    chosen = [int(first[0]), int(first[1])][: max(r, 1)]
    gained = (distance[chosen] ** 2).sum(axis=0)
    while len(chosen) < r:
        gained[chosen] = -np.inf
        best = int(np.argmax(gained))
        chosen.append(best)
        gained = (distance[chosen] ** 2).sum(axis=0)
    return np.asarray(chosen, dtype=np.intp)


def effects(points: Floats, y: Floats) -> Floats:
    """Return elementary effects (r, d): change of the output per full range of the input.

    Args:
        points: Trajectories (r, d + 1, d).
        y: Output at their points (r, d + 1).
    """
    steps = np.diff(points, axis=1)
    which = np.argmax(np.abs(steps), axis=2)
    size = np.take_along_axis(steps, which[..., None], axis=2)[..., 0]
    found = np.empty(which.shape)
    np.put_along_axis(found, which, np.diff(y, axis=1) / size, axis=1)
    return found
