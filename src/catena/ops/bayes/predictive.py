"""Posterior predictive checks: would the fitted model have produced such data?

D. B. Rubin, Ann. Stat. 12 (1984) 1151; A. Gelman, X.-L. Meng and H. Stern, Stat. Sinica 6 (1996)
733. A p-value near 0 or 1 means that replicated data differ from the measured ones in that
respect; values in between mean no conflict, not that the model is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from catena.ops.likelihood.cells import EXACT
from catena.ops.likelihood.data import Measurements

#: p-values outside are named in the warnings.
EXTREME = 0.01

_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda y: y.mean(axis=-1),
    "sd": lambda y: y.std(axis=-1),
    "smallest": lambda y: y.min(axis=-1),
    "largest": lambda y: y.max(axis=-1),
}


@final
@dataclass(frozen=True)
class Check:
    """One respect in which replicated data are compared with the measured ones.

    Args:
        output: Name of the output.
        statistic: What is compared.
        observed: Its value in the measured data.
        low: 5 % quantile among replicates.
        high: 95 % quantile.
        p: Share of replicates at or above the measured value.
    """

    output: str
    statistic: str
    observed: float
    low: float
    high: float
    p: float


@final
@dataclass(frozen=True)
class Predictive:
    """Replicated data against measured data.

    Args:
        lower: 5 % quantile of each replicated measurement (k,).
        median: Median (k,).
        upper: 95 % quantile (k,).
        inside: Share of exact measurements inside their 90 % interval.
        checks: Comparisons by output and statistic.
    """

    lower: np.ndarray
    median: np.ndarray
    upper: np.ndarray
    inside: float
    checks: tuple[Check, ...]

    @property
    def conflicts(self) -> list[str]:
        """What replicated data do not reproduce, as sentences."""
        return [
            f"replicated data do not reproduce the {c.statistic} of {c.output} (p = {c.p:.3f})"
            for c in self.checks
            if not EXTREME <= c.p <= 1.0 - EXTREME
        ]


def check(measured: Measurements, replicates: np.ndarray) -> Predictive:
    """Compare replicated data with the measured ones.

    Args:
        measured: The k measurements; censored ones are left out of the comparisons.
        replicates: Data (n, k) simulated at n posterior draws; rows with NaN are left out.
    """
    good = replicates[np.isfinite(replicates).all(axis=1)]
    lower, median, upper = np.quantile(good, [0.05, 0.5, 0.95], axis=0)
    values, exact = measured.value, measured.kind == EXACT
    inside = (values >= lower) & (values <= upper)
    checks: list[Check] = []
    for index, output in enumerate(measured.outputs):
        mine = np.flatnonzero((measured.output == index) & exact)
        if len(mine) < 2:
            continue
        centre, spread = good[:, mine].mean(axis=0), good[:, mine].std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)

        def misfit(y: np.ndarray, centre: np.ndarray = centre, spread: np.ndarray = spread) -> np.ndarray:  # fmt: skip
            return np.asarray(np.mean(((y - centre) / spread) ** 2, axis=-1))

        for name, statistic in {**_STATISTICS, "misfit": misfit}.items():
            seen, drawn = float(statistic(values[mine])), statistic(good[:, mine])
            low, high = np.quantile(drawn, [0.05, 0.95])
            p = float(np.mean(drawn >= seen))
            checks.append(Check(output.name, name, seen, float(low), float(high), p))
    share = float(inside[exact].mean()) if exact.any() else float("nan")
    return Predictive(lower, median, upper, share, tuple(checks))
