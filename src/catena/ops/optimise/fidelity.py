"""Optimisation with cheap and costly versions of a model: a fidelity variable with a cost.

The process spans variables and fidelity together. Where to look is expected improvement at full
fidelity; how finely to look there is what tells most per cost: the squared correlation with full
fidelity times the cost ratio (after Huang et al. 2006, 10.1007/s00158-005-0587-0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise.acquisition import acquisition, greedy
from catena.ops.optimise.ascent import best_points
from catena.ops.optimise.bayesian import aim_of, constant, model
from catena.ops.optimise.problem import Problem
from catena.ops.optimise.process import Process
from catena.ops.optimise.suggest import candidates

#: Share of the budget kept for evaluations at full fidelity of the points predicted best.
_LAST = 0.2
_GRID = 11


@final
@dataclass(frozen=True)
class Fidelity:
    """The variable that says how finely a model computes.

    Args:
        place: Its position among the variables; its upper end is full fidelity.
        exponent: Cost grows with this power of it, relative to full fidelity.
    """

    place: int
    exponent: float = 1.0

    def cost(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        """Return what points (n, d) cost, in evaluations at full fidelity."""
        share = x[:, self.place] / problem.space.bounds[1, self.place]
        return np.asarray(np.maximum(share, 1e-6) ** self.exponent)

    def full(self, problem: Problem) -> np.ndarray:
        """Return which rows of the record are at full fidelity."""
        return np.asarray(problem.x[:, self.place] >= problem.space.bounds[1, self.place] - 1e-9)


def search(problem: Problem, key: int, fidelity: Fidelity) -> float:
    """Spend the budget, counted in evaluations at full fidelity.

    Returns:
        The cost spent.
    """
    whole = float(problem.budget)
    problem.budget = 10**9
    z = _design(problem, fidelity, whole, key)
    problem.at(z)
    constant(problem)
    spent = float(fidelity.cost(problem, problem.x).sum())
    upper = problem.coordinates.upper
    fixed = np.zeros(problem.dim)
    fixed[fidelity.place] = 1.0
    box = (fixed, upper)
    while spent < whole - 1e-9:
        process = model(problem, noise=False)
        aim = aim_of(problem, None)
        seed = split_key(key, f"at {len(problem.x)}")
        starts = candidates(process, problem.coordinates, aim, seed, box)
        starts[:, fidelity.place] = 1.0
        last = spent >= (1.0 - _LAST) * whole
        worth = greedy(process, aim) if last else _worth(process, problem, fidelity, seed)
        point = best_points(worth, problem.coordinates, 1, starts, box=box)[0]
        if not last:
            point[fidelity.place] = _level(process, problem, fidelity, point)
        elif np.abs(problem.coordinates.encode(problem.x) - point).max(axis=1).min() < 1e-6:
            worth = _worth(process, problem, fidelity, seed)
            point = best_points(worth, problem.coordinates, 1, starts, box=box)[0]
        problem.at(point[None])
        spent += float(fidelity.cost(problem, problem.x[-1:])[0])
    return spent


def _design(problem: Problem, fidelity: Fidelity, whole: float, key: int) -> np.ndarray:
    """Return a first design whose cost is at most a third of the budget: mostly coarse."""
    points = problem.space.sample(8 * problem.dim, split_key(key, "start"))
    z = problem.coordinates.encode(points)
    z[:, fidelity.place] = np.resize([0.0, 0.25, 0.0, 0.5, 0.0, 1.0], len(z))
    z = problem.coordinates.snap(z)
    cost = np.cumsum(fidelity.cost(problem, problem.coordinates.decode(z)))
    return z[: max(int(np.searchsorted(cost, whole / 3.0)), min(4, len(z)))]


def _worth(process: Process, problem: Problem, fidelity: Fidelity, key: int) -> object:
    """Return expected improvement at full fidelity over the best prediction there.

    The data are replaced by what the process predicts for them at full fidelity, so that a coarse
    result that looks good does not count as reached.
    """
    projected = process.z.copy()
    projected[:, fidelity.place] = 1.0
    seen = process.at(projected)
    return acquisition(seen, aim_of(problem, None), None, key)


def _level(process: Process, problem: Problem, fidelity: Fidelity, point: np.ndarray) -> float:
    """Return the fidelity (as a coordinate) that tells most about full fidelity per cost."""
    import torch

    grid = np.tile(point, (_GRID, 1))
    grid[:, fidelity.place] = np.linspace(0.0, 1.0, _GRID)
    grid = problem.coordinates.snap(grid)
    with torch.no_grad():
        member = process.members[0]
        covariance = member.posterior(torch.as_tensor(grid)).distribution.covariance_matrix.numpy()
    variance = np.maximum(np.diag(covariance), 1e-12)
    squared = covariance[:, -1] ** 2 / (variance * variance[-1])
    value = squared / fidelity.cost(problem, problem.coordinates.decode(grid))
    return float(grid[int(np.argmax(value)), fidelity.place])
