"""Has something changed? Tests of one column, of all columns together, and of a series in time.

Kolmogorov-Smirnov and chi-square per column with Holm's correction (1979); energy distance with
permutations for all columns together (Szekely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018);
two-sided cumulative sums for the moment of change (Page 1954, doi:10.1093/biomet/41.1-2.100).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

#: Classes of the population stability index.
_CLASSES = 10
#: Rows of each table that enter the test of all columns together.
_ROWS = 500


@final
@dataclass(frozen=True)
class Shift:
    """How one column differs between two tables.

    Args:
        statistic: Kolmogorov-Smirnov distance or, for texts, Cramer's V.
        p: Probability of such a difference by chance.
        psi: Population stability index; above 0.25 is called a large shift by its users.
        move: Difference of means in standard deviations of the reference (0 for texts).
    """

    statistic: float
    p: float
    psi: float
    move: float


def column_shift(reference: np.ndarray, current: np.ndarray) -> Shift:
    """Compare one column; texts by their frequencies, numbers by their distribution."""
    if reference.dtype.kind in "OUSb":
        return _text_shift(reference.astype(str), current.astype(str))
    from scipy.stats import ks_2samp

    found = ks_2samp(reference, current)
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, _CLASSES + 1)[1:-1]))
    before = np.bincount(np.searchsorted(edges, reference), minlength=len(edges) + 1)
    after = np.bincount(np.searchsorted(edges, current), minlength=len(edges) + 1)
    spread = float(reference.std()) or 1.0
    return Shift(float(found.statistic), float(found.pvalue), _psi(before, after),
                 float((current.mean() - reference.mean()) / spread))  # fmt: skip


def _text_shift(reference: np.ndarray, current: np.ndarray) -> Shift:
    from scipy.stats import chi2_contingency

    texts = np.unique(np.concatenate([reference, current]))
    counts = np.array([[np.sum(part == text) for text in texts] for part in (reference, current)])
    if len(texts) == 1:
        return Shift(0.0, 1.0, 0.0, 0.0)
    found = chi2_contingency(counts)
    return Shift(
        float(np.sqrt(found.statistic / counts.sum())), float(found.pvalue), _psi(*counts), 0.0
    )


def _psi(before: np.ndarray, after: np.ndarray) -> float:
    """Return sum (q - p) ln(q / p) over classes, empty ones counted as half a row."""
    p, q = np.maximum(before, 0.5) / before.sum(), np.maximum(after, 0.5) / after.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p values adjusted for several tests (Holm)."""
    order = np.argsort(p)
    scaled = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(scaled, 1.0)
    return out


def joint_shift(
    reference: np.ndarray, current: np.ndarray, key: int, permutations: int = 499
) -> tuple[float, float]:
    """Return energy distance of two tables (n, d) and its permutation p value."""
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(key)
    tables = [t[rng.permutation(len(t))[:_ROWS]] for t in (reference, current)]
    scale = np.where(reference.std(axis=0) > 0, reference.std(axis=0), 1.0)
    both = np.concatenate(tables) / scale
    distance = cdist(both, both)
    first = len(tables[0])

    def energy(labels: np.ndarray) -> float:
        a = labels / labels.sum()
        b = (1 - labels) / (1 - labels).sum()
        gap = a - b
        return float(-gap @ distance @ gap)

    labels = (np.arange(len(both)) < first).astype(float)
    seen = energy(labels)
    above = sum(energy(rng.permutation(labels)) >= seen - 1e-15 for _ in range(permutations))
    return float(np.sqrt(max(seen, 0.0))), (1 + above) / (1 + permutations)


def change_point(errors: np.ndarray, slack: float = 0.5, limit: float = 5.0) -> int | None:
    """Return where standardised errors (n,) leave their course, by two-sided cumulative sums.

    Args:
        errors: Errors in standard deviations of the reference, in order of time.
        slack: Shift per step that is tolerated.
        limit: Sum at which a change is called (4 to 5 keeps false alarms near 1 in 500 steps).

    Returns:
        Row at which the shift began, or None.
    """
    for sign in (1.0, -1.0):
        total, began = 0.0, 0
        for row, value in enumerate(sign * errors):
            fresh = total + value - slack
            if fresh <= 0:
                total, began = 0.0, row + 1
            else:
                total = fresh
                if total > limit:
                    return began
    return None
