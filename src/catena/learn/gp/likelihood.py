"""Restricted likelihood of a Gaussian process with a linear trend, and its leave-one-out errors.

The scale and the trend are integrated out in closed form, so only the length scales and the
nugget (noise over signal variance) are searched for.

Sources: Patterson and Thompson 1971, doi:10.1093/biomet/58.3.545 (restricted likelihood);
Dubrule 1983, doi:10.1007/BF01032692 (leave-one-out in one factorisation); Hvarfner, Hellsten and
Nardi 2024, arXiv:2402.02229 (prior of the length scales that grows with the dimension).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

from catena.learn.gp.correlation import Kernel, correlation_and_slope, squared_distances

#: Log-normal prior of a length scale on the unit cube: location sqrt(2) + log(p) / 2, spread.
_PRIOR_LOCATION, _PRIOR_SPREAD = np.sqrt(2.0), np.sqrt(3.0)


@dataclass(frozen=True)
class Factor:
    """A factorised covariance and what follows from it.

    Args:
        chol: Lower Cholesky factor of correlation plus nugget (n, n).
        inverse: ``chol`` inverted (n, n).
        projected: The inverse covariance with the trend projected out (n, n).
        residual: ``projected @ y`` (n,).
        coefficients: Generalised least-squares coefficients of the trend (q,).
        information: Cholesky factor of the trend's information matrix (q, q).
        variance: Signal variance.
    """

    chol: np.ndarray
    inverse: np.ndarray
    projected: np.ndarray
    residual: np.ndarray
    coefficients: np.ndarray
    information: np.ndarray
    variance: float


def factorise(covariance: np.ndarray, trend: np.ndarray, y: np.ndarray) -> Factor | None:
    """Factorise a covariance; None where it is not positive definite in double precision."""
    try:
        chol = cholesky(covariance, lower=True, check_finite=False)
    except LinAlgError:
        return None
    inverse = solve_triangular(chol, np.eye(len(y)), lower=True, check_finite=False)
    white = inverse @ trend
    try:
        information = cholesky(white.T @ white, lower=True, check_finite=False)
    except LinAlgError:
        return None
    half = solve_triangular(information, white.T @ inverse, lower=True, check_finite=False)
    projected = inverse.T @ inverse - half.T @ half
    coefficients = cho_solve((information, True), white.T @ (inverse @ y), check_finite=False)
    residual = inverse.T @ (inverse @ (y - trend @ coefficients))
    variance = float(y @ residual) / max(len(y) - trend.shape[1], 1)
    if not variance > 0:
        return None
    return Factor(chol, inverse, projected, residual, coefficients, information, variance)


def covariance(kernel: Kernel, z: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return correlation plus nugget (n, n) and the slope factor at ``theta``.

    Args:
        kernel: The correlation function.
        z: Training points (n, p).
        theta: Logarithms of p length scales and of the nugget.
    """
    scaled = z / np.exp(theta[:-1])
    values, slope = correlation_and_slope(kernel, squared_distances(scaled, scaled))
    values = values.copy()
    np.fill_diagonal(values, 1.0 + np.exp(theta[-1]))
    return values, slope


def negative_log_posterior(
    theta: np.ndarray, kernel: Kernel, z: np.ndarray, trend: np.ndarray, y: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the negative log restricted likelihood plus prior, and its gradient.

    A covariance that cannot be factorised returns a large value with no slope, so that a line
    search steps back.
    """
    matrix, slope = covariance(kernel, z, theta)
    factor = factorise(matrix, trend, y)
    if factor is None:
        return 1e10, np.zeros_like(theta)
    free = len(y) - trend.shape[1]
    value = (
        0.5 * free * np.log(factor.variance)
        + np.log(np.diag(factor.chol)).sum()
        + np.log(np.diag(factor.information)).sum()
    )
    inner = factor.projected - np.outer(factor.residual, factor.residual) / factor.variance
    gradient = np.empty_like(theta)
    gradient[:-1] = 0.5 * _length_slopes(inner * slope, z / np.exp(theta[:-1]))
    gradient[-1] = 0.5 * np.exp(theta[-1]) * np.trace(inner)
    location = _PRIOR_LOCATION + 0.5 * np.log(z.shape[1])
    away = (theta[:-1] - location) / _PRIOR_SPREAD
    value += 0.5 * float(away @ away)
    gradient[:-1] += away / _PRIOR_SPREAD
    return float(value), gradient


def _length_slopes(weights: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Return ``sum_ab weights[a, b] * (scaled[a, j] - scaled[b, j]) ** 2`` for every input j."""
    sums = weights.sum(axis=1)
    return 2.0 * (sums @ (scaled * scaled) - np.einsum("aj,aj->j", scaled, weights @ scaled))


def leave_one_out(factor: Factor) -> tuple[np.ndarray, np.ndarray]:
    """Return, per training point, what it differs from its prediction without it, and the spread.

    Returns:
        Residuals (n,), observed minus predicted, and predictive standard deviations (n,).
    """
    diagonal = np.diag(factor.projected)
    return factor.residual / diagonal, np.sqrt(factor.variance / diagonal)
