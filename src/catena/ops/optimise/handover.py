"""Sobol design, differential evolution, CMA-ES, gradient: each hands its best to the next.

A design shows how smooth the problem is, local searches from it solve it at once if it is, an
evolution finds the right valley among many, CMA-ES turns into it, and gradients finish.
"""

from __future__ import annotations

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise import cmaes, evolution, gradient
from catena.ops.optimise.problem import Problem, Spent

#: Shares of the budget.
_LOCAL, _EVOLUTION, _CMA = 0.15, 0.55, 0.15
_STARTS = 24


def search(problem: Problem, key: int) -> np.ndarray:
    """Use the budget in four stages.

    Returns:
        Where the local searches from the design ended (k, d), for basin statistics.
    """
    total = problem.left
    size = evolution.population(problem, int(_EVOLUTION * total))
    design = problem.space.sample(max(size, 2 * _STARTS), split_key(key, "start"))
    z = problem.coordinates.encode(design)
    ends = np.zeros((0, problem.dim))
    try:
        problem.at(z)
        problem.set_scales()
        ends = _within(problem, z, int(_LOCAL * total))
        best = problem.coordinates.encode(problem.x[problem.best(2)])
        first = np.concatenate([z[: size - len(best)], best])
        evolution.evolve(problem, key, evaluations=int(_EVOLUTION * total), start=first)
        _polish(problem, 3)
        if problem.coordinates.discrete.any():
            evolution.exchange(problem, problem.left // 4)
        else:
            centre = problem.coordinates.encode(problem.x[problem.best()])[0]
            share = min(int(_CMA * total), problem.left)
            cmaes.restarts(problem, key, evaluations=share, centre=centre, sigma=0.1)
            _polish(problem, 3)
        _finish(problem, key)
    except Spent:
        pass
    return ends


def _within(problem: Problem, z: np.ndarray, evaluations: int) -> np.ndarray:
    """Search locally from the first points of the design, within a share of the budget."""
    steps = evaluations // problem.gradient_price
    starts = min(_STARTS, max(steps // 40, 1), len(z))
    whole, problem.budget = problem.budget, problem.spent + evaluations
    try:
        return gradient.descend(problem, z[:starts], steps=max(steps // starts, 10))
    except Spent:
        return np.zeros((0, problem.dim))
    finally:
        problem.budget = whole


def _polish(problem: Problem, count: int) -> None:
    """Search locally from the best points that are not next to each other."""
    order = problem.coordinates.encode(problem.x[problem.best(200)])
    chosen: list[np.ndarray] = []
    for z in order:
        if all(np.abs(z - other).max() > 0.02 for other in chosen):
            chosen.append(z)
        if len(chosen) == count:
            break
    gradient.descend(problem, np.array(chosen))


def _finish(problem: Problem, key: int) -> None:
    """Spend what is left on further evolution from around the best and all over."""
    round_ = 0
    while problem.left > 20 * problem.dim:
        round_ += 1
        seed = split_key(key, f"round {round_}")
        size = evolution.population(problem, problem.left)
        fresh = problem.coordinates.encode(problem.space.sample(size, seed))
        before = problem.spent
        evolution.evolve(problem, seed, evaluations=problem.left // 2 + 1, start=fresh)
        _polish(problem, 2)
        if problem.spent == before:
            break
