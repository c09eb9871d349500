"""A predictive controller: one solve per sample, and always an answer.

The plan of the last sample, shifted by one interval, starts the next solve. When a solve fails (not
finite, out of time or iterations, limits broken, an exception), the shifted plan itself is the
answer, together with an alarm; beyond its end the last input is held.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.numerics.horizon.records import Guess, Setting
from catena.ops.control.stating import Problem

#: A gap between intervals or a broken limit larger than this (relative) makes a plan unusable.
USABLE = 1e-3
#: Share of its range by which an input is moved to see how steep the objective is.
NUDGE = 0.05
#: Penalties are raised at most to this many times the steepness of the objective.
LARGEST_PENALTY = 1e6


@final
@dataclass(frozen=True)
class Move:
    """What a controller does at one sample.

    Args:
        time: Time of the sample.
        action: Inputs for the coming interval by name.
        status: ``solved``, ``suboptimal`` (usable, but not converged) or ``fallback``.
        alarm: Why the fallback was taken; empty otherwise.
        plan: Planned inputs (N, nu) of the first scenario.
        path: Predicted states (N + 1, n) of the first scenario.
        objective: Objective of the plan.
        excess: Largest violation the plan predicts, relative to the size of the limit.
        iterations: Iterations of the solver.
        seconds: Time the sample took.
        fallback_seconds: Time from the failure to the answer.
    """

    time: float
    action: dict[str, float]
    status: Literal["solved", "suboptimal", "fallback"]
    alarm: str
    plan: np.ndarray
    path: np.ndarray
    objective: float
    excess: float
    iterations: int
    seconds: float
    fallback_seconds: float = 0.0


@final
@dataclass
class _Attempt:
    """How far a solve got."""

    guess: Any = None
    judged: Any = None
    iterations: int = 0
    failure: str = ""
    converged: bool = False
    excess: float = np.inf


@final
@dataclass
class Controller:
    """Solves a control problem at every sample.

    Args:
        problem: The problem.
        iterations: Iterations per sample; 1 is the real-time iteration.
        tolerance: A solve has converged when no scaled decision would move by more, or when the
            objective would fall by less than a tenth of this share of it.
        time_limit: Seconds a sample may take; None does not limit.
        penalty: First penalty of a broken limit, relative to the steepness of the objective.
        soft_penalty: The same for soft limits; it is not raised.

    Attributes:
        alarms: Moves that fell back.
    """

    problem: Problem
    iterations: int = 20
    tolerance: float = 1e-4
    time_limit: float | None = None
    penalty: float = 1e3
    soft_penalty: float = 1e2
    alarms: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.iterations < 1 or not 0 < self.tolerance < 1:
            raise InputError("A controller that cannot work", where="controller",
                             why=f"{self.iterations} iterations, tolerance {self.tolerance:g}",
                             fix="allow an iteration and a tolerance between 0 and 1")  # fmt: skip
        shape = self.problem.horizon
        flat = shape.maps.reshape(-1, shape.maps.shape[-1])
        self._inverse = np.linalg.pinv(flat)
        self._hard = np.array([limit.hard for limit in self.problem.limits], dtype=bool)
        self._guess: Any = None
        self._rho: np.ndarray | None = None
        self._steep = 1.0
        self._before = self.problem.before
        self._plan: np.ndarray | None = None  # inputs from the present sample on
        self._path = np.tile(self.problem.start, (shape.count + 1, 1))

    def step(
        self, t: float, x: np.ndarray, q: np.ndarray | None = None, *, limit: float | None = None
    ) -> Move:
        """Decide on the inputs of the coming interval.

        Args:
            t: Time of the sample.
            x: State, measured or estimated (n,).
            q: Loose values (nq,) as estimated; the nominal ones by default. Scenarios keep their
                ratios to the nominal values.
            limit: Seconds for this sample, in place of ``time_limit``.
        """
        started = time.perf_counter()
        budget = self.time_limit if limit is None else limit
        deadline = np.inf if budget is None else started + budget
        attempt = self._attempt(t, np.asarray(x, dtype=float), q, deadline)
        failed = time.perf_counter()
        if attempt.failure:
            move = self._fall_back(t, attempt, started, failed)
        else:
            move = self._accept(t, attempt, started)
        self._before = np.array(list(move.action.values()))
        # An impulse is over at once: only held inputs stay in force.
        self._before[len(self.problem.dynamics.held) :] = self.problem.horizon.low[
            len(self.problem.dynamics.held) :
        ]
        return move

    def prepare(self) -> None:
        """Compile, so that the first sample takes no longer than the others."""
        kept = (self._guess, self._rho, self._before, self._plan, self._path)
        self._attempt(0.0, self.problem.start, None, np.inf, most=1)
        self._guess, self._rho, self._before, self._plan, self._path = kept

    # Inside ---------------------------------------------------------------------------------

    def _setting(self, t: float, x: np.ndarray, q: np.ndarray | None) -> Any:
        problem = self.problem
        scenarios = problem.scenarios
        if q is not None:
            nominal = problem.dynamics.nominal
            ratio = np.where(nominal != 0, scenarios / np.where(nominal != 0, nominal, 1.0), 1.0)
            scenarios = ratio * np.asarray(q, dtype=float)
        rho = self._rho if self._rho is not None else np.zeros(len(problem.limits))
        return Setting(float(t), x, scenarios, problem.weights, problem.reference(t),
                       self._before, rho)  # fmt: skip

    def _first(self, setting: Any) -> Any:
        """Return the guess of the first sample: the present inputs held."""
        shape = self.problem.horizon
        share = (self._before - shape.low) / shape.span
        z = self._inverse @ np.tile(share, shape.maps.shape[0] * shape.count)
        _, _, x = shape.assess(setting, z)
        scenarios, count, n = len(setting.q), shape.count, shape.scale.size
        rows = (scenarios, count, len(self.problem.limits))
        return Guess(z, x, np.zeros((scenarios, count, n)), np.zeros(rows))

    def _attempt(
        self,
        t: float,
        x: np.ndarray,
        q: np.ndarray | None,
        deadline: float,
        most: int | None = None,
    ) -> _Attempt:
        attempt = _Attempt()
        if not (np.isfinite(x).all() and (q is None or np.isfinite(q).all())):
            attempt.failure = "the state is not finite"
            return attempt
        try:
            self._solve(attempt, self._setting(t, x, q), deadline, most or self.iterations)
        except Exception as error:  # whatever a solver does, the plant needs an answer
            attempt.failure = f"the solver raised {type(error).__name__}: {error}"[:200]
        return attempt

    def _solve(self, attempt: _Attempt, setting: Any, deadline: float, most: int) -> None:
        shape = self.problem.horizon
        guess = self._guess if self._guess is not None else self._first(setting)
        if self._rho is None:
            setting = setting._replace(rho=self._penalties(setting, guess))
        while attempt.iterations < most:
            if time.perf_counter() > deadline:
                attempt.failure = "out of time"
                return
            guess, judged = shape.iterate(setting, guess)
            attempt.iterations += 1
            if not bool(judged.finite):
                attempt.failure = "the solver met a value that is not finite"
                return
            attempt.guess, attempt.judged = guess, judged
            if bool(judged.pressed) and (raised := self._raised(setting.rho, judged)) is not None:
                setting = setting._replace(rho=raised)
                continue
            if self._settled(judged):
                attempt.converged = True
                break
        if time.perf_counter() > deadline:
            attempt.failure = "out of time"
        self._judge(attempt)

    def _settled(self, judged: Any) -> bool:
        """Say whether a further step would change nothing that matters."""
        still = float(judged.step) <= self.tolerance
        worth = abs(float(judged.objective)) + 1e-4 * self._steep
        gains = float(judged.decrease) > self.tolerance * 1e-1 * worth
        return float(judged.gap) <= self.tolerance * 1e-1 and (still or not gains)

    def _judge(self, attempt: _Attempt) -> None:
        judged = attempt.judged
        excess = np.asarray(judged.excess)
        attempt.excess = float(np.max(excess[self._hard], initial=0.0))
        if attempt.failure:
            return
        if attempt.excess > USABLE:
            name = self.problem.limits[int(np.argmax(np.where(self._hard, excess, 0.0)))].text
            attempt.failure = f"no plan keeps {name!r}"
        elif not attempt.converged and self.iterations > 1 and float(judged.gap) > USABLE:
            attempt.failure = f"not converged after {attempt.iterations} iterations"

    def _penalties(self, setting: Any, guess: Any) -> np.ndarray:
        """Return first penalties, from how the objective answers to each input moved throughout."""
        shape, z = self.problem.horizon, np.asarray(guess.z)
        base = float(shape.assess(setting, z)[0])
        slopes = [1e-6]
        for place in range(len(shape.low)):
            which = self._inverse @ np.tile(np.arange(len(shape.low)) == place, len(self._inverse.T)
                                            // len(shape.low))  # fmt: skip
            toward = np.where(z > 0.5, -NUDGE, NUDGE) * which
            moved = float(shape.assess(setting, z + toward)[0])
            slopes.append(abs(moved - base) / NUDGE)
        self._steep = float(np.nanmax(slopes))
        self._rho = np.where(self._hard, self.penalty, self.soft_penalty) * self._steep
        return self._rho

    def _raised(self, rho: np.ndarray, judged: Any) -> np.ndarray | None:
        """Return larger penalties of the hard limits that are still broken, if there is room."""
        broken = self._hard & (np.asarray(judged.excess) > 0.1 * USABLE)
        room = broken & (rho < LARGEST_PENALTY * self._steep)
        if not room.any():
            return None
        self._rho = np.where(room, 10.0 * rho, rho)
        return self._rho

    def _accept(self, t: float, attempt: _Attempt, started: float) -> Move:
        shape, guess = self.problem.horizon, attempt.guess
        inputs = np.clip(np.asarray(shape.inputs(np.asarray(guess.z))), shape.low, shape.high)
        plan, path = inputs[0], np.asarray(guess.x)[0]
        move = Move(
            t, self._named(plan[0]), "solved" if attempt.converged else "suboptimal", "", plan,
            path, float(attempt.judged.objective),
            float(np.max(np.asarray(attempt.judged.excess), initial=0.0)), attempt.iterations,
            time.perf_counter() - started,
        )  # fmt: skip
        self._plan, self._path = np.concatenate([plan[1:], plan[-1:]]), path
        self._guess = self._shifted(guess, inputs)
        return move

    def _fall_back(self, t: float, attempt: _Attempt, started: float, failed: float) -> Move:
        """Return the shifted plan, or hold the inputs when there is none."""
        count = self.problem.horizon.count
        plan = self._plan if self._plan is not None else np.tile(self._before, (count, 1))
        self._plan = np.concatenate([plan[1:], plan[-1:]])
        # A guess that led nowhere is not used again.
        self._guess = None
        now = time.perf_counter()
        move = Move(t, self._named(plan[0]), "fallback", attempt.failure, plan, self._path, np.nan,
                    attempt.excess, attempt.iterations, now - started, now - failed)  # fmt: skip
        self.alarms.append(move)
        return move

    def _shifted(self, guess: Any, inputs: np.ndarray) -> Any:
        shape = self.problem.horizon
        later = np.concatenate([inputs[:, 1:], inputs[:, -1:]], axis=1)
        share = ((later - shape.low) / shape.span).reshape(-1)
        z = np.clip(self._inverse @ share, 0.0, 1.0)
        x, adjoint, rows = (np.asarray(part) for part in guess[1:])
        return Guess(z, np.concatenate([x[:, 1:], x[:, -1:]], axis=1),
                     np.concatenate([adjoint[:, 1:], adjoint[:, -1:]], axis=1),
                     np.concatenate([rows[:, 1:], rows[:, -1:]], axis=1))  # fmt: skip

    def _named(self, u: np.ndarray) -> dict[str, float]:
        return {name: float(v) for name, v in zip(self.problem.dynamics.inputs, u, strict=True)}
