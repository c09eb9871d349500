"""Curves and fields as a few coefficients: proper orthogonal decomposition.

Source: Sirovich 1987, doi:10.1090/qam/910462; Lumley 1967 (in: Atmospheric Turbulence and Radio Wave
Propagation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Reduction:
    """A mean, orthonormal modes, and what they leave out.

    Args:
        mean: Mean curve (p,), or zeros where nothing is reduced.
        modes: Scaled modes (k, p); coefficients have standard deviation 1.
        missed: Root mean square of what the modes miss, per position (p,).
        scales: Standard deviations the coefficients had (k,).
    """

    mean: np.ndarray
    modes: np.ndarray
    missed: np.ndarray
    scales: np.ndarray

    @classmethod
    def none(cls, positions: int = 1) -> Reduction:
        """Return the reduction that leaves numbers, or curves of some positions, as they are."""
        return cls(np.zeros(positions), np.eye(positions), np.zeros(positions), np.ones(positions))

    @classmethod
    def fit(cls, curves: np.ndarray, tolerance: float, most: int = 30) -> Reduction:
        """Return the fewest modes that miss at most a share of the variation.

        Args:
            curves: Training curves (n, p).
            tolerance: Largest root of the mean squared miss, relative to the curves' variation.
            most: Limit of the number of modes.
        """
        mean = curves.mean(axis=0)
        centred = curves - mean
        _, singular, rows = np.linalg.svd(centred, full_matrices=False)
        energy = singular**2
        left = 1.0 - np.cumsum(energy) / energy.sum()
        count = int(np.searchsorted(-left, -(tolerance**2))) + 1
        count = min(count, most, int((singular > 1e-12 * singular[0]).sum()))
        scales = singular[:count] / np.sqrt(len(curves))
        rest = centred - (centred @ rows[:count].T) @ rows[:count]
        missed = np.sqrt((rest**2).mean(axis=0))
        return cls(mean, rows[:count] * scales[:, None], missed, scales)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return len(self.modes)

    def forward(self, curves: np.ndarray) -> np.ndarray:
        """Return coefficients (n, k) of curves (n, p)."""
        return np.asarray((curves - self.mean) @ self.modes.T / self.scales**2)

    def backward(self, coefficients: Any) -> Any:
        """Return curves (n, p) of coefficients (n, k)."""
        return coefficients @ self.modes + self.mean

    def spread(self, spreads: Any, xp: ModuleType = np) -> Any:
        """Return standard deviations (n, p) of curves whose coefficients have these (n, k)."""
        return xp.sqrt((spreads * spreads) @ (self.modes**2) + self.missed**2)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        return {name: np.asarray(value) for name, value in self.__dict__.items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> Reduction:
        """Rebuild from ``arrays``."""
        return cls(**{name: np.asarray(value, float) for name, value in arrays.items()})
