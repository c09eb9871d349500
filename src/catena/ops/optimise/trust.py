"""A trust region for Bayesian optimisation in many variables.

TuRBO (Eriksson et al. 2019, arXiv:1910.01739): the search keeps to a box around the best point,
stretched along the variables that matter little, which doubles after successes and halves after
failures, and starts anew when it has collapsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

if TYPE_CHECKING:
    from catena.ops.optimise.acquisition import Aim
    from catena.ops.optimise.process import Process

_LONGEST, _SHORTEST, _FIRST = 1.6, 0.5**7, 0.8
_SUCCESSES = 3


@final
class Region:
    """A box around the best point.

    Args:
        dim: Number of variables.
        batch: Points per batch.
    """

    def __init__(self, dim: int, batch: int) -> None:
        self.length = _FIRST
        self.patience = int(np.ceil(max(4.0 / batch, dim / batch)))
        self._wins = self._losses = 0

    @property
    def collapsed(self) -> bool:
        """Whether the region has become too small to go on."""
        return self.length < _SHORTEST

    def box(self, process: Process, aim: Aim, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends (d,) of the box; categories stay free."""
        from catena.ops.optimise.suggest import good_rows

        centre = process.z[good_rows(process, aim)[0]]
        scales = process.outcomes[aim.wished[0]].fit.scales
        weights = scales / np.exp(np.mean(np.log(scales)))
        half = 0.5 * self.length * weights
        free = upper > 1.0
        low = np.where(free, 0.0, np.clip(centre - half, 0.0, 1.0))
        return low, np.where(free, upper, np.clip(centre + half, 0.0, 1.0))

    def update(self, better: bool) -> None:
        """Grow after repeated successes, shrink after repeated failures."""
        self._wins = self._wins + 1 if better else 0
        self._losses = 0 if better else self._losses + 1
        if self._wins >= _SUCCESSES:
            self.length, self._wins = min(2.0 * self.length, _LONGEST), 0
        elif self._losses >= self.patience:
            self.length, self._losses = self.length / 2.0, 0
