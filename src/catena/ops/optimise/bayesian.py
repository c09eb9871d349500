"""Bayesian optimisation of a model that costs too much for many evaluations."""

from __future__ import annotations

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.optimise.acquisition import Aim
from catena.ops.optimise.problem import Problem, Spent
from catena.ops.optimise.process import Process
from catena.ops.optimise.suggest import next_points, quiet
from catena.ops.optimise.trust import Region

#: Rows a process is fitted to; beyond it the best and the latest are kept.
_LARGEST = 400


def search(
    problem: Problem,
    key: int,
    *,
    batch: int = 4,
    first: int | None = None,
    noise: bool = False,
    reference: np.ndarray | None = None,
    trust: bool = False,
) -> None:
    """Spend the budget on a space-filling design and then on batches worth most.

    Args:
        problem: What to minimise.
        key: Seed.
        batch: Points evaluated together.
        first: Size of the design; twice the number of variables plus two by default.
        noise: Whether repeated evaluations differ, so that noise must be inferred.
        reference: Reference point of the hypervolume, low is good.
        trust: Keep to a trust region around the best point (many variables).

    Raises:
        InputError: the outputs do not change with the variables.
        Spent: the budget ended.
    """
    wanted = min(first or design_size(problem.dim, batch), problem.left)
    missing = wanted - len(problem.x)
    if missing > 0:
        design = problem.space.sample(wanted, split_key(key, "start"))
        problem.at(problem.coordinates.encode(design[-missing:]))
    constant(problem)
    aim = aim_of(problem, reference)
    region = Region(problem.dim, batch) if trust else None
    while problem.left:
        seed = split_key(key, f"batch at {problem.spent}")
        before = _merit(problem)
        problem.at(_asked(problem, aim, region, min(batch, problem.left), noise, seed))
        if region is None:
            continue
        region.update(_merit(problem) < before)
        if region.collapsed and problem.left:
            region = Region(problem.dim, batch)
            fresh = problem.space.sample(min(2 * batch, problem.left), seed)
            problem.at(problem.coordinates.encode(fresh))


def _asked(
    problem: Problem, aim: Aim, region: Region | None, count: int, noise: bool, key: int
) -> np.ndarray:
    """Return the coordinates (count, d) of the next batch."""
    nothing = np.zeros((0, problem.dim))
    with quiet():
        process = model(problem, noise)
        box = region.box(process, aim, problem.coordinates.upper) if region is not None else None
        # The last batch has no later one to inform: one point goes where the best is predicted.
        exploit = 1 if problem.left <= count and count > 1 and not noise else 0
        return next_points(process, problem.coordinates, aim, count, nothing, exploit, key, box)


def design_size(dim: int, batch: int) -> int:
    """Return the size of the first design: about two points per variable, in whole batches."""
    return int(batch * np.ceil(2 * (dim + 1) / batch))


def aim_of(problem: Problem, reference: np.ndarray | None) -> Aim:
    """Return objectives and limits as the acquisition takes them (low is good)."""
    limits: dict[int, tuple[float | None, float | None]] = {}
    for limit in problem.limits:
        sign = problem.signs[limit.column] if limit.column < problem.objectives else 1.0
        low, high = limits.get(limit.column, (None, None))
        value = limit.value * sign
        if limit.sign * sign > 0:
            limits[limit.column] = (low, value if high is None else min(high, value))
        else:
            limits[limit.column] = (value if low is None else max(low, value), high)
    return Aim(tuple(range(problem.objectives)), limits, reference)


def model(problem: Problem, noise: bool) -> Process:
    """Fit the outcomes to the record; failed rows count as bad as the worst that worked."""
    rows = _rows(problem)
    y = problem.y[rows].copy()
    y[:, : problem.objectives] *= problem.signs
    for k in range(y.shape[1]):
        good = np.isfinite(y[:, k])
        if k < problem.objectives and good.any():
            y[~good, k] = y[good, k].max()
    count = y.shape[1]
    return Process(
        problem.coordinates.encode(problem.x[rows]),
        y,
        [k < problem.objectives for k in range(count)],
        problem.coordinates.categories,
        None if noise else [0.0] * count,
        None,
    )


def constant(problem: Problem) -> None:
    """Refuse a search whose objective does not change.

    Raises:
        InputError: every evaluation gave the same number, or all failed.
    """
    y = problem.y[:, : problem.objectives]
    good = y[np.isfinite(y).all(axis=1)]
    if not len(good):
        raise InputError("No point could be evaluated", where="optimise",
                         why=f"all {len(y)} evaluations of the first design failed",
                         fix="narrow the ranges, or try the model at one of these points")  # fmt: skip
    if len(good) > 3 and np.any(np.ptp(good, axis=0) <= 1e-14 * np.abs(good).max(axis=0)):
        raise InputError("Nothing to optimise", where="optimise",
                         why="an objective has the same value at every point of the first design",
                         fix="vary inputs it depends on, or name another output")  # fmt: skip


def _rows(problem: Problem) -> np.ndarray:
    """Return the rows to fit: without repeats, and not more than a process can bear."""
    _, unique = np.unique(problem.x, axis=0, return_index=True)
    rows = np.sort(unique)
    if len(rows) <= _LARGEST:
        return rows
    best = np.intersect1d(problem.best(_LARGEST // 2), rows)
    return np.union1d(best, rows[-(_LARGEST - len(best)) :])


def _merit(problem: Problem) -> float:
    """Return how good the record is: its best objective, or how far it is from kept limits."""
    f, violation = problem.record
    best = int(np.lexsort((f[:, 0], violation))[0])
    return float(f[best, 0] if violation[best] <= 0 else 1e12 * (1.0 + violation[best]))


__all__ = ["Spent", "aim_of", "constant", "design_size", "model", "search"]
