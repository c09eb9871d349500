"""What the searches of a multistart say about having found the best optimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.ops.calibrate.multistart import Searches

Array = np.ndarray[Any, Any]

#: Log-likelihoods this close count as the same optimum (Hass and others 2019,
#: doi:10.1093/bioinformatics/btz020).
SAME = 0.1
#: Log-likelihoods this close are equal, and vectors this far apart (of the range) are different.
_EQUAL, _APART = 1e-3, 1e-2


@final
@dataclass(frozen=True)
class Basins:
    """Optima found.

    Args:
        basin: Basin of every search (n,), 0 being the best; -1 where a search failed or did not
            arrive.
        count: Number of basins.
        converged: Fraction of the searches that arrived somewhere.
        best: Fraction of the searches that arrived at the best optimum.
        unseen: Estimated probability that one more search finds an optimum not seen yet (Good
            1953, doi:10.1093/biomet/40.3-4.237): the fraction of basins seen once.
    """

    basin: Array
    count: int
    converged: float
    best: float
    unseen: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"basins": self.count, "converged": self.converged, "reached_best": self.best,
                "probability_unseen": self.unseen}  # fmt: skip


def twins_of(searches: Searches, bounds: Array) -> list[int]:
    """Return searches that found other parameters as good as the best ones.

    Args:
        searches: Ends of searches.
        bounds: Ranges searched (2, d).

    Returns:
        One search per further parameter vector, best first.
    """
    best = searches.value[searches.best]
    width = bounds[1] - bounds[0]
    seen = [searches.theta[searches.best]]
    out = []
    for row in searches.order[1:]:
        if not searches.converged[row] or not searches.value[row] <= best + _EQUAL:
            continue
        apart = [float(np.abs((searches.theta[row] - other) / width).max()) for other in seen]
        if min(apart) > _APART:
            seen.append(searches.theta[row])
            out.append(int(row))
    return out


def basins_of(searches: Searches) -> Basins:
    """Group the ends of searches by their values."""
    order = searches.order
    basin = np.full(len(order), -1)
    number, last = -1, -np.inf
    for row in order:
        value = float(searches.value[row])
        if not np.isfinite(value):
            continue
        # A search that stopped early belongs to a basin only if it came down to its floor.
        if value > last + SAME:
            if not searches.converged[row]:
                continue
            number, last = number + 1, value
        basin[row] = number
    arrived = basin >= 0
    sizes = np.bincount(basin[arrived], minlength=1)
    total = max(int(arrived.sum()), 1)
    return Basins(
        basin=basin, count=number + 1, converged=float(searches.converged.mean()),
        best=float((basin == 0).mean()), unseen=float((sizes == 1).sum() / total) if number >= 0 else 1.0,
    )  # fmt: skip
