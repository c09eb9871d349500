"""Systems declared linear: exact steps by the matrix exponential.

dy/dt = A y + b + infusion is written with its inputs as extra constant states, so one matrix
exponential per distinct interval length gives both the free and the driven response. Scaling
and squaring with the [13/13] Pade approximant after Higham, SIAM J. Matrix Anal. Appl. 26:1179
(2005), doi:10.1137/04061101X.
"""

from __future__ import annotations

from typing import Any

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catena.numerics.ode.backend import DONE, Direction, Problem, Row, Solution
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.steady import after_start

_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
         129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
         40840800.0, 960960.0, 16380.0, 182.0, 1.0)  # fmt: skip
#: Largest 1-norm the approximant takes without scaling.
_THETA = 5.371920351148152


def exponential(matrix: Any, direction: Direction) -> Any:
    """Return exp(matrix) for one square matrix (n, n)."""
    norm = lax.stop_gradient(jnp.max(jnp.sum(jnp.abs(matrix), axis=0)))
    halvings = jnp.ceil(jnp.log2(jnp.maximum(norm / _THETA, 1.0)))
    a = matrix / 2.0**halvings
    one = jnp.eye(len(matrix))
    b = _PADE
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2
    odd = a @ (odd + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2
    even = even + b[0] * one
    result = jnp.linalg.solve(even - odd, even + odd)
    _, result = eqxi.while_loop(
        lambda carry: carry[0] < halvings,
        lambda carry: (carry[0] + 1, carry[1] @ carry[1]),
        (jnp.asarray(0.0), result),
        kind="lax" if direction == "forward" else "checkpointed",
        max_steps=64,
    )
    return result


class LinearBackend:
    """Solves rows exactly."""

    def solve(
        self, problem: Problem, row: Row, settings: SolverSettings, direction: Direction
    ) -> Solution:
        """Step one row from moment to moment with matrix exponentials."""
        row = row._replace(parameters=problem.parameters(row))
        matrix = _system_matrix(problem, row)

        def flow(row: Row, y: Any, t: Any, length: Any, rate: Any, way: Direction) -> Any:
            own = _system_matrix(problem, row)
            step = exponential(own * length, way)
            return _apply(step, y, _drive(problem, row, t, rate))

        y = after_start(problem, row, flow, direction)
        times, states = _walk(problem, row, matrix, y, direction)
        good = jnp.all(jnp.isfinite(states), axis=1)
        # With NaN in the system the first moment is the last good one.
        reached = jnp.where(jnp.all(good), row.times[-1], row.start)
        count = jnp.asarray(float(len(times)))
        zero = jnp.asarray(0.0)
        return Solution(states, zero + DONE, reached, states[-1], zero, count, zero)


def _system_matrix(problem: Problem, row: Row) -> Any:
    """Return [[A, G], [0, 0]]: the states, and what drives them as constant extra states.

    Without forcing the drives are the infusions and the affine part; forcing may act anywhere.
    """
    n = problem.layout.size

    def slope(y: Any) -> Any:
        u = problem.inputs(row.forcing, row.start, row.start)
        return problem.slope(row.start, y, row.parameters, u, None)

    free = jax.jacfwd(slope)(jnp.zeros(n))
    if row.forcing:
        drives = jnp.eye(n)
    else:
        dosed = jnp.eye(n)[:, np.asarray(problem.dosed, dtype=int)]
        drives = jnp.concatenate([dosed, slope(jnp.zeros(n))[:, None]], axis=1)
    top = jnp.concatenate([free, drives], axis=1)
    return jnp.concatenate([top, jnp.zeros((drives.shape[1], top.shape[1]))], axis=0)


def _drive(problem: Problem, row: Row, t: Any, rate: Any) -> Any:
    """Return how strongly each drive of ``_system_matrix`` acts from ``t`` on."""
    if not row.forcing:
        return jnp.concatenate([rate, jnp.ones(1)])
    u = problem.inputs(row.forcing, t, t)
    affine = problem.slope(t, jnp.zeros(problem.layout.size), row.parameters, u, None)
    return problem.infuse(affine, rate)


def _apply(step: Any, y: Any, drive: Any) -> Any:
    n = y.size
    return step[:n, :n] @ y + step[:n, n:] @ drive


def _walk(
    problem: Problem, row: Row, matrix: Any, y0: Any, direction: Direction
) -> tuple[Any, Any]:
    """Visit stops and output times in order; return all moments and the states at outputs."""
    stops = len(row.stops)
    moments = jnp.concatenate([row.stops, row.times])
    # Beyond the last output nothing matters; infinite padding must not enter the exponential.
    moments = jnp.clip(moments, row.start, row.times[-1])
    order = jnp.argsort(lax.stop_gradient(moments), stable=True)
    ordered = moments[order]
    before = jnp.concatenate([row.start[None], ordered[:-1]])
    exact = ordered - before
    lengths, which = _distinct(lax.stop_gradient(exact), row)
    shift = exact - lax.stop_gradient(exact)  # zero, but carries the derivative to time
    steps = lax.map(lambda length: exponential(matrix * length, direction), lengths)
    fresh = problem.start(row.parameters)
    due = jnp.concatenate([row.stops <= row.times[-1], jnp.zeros(len(row.times), dtype=bool)])

    def visit(carry: tuple[Any, Any], item: tuple[Any, ...]) -> Any:
        y, slot = carry
        index, since, place, late = item
        drive = _drive(problem, row, since, row.rate[slot])
        y = _apply(steps[index], y, drive)
        y = y + late * _apply(matrix[: y.size], y, drive)
        stop = due[place]
        slot = slot + stop
        after = jnp.where(row.reset[slot] > 0, fresh, y)
        y = jnp.where(stop, problem.infuse(after, row.bolus[slot]), y)
        return (y, slot), y

    _, states = lax.scan(visit, (y0, jnp.asarray(0)), (which, before, order, shift))
    place = jnp.argsort(order)[stops:]
    return ordered, states[place]


def _distinct(lengths: Any, row: Row) -> tuple[Any, Any]:
    """Return the distinct interval lengths and, per interval, which one it is.

    Regular grids have few, found on the host; each costs one matrix exponential.
    """
    if row.lengths is None:
        return lengths, jnp.arange(len(lengths))
    return row.lengths, jnp.argmin(jnp.abs(lengths[:, None] - row.lengths), axis=1)
