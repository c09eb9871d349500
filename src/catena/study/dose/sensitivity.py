"""Which uncertain input moves the answer: rank correlation and regression over joint draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Influence:
    """How one input moves the answer over the draws.

    Args:
        name: Input.
        rank: Spearman rank correlation with the answer.
        regression: Standardised coefficient of the linear regression on ranks of all inputs
            together; None when there are too few draws for it.
        clear: Whether the rank correlation differs from zero at the 5 % level.
    """

    name: str
    rank: float
    regression: float | None
    clear: bool


def influences(draws: Mapping[str, Floats], answer: Floats) -> list[Influence]:
    """Rank the inputs by their influence on the answer, strongest first.

    Args:
        draws: Drawn values by input (one per draw).
        answer: The answer of each draw.

    Source: Saltelli et al. (2008), Global Sensitivity Analysis, doi:10.1002/9780470725184, ch. 1.
    """
    n = len(answer)
    y = _ranks(answer)
    x = {name: _ranks(values) for name, values in draws.items()}
    together = _regression(list(x.values()), y) if n >= 2 * (len(x) + 1) else None
    found = []
    for index, (name, ranks) in enumerate(x.items()):
        rho = _correlation(ranks, y)
        slope = None if together is None else float(together[index])
        found.append(Influence(name, rho, slope, abs(rho) > _critical(n)))
    return sorted(found, key=lambda item: -abs(item.rank))


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks = rankdata(values)
    spread = ranks.std()
    return np.asarray((ranks - ranks.mean()) / spread) if spread > 0 else np.zeros(len(ranks))


def _correlation(a: Floats, b: Floats) -> float:
    return float(np.mean(a * b))


def _regression(columns: list[Floats], y: Floats) -> Floats:
    matrix = np.stack(columns, axis=1)
    return np.asarray(np.linalg.lstsq(matrix, y, rcond=None)[0])


def _critical(n: int) -> float:
    """Return the rank correlation that chance exceeds in 5 % of cases (t approximation)."""
    if n < 4:
        return 1.0
    from scipy.stats import t

    limit = float(t.ppf(0.975, n - 2))
    return limit / math.sqrt(n - 2 + limit**2)
