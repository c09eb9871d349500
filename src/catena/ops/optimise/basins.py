"""How many optima there are, how often each was found, and what may have been missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import gammaln

#: Ends this close in every coordinate, and in value relative to the spread, are the same.
_CLOSE, _EQUAL = 0.02, 0.02


@final
@dataclass(frozen=True)
class Basins:
    """Statistics of local searches from evenly spread starts.

    Args:
        ends: Coordinates of the distinct optima (w, d), best first.
        values: Their objective (w,), low is good.
        counts: Searches that ended in each (w,).
    """

    ends: np.ndarray
    values: np.ndarray
    counts: np.ndarray

    @property
    def searches(self) -> int:
        """Number of local searches."""
        return int(self.counts.sum())

    @property
    def unseen_share(self) -> float:
        """Expected share of the space in basins no search ended in.

        Source: Boender and Rinnooy Kan (1987, 10.1007/BF02591684), ``w (w + 1) / (n (n - 1))``.
        """
        w, n = len(self.counts), self.searches
        return min(w * (w + 1) / (n * (n - 1)), 1.0) if n > 1 else 1.0

    @property
    def good_turing(self) -> float:
        """Good's estimate of the same share: the part of searches whose end was found once."""
        return float((self.counts == 1).sum() / max(self.searches, 1))

    @property
    def missed_better(self) -> float:
        """Probability that an optimum better than the best one found exists.

        The number of optima has the posterior of Boender and Rinnooy Kan (every number equally
        likely before, basin sizes uniform on the simplex); among k optima the best is equally
        likely to be any of them, seen or not.
        """
        w, n = len(self.counts), self.searches
        if n <= w + 2:
            return 1.0
        k = np.arange(w, max(50 * w, 2000) + w, dtype=float)
        log = gammaln(k + 1) + gammaln(k) - gammaln(k - w + 1) - gammaln(n + k)
        weight = np.exp(log - log.max())
        return float((weight * (1.0 - w / k)).sum() / weight.sum())

    def to_dict(self) -> dict[str, float | int]:
        """Return plain data."""
        return {
            "searches": self.searches,
            "optima": len(self.counts),
            "best_found": int(self.counts[0]) if len(self.counts) else 0,
            "unseen_share": self.unseen_share,
            "unseen_share_good_turing": self.good_turing,
            "probability_better_missed": self.missed_better,
        }


def basins(ends: np.ndarray, values: np.ndarray) -> Basins:
    """Group where local searches ended.

    Args:
        ends: Coordinates (k, d).
        values: Objective (k,), low is good; searches without a finite value do not count.
    """
    good = np.isfinite(values)
    ends, values = ends[good], values[good]
    order = np.argsort(values, kind="stable")
    ends, values = ends[order], values[order]
    spread = float(np.ptp(values)) or 1.0
    chosen: list[int] = []
    counts: list[int] = []
    for row in range(len(ends)):
        for place, other in enumerate(chosen):
            close = np.abs(ends[row] - ends[other]).max() <= _CLOSE
            if close and values[row] - values[other] <= _EQUAL * spread:
                counts[place] += 1
                break
        else:
            chosen.append(row)
            counts.append(1)
    return Basins(ends[chosen], values[chosen], np.array(counts, dtype=int))
