"""Adaptive integration of one row through its slots, on diffrax solvers and step control.

One loop serves all stops, so that rows with many doses cost only the steps they take, and rows
mapped together need not wait for each other at every dose. Every pass of the loop does one thing:
what a crossing brings about, what a slot brings about, or a step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catena.numerics.ode.actions import acted, consistent
from catena.numerics.ode.backend import (
    DONE,
    NOT_A_NUMBER,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
    Direction,
    Solution,
)
from catena.numerics.ode.calls import Row
from catena.numerics.ode.crossing import Crossings, Watch
from catena.numerics.ode.flat import Flat
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
    watch: Watch | None


def integrate(
    flat: Flat,
    row: Row,
    solver: Any,
    settings: SolverSettings,
    atol: np.ndarray,
    direction: Direction,
) -> Solution:
    """Integrate from the state before slot 0 to the last output time.

    Args:
        flat: The system.
        row: One row; ``row.y0`` is the state before slot 0.
        solver: A diffrax solver with an error estimate.
        settings: Tolerances and limits.
        atol: Absolute tolerances (n,).
        direction: Which derivative must pass through the loop.

    Returns:
        States right after each output time (a dose given at an output time is seen there).
    """
    walk = _Walk(flat, row, solver, settings, atol, direction)
    last = eqxi.while_loop(
        walk.going,
        walk.advance,
        walk.begin(),
        kind="lax" if direction == "forward" else "checkpointed",
        max_steps=None if direction == "forward" else settings.max_steps + len(row.slot_time),
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
        flat: Flat,
        row: Row,
        solver: Any,
        settings: SolverSettings,
        atol: np.ndarray,
        direction: Direction,
    ) -> None:
        self.flat, self.row, self.solver, self.settings = flat, row, solver, settings
        self.dense = direction == "reverse" or row.times.shape[0] <= BLOCK
        self.start, self.end = lax.stop_gradient((row.start, row.times[-1]))
        self.stops = lax.stop_gradient(jnp.concatenate([row.slot_time, jnp.full(1, jnp.inf)]))
        self.atol = float(atol[0]) if (atol == atol[0]).all() else jnp.asarray(atol)
        self.terms = diffrax.ODETerm(lambda t, y, s: flat.rhs(t, y, row.p, s))
        self.controller = diffrax.PIDController(rtol=settings.rtol, atol=self.atol)
        self.crossings = Crossings.of(flat, row.p)

    def _first_step(self, t: Any, y: Any, slot: Any) -> tuple[Any, Any]:
        t1, control = self.controller.init(
            self.terms, t, self.end, y, None, self.row.segment[slot], self.solver.func,
            self.solver.error_order(self.terms),
        )  # fmt: skip
        h = lax.stop_gradient(t1 - t)
        return jnp.where(jnp.isfinite(h) & (h > 0), h, 1e-6), control

    def begin(self) -> _State:
        """Return the state just after slot 0."""
        row, t, slot = self.row, self.start, jnp.asarray(0)
        s = row.segment[0]
        y = consistent(self.flat, t, row.y0, row.p, s)
        y = acted(self.flat, row.slot_action[0], t, y, row.p, s, row.slot_amount[0])
        h, control = self._first_step(t, y, slot)
        method = self.solver.init(self.terms, t, t + h, y, s)
        sound = jnp.all(jnp.isfinite(self.flat.rhs(t, y, row.p, s))) & jnp.all(jnp.isfinite(y))
        count, zero = row.times.shape[0], jnp.asarray(0.0)
        code = jnp.where(sound, float(DONE), float(NOT_A_NUMBER))
        watch = self.crossings.begin(t, y, s) if self.crossings else None
        return _State(t, h, y, method, control, jnp.asarray(False), slot, jnp.asarray(0),
                      jnp.zeros((count, y.size)), code, zero, zero, zero, watch)  # fmt: skip

    def going(self, s: _State) -> Any:
        """Return whether there is anything left to do."""
        tries = s.steps + s.refused
        left = (s.t < self.end) | (self.stops[s.slot] <= s.t)
        if s.watch is not None:
            left |= s.watch.due
        return left & (s.code == DONE) & (tries < self.settings.max_steps)

    def advance(self, s: _State) -> _State:
        """Do the next thing."""
        move = self._step
        if self.row.slot_time.shape[0]:
            move = lambda s: lax.cond(self.stops[s.slot] <= s.t, self._stop, self._step, s)  # noqa: E731
        if s.watch is None:
            return move(s)
        return lax.cond(s.watch.due, self._cross, move, s)

    def _step(self, s: _State) -> _State:
        """Try one step; on success write outputs."""
        target = jnp.minimum(self.stops[s.slot], self.end)
        if s.watch is not None:
            target = jnp.minimum(target, s.watch.landing)
        # Landing a hair before a stop would leave a step too small to take.
        short = s.t + s.h * (1 + 1e-6) < target
        t1 = lax.stop_gradient(jnp.where(short, s.t + s.h, target))
        segment = self.row.segment[s.slot]
        y1, error, dense, method, _ = self.solver.step(
            self.terms, s.t, t1, s.y, segment, s.method, s.jumped
        )
        keep, h, control, worst = self._judge(s, t1, y1, error)
        h = jnp.where(keep & ~short, jnp.maximum(h, s.h), h)
        too_small = ~keep & ((h <= 1e-14 * jnp.abs(s.t)) | (h < 1e-40))
        reason = jnp.where(jnp.all(jnp.isfinite(error)), STEP_TOO_SMALL, self._why(s, segment))
        code = jnp.where(too_small, reason, s.code)
        watch, accepted = s.watch, keep
        if watch is not None and self.crossings is not None:
            inside = self.solver.interpolation_cls(t0=s.t, t1=t1, **dense)
            watch, again = self.crossings.look(watch, inside, s.t, t1, y1, segment, keep)
            # A step over a crossing is taken again, to end there.
            keep, h = keep & ~again, jnp.where(again, s.h, h)
        saved, states = self._write(s, t1, dense, keep)
        return s._replace(
            t=jnp.where(keep, t1, s.t), y=jnp.where(keep, y1, s.y), h=h, control=control,
            method=jax.tree.map(lambda new, old: jnp.where(keep, new, old), method, s.method),
            jumped=s.jumped & ~keep, saved=saved, states=states, worst=worst, code=code,
            steps=s.steps + keep, refused=s.refused + ~accepted, watch=watch,
        )  # fmt: skip

    def _why(self, s: _State, segment: Any) -> Any:
        """Return the code of a step that never got a finite error."""
        sound = jnp.all(jnp.isfinite(self.flat.rhs(s.t, s.y, self.row.p, segment)))
        return jnp.where(sound, float(STEP_TOO_SMALL), float(NOT_A_NUMBER))

    def _judge(self, s: _State, t1: Any, y1: Any, error: Any) -> tuple[Any, Any, Any, Any]:
        """Return whether the step is accepted, the next step, control state and worst state."""
        y0, y1, error = lax.stop_gradient((s.y, y1, error))
        error = jnp.where(jnp.isfinite(error), error, jnp.inf)
        order = self.solver.error_order(self.terms)
        keep, t0, t2, _, control, _ = self.controller.adapt_step_size(
            s.t, t1, y0, y1, None, error, order, s.control
        )
        scale = self.atol + self.settings.rtol * jnp.abs(y0)
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
        """Pass to the next slot: its action, its segment, a fresh step size."""
        slot = s.slot + 1
        row = self.row
        segment = row.segment[slot]
        number = row.slot_action[slot]
        y = acted(self.flat, number, s.t, s.y, row.p, segment, row.slot_amount[slot])
        changes = jnp.any(segment != row.segment[slot - 1])
        if self.flat.mass is not None:
            y = lax.cond(
                changes & (number == 0),
                lambda: consistent(self.flat, s.t, y, row.p, segment),
                lambda: y,
            )
        h, control = lax.cond(
            (number > 0) | changes,
            lambda: self._first_step(s.t, y, slot),
            lambda: (s.h, s.control),
        )
        watch = s.watch
        if watch is not None and self.crossings is not None:
            watch = self.crossings.after_stop(watch, s.t, y, segment)
        return s._replace(
            y=y, slot=slot, h=h, control=control, jumped=jnp.asarray(True), watch=watch
        )

    def _cross(self, s: _State) -> _State:
        """Bring about what the crossing the step has landed on says."""
        assert s.watch is not None
        assert self.crossings is not None
        segment = self.row.segment[s.slot]
        t, y, code, watch = self.crossings.cross(s.watch, s.t, s.y, segment)
        h, control = self._first_step(t, y, s.slot)
        return s._replace(
            t=t, y=y, h=h, control=control, jumped=jnp.asarray(True), watch=watch,
            code=jnp.where(code > 0, code, s.code),
        )  # fmt: skip
