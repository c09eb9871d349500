"""Differential evolution with success-history adaptation, for mixed spaces and limits.

L-SHADE (Tanabe and Fukunaga 2014, 10.1109/CEC.2014.6900380): step size and crossover rate are
drawn around what worked, an archive of beaten parents keeps the steps wide, and the population
shrinks over the budget. Limits are relaxed at first and tightened (the epsilon level of Takahama
and Sakai 2006, 10.1109/CEC.2006.1688283).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise.problem import Problem

_MEMORY = 6
_BEST_SHARE = 0.11
_SMALLEST = 4
#: Population spread below which a search has converged.
_CONVERGED = 1e-9


@final
@dataclass
class _History:
    """What step sizes and crossover rates worked, as a ring of means."""

    step: np.ndarray = field(default_factory=lambda: np.full(_MEMORY, 0.5))
    cross: np.ndarray = field(default_factory=lambda: np.full(_MEMORY, 0.5))
    place: int = 0

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return step sizes and crossover rates (n,)."""
        which = rng.integers(0, _MEMORY, n)
        cross = np.clip(self.cross[which] + 0.1 * rng.standard_normal(n), 0.0, 1.0)
        step = np.zeros(n)
        while (bad := step <= 0.0).any():
            step[bad] = self.step[which[bad]] + 0.1 * rng.standard_cauchy(int(bad.sum()))
        return np.minimum(step, 1.0), cross

    def learn(self, step: np.ndarray, cross: np.ndarray, gain: np.ndarray) -> None:
        """Remember the weighted Lehmer means of what improved a parent."""
        if not len(gain):
            return
        weight = gain / gain.sum() if gain.sum() > 0 else np.full(len(gain), 1.0 / len(gain))
        self.step[self.place] = (weight @ step**2) / max(weight @ step, 1e-300)
        self.cross[self.place] = (weight @ cross**2) / max(weight @ cross, 1e-300)
        self.place = (self.place + 1) % _MEMORY


def evolve(problem: Problem, key: int, *, evaluations: int, start: np.ndarray) -> None:
    """Search with a shrinking population; the record of the problem holds what was found.

    Args:
        problem: What to minimise (its first objective).
        key: Seed.
        evaluations: Evaluations to use, at most what is left.
        start: First population (n, d) of coordinates, evaluated already or not.

    Raises:
        Spent: the budget ended.
    """
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "evolution")))
    first = problem.spent
    size = len(start)
    z = problem.coordinates.snap(start)
    f, violation = _scores(problem, z)
    finite = violation[np.isfinite(violation)]
    level = float(np.quantile(finite, 0.2)) if len(finite) else 0.0
    history, archive = _History(), z[:0]
    while problem.spent - first < evaluations and np.ptp(z, axis=0).max() > _CONVERGED:
        progress = (problem.spent - first) / evaluations
        relaxed = level * max(1.0 - progress / 0.6, 0.0) ** 5
        order = _order(f, violation, relaxed)
        z, f, violation = z[order], f[order], violation[order]
        step, cross = history.draw(len(z), rng)
        trial = _trials(problem, z, archive, step, cross, rng)
        new_f, new_violation = _scores(problem, trial)
        better = _beats(new_f, new_violation, f, violation, relaxed)
        archive = _kept(np.concatenate([archive, z[better]]), int(1.4 * len(z)), rng)
        gain = np.abs(np.where(np.isfinite(f), f, 0.0) - np.where(np.isfinite(new_f), new_f, 0.0))
        history.learn(step[better], cross[better], gain[better])
        z = np.where(better[:, None], trial, z)
        f, violation = np.where(better, new_f, f), np.where(better, new_violation, violation)
        wanted = round(size + (_SMALLEST - size) * min(progress, 1.0))
        if wanted < len(z):
            keep = _order(f, violation, relaxed)[:wanted]
            z, f, violation = z[keep], f[keep], violation[keep]


def population(problem: Problem, evaluations: int) -> int:
    """Return the first population size: 18 per variable, at most a fortieth of the budget."""
    return int(max(_SMALLEST * 4, min(18 * problem.dim, evaluations // 40)))


def _scores(problem: Problem, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f, violation = problem.at(z)
    return f[:, 0], violation


def _order(f: np.ndarray, violation: np.ndarray, relaxed: float) -> np.ndarray:
    return np.lexsort((f, np.where(violation <= relaxed, 0.0, violation)))


def _beats(
    f: np.ndarray, violation: np.ndarray, old: np.ndarray, old_violation: np.ndarray, relaxed: float
) -> np.ndarray:
    """Return per pair whether the new point is at least as good as the old one."""
    fine, old_fine = violation <= relaxed, old_violation <= relaxed
    both = (fine & old_fine) | (violation == old_violation)
    return np.where(both, f <= old, violation < old_violation)


def _trials(
    problem: Problem, z: np.ndarray, archive: np.ndarray, step: np.ndarray, cross: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return trial points: current-to-pbest with archive, binomial crossover, ranges kept."""
    n, d = z.shape
    top = max(2, round(_BEST_SHARE * n))
    best = z[rng.integers(0, top, n)]
    one = z[(np.arange(n) + rng.integers(1, n, n)) % n]
    union = np.concatenate([z, archive])
    two = union[rng.integers(0, len(union), n)]
    moved = z + step[:, None] * (best - z) + step[:, None] * (one - two)
    upper = problem.coordinates.upper
    moved = np.where(moved < 0.0, 0.5 * z, np.where(moved > upper, 0.5 * (upper + z), moved))
    # Categories have no differences: they are inherited from the better or a random parent.
    donor = np.where(rng.random((n, d)) < 0.5, best, np.where(rng.random((n, d)) < 0.8, one, two))
    moved = np.where(problem.coordinates.category, donor, moved)
    taken = rng.random((n, d)) < cross[:, None]
    taken[np.arange(n), rng.integers(0, d, n)] = True
    return problem.coordinates.snap(np.where(taken, moved, z))


def _kept(archive: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    if len(archive) <= size:
        return archive
    return archive[rng.permutation(len(archive))[:size]]


def exchange(problem: Problem, evaluations: int) -> None:
    """Change one discrete variable of the best point at a time while that is better.

    Raises:
        Spent: the budget ended.
    """
    first = problem.spent
    while problem.spent - first < evaluations:
        best = int(problem.best()[0])
        near = problem.coordinates.neighbours(
            problem.coordinates.encode(problem.x[best : best + 1])[0]
        )
        if not len(near):
            return
        problem.at(near)
        if int(problem.best()[0]) == best:
            return


def search(problem: Problem, key: int) -> None:
    """Use the budget for differential evolution from a Sobol start, and exchanges at the end.

    Raises:
        Spent: the budget ended.
    """
    total = problem.left
    size = population(problem, total)
    start = problem.coordinates.encode(problem.space.sample(size, split_key(key, "start")))
    evolve(problem, key, evaluations=int(0.9 * total), start=start)
    if problem.coordinates.discrete.any():
        exchange(problem, problem.left)
