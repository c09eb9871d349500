"""The exact derivative of the discrete solution in several directions, step lengths held fixed.

Every stage of a step is solved with the matrix already factorised for the states, for all
directions at once. A state event also moves in time: the saltation formula accounts for that
(Hiskens and Pai 2000, doi:10.1109/81.828574).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.method import Step, interpolate, mix, stage
from catena.numerics.ode.large.rows import RowSeeds


class Pushes:
    """Compiled forward derivatives of a system, for a leading axis of directions.

    Args:
        functions: The system.

    Attributes:
        initial: (p, dp) -> dy.
        outputs: (t, y, p, s, dt, dy, dp, ds) -> d outputs; ``crossings`` alike.
        actions: (t, y, p, s, a, dt, dy, dp, ds, da) -> dy each.
        rhs: (t, y, p, s, dp, ds) -> d rhs at a fixed state.
        stage: Derivative of a stage's right-hand side; see ``_stage``.
    """

    def __init__(self, functions: Functions) -> None:
        flat = functions.flat
        self.initial = _pushed(flat.initial, 1)
        self.outputs = _pushed(flat.outputs, 4)
        self.actions = [_pushed(action, 5) for action in flat.actions]
        self.crossings = None if flat.crossings is None else _pushed(flat.crossings, 4)
        self.rhs = _pushed(flat.rhs, 4)
        self.stage = _stage(flat.rhs)


def _pushed(function: Callable[..., Any], arguments: int) -> Callable[..., Any]:
    import jax

    def push(*given: Any) -> Any:
        values, seeds = given[:arguments], given[arguments:]
        return jax.vmap(lambda *seed: jax.jvp(function, values, seed)[1])(*seeds)

    compiled = jax.jit(push)
    return lambda *given: np.asarray(compiled(*given))


def _stage(rhs: Callable[..., Any]) -> Callable[..., Any]:
    """Return the push of f(t_j, Y_j) + J(t, y) k_j + h d_j f_t(t, y), all but k_j moving."""
    import jax

    def push(
        t: Any, y: Any, p: Any, s: Any, at: Any, stage: Any, k: Any, weight: Any,
        dy: Any, dstage: Any, dp: Any, ds: Any,
    ) -> Any:  # fmt: skip
        def bend(y: Any, p: Any, s: Any) -> Any:
            return jax.jvp(lambda time, state: rhs(time, state, p, s), (t, y), (weight, k))[1]

        def force(stage: Any, p: Any, s: Any) -> Any:
            return rhs(at, stage, p, s)

        def one(dy: Any, dstage: Any, dp: Any, ds: Any) -> Any:
            bent = jax.jvp(bend, (y, p, s), (dy, dp, ds))[1]
            return bent + jax.jvp(force, (stage, p, s), (dstage, dp, ds))[1]

        return jax.vmap(one)(dy, dstage, dp, ds)

    compiled = jax.jit(push)
    return lambda *given: np.asarray(compiled(*given))


@dataclass
class PushedStep:
    """Derivatives of a step: at its start, its end, and of its increments, (stages, nd, n)."""

    step: Step
    start: np.ndarray
    end: np.ndarray
    k: np.ndarray

    def inside(self, theta: float) -> np.ndarray:
        """Return the derivatives of the interpolated state, (nd, n)."""
        return interpolate(self.step.method, theta, self.start, self.end, self.k)


class Directions:
    """Derivatives of one row's state as it is integrated.

    Args:
        functions: The system.
        pushes: Its forward derivatives.
        seeds: The directions.

    Attributes:
        dy: Derivatives of the state, (nd, n).
        ds: Derivatives of the segment values in force, (nd, ns).
    """

    def __init__(self, functions: Functions, pushes: Pushes, seeds: RowSeeds) -> None:
        self.functions, self.pushes, self.seeds = functions, pushes, seeds
        self.count = len(seeds.p)
        self.dy = np.zeros((self.count, functions.size))
        self.ds = seeds.segment[:, 0]
        self._still = np.zeros(self.count)

    def begin(self, p: np.ndarray, given: bool) -> None:
        """Start from initial(p), or from a given state."""
        self.dy = self.seeds.y0 if given else self.pushes.initial(p, self.seeds.p)

    def enter(self, slot: int) -> None:
        """Take the segment values of a slot."""
        self.ds = self.seeds.segment[:, slot]

    def act(
        self, number: int, point: tuple[Any, ...], amount: float, da: np.ndarray,
        shift: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Differentiate action ``number`` at point (t, y, p, s), before it is applied."""
        dt = self._still if shift is None else shift
        self.dy = self.pushes.actions[number - 1](
            *point, amount, dt, self.dy, self.seeds.p, self.ds, da
        )

    def constrain(self, point: tuple[Any, ...]) -> None:
        """Let the algebraic states follow the differential ones."""
        algebraic = self.functions.algebraic
        if algebraic is None:
            return
        zero = np.zeros_like(self.dy)
        force = self.pushes.rhs(*point, self._still, zero, self.seeds.p, self.ds)
        solve = self.functions.constrained(*point)
        self.dy = solve(((1.0 - algebraic) * self.dy + algebraic * force).T).T

    def push(self, step: Step) -> PushedStep:
        """Differentiate a step; the state's derivatives stay at its start."""
        start, method, mass = step.start, step.method, self.functions.mass
        k = np.empty((method.stages, *self.dy.shape))
        moved = self.dy
        for j in range(method.stages):
            moved = stage(method, j, self.dy, moved, k) if j else self.dy
            right = self.pushes.stage(
                start.t, start.y, start.p, start.s, start.t + method.alpha[j] * step.h,
                step.stages[j], step.k[j], step.h * method.d[j],
                self.dy, moved, self.seeds.p, self.ds,
            )  # fmt: skip
            if j:
                right = right + mass * (mix(method.c[j], k) / step.h)
            k[j] = step.solve(right.T).T
        return PushedStep(step, self.dy, moved + k[-1], k)

    def shift(self, which: int, point: tuple[Any, ...], slope: np.ndarray) -> np.ndarray:
        """Return by how much a crossing moves in time, and move the states there with it.

        Args:
            which: The crossing function.
            point: (t, y, p, s) of the event.
            slope: dy/dt just before it.
        """
        assert self.pushes.crossings is not None
        rate = self._in_time(self.pushes.crossings, point, slope)
        rise = self.pushes.crossings(*point, self._still, self.dy, self.seeds.p, self.ds)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = -rise[:, which] / rate[which]
        # A function that rose by a jump does not move in time.
        moved = np.where(np.isfinite(moved), moved, 0.0)
        self.dy = self.dy + moved[:, None] * slope
        return moved

    def shift_back(self, moved: np.ndarray, slope: np.ndarray) -> None:
        """Return to the unshifted moment with dy/dt just after the event."""
        self.dy = self.dy - moved[:, None] * slope

    def look(self, point: tuple[Any, ...], dy: np.ndarray) -> np.ndarray:
        """Return the derivatives of the outputs at (t, y, p, s), (nd, no)."""
        return np.asarray(self.pushes.outputs(*point, self._still, dy, self.seeds.p, self.ds))

    def look_on(self, point: tuple[Any, ...], slope: np.ndarray) -> np.ndarray:
        """Return the derivatives of the outputs by time where dy/dt is ``slope``, (no,)."""
        return self._in_time(self.pushes.outputs, point, slope)

    @staticmethod
    def _in_time(push: Callable[..., Any], point: tuple[Any, ...], slope: np.ndarray) -> np.ndarray:
        _, _, p, s = point
        still = (np.zeros((1, p.size)), np.zeros((1, s.size)))
        return np.asarray(push(*point, np.ones(1), slope[None], *still)[0])
