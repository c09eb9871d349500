"""The region linear constraints leave: whether it is empty, a point inside, points all over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from catena.core.errors import Infeasible
from catena.core.identity import split_key

if TYPE_CHECKING:
    from catena.ops.constraint import LinearConstraint
    from catena.ops.space import Space


def check_feasible(space: Space) -> None:
    """Make sure some point satisfies all linear constraints.

    Raises:
        Infeasible: none does; ``conflicts`` is an irreducible set: leaving out any one of it
            would leave a solution (deletion filter; Chinneck and Dravnieks 1991,
            doi:10.1287/ijoc.3.2.157).
    """
    rows = list(space.constraints)
    if _solvable(space, rows, set(space.names)):
        return
    ranges = set(space.names)
    for name in space.names:  # a range is not to blame when the rest conflicts without it
        if not _solvable(space, rows, ranges - {name}):
            ranges.discard(name)
    kept = list(rows)
    for row in rows:
        rest = [other for other in kept if other is not row]
        if not _solvable(space, rest, ranges):
            kept = rest
    conflicts = [row.text for row in kept]
    conflicts += [
        f"{v.low:g} <= {v.name} <= {v.high:g} {v.unit}".rstrip()
        for v in space.variables
        if v.name in ranges
    ]
    raise Infeasible("The constraints contradict each other", where="space",
                     why=f"no point satisfies all of: {'; '.join(conflicts)}",
                     fix="drop or relax one of them", conflicts=conflicts)  # fmt: skip


def interior(space: Space) -> np.ndarray:
    """Return a point (d,) well inside the constraints (the centre of an inscribed ball)."""
    low, high = space.bounds
    width = np.where(high > low, high - low, 1.0)
    inequalities, upper, equations, right = _matrices(space, list(space.constraints))
    norms = (
        np.linalg.norm(inequalities * width, axis=1, keepdims=True)
        if len(inequalities)
        else np.zeros((0, 1))
    )
    from scipy.optimize import Bounds, milp
    from scipy.optimize import LinearConstraint as Rows

    rows = [Rows(np.hstack([inequalities, norms]), -np.inf, upper)] if len(upper) else []
    if len(right):
        rows.append(Rows(np.hstack([equations, np.zeros((len(right), 1))]), right, right))
    goal = np.zeros(space.dim + 1)
    goal[-1] = -1.0
    found = milp(goal, constraints=rows, integrality=[*space.discrete.astype(int), 0],
                 bounds=Bounds([*low, 0.0], [*high, 0.5]))  # fmt: skip
    if found.x is None:
        raise Infeasible("No point satisfies the constraints", where="space", why=str(found.message),
                         fix="relax a constraint", conflicts=[c.text for c in space.constraints])  # fmt: skip
    return np.asarray(found.x[:-1])


def walk(space: Space, start: np.ndarray, n: int, key: int, thin: int = 25) -> np.ndarray:
    """Return points (n, d) of a constrained space by hit-and-run from a feasible point.

    Whole steps and categories stay at values that random linear goals reach. Smith (1984),
    doi:10.1287/opre.32.6.1296.
    """
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "hit and run")))
    low, high = space.bounds
    free = ~space.discrete & (high > low)
    inequalities, upper, equations, _ = _matrices(space, list(space.constraints))
    basis = _null_space(equations[:, free]) if len(equations) else np.eye(int(free.sum()))
    out = np.empty((n, space.dim))
    x = np.array(start, dtype=float)
    for index in range(n):
        if space.discrete.any():
            x = _somewhere(space, rng)
        for _ in range(thin if basis.shape[1] else 0):
            step = np.zeros(space.dim)
            step[free] = basis @ rng.standard_normal(basis.shape[1])
            x = _along(x, step, low, high, inequalities, upper, rng)
        out[index] = x
    return out


def _somewhere(space: Space, rng: np.random.Generator) -> np.ndarray:
    """Return a feasible point whose discrete part a random goal chose."""
    from scipy.optimize import Bounds, milp
    from scipy.optimize import LinearConstraint as Rows

    low, high = space.bounds
    inequalities, upper, equations, right = _matrices(space, list(space.constraints))
    rows = [Rows(inequalities, -np.inf, upper)] if len(upper) else []
    rows += [Rows(equations, right, right)] if len(right) else []
    goal = rng.standard_normal(space.dim) / np.where(high > low, high - low, 1.0)
    found = milp(
        goal, constraints=rows, integrality=space.discrete.astype(int), bounds=Bounds(low, high)
    )
    return np.asarray(found.x if found.x is not None else interior(space))


def _along(
    x: np.ndarray,
    step: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    inequalities: np.ndarray,
    upper: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Move to a uniform point of the feasible chord through x along a direction."""
    rates = np.concatenate([step, -step, inequalities @ step])
    rooms = np.concatenate([high - x, x - low, upper - inequalities @ x])
    rooms = np.maximum(rooms, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = rooms / rates
    forward = np.min(reach[rates > 1e-300], initial=np.inf)
    back = np.max(reach[rates < -1e-300], initial=-np.inf)
    if not np.isfinite(forward - back):
        return x
    return np.asarray(np.clip(x + rng.uniform(back, forward) * step, low, high))


def _null_space(matrix: np.ndarray) -> np.ndarray:
    from scipy.linalg import null_space

    return np.asarray(null_space(matrix))


def _matrices(
    space: Space, rows: Sequence[LinearConstraint]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (inequalities, upper bounds, equations, right sides)."""
    below = [row for row in rows if not row.equal]
    equal = [row for row in rows if row.equal]
    return (
        np.array([row.weights for row in below]).reshape(-1, space.dim),
        np.array([row.bound for row in below]),
        np.array([row.weights for row in equal]).reshape(-1, space.dim),
        np.array([row.bound for row in equal]),
    )


def _solvable(space: Space, rows: Sequence[LinearConstraint], ranges: set[str]) -> bool:
    from scipy.optimize import Bounds, milp
    from scipy.optimize import LinearConstraint as Rows

    low, high = space.bounds
    kept = np.array([name in ranges for name in space.names])
    inequalities, upper, equations, right = _matrices(space, rows)
    limits = [Rows(inequalities, -np.inf, upper)] if len(upper) else []
    limits += [Rows(equations, right, right)] if len(right) else []
    found = milp(
        np.zeros(space.dim),
        constraints=limits,
        integrality=space.discrete.astype(int),
        bounds=Bounds(np.where(kept, low, -np.inf), np.where(kept, high, np.inf)),
    )
    return bool(found.status != 2)
