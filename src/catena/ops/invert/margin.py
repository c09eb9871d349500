"""How far a point is from what is wanted: a quantile of the margins, with its confidence limits.

A requirement "these limits hold with probability p" is met where the (1 - p)-quantile of the
smallest margin is not negative. That quantile changes smoothly with the inputs because every
point meets the same draws; order statistics limit it without assuming a distribution.

Source: H. A. David, H. N. Nagaraja, Order Statistics (2003), doi:10.1002/0471722162, ch. 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.evaluator import Evaluator
from catena.ops.invert.wanted import Requirement
from catena.ops.space import Over, Space
from catena.ops.uncertainty.copula import Copula

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
#: Margin of a point at which the model fails.
FAILED = -1e300
_PILOT = 64


@final
class Margin:
    """Margins of points to what is wanted.

    Args:
        model: Model or chain.
        requirements: What is wanted.
        over: Inputs to choose.
        uncertain: What cannot be chosen, or None.
        correlation: Of what is uncertain.
        draws: Draws of what is uncertain, at most.
        confidence: Of the limits.
        given: Values of other inputs.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Raises:
        InputError: names are unknown, or chosen and uncertain at once.
    """

    def __init__(
        self,
        model: Model,
        requirements: Sequence[Requirement],
        over: Over,
        uncertain: Over | None,
        *,
        correlation: Any,
        draws: int,
        confidence: float,
        given: Mapping[str, Any] | None,
        key: int,
        work: Work | None,
    ) -> None:
        self.requirements, self.confidence, self.key = tuple(requirements), confidence, key
        self.space = Space.of(model, over)
        self.chance = Space.of(model, uncertain) if uncertain else None
        both = set(self.space.names) & set(self.chance.names if self.chance else ())
        if both:
            raise InputError(f"{', '.join(sorted(both))} both chosen and uncertain",
                             where=f"model {model.info.id}", why="an input is one or the other",
                             fix="drop it from one of them")  # fmt: skip
        variables = (*self.space.variables, *(self.chance.variables if self.chance else ()))
        texts = [limit.quantity.text for item in requirements for limit in item.limits]
        self.evaluator = Evaluator(
            model, Space(variables), list(dict.fromkeys(texts)), given=given, key=key, work=work
        )
        self.draws = draws if self.chance else 1
        self._correlation = correlation
        self._levels = self._drawn(split_key(key, "draws"))
        self._scales = self._pilot()

    def fresh(self) -> None:
        """Take new draws of what is uncertain, to judge what the old ones found."""
        self._levels = self._drawn(split_key(self.key, "fresh draws"))

    def _drawn(self, key: int) -> Floats:
        """Return values of what is uncertain (draws, dims)."""
        if self.chance is None:
            return np.zeros((1, 0))
        from scipy.stats import qmc

        copula = Copula.of(self.chance.names, self._correlation)
        points = qmc.Sobol(self.chance.dim, rng=np.random.default_rng(key))
        size = 2 ** int(np.ceil(np.log2(self.draws)))
        levels = np.clip(points.random(size)[: self.draws], 1e-12, 1.0 - 1e-12)
        return self.chance.from_unit(copula.couple(levels))

    def _pilot(self) -> Floats:
        """Return what counts as one unit of margin, by limit: the spread of its output."""
        random = np.random.Generator(np.random.Philox(key=split_key(self.key, "pilot")))
        x = self.space.from_unit(random.random((_PILOT, self.space.dim)))
        rows = self._levels[random.integers(0, len(self._levels), _PILOT)]
        y = self.evaluator(np.concatenate([x, rows], axis=1))
        spread = np.array([
            float(np.std(column[np.isfinite(column)])) if np.isfinite(column).any() else 0.0
            for column in y.T
        ])  # fmt: skip
        return np.where(spread > 0, spread, 1.0)

    def __call__(self, u: Floats, draws: int | None = None) -> Floats:
        """Return margins (3, n): value, lower and upper confidence limit.

        Args:
            u: Levels of the inputs to choose (n, d).
            draws: Draws of what is uncertain; all by default.
        """
        n, count = len(u), min(draws or self.draws, self.draws)
        x = self.space.from_unit(u)
        points = np.concatenate(
            [np.repeat(x, count, axis=0), np.tile(self._levels[:count], (n, 1))], axis=1
        )
        y = self.evaluator(points).reshape(n, count, -1)
        found = np.stack([self._of(item, y) for item in self.requirements])
        return np.asarray(found.min(axis=0))

    def _of(self, item: Requirement, y: Floats) -> Floats:
        names = self.evaluator.names
        margins = []
        for limit in item.limits:
            column = names.index(limit.quantity.text)
            values, scale = y[:, :, column], self._scales[column]
            margins.append(np.minimum(values - limit.low, limit.high - values) / scale)
        least = np.min(margins, axis=0)
        least = np.where(np.isfinite(least), -least if item.against else least, FAILED)
        return quantile_limits(least, 1.0 - item.probability, self.confidence)


def quantile_limits(values: Floats, level: float, confidence: float) -> Floats:
    """Return a quantile of every row with distribution-free confidence limits (3, n).

    Args:
        values: Drawn values (n, draws).
        level: Level of the quantile.
        confidence: Of both limits together.
    """
    from scipy.stats import binom

    count = values.shape[1]
    if count == 1:
        return np.repeat(values.T, 3, axis=0)
    ordered = np.sort(values, axis=1)
    tail = (1.0 - confidence) / 2.0
    middle = min(int(np.floor(level * count)), count - 1)
    low = int(binom.ppf(tail, count, level)) - 1
    high = int(binom.ppf(1.0 - tail, count, level))
    return np.stack([
        ordered[:, middle],
        ordered[:, low] if low >= 0 else np.full(len(values), FAILED),
        ordered[:, high] if high < count else np.full(len(values), np.inf),
    ])  # fmt: skip
