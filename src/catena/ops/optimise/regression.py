"""Gaussian process hyperparameters by maximum a posteriori, with exact gradients, in milliseconds.

A suggestion fits dozens of small models (every output, several kernels and outcome scales), so
the fit is written out in NumPy: the signal variance and the trend are integrated or solved for in
closed form, and L-BFGS-B only moves length scales and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize

Kernel = Literal["matern", "gauss"]
#: Degrees of freedom of the inverse-gamma prior of the signal variance (mean near 1).
_PRIOR_WEIGHT = 2.0
#: Noise-to-signal ratio of exact data: keeps the factorisation stable, nothing more.
EXACT = 1e-6
#: Log-normal prior of length scales: centre for one dimension, and spread.
_CENTRE, _SPREAD = np.log(0.5), 0.5
_NOISE_BOUNDS = (1e-6, 10.0)


@final
@dataclass(frozen=True)
class Fit:
    """A fitted process ``trend(x) @ weights + GP(0, variance * kernel)``.

    Args:
        kernel: Kernel over the numeric columns.
        scales: Length scale per column; of a category, the scale of its mismatch.
        noise: Noise variance relative to ``variance``.
        variance: Signal variance.
        weights: Coefficients of the trend columns.
        evidence: Log posterior density of the data at the optimum, comparable between fits of
            the same data.
    """

    kernel: Kernel
    scales: np.ndarray
    noise: float
    variance: float
    weights: np.ndarray
    evidence: float


def fit(
    x: np.ndarray,
    y: np.ndarray,
    *,
    kernel: Kernel,
    categories: Sequence[int] = (),
    trend: np.ndarray | None = None,
    noise: float | np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> Fit:
    """Fit length scales (and noise) to standardised data.

    Length scales have the dimension-scaled log-normal prior of Hvarfner, Hellsten and Nardi
    (2024, arXiv:2402.02229), so that 10 dimensions start smooth and only data make them rough.

    Args:
        x: Inputs (n, d); numeric columns in [0, 1], categories as indices.
        y: Standardised outputs (n,).
        kernel: Kernel over the numeric columns.
        categories: Positions of category columns.
        trend: Trend columns (n, t); a constant by default.
        noise: Noise variance relative to the variance of y (scalar or per row), 0 for exact
            data, None to infer one.
        start: Log length scales to start from.
    """
    rows, dims = x.shape
    basis = np.ones((rows, 1)) if trend is None else trend
    distances = _distances(x, categories)
    prior_mean = np.full(dims, _CENTRE + 0.5 * np.log(dims))
    prior_mean[list(categories)] = 0.0
    infer = noise is None
    known = np.full(rows, EXACT) if noise is None else np.maximum(np.zeros(rows) + noise, EXACT)
    numeric = np.array([column not in categories for column in range(dims)])

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        level = np.full(rows, np.exp(theta[-1])) if infer else known
        value, slope = _evidence(theta[:dims], level, infer, distances, numeric, y, basis, kernel)
        pull = (theta[:dims] - prior_mean) / _SPREAD**2
        value -= 0.5 * float(pull @ (theta[:dims] - prior_mean))
        slope[:dims] -= pull
        if infer:
            value -= 0.5 * ((theta[-1] + 4.0) / 2.0) ** 2  # log-normal around exp(-4)
            slope[-1] -= (theta[-1] + 4.0) / 4.0
        return -value, -slope

    bounds = [(np.log(0.02), np.log(100.0))] * dims
    origin = np.clip(prior_mean if start is None else start, np.log(0.02), np.log(100.0))
    if infer:
        bounds.append((np.log(_NOISE_BOUNDS[0]), np.log(_NOISE_BOUNDS[1])))
        origin = np.append(origin, -6.0)
    found = minimize(loss, origin, jac=True, bounds=bounds, method="L-BFGS-B",
                     options={"maxiter": 100})  # fmt: skip
    scales = np.exp(found.x[:dims])
    level = np.full(rows, np.exp(found.x[-1])) if infer else known
    variance, weights = _closed_form(found.x[:dims], level, distances, numeric, y, basis, kernel)
    return Fit(kernel, scales, float(level.mean()), variance, weights, -float(found.fun))


def _distances(x: np.ndarray, categories: Sequence[int]) -> np.ndarray:
    """Return squared differences (d, n, n); for a category 0 where equal and 1 elsewhere."""
    differences = x.T[:, :, None] - x.T[:, None, :]
    squares = differences**2
    for column in categories:
        squares[column] = differences[column] != 0.0
    return np.asarray(squares)


def _correlation(
    log_scales: np.ndarray, distances: np.ndarray, numeric: np.ndarray, kernel: Kernel
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation matrix and its factor of the numeric length scales' slope."""
    inverse = np.exp(-2.0 * log_scales[numeric])
    square = np.tensordot(inverse, distances[numeric], axes=1)
    if kernel == "gauss":
        value = np.exp(-0.5 * square)
        slope = value.copy()
    else:
        root = np.sqrt(5.0 * square)
        decay = np.exp(-root)
        value = (1.0 + root + root**2 / 3.0) * decay
        slope = 5.0 / 3.0 * (1.0 + root) * decay
    if not numeric.all():
        mismatch = np.tensordot(np.exp(-log_scales[~numeric]), distances[~numeric], axes=1)
        share = np.exp(-mismatch)
        value, slope = value * share, slope * share
    return value, slope


def _solve(
    matrix: np.ndarray, y: np.ndarray, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return factor, trend weights, ``matrix^-1 (y - trend)`` and that residual's quadratic form.

    The trend weights have a standard normal prior scaled by 10: a ridge that keeps collinear
    trend columns (a prior that is flat on the data) harmless.
    """
    factor = cholesky(matrix, lower=True, check_finite=False)
    whitened = cho_solve((factor, True), basis, check_finite=False)
    gram = basis.T @ whitened + 0.01 * np.eye(basis.shape[1])
    weights = np.linalg.solve(gram, whitened.T @ y)
    residual = y - basis @ weights
    alpha = cho_solve((factor, True), residual, check_finite=False)
    return factor, weights, alpha, float(residual @ alpha) + 0.01 * float(weights @ weights)


def _evidence(
    log_scales: np.ndarray,
    level: np.ndarray,
    infer: bool,
    distances: np.ndarray,
    numeric: np.ndarray,
    y: np.ndarray,
    basis: np.ndarray,
    kernel: Kernel,
) -> tuple[float, np.ndarray]:
    """Return the log marginal likelihood (signal variance integrated out) and its gradient."""
    dims = len(log_scales)
    value, slope = _correlation(log_scales, distances, numeric, kernel)
    try:
        factor, _, alpha, form = _solve(value + np.diag(level), y, basis)
    except LinAlgError:
        return -1e10, np.zeros(dims + infer)
    weight = (len(y) + _PRIOR_WEIGHT) / (form + _PRIOR_WEIGHT)
    evidence = -0.5 * (len(y) + _PRIOR_WEIGHT) * np.log(form + _PRIOR_WEIGHT)
    evidence -= float(np.log(np.diag(factor)).sum())
    inverse = cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    middle = weight * np.outer(alpha, alpha) - inverse
    gradient = np.zeros(dims + infer)
    pairs = 0.5 * np.exp(-2.0 * log_scales[numeric])
    gradient[:dims][numeric] = pairs * np.tensordot(distances[numeric], middle * slope, axes=2)
    if not numeric.all():
        rest = 0.5 * np.exp(-log_scales[~numeric])
        gradient[:dims][~numeric] = rest * np.tensordot(distances[~numeric], middle * value, axes=2)
    if infer:
        gradient[-1] = 0.5 * float(np.trace(middle)) * level[0]
    return float(evidence), gradient


def _closed_form(
    log_scales: np.ndarray,
    level: np.ndarray,
    distances: np.ndarray,
    numeric: np.ndarray,
    y: np.ndarray,
    basis: np.ndarray,
    kernel: Kernel,
) -> tuple[float, np.ndarray]:
    value, _ = _correlation(log_scales, distances, numeric, kernel)
    _, weights, _, form = _solve(value + np.diag(level), y, basis)
    return (form + _PRIOR_WEIGHT) / (len(y) + _PRIOR_WEIGHT), weights
