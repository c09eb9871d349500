"""How far the data leave the parameters open, from the Fisher information at the best end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from catena.core.banded import ENDS

if TYPE_CHECKING:
    from catena.ops.petab.target import Array, PetabCalibration

#: Parts of a combination smaller than this, relative to the largest, are not written out.
_SMALL = 0.3
#: Most combinations written out.
_MOST = 5


@final
@dataclass(frozen=True)
class Spread:
    """Intervals on the scales of the parameters.

    Args:
        lower: Lower ends (p,) of 90 % intervals, cut off at the bounds.
        upper: Upper ends.
        deviations: Standard errors (p,).
        determined: Whether each interval is narrower than the bounds (p,).
        correlation: Correlations (p, p).
        combinations: Directions that the data leave open, as texts.
    """

    lower: Array
    upper: Array
    deviations: Array
    determined: Array
    correlation: Array
    combinations: list[str]


def spread_at(target: PetabCalibration, theta: Array) -> Spread:
    """Return the spread about an estimate.

    The information is inverted in units of the bounds' width; directions in which even one
    standard deviation leaves the bounds count as open and as wide as the bounds.

    Args:
        target: The problem.
        theta: The estimate (p,) on the scales.
    """
    _, _, information = target.value_gradient_curvature(theta[None])
    low, high = target.bounds
    width = np.where(np.isfinite(high - low), high - low, 1.0)
    values, vectors = np.linalg.eigh(information[0] * width[:, None] * width)
    open_ = values < 1.0
    variances = 1.0 / np.maximum(values, 1.0)
    covariance = (vectors * variances) @ vectors.T
    deviations = np.sqrt(np.diag(covariance))
    half = ENDS * deviations * width
    lower, upper = np.maximum(theta - half, low), np.minimum(theta + half, high)
    shares = (vectors[:, open_] ** 2).sum(axis=1)
    determined = (half < 0.5 * width) & (shares < _SMALL)
    correlation = covariance / np.outer(deviations, deviations)
    texts = [_combination(target.names, vectors[:, k]) for k in np.flatnonzero(open_)[:_MOST]]
    return Spread(lower, upper, deviations * width, determined, correlation, texts)


def _combination(names: tuple[str, ...], direction: Array) -> str:
    """Write a direction out, largest part first: ``k1 up with k2 down``."""
    order = np.argsort(-np.abs(direction))
    kept = [k for k in order if abs(direction[k]) >= _SMALL * abs(direction[order[0]])]
    sign = np.sign(direction[order[0]])
    return ", ".join(f"{names[k]} {'up' if sign * direction[k] > 0 else 'down'}" for k in kept)
