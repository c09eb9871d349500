"""Adaptive integration of one row through its stops, on diffrax solvers and step control.

One loop serves all stops, so that rows with many doses cost only the steps they take, and rows
mapped together need not wait for each other at every dose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jax import lax

from catena.numerics.ode.backend import (
    DONE,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
    Direction,
    Problem,
    Row,
    Solution,
)
from catena.numerics.ode.settings import SolverSettings

#: Longer output grids are written in blocks of this length, only those a step has passed.
BLOCK = 64


class _State(NamedTuple):
    t: Any
    h: Any
    y: Any
    method: Any
    control: Any
    jumped: Any
    slot: Any
    saved: Any
    states: Any
    code: Any
    worst: Any
    steps: Any
    refused: Any


def integrate(
    problem: Problem,
    row: Row,
    y0: Any,
    solver: Any,
    settings: SolverSettings,
    direction: Direction,
) -> Solution:
    """Integrate from the state after the start slot to the last output time.

    Args:
        problem: The system.
        row: One row; ``row.parameters`` already holds derived values.
        y0: State vector just after everything that happens at the start.
        solver: A diffrax solver with an error estimate.
        settings: Tolerances and limits.
        direction: Which derivative must pass through the loop.

    Returns:
        States right after each output time (a dose given at an output time is seen there).
    """
    walk = _Walk(problem, row, solver, settings, direction)
    last = eqxi.while_loop(
        walk.going,
        walk.advance,
        walk.begin(y0),
        kind="lax" if direction == "forward" else "checkpointed",
        max_steps=None if direction == "forward" else settings.max_steps,
    )
    # Output times at the very end see the state after whatever happens there.
    rest = jnp.arange(row.times.shape[0]) >= last.saved
    states = jnp.where(rest[:, None], last.y, last.states)
    unfinished = (last.t < walk.end) & (last.code == DONE)
    code = jnp.where(unfinished, TOO_MANY_STEPS, last.code)
    return Solution(states, code, last.t, last.y, last.worst, last.steps, last.refused)


class _Walk:
    """The loop's parts, bound to one row."""

    def __init__(
        self,
        problem: Problem,
        row: Row,
        solver: Any,
        settings: SolverSettings,
        direction: Direction,
    ) -> None:
        self.problem, self.row, self.solver, self.settings = problem, row, solver, settings
        self.dense = direction == "reverse" or row.times.shape[0] <= BLOCK
        self.start, self.end = lax.stop_gradient((row.start, row.times[-1]))
        self.initial = problem.start(row.parameters) if row.stops.shape[0] else None
        self.stops = lax.stop_gradient(jnp.concatenate([row.stops, jnp.full(1, jnp.inf)]))
        self.infusing = bool(problem.dosed)
        self.terms = diffrax.ODETerm(self._field)
        self.controller = diffrax.PIDController(rtol=settings.rtol, atol=settings.atol)

    def _field(self, t: Any, y: Any, args: tuple[Any, Any]) -> Any:
        since, rate = args
        u = self.problem.inputs(self.row.forcing, t, since)
        return self.problem.slope(t, y, self.row.parameters, u, rate)

    def _args(self, t: Any, slot: Any) -> tuple[Any, Any]:
        return lax.stop_gradient(t), self.row.rate[slot] if self.infusing else None

    def _first_step(self, t: Any, y: Any, slot: Any) -> tuple[Any, Any]:
        t1, control = self.controller.init(
            self.terms, t, self.end, y, None, self._args(t, slot), self.solver.func,
            self.solver.error_order(self.terms),
        )  # fmt: skip
        h = lax.stop_gradient(t1 - t)
        return jnp.where(jnp.isfinite(h) & (h > 0), h, 1e-6), control

    def begin(self, y0: Any) -> _State:
        t = self.start
        slot = jnp.asarray(0)
        h, control = self._first_step(t, y0, slot)
        method = self.solver.init(self.terms, t, t + h, y0, self._args(t, slot))
        count, zero = self.row.times.shape[0], jnp.asarray(0.0)
        return _State(t, h, y0, method, control, jnp.asarray(False), slot, jnp.asarray(0),
                      jnp.zeros((count, y0.size)), zero, zero, zero, zero)  # fmt: skip

    def going(self, s: _State) -> Any:
        tries = s.steps + s.refused
        return (s.t < self.end) & (s.code == DONE) & (tries < self.settings.max_steps)

    def advance(self, s: _State) -> _State:
        """Try one step; on success write outputs and apply what happens at its end."""
        target = jnp.minimum(self.stops[s.slot], self.end)
        # Landing a hair before a stop would leave a step too small to take.
        short = s.t + s.h * (1 + 1e-6) < target
        t1 = lax.stop_gradient(jnp.where(short, s.t + s.h, target))
        y1, error, dense, method, _ = self.solver.step(
            self.terms, s.t, t1, s.y, self._args(s.t, s.slot), s.method, s.jumped
        )
        keep, h, control, worst = self._judge(s, t1, y1, error)
        h = jnp.where(keep & ~short, jnp.maximum(h, s.h), h)
        too_small = ~keep & ((h <= 1e-14 * jnp.abs(s.t)) | (h < 1e-40))
        saved, states = self._write(s, t1, dense, keep)
        s = s._replace(
            t=jnp.where(keep, t1, s.t), y=jnp.where(keep, y1, s.y), h=h, control=control,
            method=jax.tree.map(lambda new, old: jnp.where(keep, new, old), method, s.method),
            jumped=s.jumped & ~keep, saved=saved, states=states, worst=worst,
            code=jnp.where(too_small, STEP_TOO_SMALL, s.code),
            steps=s.steps + keep, refused=s.refused + ~keep,
        )  # fmt: skip
        if self.row.stops.shape[0]:
            there = keep & (t1 == self.stops[s.slot])
            s = lax.cond(there, self._stop, lambda same: same, s)
        return s

    def _judge(self, s: _State, t1: Any, y1: Any, error: Any) -> tuple[Any, Any, Any, Any]:
        """Return whether the step is accepted, the next step, control state and worst state."""
        y0, y1, error = lax.stop_gradient((s.y, y1, error))
        error = jnp.where(jnp.isfinite(error), error, jnp.inf)
        order = self.solver.error_order(self.terms)
        keep, t0, t2, _, control, _ = self.controller.adapt_step_size(
            s.t, t1, y0, y1, None, error, order, s.control
        )
        scale = self.settings.atol + self.settings.rtol * jnp.abs(y0)
        worst = jnp.where(keep, s.worst, jnp.argmax(jnp.abs(error) / scale).astype(float))
        return keep, lax.stop_gradient(t2 - t0), control, worst

    def _write(self, s: _State, t1: Any, dense: Any, keep: Any) -> tuple[Any, Any]:
        """Fill in the outputs of [t, t1); the end belongs to the next step, after any event."""
        inside = self.solver.interpolation_cls(t0=s.t, t1=t1, **dense)
        evaluate = jax.vmap(lambda t: inside.evaluate(jnp.clip(t, s.t, t1)))
        if self.dense:
            times = self.row.times
            now = keep & (times >= s.t) & (times < t1)
            return s.saved + now.sum(), jnp.where(now[:, None], evaluate(times), s.states)

        def pending(carry: tuple[Any, Any]) -> Any:
            saved, _ = carry
            return keep & (saved < len(self.row.times)) & (self.row.times[saved] < t1)

        def block(carry: tuple[Any, Any]) -> tuple[Any, Any]:
            saved, states = carry
            first = jnp.minimum(saved, len(self.row.times) - BLOCK)
            times = lax.dynamic_slice_in_dim(self.row.times, first, BLOCK)
            old = lax.dynamic_slice_in_dim(states, first, BLOCK)
            now = (times >= s.t) & (times < t1)
            new = jnp.where(now[:, None], evaluate(times), old)
            count = (now & (first + jnp.arange(BLOCK) >= saved)).sum()
            return saved + count, lax.dynamic_update_slice_in_dim(states, new, first, axis=0)

        return lax.while_loop(pending, block, (s.saved, s.states))

    def _stop(self, s: _State) -> _State:
        """Pass to the next slot: reset, doses, new infusion rates, a fresh step size."""
        slot = s.slot + 1
        row = self.row
        y = s.y
        if self.initial is not None:
            y = jnp.where(row.reset[slot] > 0, self.initial, y)
        y = self.problem.infuse(y, row.bolus[slot])
        event = (row.reset[slot] > 0) | jnp.any(row.bolus[slot] != 0)
        event |= jnp.any(row.rate[slot] != row.rate[slot - 1])
        h, control = lax.cond(
            event,
            lambda: self._first_step(s.t, y, slot),
            lambda: (s.h, s.control),
        )
        return s._replace(y=y, slot=slot, h=h, control=control, jumped=jnp.asarray(True))
