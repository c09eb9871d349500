"""Is an explanation faithful? Delete and insert causes in its order and watch the output.

Deleting the causes of a faithful explanation, most important first, moves the output away from
the case quickly; inserting them into the background moves it to the case quickly. Both are
compared with random orders. Rankings are also redone from resampled backgrounds.

Sources: V. Petsiuk, A. Das, K. Saenko, BMVC (2018), arXiv:1806.07421; M. G. Kendall, Biometrika 30
(1938) 81, doi:10.1093/biomet/30.1-2.81 (agreement of rankings).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from catena.core.identity import split_key
from catena.ops.explain.cases import Case

Floats = NDArray[np.float64]
#: Background cases, random orders, and steps of a curve.
_ROWS, _ORDERS, _STEPS = 10, 20, 25
_RESAMPLES = 50


@final
@dataclass(frozen=True)
class Faith:
    """How an order of causes compares with random ones.

    Args:
        share: Share of the causes that are exchanged (steps,).
        deletion: Mean distance of the output from the case when the first causes are deleted.
        insertion: Mean distance from the background when the first causes are inserted.
        random_deletion: The same for random orders.
        random_insertion: The same for random orders.
    """

    share: Floats
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats

    @property
    def areas(self) -> dict[str, float]:
        """Areas under the curves over the largest distance: 1 is at once, 0 never."""
        curves = {
            "deletion": self.deletion, "insertion": self.insertion,
            "random_deletion": self.random_deletion, "random_insertion": self.random_insertion,
        }  # fmt: skip
        top = max(float(np.max(curve)) for curve in curves.values()) or 1.0
        return {
            name: float(np.trapezoid(curve, self.share)) / top for name, curve in curves.items()
        }


def faith(case: Case, importance: Floats, key: int) -> Faith:
    """Return the curves of one case.

    Args:
        case: The case.
        importance: How much each cause counts (d,).
        key: 64-bit seed.
    """
    random = np.random.Generator(np.random.Philox(key=split_key(key, "faithful")))
    d = len(importance)
    share = np.unique(np.round(np.linspace(0, d, min(d, _STEPS) + 1)).astype(int))
    rows = case.background[random.permutation(len(case.background))[:_ROWS]]
    orders = [np.argsort(-np.abs(importance), kind="stable")]
    orders += [random.permutation(d) for _ in range(_ORDERS)]
    first = np.array([np.argsort(order)[None] < share[:, None] for order in orders])
    both = [_curves(case, rows, sets) for sets in (~first, first)]
    levels = case(np.concatenate([case.x[None], rows]))
    gone = np.abs(both[0] - levels[0]).mean(axis=2)
    come = np.abs(both[1] - levels[1:]).mean(axis=2)
    return Faith(share / d, gone[0], come[0], gone[1:].mean(axis=0), come[1:].mean(axis=0))


def _curves(case: Case, rows: Floats, sets: NDArray[np.bool_]) -> Floats:
    """Return outputs (orders, steps, rows) with the causes of a set as in the case."""
    points = np.where(sets[:, :, None, :], case.x, rows)
    return case(points.reshape(-1, rows.shape[1])).reshape(points.shape[:3])


def stability(rows: Floats, key: int) -> float:
    """Return the mean agreement (Kendall's tau) of rankings from resampled backgrounds.

    Args:
        rows: Contributions by background case (b, d).
        key: 64-bit seed.
    """
    from scipy.stats import kendalltau

    whole = np.abs(rows.mean(axis=0))
    if len(whole) < 2 or not np.ptp(whole):
        return 1.0
    random = np.random.Generator(np.random.Philox(key=split_key(key, "stability")))
    found = [
        kendalltau(whole, np.abs(rows[random.integers(0, len(rows), len(rows))].mean(axis=0)))[0]
        for _ in range(_RESAMPLES)
    ]
    return float(np.nanmean(found))
