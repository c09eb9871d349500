"""Minus the log-posterior in search coordinates: logarithms where a parameter varies by factors."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.ops.likelihood import Likelihood
from catena.ops.variable import Variable

Array = np.ndarray[Any, Any]


@final
class Target:
    """What calibration minimises; see ``multistart.Objective``.

    Coordinates are logarithms of parameters of logarithmic scale and plain values of the others.
    Where the best noise follows from the predictions in closed form it is put in, and only the
    parameters of the model are searched for (the rest of a vector is then left out).

    Args:
        likelihood: The likelihood.
        priors: Whether distributions of the free parameters count as priors.
        concentrate: Whether to put in the best noise where it is known.
    """

    by_row = False

    def __init__(
        self, likelihood: Likelihood, *, priors: bool = True, concentrate: bool = True
    ) -> None:
        self.likelihood = likelihood
        self.concentrated = concentrate and likelihood.closed
        self.dim = likelihood.count if self.concentrated else len(likelihood.names)
        self.variables = likelihood.space.variables[: self.dim]
        self.log = np.array([variable.scale == "log" for variable in self.variables])
        self.priors = [
            (k, variable)
            for k, variable in enumerate(self.variables)
            if priors and variable.distribution is not None
        ]
        for _, variable in self.priors:
            _check_prior(variable)

    @property
    def pads(self) -> bool:
        """Whether programs are compiled per number of rows."""
        return self.likelihood.predictor.pads

    @property
    def bounds(self) -> Array:
        """Bounds of the search (2, d) in search coordinates."""
        return self.inward(self.likelihood.space.bounds[:, : self.dim])

    def inward(self, theta: Array) -> Array:
        """Return search coordinates (n, d) of parameters (n, d) in natural units."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(self.log, np.log(np.where(self.log, theta, 1.0)), theta))

    def outward(self, x: Array) -> Array:
        """Return parameters (n, d) in natural units at search coordinates (n, d)."""
        return np.asarray(np.where(self.log, np.exp(np.where(self.log, x, 0.0)), x))

    def full(self, x: Array) -> Array:
        """Return whole parameter vectors (n, p), the best noise included."""
        theta = self.outward(np.atleast_2d(x))
        if not self.concentrated:
            return theta
        return np.concatenate([theta, self.likelihood.best_noise(self.likelihood.predictor(theta))], axis=1)  # fmt: skip

    # What multistart asks -----------------------------------------------------------------

    def value(self, x: Array) -> Array:
        """Return minus the log-posterior (n,); inf where it is zero or the simulation failed."""
        theta = self.outward(x)
        mean = self.likelihood.predictor(theta[:, : self.likelihood.count])
        whole = self._with_noise(theta, mean)
        value = self.likelihood.assess(mean, None, whole)[0]
        return -value - self.log_prior(theta)[0]

    def value_and_gradient(self, x: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, d)."""
        theta = self.outward(x)
        if self.concentrated:
            value, gradient, _ = self._assessed(theta, curved=False)
        else:
            value, gradient = self.likelihood.value_and_gradient(theta)
        prior, slope, _ = self.log_prior(theta)
        stretch = np.where(self.log, theta, 1.0)
        return -value - prior, -(gradient[:, : self.dim] + slope) * stretch

    def value_gradient_curvature(self, x: Array) -> tuple[Array, Array, Array]:
        """Return values (n,), gradients (n, d) and information matrices (n, d, d)."""
        theta = self.outward(x)
        value, gradient, curvature = self._assessed(theta, curved=True)
        prior, slope, bend = self.log_prior(theta)
        stretch = np.where(self.log, theta, 1.0)
        gradient = (gradient[:, : self.dim] + slope) * stretch
        curvature = curvature[:, : self.dim, : self.dim].copy()
        rows = np.arange(self.dim)
        curvature[:, rows, rows] += bend
        return -value - prior, -gradient, stretch[:, :, None] * curvature * stretch[:, None, :]

    def _assessed(self, theta: Array, *, curved: bool) -> tuple[Array, Array, Array]:
        likelihood = self.likelihood
        mean, slopes = likelihood.predictor.with_jacobian(theta[:, : likelihood.count])
        return likelihood.assess(mean, slopes, self._with_noise(theta, mean), curved=curved)

    def _with_noise(self, theta: Array, mean: Array) -> Array:
        if not self.concentrated:
            return theta
        noise = self.likelihood.best_noise(mean)
        noise = np.where(np.isfinite(noise), noise, 1.0)
        return np.concatenate([theta, noise], axis=1)

    # Priors -------------------------------------------------------------------------------

    def log_prior(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return log-densities of the priors (n,), slopes (n, d) and curvatures (n, d).

        Log-normal priors are densities of the logarithm, so that their mode is the median.
        """
        value = np.zeros(len(theta))
        slope, bend = np.zeros((len(theta), self.dim)), np.zeros((len(theta), self.dim))
        for k, variable in self.priors:
            parts = _log_density(variable, theta[:, k])
            value += parts[0]
            slope[:, k], bend[:, k] = parts[1], parts[2]
        return value, slope, bend


@final
class Pinned:
    """A target of which every search keeps one coordinate (a profile).

    Args:
        target: The target.
        pinned: The coordinate each search keeps (n,).
    """

    by_row = True

    def __init__(self, target: Target, pinned: Array) -> None:
        self.target, self.pinned, self.pads = target, pinned, target.pads

    def value_and_gradient(self, x: Array, rows: Array) -> tuple[Array, Array]:
        """Return values and gradients without a slope along the kept coordinate."""
        value, gradient = self.target.value_and_gradient(x)
        gradient[np.arange(len(x)), self.pinned[rows]] = 0.0
        return value, gradient

    def value_gradient_curvature(self, x: Array, rows: Array) -> tuple[Array, Array, Array]:
        """Return values, gradients and information without the kept coordinate."""
        value, gradient, curvature = self.target.value_gradient_curvature(x)
        row, column = np.arange(len(x)), self.pinned[rows]
        gradient[row, column] = 0.0
        curvature[row, column, :] = 0.0
        curvature[row, :, column] = 0.0
        curvature[row, column, column] = 1.0
        return value, gradient, curvature


def _check_prior(variable: Variable) -> None:
    assert variable.distribution is not None
    if variable.distribution.name == "discrete":
        raise InputError(f"The prior of {variable.name!r} is discrete", where="free",
                         why="calibration needs a density", fix="give a range or another distribution")  # fmt: skip


def _log_density(variable: Variable, theta: Array) -> tuple[Array, Array, Array]:
    """Return the log-density of a prior, its slope and a curvature, in natural units."""
    distribution = variable.distribution
    assert distribution is not None
    p = distribution.parameters
    if distribution.name == "normal":
        z = (theta - p[0]) / p[1]
        constant = -np.log(p[1]) - 0.5 * np.log(2 * np.pi)
        return constant - 0.5 * z * z, -z / p[1], np.full_like(z, 1.0 / p[1] ** 2)
    if distribution.name == "lognormal":
        sd = np.sqrt(np.log1p(p[1] ** 2))
        z = np.log(theta / p[0]) / sd
        constant = -np.log(sd) - 0.5 * np.log(2 * np.pi)
        return constant - 0.5 * z * z, -z / (sd * theta), 1.0 / (sd * theta) ** 2
    if distribution.name == "triangular":
        low, mode, high = p
        rising = theta < mode
        edge = np.where(rising, theta - low, high - theta)
        edge = np.maximum(edge, 1e-12 * (high - low))
        scale = np.where(rising, max(mode - low, 1e-300), max(high - mode, 1e-300))
        slope = np.where(rising, 1.0, -1.0) / edge
        return np.log(2.0 / (high - low) * edge / scale), slope, slope**2
    return np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
