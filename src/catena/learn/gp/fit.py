"""Finding length scales and nugget: bounded quasi-Newton search with exact gradients."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from catena.core.errors import SolverError
from catena.learn.gp.correlation import Kernel
from catena.learn.gp.likelihood import negative_log_posterior
from catena.learn.gp.process import GaussianProcess, Trend, condition, trend_matrix

#: Limits of length scales on the unit cube, and of the nugget.
_LENGTHS, _NUGGETS = (0.02, 200.0), (1e-9, 0.5)
_MAX_STEPS = 80


def fit_process(
    z: np.ndarray,
    y: np.ndarray,
    *,
    kernel: Kernel = "gauss",
    trend: Trend = "linear",
    start: np.ndarray | None = None,
    key: int = 0,
    restarts: int = 2,
) -> GaussianProcess:
    """Fit a Gaussian process by the maximum of its restricted posterior.

    Args:
        z: Training points (n, p) of the unit cube.
        y: Observations (n,), of mean 0 and standard deviation 1.
        kernel: Correlation function.
        trend: ``constant`` or ``linear``.
        start: Logarithms of length scales and nugget to start from (an earlier fit).
        key: Seed of further starts.
        restarts: Random starts besides; with none, an earlier fit is the only start.

    Raises:
        SolverError: no covariance could be factorised.
    """
    bounds = [tuple(np.log(_LENGTHS))] * z.shape[1] + [tuple(np.log(_NUGGETS))]
    regressors = trend_matrix(trend, z)
    best: tuple[float, np.ndarray] | None = None
    for theta in _starts(z.shape[1], start, key, restarts):
        low, high = np.array(bounds).T
        found = minimize(
            negative_log_posterior, np.clip(theta, low, high), (kernel, z, regressors, y),
            method="L-BFGS-B", jac=True, bounds=bounds,
            options={"maxiter": _MAX_STEPS, "ftol": 1e-8},
        )  # fmt: skip
        if best is None or found.fun < best[0]:
            best = (float(found.fun), np.asarray(found.x))
    assert best is not None  # there is always a start
    fitted = None
    theta = best[1].copy()
    while fitted is None and theta[-1] <= np.log(_NUGGETS[1]):
        fitted = condition(kernel, trend, z, y, theta)
        theta[-1] += np.log(10.0)
    if fitted is None:
        raise SolverError("A Gaussian process could not be fitted", where="learn.gp",
                          why="no covariance of the points is positive definite",
                          fix="remove repeated points, or take method ensemble")  # fmt: skip
    return fitted


def logarithms(fitted: GaussianProcess) -> np.ndarray:
    """Return what ``fit_process`` takes as ``start``."""
    return np.log(np.append(fitted.lengths, fitted.nugget))


def _starts(p: int, start: np.ndarray | None, key: int, restarts: int) -> list[np.ndarray]:
    if start is not None and not restarts:
        return [start]
    rng = np.random.default_rng(key)
    usual = np.append(np.full(p, np.log(0.5 * np.sqrt(p))), np.log(1e-6))
    others = [
        np.append(rng.uniform(np.log(0.15), np.log(2.0 * np.sqrt(p)), p), rng.uniform(-16, -8))
        for _ in range(restarts)
    ]
    return [usual, *others] if start is None else [start, usual, *others]
