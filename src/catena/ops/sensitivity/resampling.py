"""Intervals of ratios of means, by drawing rows again with replacement.

Rows of a randomised quasi-random design spread more evenly than independent ones, so these
intervals err on the wide side there.

Source: B. Efron, Ann. Stat. 7 (1979) 1, doi:10.1214/aos/1176344552.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Ends of the 90 % interval, and the number of resamples behind it.
ENDS = (0.05, 0.95)
RESAMPLES = 500
#: Resampled rows held at a time.
_BLOCK = 4_000_000


def weights(n: int, key: int, resamples: int = RESAMPLES) -> Floats:
    """Return how often each of n rows occurs in every resample, over n: (resamples, n)."""
    random = np.random.Generator(np.random.Philox(key=key))
    counts = np.empty((resamples, n))
    for start in range(0, resamples, max(1, _BLOCK // n)):
        stop = min(resamples, start + max(1, _BLOCK // n))
        draws = random.integers(0, n, size=(stop - start, n))
        shifted = draws + n * np.arange(stop - start)[:, None]
        counts[start:stop] = np.bincount(shifted.ravel(), minlength=(stop - start) * n).reshape(
            stop - start, n
        )
    return counts / n


def ratio(top: Floats, bottom: Floats, again: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ratios of means with their 90 % intervals.

    Args:
        top: Numerators by row (k, n).
        bottom: Denominators by row (n,).
        again: Weights of resampled rows (resamples, n).

    Returns:
        Estimates, lower and upper ends, each (k,).
    """
    estimate = top.mean(axis=1) / bottom.mean()
    resampled = (again @ top.T) / (again @ bottom)[:, None]
    lower, upper = np.quantile(resampled, ENDS, axis=0)
    return np.asarray(estimate), np.asarray(lower), np.asarray(upper)
