"""Derivative-based measures: what exact gradients say about variance.

The Poincare inequality bounds a total index by the mean squared derivative: for levels in [0, 1]
with constant 1/pi^2, for normal scores with constant 1. Both hold for every continuous
distribution once the derivative is taken to levels or scores; the smaller one is reported.

Sources: I. M. Sobol, S. Kucherenko, Math. Comput. Simul. 79 (2009) 3009,
doi:10.1016/j.matcom.2009.01.023; M. Lamboni et al., Math. Comput. Simul. 87 (2013) 45,
doi:10.1016/j.matcom.2013.02.002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catena.ops.sensitivity.resampling import ratio
from catena.ops.uncertainty.copula import scores

Floats = NDArray[np.float64]


def bounds(y: Floats, slopes: Floats, u: Floats, again: Floats) -> Floats:
    """Return upper bounds of the total indices with 90 % intervals (3, d): value, lower, upper.

    Args:
        y: Output (n,).
        slopes: Its derivatives to the levels of the inputs (n, d).
        u: Levels of the inputs (n, d).
        again: Weights of resampled rows.
    """
    variance = (y - y.mean()) ** 2
    density = np.exp(-(scores(u) ** 2) / 2.0) / np.sqrt(2.0 * np.pi)
    by_level = np.stack(ratio((slopes**2).T / np.pi**2, variance, again))
    by_score = np.stack(ratio(((slopes * density) ** 2).T, variance, again))
    return np.where(by_level[0] <= by_score[0], by_level, by_score)
