"""Priors as maps from normal scores: every free number is a function of a standard normal one.

A score ``z`` with prior N(0, 1) is mapped to the value with the same prior probability below it,
``x = Q(Phi(z))`` (the quantile transform; G. E. P. Box and G. C. Tiao, Bayesian Inference in
Statistical Analysis, 1973, sec. 1.3, call such scales data-translated). The prior density of the
scores then is the standard normal one whatever the prior of the values, Jacobians included,
bounded and logarithmic priors have no edges, and evidence is normalised. Normal and log-normal
priors are linear in ``z`` so that even far tails keep their precision; where a probability
approaches 1 the upper tail is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, final

import numpy as np

from catena.core.distribution import Distribution
from catena.ops.space import Space
from catena.ops.variable import Variable

#: Probability below which an end of a range is the end of the printed range, not a bound.
_OPEN = 2e-6

Map = Callable[[Any, Any], Any]


@final
class Prior:
    """Joint prior of the variables of a space (independent), in terms of normal scores.

    Args:
        space: The free variables; a variable without a distribution has a uniform prior over its
            range (of the logarithm where its scale is ``log``).
        bounds: Bounds of the ports by variable name, where they cut a distribution.
    """

    def __init__(
        self,
        space: Space,
        bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    ) -> None:
        self.space = space
        self.names = space.names
        self.dim = space.dim
        limits = bounds or {}
        self._maps = [_map_of(v, limits.get(v.name, (None, None))) for v in space.variables]

    @property
    def discrete(self) -> tuple[str, ...]:
        """Names of whole numbers, categories and booleans."""
        return tuple(v.name for v in self.space.variables if v.discrete)

    def values(self, scores: np.ndarray) -> np.ndarray:
        """Map scores (..., p) to values in the variables' units."""
        from scipy import special

        return np.asarray(self._mapped(np.asarray(scores, dtype=float), _library(np, special)))

    def traced(self, scores: Any) -> Any:
        """Map scores (..., p) to values inside a JAX trace."""
        import jax.numpy as jnp
        from jax.scipy import special

        return self._mapped(scores, _library(jnp, special))

    def draw(self, n: int, key: int) -> np.ndarray:
        """Draw scores (n, p) from the prior."""
        rng = np.random.Generator(np.random.Philox(key=key))
        return rng.standard_normal((n, self.dim))

    def _mapped(self, scores: Any, library: Any) -> Any:
        columns = [rule(scores[..., k], library) for k, rule in enumerate(self._maps)]
        return library.stack(columns, axis=-1)


def _library(numbers: Any, special: Any) -> Any:
    """Return the functions a map uses, of NumPy or of JAX."""
    return SimpleNamespace(
        exp=numbers.exp, sqrt=numbers.sqrt, where=numbers.where, floor=numbers.floor,
        clip=numbers.clip, round=numbers.round, minimum=numbers.minimum, stack=numbers.stack,
        below=special.ndtr, quantile=special.ndtri,
    )  # fmt: skip


def _map_of(variable: Variable, bounds: tuple[float | None, float | None]) -> Map:
    distribution = variable.distribution
    if distribution is None or distribution.name in ("uniform", "loguniform"):
        return _flat(variable)
    if distribution.name == "discrete":
        return _listed(distribution.parameters)
    low, high = _levels(variable, distribution, bounds)
    shape = _triangular if distribution.name == "triangular" else _gaussian
    rule = shape(distribution, low, high)
    if variable.discrete:
        first, last = variable.low, variable.high
        return lambda z, lib: lib.clip(lib.round(rule(z, lib)), first, last)
    bottom, top = bounds
    if bottom is None and top is None:
        return rule
    return lambda z, lib: lib.clip(rule(z, lib), bottom, top)  # rounding must not leave the bounds


def _levels(
    variable: Variable, distribution: Distribution, bounds: tuple[float | None, float | None]
) -> tuple[float, float]:
    """Return the prior probabilities below the ends; (0, 1) where nothing cuts."""
    first, last = (float(p) for p in distribution.cdf(np.array([variable.low, variable.high])))
    bottom, top = bounds
    if first < _OPEN:
        first = 0.0 if bottom is None else float(distribution.cdf(np.array([bottom]))[0])
    if last > 1.0 - _OPEN:
        last = 1.0 if top is None else float(distribution.cdf(np.array([top]))[0])
    return first, last


def _flat(variable: Variable) -> Map:
    """Return the map of a uniform prior over a range, of its logarithm, or over whole steps."""
    low, high = variable.low, variable.high
    if variable.discrete:
        steps = high - low + 1
        return lambda z, lib: low + lib.minimum(lib.floor(steps * lib.below(z)), steps - 1)
    if variable.scale == "log":
        inner = _between(float(np.log(low)), float(np.log(high)))
        return lambda z, lib: lib.clip(lib.exp(inner(z, lib)), low, high)
    return _between(low, high)


def _between(low: float, high: float) -> Map:
    def rule(z: Any, lib: Any) -> Any:
        near_low = low + (high - low) * lib.below(z)
        return lib.where(z < 0, near_low, high - (high - low) * lib.below(-z))

    return rule


def _listed(values: tuple[float, ...]) -> Map:
    table = np.asarray(values)

    def rule(z: Any, lib: Any) -> Any:
        place = lib.minimum(lib.floor(len(table) * lib.below(z)), len(table) - 1)
        return sum(lib.where(place == k, value, 0.0) for k, value in enumerate(table))

    return rule


def _gaussian(distribution: Distribution, low: float, high: float) -> Map:
    """Return the map of a (log-)normal prior, cut at two probabilities."""
    centre, spread = distribution.parameters
    logarithmic = distribution.name == "lognormal"
    if logarithmic:
        centre, spread = float(np.log(centre)), float(np.sqrt(np.log1p(spread**2)))
    cut = low > 0.0 or high < 1.0

    def rule(z: Any, lib: Any) -> Any:
        if cut:
            # The nearer tail is used on either side, so that no probability is rounded to 1; each
            # side gets a score of its own sign, so that no derivative is infinite.
            left = lib.quantile(low + (high - low) * lib.below(lib.minimum(z, 0.0)))
            right = -lib.quantile((1.0 - high) + (high - low) * lib.below(lib.minimum(-z, 0.0)))
            z = lib.where(z < 0, left, right)
        x = centre + spread * z
        return lib.exp(x) if logarithmic else x

    return rule


def _triangular(distribution: Distribution, first: float, last: float) -> Map:
    low, mode, high = distribution.parameters
    split = (mode - low) / (high - low)

    def rising(z: Any, lib: Any) -> Any:
        below = first + (last - first) * lib.below(z)
        return low + lib.sqrt(below * (high - low) * (mode - low))

    def falling(z: Any, lib: Any) -> Any:
        above = (1.0 - last) + (last - first) * lib.below(-z)
        return high - lib.sqrt(above * (high - low) * (high - mode))

    def rule(z: Any, lib: Any) -> Any:
        below = first + (last - first) * lib.below(z)
        return lib.where(below < split, rising(z, lib), falling(z, lib))

    if mode == low:
        return falling
    return rising if mode == high else rule
