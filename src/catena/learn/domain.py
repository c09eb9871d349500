"""Where a fitted model may be trusted: inside the ranges it saw, and near rows it saw.

Source of the distance rule: Jaworska, Nikolova-Jeliazkova and Aldenberg 2005,
doi:10.1177/026119290503300508.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from catena.learn.gp.correlation import squared_distances


@dataclass(frozen=True)
class Domain:
    """Ranges of the features and a largest distance to the nearest training row.

    Args:
        low: Lower ends (p,).
        high: Upper ends (p,).
        points: Training rows (n, p).
        weights: How much a difference in each feature counts (p,).
        failed: Points at which the model could not be evaluated (f, p).
        reach: Largest distance to the nearest training row.
    """

    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    failed: np.ndarray
    reach: float

    @classmethod
    def of(
        cls,
        points: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        weights: np.ndarray,
        typical: np.ndarray,
        failed: np.ndarray | None = None,
    ) -> Domain:
        """Return the domain of training rows.

        Args:
            points: Training rows (n, p).
            low: Lower ends of the ranges sampled (p,).
            high: Upper ends (p,).
            weights: How much a difference in each feature counts (p,).
            typical: Rows drawn like those the model is meant for (m, p); the largest of
                their distances to training rows, and a tenth more, is still near.
            failed: Points at which the model could not be evaluated (f, p).
        """
        lost = np.zeros((0, points.shape[1])) if failed is None else failed
        distances = squared_distances(typical * weights, points * weights).min(axis=1)
        return cls(low, high, points, weights, lost, 1.1 * float(np.sqrt(distances.max())))

    def excess(self, z: Any, xp: ModuleType = np) -> Any:
        """Return how far outside points are (n,): 0 inside, 1 a whole range or reach beyond."""
        span = self.high - self.low
        beyond = xp.maximum(self.low - z, z - self.high) / span
        past = xp.maximum(beyond.max(axis=1), 0.0)
        # Rounding puts points that lie on an end a hair beyond it.
        past = xp.where(past > 1e-9, past, 0.0)
        nearest = squared_distances(z * self.weights, self.points * self.weights, xp).min(axis=1)
        far = xp.maximum(xp.sqrt(nearest + 1e-300) / self.reach - 1.0, 0.0)
        worst = xp.maximum(past, far)
        if not len(self.failed):
            return worst
        # Nearer to where the model failed than to where it worked is outside, however near.
        lost = squared_distances(z * self.weights, self.failed * self.weights, xp).min(axis=1)
        wrong_side = xp.clip(xp.sqrt((nearest + 1e-300) / (lost + 1e-300)) - 1.0, 0.0, 1.0)
        return xp.maximum(worst, wrong_side)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        return {name: np.asarray(value, float) for name, value in self.__dict__.items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> Domain:
        """Rebuild from ``arrays``."""
        parts: dict[str, Any] = {name: np.asarray(value, float) for name, value in arrays.items()}
        return cls(**{**parts, "reach": float(parts["reach"])})
