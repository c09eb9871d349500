"""How large the error is: from left-out training rows, and from rows kept for checking.

The error is the root mean square over the sampled space, divided by the standard deviation of the
output over that space (NRMSE). Left-out errors guide the sampling; only rows drawn at random and
not fitted decide whether a target is met.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from catena.learn.emulator import Emulator
from catena.learn.gp.correlation import squared_distances

#: Standard normal quantile of the one-sided bound stated with a checked error (90 %).
_ONE_SIDED = 1.2816


@final
@dataclass(frozen=True)
class Judgement:
    """The error of one output on rows kept for checking.

    Args:
        nrmse: Root mean squared error over the output's standard deviation.
        upper: Upper end of its one-sided 90 % interval.
        range_normalised: Root mean squared error over the output's range.
        rows: Rows it was measured on.
    """

    nrmse: float
    upper: float
    range_normalised: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def checked_error(emulator: Emulator, x: np.ndarray, y: np.ndarray, spread: float) -> Judgement:
    """Return the error on rows that took no part in the fit.

    Args:
        emulator: The learned output.
        x: Points (m, d).
        y: What the model gives there (m, *shape).
        spread: Standard deviation of the output over the space.
    """
    truth = y.reshape(len(y), -1)
    errors = emulator.value(x).reshape(len(y), -1) - truth
    squares = (errors**2).mean(axis=1)
    mean = float(squares.mean())
    bound = mean + _ONE_SIDED * float(squares.std(ddof=1)) / np.sqrt(len(squares))
    low, high = min(emulator.low, float(truth.min())), max(emulator.high, float(truth.max()))
    return Judgement(
        nrmse=float(np.sqrt(mean)) / spread,
        upper=float(np.sqrt(bound)) / spread,
        range_normalised=float(np.sqrt(mean)) / (high - low),
        rows=len(y),
    )


def left_out_error(emulator: Emulator, y: np.ndarray, shares: np.ndarray, spread: float) -> float:
    """Return the NRMSE estimated from training rows predicted without them.

    Args:
        emulator: The learned output.
        y: Training values (n, *shape).
        shares: Share of the space each row stands for (n,).
        spread: Standard deviation of the output over the space.
    """
    squares = (emulator.left_out_errors(y) ** 2).mean(axis=1)
    return float(np.sqrt(shares @ squares)) / spread


def spread_over(values: np.ndarray) -> float:
    """Return the standard deviation of values (n, *shape) between rows, pooled over positions."""
    curves = values.reshape(len(values), -1)
    return float(np.sqrt(curves.var(axis=0).mean()))


def shares_of(
    z: np.ndarray, reference: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the space nearest to each training point, and who is nearest to whom.

    Adaptive points crowd where errors are large; weighting by their Voronoi cells undoes that.

    Args:
        z: Features of the training points (n, p).
        reference: Features of points spread as the space is used (m, p).
        weights: How much a difference in each feature counts (p,).

    Returns:
        Shares (n,), summing to 1, and the nearest training point of every reference point (m,).
    """
    nearest = squared_distances(reference * weights, z * weights).argmin(axis=1)
    # Every point keeps half a count: a cell that no reference point hit is small, not empty.
    counts = np.bincount(nearest, minlength=len(z)) + 0.5
    return counts / counts.sum(), nearest
