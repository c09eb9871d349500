"""Priors of a PEtab parameter table as densities with slopes, and as distributions of starts.

A prior of kind ``normal`` is a density of the value itself even if the parameter is estimated on a
logarithmic scale: the objective adds its logarithm as it stands, without the slope of the scale (PEtab
1; Schmiester et al. 2021, doi:10.1371/journal.pcbi.1008646).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from catena.core.errors import InputError
from catena.formats.petab import Parameter, Prior

#: Natural logarithm of the base of each scale; 0 where it is linear.
SCALES = {"lin": 0.0, "log": 1.0, "log10": math.log(10.0)}


class Scored(NamedTuple):
    """Log-density of one parameter at n places, its slope and its curvature (Fisher's)."""

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray


@final
class Priors:
    """The priors of the estimated parameters.

    Args:
        parameters: The parameters.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.given = [(k, p) for k, p in enumerate(parameters) if p.prior is not None]

    def scored(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log-density (n,), gradient (n, p) and curvature (n, p, p) on the scales.

        Args:
            theta: Parameters (n, p) on their scales.
        """
        n, count = theta.shape
        value, gradient = np.zeros(n), np.zeros((n, count))
        curvature = np.zeros((n, count, count))
        for k, parameter in self.given:
            assert parameter.prior is not None
            one = density(parameter.prior, theta[:, k], SCALES[parameter.scale])
            value += one.value
            gradient[:, k] += one.slope
            curvature[:, k, k] += one.curvature
        return value, gradient, curvature

    def starts(self, unit: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """Return starts (n, p) on the scales, from places in the unit cube.

        Uniform between the bounds, or as the parameter table says, cut off at the bounds.

        Raises:
            InputError: a parameter has an infinite bound.
        """
        columns = []
        for k, parameter in enumerate(self.parameters):
            low, high = bounds[:, k]
            if not math.isfinite(high - low):
                raise InputError(f"{parameter.name!r} has no bounds", where="starts of a calibration",
                                 why="the parameter table leaves one of them open",
                                 fix="fill in lowerBound and upperBound")  # fmt: skip
            if parameter.start is None:
                columns.append(low + unit[:, k] * (high - low))
            else:
                found = _quantile(parameter.start, unit[:, k], SCALES[parameter.scale])
                columns.append(np.clip(found, low, high))
        return np.stack(columns, axis=1)


def density(prior: Prior, theta: np.ndarray, base: float) -> Scored:
    """Return the log-density of a prior where a parameter is ``theta`` (n,) on its scale.

    Args:
        prior: The prior.
        theta: Places on the scale of the parameter.
        base: Natural logarithm of the base of the scale, 0 for a linear one.
    """
    place, slope, extra, own = _placed(prior, theta, base)
    first, second = prior.first, prior.second
    shape = _shape(prior)
    if shape == "uniform":
        inside = (place >= first) & (place <= second)
        value = np.where(inside, -math.log(second - first), -math.inf)
        return Scored(value + extra, own, np.zeros_like(place))
    off = (place - first) / second
    if shape == "normal":
        value = -0.5 * off**2 - math.log(second) - 0.5 * math.log(2.0 * math.pi)
        return Scored(value + extra, -off / second * slope + own, (slope / second) ** 2)
    value = -np.abs(off) - math.log(2.0 * second)
    return Scored(value + extra, -np.sign(off) / second * slope + own, (slope / second) ** 2)


def _placed(prior: Prior, theta: np.ndarray, base: float) -> tuple[np.ndarray, ...]:
    """Return where the density is taken and its slope, and the logarithm of a factor with its."""
    nothing = np.zeros_like(theta)
    if prior.kind.startswith("parameterScale"):
        return theta, np.ones_like(theta), nothing, nothing
    if prior.kind.startswith("log"):
        if base:
            # The density of x is that of ln x over x.
            return base * theta, np.full_like(theta, base), -base * theta, nothing - base
        with np.errstate(all="ignore"):
            return np.log(theta), 1.0 / theta, -np.log(theta), -1.0 / theta
    value = np.exp(base * theta) if base else theta
    return value, base * value if base else np.ones_like(theta), nothing, nothing


def _shape(prior: Prior) -> str:
    kind = prior.kind.removeprefix("parameterScale").removeprefix("log")
    return kind.lower()


def _quantile(prior: Prior, unit: np.ndarray, base: float) -> np.ndarray:
    """Return quantiles of a prior on the scale of its parameter."""
    from scipy.special import ndtri

    unit = np.clip(unit, 1e-12, 1.0 - 1e-12)
    shape = _shape(prior)
    if shape == "uniform":
        place = prior.first + (prior.second - prior.first) * unit
    elif shape == "normal":
        place = prior.first + prior.second * ndtri(unit)
    else:
        side = np.where(unit < 0.5, np.log(2.0 * unit), -np.log(2.0 * (1.0 - unit)))
        place = prior.first + prior.second * side
    if prior.kind.startswith("parameterScale"):
        return np.asarray(place)
    if prior.kind.startswith("log"):
        return np.asarray(place / base if base else np.exp(place))
    return _logged(place, base)


def _logged(value: np.ndarray, base: float) -> Any:
    if not base:
        return value
    with np.errstate(all="ignore"):
        return np.where(value > 0, np.log(np.maximum(value, 1e-300)) / base, -math.inf)
