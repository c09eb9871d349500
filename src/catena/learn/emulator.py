"""A learned output: from points to values with intervals, for numbers, curves and fields alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from catena.learn.conformal import conformal_quantile
from catena.learn.reduction import Reduction
from catena.learn.regressor import Regressor, prefixed, restored, under
from catena.learn.scaling import Features, Target


@dataclass(frozen=True)
class Emulator:
    """One output of a model as a fast function of points.

    Args:
        features: Points to features.
        target: Output to what is learned.
        reduction: What is learned to coefficients.
        regressor: Features to coefficients.
        shape: Shape of the output without the batch axis.
        low: Smallest training value.
        high: Largest training value.
        factor: Conformal factor of the stated spreads (0 before calibration).
    """

    features: Features
    target: Target
    reduction: Reduction
    regressor: Regressor
    shape: tuple[int, ...]
    low: float
    high: float
    factor: float = 0.0

    def value(self, x: Any, xp: ModuleType = np) -> Any:
        """Return values (n, *shape) at points (n, d)."""
        learned = self.reduction.backward(self.regressor.mean(self.features.forward(x, xp), xp))
        return self.target.backward(learned, xp).reshape((-1, *self.shape))

    def learned(self, x: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return mean and spread of what is learned (n, positions) at points (n, d)."""
        mean, spread = self.regressor.mean_and_spread(self.features.forward(x, xp), xp)
        return self.reduction.backward(mean), self.reduction.spread(spread, xp)

    def band(self, x: Any, excess: Any, xp: ModuleType = np) -> tuple[Any, Any, Any]:
        """Return values and the ends of their 90 % intervals, (n, *shape) each.

        Args:
            x: Points (n, d).
            excess: How far outside the domain each point is (n,); intervals grow by that share of
                the output's training range on both sides.
            xp: ``numpy`` or ``jax.numpy``.
        """
        mean, spread = self.learned(x, xp)
        half = self.factor * spread
        value, below, above = (
            self.target.backward(t, xp) for t in (mean, mean - half, mean + half)
        )
        widening = excess[:, None] * (self.high - self.low)
        ends = (value, below - widening, above + widening)
        shaped = [end.reshape((-1, *self.shape)) for end in ends]
        return shaped[0], shaped[1], shaped[2]

    def scores(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return absolute errors over stated spreads (n, positions) of rows not fitted."""
        mean, spread = self.learned(x)
        return np.asarray(np.abs(self.target.forward(y.reshape(len(y), -1)) - mean) / spread)

    def calibrated(self, x: np.ndarray, y: np.ndarray) -> Emulator:
        """Return the emulator with intervals calibrated on rows that took no part in the fit."""
        if self.target.log and not np.all(y > 0):
            y = np.maximum(y, np.finfo(float).tiny)
        return replace(self, factor=conformal_quantile(self.scores(x, y)))

    def left_out_errors(self, y: np.ndarray) -> np.ndarray:
        """Return errors of training rows (n, positions) when predicted without them.

        Args:
            y: Training values (n, *shape).
        """
        truth = y.reshape(len(y), -1)
        learned = self.target.forward(truth)
        known = self.reduction.backward(self.reduction.forward(learned) - self.regressor.residuals)
        return np.asarray(self.target.backward(known) - truth)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        return prefixed(self.reduction.arrays(), "reduction") | prefixed(
            self.regressor.arrays(), "regressor"
        )

    def facts(self) -> dict[str, Any]:
        """Return the plain data a file must keep."""
        return {
            "features": self.features.facts(), "target": asdict(self.target),
            "regressor": self.regressor.facts(), "shape": list(self.shape),
            "low": self.low, "high": self.high, "factor": self.factor,
        }  # fmt: skip

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Emulator:
        """Rebuild from ``facts`` and ``arrays``."""
        return cls(
            features=Features.restored(facts["features"]),
            target=Target(**facts["target"]),
            reduction=Reduction.restored(under(arrays, "reduction")),
            regressor=restored(facts["regressor"], under(arrays, "regressor")),
            shape=tuple(facts["shape"]),
            low=float(facts["low"]),
            high=float(facts["high"]),
            factor=float(facts["factor"]),
        )
