"""The search seen by every method: minimise numbers over coordinates, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, final

import numpy as np

from catena.ops.optimise.coordinates import Coordinates
from catena.ops.optimise.pareto import pareto

if TYPE_CHECKING:
    from catena.ops.space import Space

#: What a gradient costs, in evaluations: reverse mode at most four (Griewank and Walther 2008,
#: 10.1137/1.9780898717761); differences are the evaluator's fourth order.
_EXACT_PRICE, _DIFFERENCE_PRICE = 4, 4
#: Violations below this count as none, relative to the spread of what is limited (to the ranges of
#: the variables, for linear constraints).
TOLERANCE = 1e-9
_LINEAR = 1e-8


class Spent(Exception):
    """The budget is used up; what was found until then is in the record."""


class Target(Protocol):
    """What is evaluated: points (n, d) to objectives and limited quantities (n, m)."""

    @property
    def calls(self) -> int:
        """Rows of the model evaluated so far."""
        ...

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return numbers (n, m); NaN where a row failed."""
        ...

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers (n, m) and their derivatives (n, m, d)."""
        ...


@final
@dataclass(frozen=True)
class Limit:
    """One limit on an evaluated number: ``sign * (y[column] - value) <= 0``."""

    column: int
    sign: float
    value: float
    text: str


class Scores(NamedTuple):
    """What points are worth: objectives (n, m), low is good, and broken limits, summed (n,)."""

    f: np.ndarray
    violation: np.ndarray


@final
class Problem:
    """Objectives, limits, budget and record of one optimisation.

    Args:
        space: What is varied, with its linear constraints.
        target: Evaluates points.
        signs: Per objective 1 (minimise) or -1 (maximise); they are the target's first columns.
        limits: Limits on the target's columns.
        budget: Evaluations allowed.
        rows_per_call: Model rows behind one evaluation (scenarios of a robust search).
        exact: Whether the target has exact gradients.
        pad: Fill batches up to a power of two, so that compiled models see few batch sizes.
    """

    def __init__(
        self,
        space: Space,
        target: Target,
        signs: Sequence[float],
        limits: Sequence[Limit] = (),
        *,
        budget: int,
        exact: bool = False,
        pad: bool = False,
    ) -> None:
        self.space, self.target = space, target
        self.coordinates = Coordinates(space)
        self.signs = np.asarray(signs, dtype=float)
        self.limits = tuple(limits)
        self.budget, self.exact, self.pad = budget, exact, pad
        self.spent = 0
        self.seconds = 0.0
        self._chunks: list[tuple[np.ndarray, np.ndarray]] = []
        self.scale = np.ones(len(self.limits))
        #: Told what every evaluation cost; set by whoever shows progress.
        self.advance: Callable[[int], None] = lambda cost: None
        #: Keeps evaluations between runs; set where each is costly.
        self.keep: Callable[[np.ndarray, Callable[[], np.ndarray]], np.ndarray] | None = None

    @property
    def x(self) -> np.ndarray:
        """Points evaluated so far (n, d)."""
        return self._joined()[0]

    @property
    def y(self) -> np.ndarray:
        """What was evaluated at them (n, m)."""
        return self._joined()[1]

    @property
    def dim(self) -> int:
        """Number of variables."""
        return self.space.dim

    @property
    def objectives(self) -> int:
        """Number of objectives."""
        return len(self.signs)

    @property
    def left(self) -> int:
        """Evaluations left."""
        return max(self.budget - self.spent, 0)

    @property
    def gradient_price(self) -> int:
        """What one evaluation with gradient is charged."""
        return 1 + (min(self.dim, _EXACT_PRICE) if self.exact else _DIFFERENCE_PRICE * self.dim)

    def at(self, z: np.ndarray) -> Scores:
        """Evaluate coordinates (n, d); points that break linear constraints are not evaluated.

        Raises:
            Spent: the budget ended; rows within it are in the record.
        """
        x = self.coordinates.decode(z)
        broken = self.linear_violation(x)
        rows = np.flatnonzero(broken <= _LINEAR)
        some = rows[: self.left]
        f = np.full((len(x), self.objectives), np.inf)
        violation = np.where(broken > _LINEAR, 1e6 * (1.0 + broken), np.inf)
        if len(some):
            y = self._evaluate(x[some])
            f[some], violation[some] = self.scores(y)
            self._remember(x[some], y, len(some))
        if len(some) < len(rows):
            raise Spent
        return Scores(f, violation)

    def with_gradient(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Evaluate objectives and limits with derivatives to the coordinates.

        Returns:
            Objectives (n, m), limits (n, k) (kept where <= 0), and their derivatives.

        Raises:
            Spent: the budget does not allow it.
        """
        if self.left < self.gradient_price * len(z):
            raise Spent
        x = self.coordinates.decode(z)
        started = time.perf_counter()
        full = self._padded(x)
        y, slopes = self.target.with_gradient(full)
        y, slopes = y[: len(x)], slopes[: len(x)]
        self.seconds += time.perf_counter() - started
        self._remember(x, y, self.gradient_price * len(z))
        slopes = slopes * self.coordinates.slope(z)[:, None, :]
        f = y[:, : self.objectives] * self.signs
        df = slopes[:, : self.objectives] * self.signs[:, None]
        g, dg = self.limit_values(y), np.zeros((len(x), len(self.limits), self.dim))
        for k, limit in enumerate(self.limits):
            dg[:, k] = limit.sign * slopes[:, limit.column] / self.scale[k]
        return f, g, df, dg

    def limit_values(self, y: np.ndarray) -> np.ndarray:
        """Return the limits (n, k) of evaluated numbers, kept where <= 0, each by its scale."""
        columns = [
            limit.sign * (y[:, limit.column] - limit.value) / self.scale[k]
            for k, limit in enumerate(self.limits)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(y), 0))

    def linear_violation(self, x: np.ndarray) -> np.ndarray:
        """Return how far points (n, d) break the linear constraints, relative to the ranges."""
        total = np.zeros(len(x))
        widths = np.ptp(self.space.bounds, axis=0)
        for constraint in self.space.constraints:
            size = float(np.abs(constraint.weights) @ widths) or 1.0
            total += np.maximum(-constraint.slack(x) / size, 0.0)
        return total

    def scores(self, y: np.ndarray) -> Scores:
        """Return objectives and summed violations of evaluated numbers (n, m)."""
        f = y[:, : self.objectives] * self.signs
        broken = np.maximum(self.limit_values(y), 0.0)
        violation = np.where(broken > TOLERANCE, broken, 0.0).sum(axis=1)
        failed = ~np.isfinite(y).all(axis=1)
        return Scores(np.where(failed[:, None], np.inf, f), np.where(failed, np.inf, violation))

    @property
    def record(self) -> Scores:
        """Scores of everything evaluated."""
        return self.scores(self.y) if len(self.y) else Scores(np.zeros((0, 1)), np.zeros(0))

    def best(self, count: int = 1) -> np.ndarray:
        """Return rows of the record, best first: by violation, then by the first objective."""
        f, violation = self.record
        return np.lexsort((f[:, 0], violation))[:count]

    def front(self) -> np.ndarray:
        """Return rows of the record no other row beats."""
        f, violation = self.record
        return pareto(f, violation)

    def set_scales(self) -> None:
        """Scale limits by the spread of what is evaluated so far."""
        for k, limit in enumerate(self.limits):
            seen = self.y[np.isfinite(self.y[:, limit.column]), limit.column]
            if len(seen):
                low, high = np.quantile(seen, [0.25, 0.75])
                self.scale[k] = max(high - low, 1e-3 * abs(limit.value), 1e-12)

    def _evaluate(self, x: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        if self.keep is None:
            y = self.target(self._padded(x))[: len(x)]
        else:
            y = self.keep(x, lambda: self.target(self._padded(x))[: len(x)])
        self.seconds += time.perf_counter() - started
        return y

    def _padded(self, x: np.ndarray) -> np.ndarray:
        if not self.pad:
            return x
        size = 1 << (len(x) - 1).bit_length()
        return np.concatenate([x, np.repeat(x[-1:], size - len(x), axis=0)])

    def _remember(self, x: np.ndarray, y: np.ndarray, cost: int) -> None:
        self.spent += cost
        self.advance(cost)
        self._chunks.append((x, y))

    def _joined(self) -> tuple[np.ndarray, np.ndarray]:
        if not self._chunks:
            return np.zeros((0, self.dim)), np.zeros((0, self.objectives + len(self.limits)))
        if len(self._chunks) > 1:
            parts = zip(*self._chunks, strict=True)
            self._chunks = [tuple(np.concatenate(part) for part in parts)]  # type: ignore[list-item]
        return self._chunks[0]


Method = Callable[[Problem, int], None]
