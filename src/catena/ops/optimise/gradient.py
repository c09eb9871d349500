"""Many local searches with exact gradients at once, from a Sobol design.

Every search is SciPy's L-BFGS-B, or SLSQP where there are limits; they run in step, so that the
model evaluates one batch per step. Searches over the same basin are counted (``basins``).
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise.problem import TOLERANCE, Problem, Spent
from catena.ops.optimise.together import Together

#: Steps of one search.
_STEPS = 200
#: A failed simulation looks this much worse than the worst point seen.
_STEEP = 10.0


def search(problem: Problem, key: int, starts: int = 32) -> np.ndarray:
    """Search from Sobol points until all have converged or the budget is used.

    Returns:
        Where the searches ended (k, d); the starts were spread evenly, so that their counts
        tell how large the basins are.

    Raises:
        Spent: the budget ended before the first round of searches did.
    """
    design = problem.space.sample(starts, split_key(key, "multistart"))
    return descend(problem, problem.coordinates.encode(design))


def descend(problem: Problem, starts: np.ndarray, steps: int = _STEPS) -> np.ndarray:
    """Run a local search from each start (n, d), discrete coordinates staying where they are.

    Returns:
        Where those that finished ended (k, d).

    Raises:
        Spent: the budget ended before any finished.
    """
    ends: list[np.ndarray] = []
    searches = [_Local(problem, start, steps, ends) for start in starts]
    together = Together(lambda points: _answers(problem, points))
    try:
        together.run([one.run for one in searches])
    except Spent:
        if not ends:
            raise
    return np.array(ends)


def _answers(problem: Problem, points: np.ndarray) -> list[Any]:
    f, g, df, dg = problem.with_gradient(points)
    return list(zip(f[:, 0], g, df[:, 0], dg, strict=True))


@final
class _Local:
    """One local search: values and limits of a point are asked for once and kept."""

    def __init__(
        self, problem: Problem, start: np.ndarray, steps: int, ends: list[np.ndarray]
    ) -> None:
        self.problem, self.start, self.steps, self.ends = problem, start, steps, ends
        self.point = np.full(len(start), np.nan)
        self.answer: Any = None
        self.worst = 0.0
        self.size = 1.0

    def run(self, ask: Any) -> None:
        """Search, and note where it ended."""
        from scipy.optimize import minimize

        coordinates = self.problem.coordinates
        still = coordinates.discrete
        bounds = [
            (value, value) if fixed else (0.0, top)
            for value, fixed, top in zip(self.start, still, coordinates.upper, strict=True)
        ]

        def value(z: np.ndarray) -> tuple[float, np.ndarray]:
            f, _, df, _ = self._at(z, ask)
            return f, df

        limits = self._limits(ask)
        value(self.start)
        if limits:
            options = {"maxiter": self.steps, "ftol": 1e-10}
            found = minimize(value, self.start, jac=True, bounds=bounds, constraints=limits,
                             method="SLSQP", options=options)  # fmt: skip
        else:
            options = {"maxiter": self.steps, "ftol": 1e-13, "gtol": 1e-9}
            found = minimize(value, self.start, jac=True, bounds=bounds, method="L-BFGS-B",
                             options=options)  # fmt: skip
        end = np.where(still, self.start, np.clip(found.x, 0.0, coordinates.upper))
        if np.isfinite(end).all():
            self.ends.append(end)

    def _at(self, z: np.ndarray, ask: Any) -> Any:
        """Return value, limits and slopes, scaled once so that the first slope is about 1."""
        z = np.clip(np.where(np.isfinite(z), z, self.start), 0.0, self.problem.coordinates.upper)
        if not np.array_equal(z, self.point):
            first = self.answer is None
            f, g, df, dg = ask(z)
            if not (np.isfinite(f) and np.isfinite(df).all() and np.isfinite(dg).all()):
                f, df = self.worst + _STEEP * (1.0 + abs(self.worst)), np.zeros_like(df)
                g, dg = np.ones_like(g), np.zeros_like(dg)
            elif first:
                self.size = max(float(np.abs(df).max()), 1e-12)
            f, df = f / self.size, df / self.size
            self.worst = max(self.worst, f) if not first else f
            self.point, self.answer = z.copy(), (f, g, df, dg)
        return self.answer

    def _limits(self, ask: Any) -> list[dict[str, Any]]:
        """Return SciPy's form of all limits (kept where >= 0)."""
        found: list[dict[str, Any]] = []
        a, b, equal = self.problem.coordinates.linear()
        for sign, kind in ((False, "ineq"), (True, "eq")):
            rows, right = a[equal == sign], b[equal == sign]
            if len(rows):
                found.append({"type": kind, "fun": lambda z, r=rows, c=right: c - r @ z,
                              "jac": lambda z, r=rows: -r})  # fmt: skip
        if self.problem.limits:
            # Aimed a little inside, so that where a search ends is allowed.
            found.append({"type": "ineq", "fun": lambda z: -self._at(z, ask)[1] - TOLERANCE,
                          "jac": lambda z: -self._at(z, ask)[3]})  # fmt: skip
        return found
