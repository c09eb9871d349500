"""A fitted Gaussian process: trend, mean and spread as a few matrix products.

The same code predicts in NumPy and, traced, in JAX, so derivatives are exact. The spread of large
fits is taken from a subset of the points (a pivoted Cholesky decomposition picks it): it is an
upper bound of the full one and keeps predictions fast; conformal calibration uses the same spread.

Sources: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, sections 2.7 and 8.3;
Harbrecht, Peters and Schneider 2012, doi:10.1016/j.apnum.2011.10.001 (pivoted Cholesky).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np

from catena.learn.gp.correlation import Kernel, correlation, squared_distances
from catena.learn.gp.likelihood import Factor, covariance, factorise, leave_one_out

Trend = Literal["constant", "linear"]
TRENDS: tuple[Trend, ...] = get_args(Trend)
#: Points from which the spread is computed at most.
MAX_SPREAD_POINTS = 256


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process after fitting; every array is plain data.

    Args:
        kernel: Correlation function.
        trend: ``constant`` or ``linear`` in the inputs.
        points: Training points (n, p).
        lengths: Length scale per input (p,).
        nugget: Noise over signal variance.
        variance: Signal variance.
        coefficients: Trend coefficients (q,).
        weights: Inverse covariance times what the trend leaves (n,).
        anchors: Points the spread is computed from (m, p).
        white: Transposed inverse Cholesky factor of the anchors' covariance (m, m).
        pull: ``white`` applied to the anchors' trend (m, q).
        bend: Transposed inverse Cholesky factor of the trend's information (q, q).
        residuals: Leave-one-out residuals of the training points (n,).
        spreads: Their leave-one-out standard deviations, as ``predict`` would state them (n,).
    """

    kernel: Kernel
    trend: Trend
    points: np.ndarray
    lengths: np.ndarray
    nugget: float
    variance: float
    coefficients: np.ndarray
    weights: np.ndarray
    anchors: np.ndarray
    white: np.ndarray
    pull: np.ndarray
    bend: np.ndarray
    residuals: np.ndarray
    spreads: np.ndarray

    def mean(self, z: Any, xp: ModuleType = np) -> Any:
        """Return the mean (n,) at points (n, p)."""
        squares = squared_distances(z / self.lengths, self.points / self.lengths, xp)
        return trend_matrix(self.trend, z, xp) @ self.coefficients + (
            correlation(self.kernel, squares, xp) @ self.weights
        )

    def mean_and_spread(self, z: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return mean (n,) and standard deviation of an observation (n,) at points (n, p)."""
        scaled = z / self.lengths
        cross = correlation(
            self.kernel, squared_distances(scaled, self.points / self.lengths, xp), xp
        )
        trend = trend_matrix(self.trend, z, xp)
        mean = trend @ self.coefficients + cross @ self.weights
        if len(self.anchors) == len(self.points):
            near = cross  # the anchors are the points, in their order
        else:
            squares = squared_distances(scaled, self.anchors / self.lengths, xp)
            near = correlation(self.kernel, squares, xp)
        known = near @ self.white
        bent = (trend - known @ self.pull) @ self.bend
        share = 1.0 + self.nugget - (known * known).sum(1) + (bent * bent).sum(1)
        # Rounding can bring the share below the nugget, which is its floor.
        return mean, xp.sqrt(self.variance * xp.maximum(share, self.nugget))

    def covariance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return what is still unknown in common (a, b), in units of the signal variance.

        Args:
            left: Points (a, p).
            right: Points (b, p).
        """
        common = correlation(
            self.kernel, squared_distances(left / self.lengths, right / self.lengths)
        )
        (known, bent), (known_too, bent_too) = self._explained(left), self._explained(right)
        return np.asarray(common - known @ known_too.T + bent @ bent_too.T)

    def _explained(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        squares = squared_distances(z / self.lengths, self.anchors / self.lengths)
        known = correlation(self.kernel, squares) @ self.white
        return known, (trend_matrix(self.trend, z) - known @ self.pull) @ self.bend

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep, by name."""
        return {
            name: np.asarray(value, float)
            for name, value in self.__dict__.items()
            if name not in ("kernel", "trend")
        }

    def facts(self) -> dict[str, Any]:
        """Return the settings a file must keep besides ``arrays``."""
        return {"kernel": self.kernel, "trend": self.trend}

    @classmethod
    def restored(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> GaussianProcess:
        """Rebuild from ``facts`` and ``arrays``."""
        numbers: dict[str, Any] = {
            name: float(value) if np.ndim(value) == 0 else np.asarray(value, float)
            for name, value in arrays.items()
        }
        return cls(kernel=facts["kernel"], trend=facts["trend"], **numbers)


def trend_matrix(trend: Trend, z: Any, xp: ModuleType = np) -> Any:
    """Return the regressors of a trend (n, q) at points (n, p) of the unit cube."""
    ones = xp.ones((z.shape[0], 1))
    return ones if trend == "constant" else xp.concatenate([ones, z - 0.5], axis=1)


def condition(
    kernel: Kernel, trend: Trend, z: np.ndarray, y: np.ndarray, theta: np.ndarray
) -> GaussianProcess | None:
    """Return the process at given length scales and nugget; None where it cannot be factorised.

    Args:
        kernel: Correlation function.
        trend: Kind of trend.
        z: Points (n, p) of the unit cube.
        y: Observations (n,), standardised.
        theta: Logarithms of p length scales and of the nugget.
    """
    matrix, _ = covariance(kernel, z, theta)
    regressors = trend_matrix(trend, z)
    factor = factorise(matrix, regressors, y)
    if factor is None:
        return None
    chosen = np.arange(len(z))
    spread: Factor | None = factor
    if len(z) > MAX_SPREAD_POINTS:
        chosen = spanning_points(matrix, MAX_SPREAD_POINTS)
        spread = factorise(matrix[np.ix_(chosen, chosen)], regressors[chosen], y[chosen])
    if spread is None:
        return None
    residuals, spreads = leave_one_out(factor)
    fitted = GaussianProcess(
        kernel=kernel, trend=trend, points=z, lengths=np.exp(theta[:-1]),
        nugget=float(np.exp(theta[-1])), variance=factor.variance,
        coefficients=factor.coefficients, weights=factor.residual, anchors=z[chosen],
        white=spread.inverse.T, pull=spread.inverse @ regressors[chosen],
        bend=np.linalg.inv(spread.information).T, residuals=residuals, spreads=spreads,
    )  # fmt: skip
    if len(chosen) == len(z):
        return fitted
    return _with_anchored_spreads(fitted, spread, chosen)


def _with_anchored_spreads(
    fitted: GaussianProcess, spread: Factor, chosen: np.ndarray
) -> GaussianProcess:
    """State leave-one-out spreads as ``mean_and_spread`` would: from the anchors only."""
    _, spreads = fitted.mean_and_spread(fitted.points)
    spreads = np.array(spreads)
    spreads[chosen] = np.sqrt(fitted.variance / np.diag(spread.projected))
    return GaussianProcess(**{**fitted.__dict__, "spreads": spreads})


def spanning_points(matrix: np.ndarray, count: int) -> np.ndarray:
    """Return the points that a pivoted Cholesky decomposition takes first, in ascending order."""
    left = np.diag(matrix).copy()
    rows = np.zeros((count, len(matrix)))
    chosen: list[int] = []
    for step in range(count):
        pivot = int(np.argmax(left))
        row = matrix[pivot] - rows[:step, pivot] @ rows[:step]
        rows[step] = row / np.sqrt(left[pivot])
        left -= rows[step] ** 2
        left[[*chosen, pivot]] = -np.inf
        chosen.append(pivot)
    return np.sort(np.asarray(chosen))
