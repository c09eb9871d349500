"""The search for the points that are worth most, in spaces of numbers and categories.

Points of a batch are chosen one after the other, each knowing the earlier ones as pending. Each is
climbed to from several starts at once: real coordinates by gradients, discrete ones by exchanges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from catena.ops.optimise.coordinates import Coordinates

#: Starts of the search that are followed to the end.
RESTARTS = 4


def best_points(
    worth: Any,
    coordinates: Coordinates,
    q: int,
    starts: np.ndarray,
    *,
    restarts: int = RESTARTS,
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return the coordinates (q, d) that are worth most together, chosen one after the other.

    Args:
        worth: A BoTorch acquisition function.
        coordinates: The space searched.
        q: Number of points.
        starts: Candidates (c, d), feasible and on existing steps, the search begins from.
        restarts: Number of candidates followed to the end.
        box: Lower and upper ends (d,) to stay in; the whole space by default.
    """
    import torch

    chosen: list[np.ndarray] = []
    before = worth.X_pending if hasattr(worth, "X_pending") else None
    for _ in range(q):
        if chosen:
            taken = torch.as_tensor(np.array(chosen))
            worth.set_X_pending(taken if before is None else torch.cat([before, taken]))
        chosen.append(_best_point(worth, coordinates, starts, restarts, box))
    if chosen and hasattr(worth, "set_X_pending"):
        worth.set_X_pending(before)
    return np.array(chosen)


def _best_point(
    worth: Any,
    coordinates: Coordinates,
    starts: np.ndarray,
    restarts: int,
    box: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    values = _values(worth, starts)
    order = np.argsort(-values, kind="stable")
    # Under constraints every search runs by itself, which costs several times as much.
    points = _spread_out(starts[order], 2 if coordinates.space.constraints else restarts)
    low = np.zeros(len(coordinates.upper)) if box is None else box[0]
    high = coordinates.upper if box is None else box[1]
    value = np.full(len(points), -np.inf)
    for _ in range(4 if coordinates.discrete.any() else 1):
        points, new = _climb(worth, coordinates, points, low, high)
        if coordinates.discrete.any():
            points, new = _step(worth, coordinates, points, new)
        if np.all(new <= value + 1e-6):
            break
        value = new
    return np.asarray(coordinates.snap(points[int(np.argmax(new))]))


def _values(worth: Any, points: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return np.asarray(worth(torch.as_tensor(points)[:, None, :]).numpy())


def _spread_out(points: np.ndarray, count: int) -> np.ndarray:
    """Return the first points that are not next to an earlier one."""
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.abs(point - other).max() > 0.02 for other in kept):
            kept.append(point)
        if len(kept) == count:
            break
    return np.array(kept)


def _climb(
    worth: Any, coordinates: Coordinates, points: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Move the real coordinates uphill; discrete ones stay where they are."""
    still = np.flatnonzero(coordinates.discrete)
    if len(still) == points.shape[1]:
        return points, _values(worth, points)
    low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    if coordinates.space.constraints:
        moved = np.concatenate(
            [_ascent(worth, coordinates, point[None], low, high, still) for point in points]
        )
        inside = coordinates.space.inside(coordinates.decode(moved), 1e-6)
        moved = np.where(inside[:, None], moved, points)
    else:
        moved = _ascent(worth, coordinates, points, low, high, still)
    return moved, _values(worth, moved)


def _ascent(
    worth: Any, coordinates: Coordinates, points: np.ndarray, low: np.ndarray, high: np.ndarray,
    still: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Run BoTorch's optimiser (L-BFGS-B of all points at once, SLSQP under constraints)."""
    import torch
    from botorch.generation.gen import gen_candidates_scipy

    start = torch.as_tensor(points)[:, None, :]
    at_least, exactly = _rows(coordinates)
    single = len(points) == 1
    fixed = {int(k): float(points[0, k]) if single else start[:, 0, k, None] for k in still}
    found, _ = gen_candidates_scipy(
        start,
        worth,
        lower_bounds=torch.as_tensor(low),
        upper_bounds=torch.as_tensor(high),
        inequality_constraints=at_least,
        equality_constraints=exactly,
        fixed_features=fixed or None,
        options={"maxiter": 25 if coordinates.space.constraints else 60},
    )
    return np.asarray(found[:, 0, :].numpy())


def _rows(coordinates: Coordinates) -> tuple[Any, Any]:
    """Return linear constraints as BoTorch takes them: (positions, weights, at least or equal)."""
    import torch

    rows: tuple[list[Any], list[Any]] = ([], [])
    for a, b, equal in zip(*coordinates.linear(), strict=True):
        where = np.flatnonzero(a)
        row = (torch.as_tensor(where), torch.as_tensor(-a[where]), float(-b))
        rows[bool(equal)].append(row)
    return rows[0] or None, rows[1] or None


def _step(
    worth: Any, coordinates: Coordinates, points: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Change one discrete coordinate at a time while that is worth more."""
    points, values = points.copy(), values.copy()
    for row in range(len(points)):
        for _ in range(8):
            near = coordinates.neighbours(points[row])
            if not len(near):
                break
            worths = _values(worth, near)
            best = int(np.argmax(worths))
            if worths[best] <= values[row] + 1e-9:
                break
            points[row], values[row] = near[best], worths[best]
    return points, values
