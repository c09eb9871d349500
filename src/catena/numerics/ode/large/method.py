"""One Rosenbrock step of a large system, its error and its interpolant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catena.numerics.ode.kernel.tableau import Tableau
from catena.numerics.ode.large.band import Solve
from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.jacobian import Values


@dataclass(frozen=True)
class Point:
    """Where a step starts, and what does not depend on its length.

    Args:
        t: Time.
        y: State, (n,).
        p: Parameters, (np,).
        s: Segment values, (ns,).
        force: Right-hand side, (n,).
        drift: Its partial derivative by time, (n,).
        jacobian: Its Jacobian.
    """

    t: float
    y: np.ndarray
    p: np.ndarray
    s: np.ndarray
    force: np.ndarray
    drift: np.ndarray
    jacobian: Values

    @classmethod
    def at(
        cls, functions: Functions, t: float, y: np.ndarray, p: np.ndarray, s: np.ndarray
    ) -> Point:
        """Evaluate right-hand side and Jacobian."""
        force, drift = functions.first(t, y, p, s)
        return cls(t, y, p, s, force, drift, functions.jacobian.evaluate(t, y, p, s))

    def finite(self) -> bool:
        """Tell whether all values are numbers."""
        values = np.isfinite(self.force).all() and np.isfinite(self.drift).all()
        return bool(values) and self.jacobian.finite()


@dataclass(frozen=True)
class Step:
    """A step that was tried.

    Args:
        start: Where it starts.
        h: Its length.
        solve: Solver of its matrix.
        stages: State each stage was evaluated at, (stages, n).
        k: Increments, (stages, n).
        end: State after it, (n,).
        method: The tableau.
    """

    start: Point
    h: float
    solve: Solve
    stages: np.ndarray
    k: np.ndarray
    end: np.ndarray
    method: Tableau

    @property
    def error(self) -> np.ndarray:
        """Estimated error of the end state, (n,)."""
        return np.asarray(self.k[-1])

    def inside(self, theta: float) -> np.ndarray:
        """Return the state a share ``theta`` into the step."""
        return interpolate(self.method, theta, self.start.y, self.end, self.k)


def take(functions: Functions, method: Tableau, start: Point, h: float) -> Step:
    """Try a step of length ``h``.

    Raises:
        SingularError: The matrix M/(h gamma) - J has no inverse.
    """
    solve = functions.jacobian.factorise(start.jacobian, functions.mass / (h * method.gamma))
    k = np.empty((method.stages, start.y.size))
    stages = np.empty_like(k)
    for j in range(method.stages):
        if j == 0:
            stages[0], right = start.y, start.force.copy()
        else:
            stages[j] = stage(method, j, start.y, stages[j - 1], k)
            right = functions.rhs(start.t + method.alpha[j] * h, stages[j], start.p, start.s)
            right = right + functions.mass * (mix(method.c[j], k) / h)
        if method.d[j] != 0.0:
            right += h * method.d[j] * start.drift
        k[j] = solve(right)
    return Step(start, h, solve, stages, k, stages[-1] + k[-1], method)


def stage(method: Tableau, j: int, y: np.ndarray, before: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the state stage ``j`` > 0 is evaluated at; the last ones add to the one before."""
    return y + mix(method.a[j], k) if j < len(method.a) else before + k[j - 1]


def mix(weights: tuple[float, ...], k: np.ndarray) -> np.ndarray:
    """Return the weighted sum of the first increments; ``k`` is (stages, ...).

    Not a matrix product: BLAS would wake threads that cost more than the sum.
    """
    total = weights[0] * k[0]
    part = np.empty_like(total)
    for weight, increment in zip(weights[1:], k[1:], strict=False):
        np.multiply(increment, weight, out=part)
        total += part
    return np.asarray(total)


def interpolate(
    method: Tableau, theta: float, y: np.ndarray, end: np.ndarray, k: np.ndarray
) -> np.ndarray:
    """Return the interpolant of a step; also of its derivatives, with k (stages, nd, n)."""
    curve = np.zeros_like(y)
    for weights in reversed(method.dense):
        curve = curve * theta + mix(weights, k)
    return np.asarray((1.0 - theta) * y + theta * (end + (1.0 - theta) * curve))
