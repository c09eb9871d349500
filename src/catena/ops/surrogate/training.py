"""The loop: ask, learn, estimate, ask where it helps; stop when checked rows say so.

The start is a scrambled Sobol design. Every round learns all outputs, estimates their errors from
left-out rows, and asks a batch: half continues to fill the space, half goes where it promises to cut
the error most. Once the estimates are below the target, rows drawn at random are kept out of the fit
and decide: if the upper end of the error's one-sided 90 % interval on them is within the target the
work is done, else they join the training rows. The last such rows calibrate the intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import InputError, SolverError
from catena.core.identity import split_key
from catena.learn.conformal import fewest_rows
from catena.learn.domain import Domain
from catena.learn.emulator import Emulator
from catena.learn.gp.correlation import squared_distances
from catena.learn.scaling import Features
from catena.ops.surrogate.design import Design, ends
from catena.ops.surrogate.fitting import Form, Means, Task, check_varies, choose, fit
from catena.ops.surrogate.judging import (
    Judgement,
    checked_error,
    left_out_error,
    shares_of,
    spread_over,
)
from catena.ops.surrogate.parent import Parent, Rows
from catena.ops.surrogate.placing import place

#: Rows kept for checking: a share of the budget within these ends.
_CHECK_SHARE, _CHECK_ROWS = 0.125, (12, 40)
#: Points that stand for the space when errors are averaged, and candidates for new points.
_REFERENCE, _CANDIDATES = 2000, 500
#: Growth of the training rows per round: Gaussian processes, networks (dear to fit).
_GROWTH = {"gp": 0.15, "ensemble": 0.4, "operator": 0.4}
#: Sizes of batches: few, because models written in JAX are compiled anew for every size.
_BATCHES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 256)
#: Forms are chosen again after the rows grew by this factor.
_RECONSIDER = 1.6
#: Left-out estimates must be this far below the target before rows are spent on a check.
_CAUTION = 0.9
#: Share of failed points above which the model, not the point, is at fault.
_FAILED = 0.5


@final
@dataclass(frozen=True)
class Plan:
    """What is asked of the training.

    Args:
        budget: Evaluations of the model at most.
        target: Largest NRMSE of every output.
        means: What learns.
        adaptive: Place half of every batch where it helps most.
        key: Seed.
    """

    budget: int
    target: float
    means: Means
    adaptive: bool
    key: int

    @property
    def checks(self) -> int:
        """Rows kept for one check."""
        low, high = _CHECK_ROWS
        return int(np.clip(round(_CHECK_SHARE * self.budget), max(low, fewest_rows()), high))


@final
@dataclass
class Learned:
    """One output as far as it is learned.

    Args:
        form: What is learned, and how.
        emulator: The fit.
        estimate: NRMSE estimated from left-out rows.
        spread: Standard deviation of the output over the space.
        shares: Share of the space per training row (n,).
        nearest: Nearest training row of every reference point (m,).
        chosen_at: Training rows when the form was chosen.
        doubt: How much larger a check found the error than the estimate.
    """

    form: Form
    emulator: Emulator
    estimate: float
    spread: float
    shares: np.ndarray
    nearest: np.ndarray
    chosen_at: int
    doubt: float = 1.0


@final
@dataclass(frozen=True)
class Trained:
    """What came out.

    Args:
        emulators: Calibrated fits by output.
        judgements: Errors on the rows kept for checking.
        forms: What was learned, by output.
        domain: Where the fits may be trusted.
        features: Points to the domain's features.
        rows: Training rows.
        checks: Rows kept for checking and calibration.
        history: Evaluations and estimated error per round, by output.
        met: Whether every output is within the target.
        evaluations: Points asked of the model.
    """

    emulators: dict[str, Emulator]
    judgements: dict[str, Judgement]
    forms: dict[str, Form]
    domain: Domain
    features: Features
    rows: Rows
    checks: Rows
    history: list[dict[str, Any]]
    met: bool
    evaluations: int


@final
class Training:
    """Runs the loop.

    Args:
        parent: The model to be replaced.
        plan: What is asked.

    Raises:
        InputError: the budget cannot hold a start and a check.
    """

    def __init__(self, parent: Parent, plan: Plan) -> None:
        self.parent, self.plan = parent, plan
        self.design = Design(parent.space)
        self.features = self.design.features()
        self.reference = self.design.sample(_REFERENCE, split_key(plan.key, "reference"))
        self.learned: dict[str, Learned] = {}
        self.history: list[dict[str, Any]] = []
        fewest = self.features.width + 2 + plan.checks
        if plan.budget < max(fewest, 2 * plan.checks):
            raise InputError(f"A budget of {plan.budget} is too small", where="surrogate",
                             why=f"{parent.space.dim} variables need at least {max(fewest, 2 * plan.checks)} "
                             f"evaluations, {plan.checks} of them to check the error",
                             fix="raise budget, or vary fewer inputs")  # fmt: skip
        self._sequence = self.design.sample(plan.budget, split_key(plan.key, "design"), "sobol")
        self._taken = self._failed = 0

    def run(self) -> Trained:
        """Train until the target is met or the budget is spent."""
        plan = self.plan
        with self.parent.work.bar(plan.budget, "evaluations") as advance:
            rows = self._ask(self._next(self._first()), "start", advance)
            while True:
                self._learn(rows)
                left = plan.budget - self.parent.calls
                if left <= plan.checks or self._promising():
                    checks = self._ask(self._random(), "check", advance)
                    judgements = self._judge(checks)
                    met = all(j.upper <= plan.target for j in judgements.values())
                    left = plan.budget - self.parent.calls
                    if met or left < plan.checks:
                        return self._finished(rows, checks, judgements, met)
                    self._doubt(judgements)
                    rows = rows.joined(checks)
                    continue
                count = min(self._batch(len(rows)), left - plan.checks)
                rows = rows.joined(self._ask(self._new(rows, count), "batch", advance))

    # Asking -------------------------------------------------------------------------------

    def _first(self) -> int:
        wanted = max(24, 4 * self.features.width)
        return min(wanted, self.plan.budget - self.plan.checks)

    def _batch(self, rows: int) -> int:
        wanted = _GROWTH[self.plan.means] * rows
        return max(size for size in _BATCHES if size <= max(wanted, _BATCHES[0]))

    def _next(self, count: int) -> np.ndarray:
        """Return the next points that fill the space."""
        self._taken += count
        return self._sequence[self._taken - count : self._taken]

    def _random(self) -> np.ndarray:
        """Return independent points, for an unbiased check."""
        return self.design.sample(
            self.plan.checks, split_key(self.plan.key, f"check {self.parent.calls}")
        )

    def _ask(self, x: np.ndarray, label: str, advance: Callable[[int], None]) -> Rows:
        rows = self.parent(x, label)
        advance(len(x))
        self._failed += len(rows.failed)
        if self._failed > _FAILED * self.parent.calls or not len(rows):
            raise SolverError(
                f"The model fails at {self._failed} of {self.parent.calls} points",
                where=f"model {self.parent.source.info.id}",
                why=rows.failures[0] if rows.failures else "no reason was given",
                fix="narrow the ranges in over to where the model works",
            )
        return rows

    def _new(self, rows: Rows, count: int) -> np.ndarray:
        """Return a batch: points that fill the space and points that promise most."""
        aimed = count // 2 if self.plan.adaptive else 0
        filling = self._next(count - aimed)
        if not aimed:
            return filling
        candidates = self.design.sample(
            _CANDIDATES, split_key(self.plan.key, f"candidates {self.parent.calls}")
        )
        if len(rows.failed):
            candidates = _hopeful(self.features, candidates, rows)
        some = slice(0, _CANDIDATES)
        worst = max(self.learned.values(), key=lambda one: one.estimate)
        errors = np.sum(
            [
                (one.emulator.left_out_errors(rows.values[name]) ** 2).mean(axis=1) / one.spread**2
                for name, one in self.learned.items()
            ],
            axis=0,
        )
        chosen = place(
            [(one.emulator, one.spread) for one in self.learned.values()], candidates,
            self.reference[some], worst.nearest[some], rows.x, errors, aimed,
        )  # fmt: skip
        return np.concatenate([filling, chosen])

    # Learning and judging -----------------------------------------------------------------

    def _learn(self, rows: Rows) -> None:
        for name, values in rows.values.items():
            check_varies(name, values, f"model {self.parent.source.info.id}")
        for name, values in rows.values.items():
            self.learned[name] = self._learn_one(name, rows.x, values)
        estimates = {name: one.estimate for name, one in self.learned.items()}
        self.history.append({"evaluations": self.parent.calls, "rows": len(rows), **estimates})

    def _learn_one(self, name: str, x: np.ndarray, y: np.ndarray) -> Learned:
        old = self.learned.get(name)
        shares = np.full(len(x), 1.0 / len(x)) if old is None else self._shares(old.emulator, x)[0]
        task = Task(
            x, y, shares, self.features, self.plan.means, 0.25 * self.plan.target,
            split_key(self.plan.key, f"fit {name}") % 2**32,
        )  # fmt: skip
        if old is None or len(x) >= _RECONSIDER * old.chosen_at:
            form, emulator = choose(task, old.emulator if old is not None else None)
            chosen_at = len(x)
        else:
            form, chosen_at = old.form, old.chosen_at
            emulator = fit(task, form, old.emulator)
        shares, nearest = self._shares(emulator, x)
        spread = max(spread_over(emulator.value(self.reference)), 1e-3 * spread_over(y))
        estimate = left_out_error(emulator, y, shares, spread)
        doubt = old.doubt if old is not None else 1.0
        return Learned(form, emulator, estimate, spread, shares, nearest, chosen_at, doubt)

    def _shares(self, emulator: Emulator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        forward = emulator.features.forward
        return shares_of(forward(x), forward(self.reference), emulator.regressor.weights())

    def _promising(self) -> bool:
        """Whether left-out errors, corrected by what checks found, are well below the target."""
        return all(
            one.estimate * one.doubt <= _CAUTION * self.plan.target for one in self.learned.values()
        )

    def _judge(self, checks: Rows) -> dict[str, Judgement]:
        return {
            name: checked_error(one.emulator, checks.x, checks.values[name], one.spread)
            for name, one in self.learned.items()
        }

    def _doubt(self, judgements: dict[str, Judgement]) -> None:
        """Remember how much larger the checked error was than the estimate."""
        for name, judgement in judgements.items():
            one = self.learned[name]
            if judgement.upper > self.plan.target:
                one.doubt = max(one.doubt, judgement.upper / max(one.estimate, 1e-300))

    def _finished(
        self, rows: Rows, checks: Rows, judgements: dict[str, Judgement], met: bool
    ) -> Trained:
        emulators = {
            name: one.emulator.calibrated(checks.x, checks.values[name])
            for name, one in self.learned.items()
        }
        weights = np.max([self._weights(one.emulator) for one in self.learned.values()], axis=0)
        z, typical = self.features.forward(rows.x), self.features.forward(self.reference)
        low, high = ends(self.parent.space, self.features)
        failed = self.features.forward(np.concatenate([rows.failed, checks.failed]))
        return Trained(
            emulators=emulators,
            judgements=judgements,
            forms={name: one.form for name, one in self.learned.items()},
            domain=Domain.of(z, low, high, weights, typical, failed),
            features=self.features,
            rows=rows,
            checks=checks,
            history=self.history,
            met=met,
            evaluations=self.parent.calls,
        )

    def _weights(self, emulator: Emulator) -> np.ndarray:
        """Return how much differences in the features count, relative to the strongest."""
        weights = emulator.regressor.weights()
        return np.asarray(weights / weights.max())


def _hopeful(features: Features, candidates: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the candidates that are nearer to points that worked than to points that failed."""
    z = features.forward(candidates)
    worked = squared_distances(z, features.forward(rows.x)).min(axis=1)
    failed = squared_distances(z, features.forward(rows.failed)).min(axis=1)
    hopeful = candidates[worked < failed]
    return hopeful if len(hopeful) else candidates
