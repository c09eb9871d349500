"""Covariance matrix adaptation with restarts of growing and of small populations.

The strategy is Hansen's own implementation (``cma``); restarts follow BIPOP (Hansen 2009,
10.1145/1570256.1570333): a large population that doubles, and small ones with random step sizes,
whichever regime has used fewer evaluations.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise.problem import Problem

_SIGMA = 0.25


def search(problem: Problem, key: int) -> None:
    """Use the whole budget for restarts from random points."""
    restarts(problem, key, evaluations=problem.left, centre=None)


def restarts(
    problem: Problem,
    key: int,
    *,
    evaluations: int,
    centre: np.ndarray | None,
    sigma: float = _SIGMA,
) -> list[np.ndarray]:
    """Run strategies until the evaluations are used.

    Args:
        problem: What to minimise (its first objective).
        key: Seed.
        evaluations: Evaluations to use, at most what is left.
        centre: Coordinates (d,) the first strategy starts from; random by default.
        sigma: First step size of it.

    Returns:
        Where each strategy ended.

    Raises:
        Spent: the budget ended.
    """
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "cma")))
    usual = 4 + int(3 * np.log(problem.dim))
    first, large, used = problem.spent, usual, [0, 0]
    ends: list[np.ndarray] = []
    run = 0
    while problem.spent - first < evaluations:
        small = run > 0 and used[1] <= used[0]
        if run > 0 and not small:
            large = min(2 * large, max(usual, evaluations // 50))
        size = int(usual * (0.5 * large / usual) ** (rng.random() ** 2)) if small else large
        start = centre if run == 0 and centre is not None else _random(problem, rng)
        width = sigma if run == 0 else _SIGMA * (10.0 ** (-2.0 * rng.random()) if small else 1.0)
        before = problem.spent
        left = evaluations - (problem.spent - first)
        ends.append(_one(problem, start, width, max(size, 4), left, rng))
        used[int(small)] += problem.spent - before
        run += 1
    return ends


def _random(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    points = problem.space.sample(1, int(rng.integers(2**62)), "random")
    return np.asarray(problem.coordinates.encode(points)[0])


def _one(
    problem: Problem,
    start: np.ndarray,
    sigma: float,
    size: int,
    evaluations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Run one strategy to convergence; return its best coordinates."""
    import cma

    coordinates = problem.coordinates
    upper = coordinates.upper
    options: dict[str, Any] = {
        "bounds": [0.0, 1.0],
        "popsize": size,
        "seed": int(rng.integers(1, 2**31)),
        "verbose": -9,
        "maxfevals": evaluations,
        "tolfun": 1e-11,
        "tolx": 1e-11,
    }
    discrete = [int(k) for k in np.flatnonzero(coordinates.discrete)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its remarks on step sizes concern nobody here
        strategy = cma.CMAEvolutionStrategy(np.clip(start / upper, 0.0, 1.0), sigma, options)
        while not strategy.stop():
            asked = np.array(strategy.ask())
            z = coordinates.snap(asked * upper) if discrete else asked * upper
            f, violation = problem.at(z)
            strategy.tell(list(asked), list(_rank(f[:, 0], violation)))
    return np.asarray(strategy.result.xbest * upper)


def _rank(f: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """Return values whose order is: kept limits by objective, then by violation."""
    if not violation.any() and np.isfinite(f).all():
        return f
    place = np.empty(len(f))
    place[np.lexsort((f, violation))] = np.arange(len(f))
    return place
