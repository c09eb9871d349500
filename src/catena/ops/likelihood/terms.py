"""Log-likelihood of the measurements of one output, its derivatives and its information.

Exact measurements add the density of their residual, censored ones the probability of what is
known (the M3 method of Beal 2001, doi:10.1023/A:1012299115260). Curvatures are positive
semi-definite: expected Fisher information for exact, generalised Gauss-Newton for one-sided and
the outer product of the score for interval-censored measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.ops.likelihood.cells import ABOVE, BELOW, BETWEEN, EXACT
from catena.ops.likelihood.noise import Noise

if TYPE_CHECKING:
    from catena.ops.likelihood.data import Measurements

Array = np.ndarray[Any, Any]


class Scores(NamedTuple):
    """Derivatives to location and scale of each measurement, arrays (n, k).

    Args:
        location: Slope to the location.
        scale: Slope to the scale.
        ll: Information about the location.
        ls: Shared information.
        ss: Information about the scale.
    """

    location: Array
    scale: Array
    ll: Array
    ls: Array
    ss: Array


@final
class Terms:
    """The measurements of one output under its error model.

    Args:
        data: All measurements.
        index: Index of the output.
        noise: Its error model.

    Raises:
        InputError: the error model cannot hold for the data.
    """

    def __init__(self, data: Measurements, index: int, noise: Noise) -> None:
        self.noise = noise
        self.mine = data.of(index)
        self.weight = data.weight[self.mine]
        self.sd = data.sd[self.mine]
        kind = data.kind[self.mine].copy()
        low, high = data.low[self.mine], data.high[self.mine]
        self._check(data, kind, low, high)
        self.jacobian = np.zeros(len(kind))
        if noise.log:
            kind[(kind == BETWEEN) & (low <= 0)] = BELOW
            self.jacobian = np.where(kind == EXACT, np.log(np.where(kind == EXACT, low, 1.0)), 0.0)
            low, high = _log(low), _log(high)
        self.kind, self.low, self.high = kind, low, high
        self.exact, self.below, self.above, self.between = (
            np.flatnonzero(kind == wanted) for wanted in (EXACT, BELOW, ABOVE, BETWEEN)
        )
        self._back = np.argsort(
            np.concatenate([self.exact, self.below, self.above, self.between]), kind="stable"
        )

    @property
    def censored(self) -> bool:
        """Whether some measurements are no numbers."""
        return len(self.exact) < len(self.kind)

    def _check(self, data: Measurements, kind: Array, low: Array, high: Array) -> None:
        noise, name = self.noise, self.noise.output.name
        if (kind != EXACT).any() and not noise.density.censors:
            raise InputError(f"The loss {noise.density.name!r} cannot use censored data", where=name,
                             why="its distribution function has no closed form",
                             fix='use loss="student(4)" or leave the loss linear')  # fmt: skip
        if noise.name == "given" and np.isnan(self.sd).any():
            lost = data.source[self.mine][np.isnan(self.sd)]
            raise InputError(f"No standard deviation of {name!r} in some rows", where="data",
                             rows=[RowFault(int(r), name, "its sd is missing") for r in lost],
                             why=f"the first is row {lost[0]}", fix="fill them in")  # fmt: skip
        if noise.log:
            end = np.where((kind == BELOW) | (kind == BETWEEN), high, low)
            bad = data.source[self.mine][end <= 0]
            if len(bad):
                raise InputError(f"Log-normal noise of {name!r} needs positive data", where="noise",
                                 rows=[RowFault(int(r), name, "is not positive") for r in bad],
                                 why=f"row {bad[0]} is not", fix='use "additive" or "combined", or mark it as censored')  # fmt: skip

    def location(self, mean: Any, xp: Any = np) -> Any:
        """Return the location of residuals: the prediction or its logarithm."""
        return xp.log(mean) if self.noise.log else mean

    def value(self, mean: Any, numbers: Mapping[str, Any], xp: Any = np, seen: Any = None) -> Any:
        """Return weighted log-likelihoods (n, k) for predictions (n, k).

        Args:
            mean: Predictions.
            numbers: Numbers of the error model.
            xp: Array module.
            seen: Other values (k,) of the exact measurements; those of the data by default.
        """
        density = self.noise.density
        location = self.location(mean, xp)
        scale = self.noise.scale(mean, numbers, self.sd, xp)
        parts = []
        if len(self.exact):
            s = scale[..., self.exact]
            low: Any = self.low[self.exact]
            jacobian: Any = self.jacobian[self.exact]
            if seen is not None:
                low = self.location(seen[self.exact], xp)
                jacobian = low if self.noise.log else 0.0
            z = (low - location[..., self.exact]) / s
            parts.append(-xp.log(s) - density.loss(z, xp) - density.constant - jacobian)
        if len(self.below):
            z = (self.high[self.below] - location[..., self.below]) / scale[..., self.below]
            parts.append(density.log_below(z, xp))
        if len(self.above):
            z = (self.low[self.above] - location[..., self.above]) / scale[..., self.above]
            parts.append(density.log_below(-z, xp))
        if len(self.between):
            s = scale[..., self.between]
            low = (self.low[self.between] - location[..., self.between]) / s
            high = (self.high[self.between] - location[..., self.between]) / s
            parts.append(self._log_between(low, high, xp))
        return xp.concatenate(parts, axis=-1)[..., self._back] * self.weight

    def _log_between(self, low: Any, high: Any, xp: Any) -> Any:
        """Return the logarithm of the probability between two residuals, taken from one tail."""
        turn = low > 0
        a, b = xp.where(turn, -high, low), xp.where(turn, -low, high)
        upper = self.noise.density.log_below(b, xp)
        return upper + xp.log1p(-xp.exp(self.noise.density.log_below(a, xp) - upper))

    def scores(self, mean: Array, scale: Array) -> Scores:
        """Return weighted derivatives and information at predictions (n, k)."""
        location, density = self.location(mean), self.noise.density
        out = [np.zeros_like(scale) for _ in range(5)]
        some = self.exact
        s = scale[:, some]
        z = (self.low[some] - location[:, some]) / s
        slope = density.slope(z)
        about, spread = density.information
        self._put(out, some, slope / s, (z * slope - 1.0) / s, about / s**2, 0.0 * s, spread / s**2)
        for some, ends, side in ((self.below, self.high, 1.0), (self.above, self.low, -1.0)):
            if not len(some):
                continue
            s = scale[:, some]
            z = (ends[some] - location[:, some]) / s
            hazard = np.exp(-density.loss(z) - density.constant - density.log_below(side * z))
            bend = np.maximum(hazard * (hazard + side * density.slope(z)), 0.0) / s**2
            first = -side * hazard / s
            self._put(out, some, first, first * z, bend, bend * z, bend * z * z)
        if len(self.between):
            some = self.between
            s = scale[:, some]
            low = (self.low[some] - location[:, some]) / s
            high = (self.high[some] - location[:, some]) / s
            log_p = self._log_between(low, high, np)
            at_low, at_high = (np.exp(-density.loss(z) - density.constant - log_p) for z in (low, high))  # fmt: skip
            a, b = -(at_high - at_low) / s, -(high * at_high - low * at_low) / s
            self._put(out, some, a, b, a * a, a * b, b * b)
        return Scores(*(part * self.weight for part in out))

    @staticmethod
    def _put(out: list[Array], some: Array, *parts: Array) -> None:
        for target, part in zip(out, parts, strict=True):
            target[:, some] = part

    def mean_square(self, mean: Array) -> Array:
        """Return the weighted mean square (n,) of residuals at scale one (closed-form scales)."""
        unit = np.abs(mean) if self.noise.name == "proportional" else 1.0
        residual = (self.low - self.location(mean)) / unit
        return np.asarray((self.weight * residual**2).sum(axis=-1) / self.weight.sum())

    def draw(self, mean: Array, numbers: Mapping[str, Any], rng: np.random.Generator) -> Array:
        """Draw measurements (n, k) around predictions."""
        location = self.location(mean)
        scale = self.noise.scale(mean, numbers, self.sd)
        drawn = location + scale * self.noise.density.draw(rng, mean.shape)
        return np.asarray(np.exp(drawn) if self.noise.log else drawn)


def _log(values: Array) -> Array:
    return np.asarray(np.log(np.where(values > 0, values, np.nan)))
