"""A plant under control: simulation of the closed loop, judged between samples too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np

from catena.core.identity import split_key
from catena.ops.control.stating import Problem, named

if TYPE_CHECKING:
    from catena.ops.control.controller import Move
    from catena.ops.estimate.estimator import Estimator

#: Moments per interval at which limits are judged.
MOMENTS = 8


class Decides(Protocol):
    """A controller as the loop sees it."""

    def step(self, t: float, x: np.ndarray, q: np.ndarray | None = None) -> Move:
        """Return the inputs of the coming interval."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Plant:
    """The simulated truth: the model with other values than the controller believes.

    Args:
        problem: The controller's problem; its model and inputs are the plant's.
        factors: Factors on loose values by name, e.g. ``{"mu_x": 1.05}``.
        rates: Constant rates added to disturbed states, by state.
        schedule: Loose values that change: pairs (time, value) by name.
        accuracy: Integration steps per step of the controller's prediction.
    """

    problem: Problem
    factors: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    schedule: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    accuracy: int = 2

    def loose(self, t: float) -> np.ndarray:
        """Return the true loose values at a time."""
        from catena.numerics.horizon.dynamics import DISTURBANCE

        dynamics = self.problem.dynamics
        q = dynamics.nominal.copy()
        for place, name in enumerate(dynamics.loose):
            for at, value in self.schedule.get(name, ()):
                if t >= at - 1e-12:
                    q[place] = value
            q[place] *= self.factors.get(name, 1.0)
            if name.startswith(DISTURBANCE):
                q[place] = self.rates.get(name.removeprefix(DISTURBANCE), 0.0)
        return q

    @cached_property
    def advance(self) -> Any:
        """Compiled: states (MOMENTS, n) through one interval and named values (MOMENTS, m)."""
        import jax
        import jax.numpy as jnp

        from catena.numerics.horizon.stepping import Stepping, compiled

        problem, dynamics = self.problem, self.problem.dynamics
        steps = max(1, -(-self.accuracy * problem.stepping.steps // MOMENTS))
        across = Stepping(problem.stepping.method, steps).across(dynamics.rhs)
        part = problem.width / MOMENTS

        def run(t: Any, x: Any, u: Any, q: Any) -> tuple[Any, Any]:
            def one(state: Any, k: Any) -> tuple[Any, tuple[Any, Any]]:
                new = across(t + k * part, state, u, q, part)
                values = named(dynamics, t + (k + 1) * part, new, u, q)
                rows = [jnp.asarray(limit.excess(values, margin=False)) for limit in problem.limits]
                return new, (new, jnp.stack(rows) if rows else jnp.zeros(0))

            start = dynamics.jump(t, x, u, q)
            return jax.lax.scan(one, start, jnp.arange(float(MOMENTS)))[1]

        return compiled(run)


@final
@dataclass
class Record:
    """What happened in a closed loop; arrays over samples.

    Args:
        times: Times of the samples (k + 1,).
        states: True states (k + 1, n).
        believed: States the controller was given (k, n).
        inputs: Inputs (k, nu).
        excess: Largest violation of every limit in every interval (k, nc), relative to its size.
        moves: The controller's moves.
    """

    times: np.ndarray
    states: np.ndarray
    believed: np.ndarray
    inputs: np.ndarray
    excess: np.ndarray
    moves: list[Move]

    @property
    def seconds(self) -> np.ndarray:
        """Time of every sample."""
        return np.array([move.seconds for move in self.moves])


def closed_loop(
    plant: Plant,
    controller: Decides,
    duration: float,
    *,
    estimator: Estimator | None = None,
    measured: Mapping[str, float] | None = None,
    start: np.ndarray | None = None,
    key: int = 0,
    advance: Any = None,
) -> Record:
    """Simulate a plant under control.

    Args:
        plant: The truth.
        controller: Predictive controller, PID or policy.
        duration: Length in the model's time unit.
        estimator: Gives state and loose values from noisy measurements; without it the controller
            sees the true state.
        measured: Standard deviation of measurement noise by output, for the estimator.
        start: True initial state; the problem's by default.
        key: 64-bit seed of the measurement noise.
        advance: Called with the number of samples done.

    Returns:
        The record of the loop.
    """
    problem = plant.problem
    draws = np.random.Generator(np.random.Philox(key=split_key(key, "measurement noise")))
    x = problem.start.copy() if start is None else np.asarray(start, dtype=float)
    count = round(duration / problem.width)
    times = problem.width * np.arange(count + 1)
    states, believed, inputs, excess, moves = [x], [], [], [], []
    u = problem.before
    for k, t in enumerate(times[:-1]):
        q = plant.loose(t)
        seen, loose = (x, None) if estimator is None else _estimated(
            problem, estimator, measured or {}, t, x, u, q, draws)  # fmt: skip
        move = controller.step(float(t), seen, loose)
        u = np.array(list(move.action.values()))
        path, broken = (np.asarray(part) for part in plant.advance(t, x, u, q))
        x = path[-1]
        states.append(x)
        believed.append(seen)
        inputs.append(u)
        excess.append(np.maximum(broken, 0.0).max(axis=0) if broken.size else np.zeros(0))
        moves.append(move)
        if advance is not None:
            advance(1)
        if not np.isfinite(x).all():
            times = times[: k + 2]
            break
    return Record(times, np.array(states), np.array(believed), np.array(inputs),
                  np.array(excess), moves)  # fmt: skip


def _estimated(
    problem: Problem, estimator: Estimator, measured: Mapping[str, float], t: float,
    x: np.ndarray, u: np.ndarray, q: np.ndarray, draws: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Measure the plant with noise and return the estimated state and loose values."""
    values = named(problem.dynamics, t, x, u, q)
    samples = [{"time": t, "output": name, "value": float(values[name]) + sd * draws.normal(),
                "sd": sd} for name, sd in measured.items()]  # fmt: skip
    found = estimator.step(t, samples, inputs=dict(zip(problem.dynamics.inputs, u, strict=True)))
    loose = problem.dynamics.nominal.copy()
    for place, name in enumerate(problem.dynamics.loose):
        loose[place] = found.mean.get(name, loose[place])
    return np.array([found.mean[name] for name in problem.dynamics.states]), loose
