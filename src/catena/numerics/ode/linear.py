"""Systems declared linear: exact steps by the matrix exponential.

dy/dt = A y + b is written with the constant slopes b of a segment as extra constant states, so one
matrix exponential per distinct interval length gives both the free and the driven response. Scaling
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

from catena.numerics.ode.actions import acted
from catena.numerics.ode.backend import DONE, NOT_A_NUMBER, Direction, Solution, Solve
from catena.numerics.ode.calls import Row
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.steady import before_start

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


def exact(flat: Flat, only_rates: bool) -> Solve:
    """Return the function that steps one row from moment to moment with matrix exponentials.

    Args:
        flat: A system whose right-hand side is affine in y with a constant matrix.
        only_rates: The segment vector holds infusion rates and nothing else.
    """

    def leg(row: Row, direction: Direction) -> Solution:
        times, states, end = _walk(flat, row, only_rates, direction)
        good = jnp.all(jnp.isfinite(states), axis=1)
        # With NaN in the system the first moment is the last good one.
        fine = jnp.all(good)
        code = jnp.where(fine, float(DONE), float(NOT_A_NUMBER))
        reached = jnp.where(fine, row.times[-1], row.start)
        zero = jnp.asarray(0.0)
        return Solution(states, code, reached, end, zero, jnp.asarray(float(len(times))), zero)

    def solve(row: Row, direction: Direction) -> Solution:
        return leg(before_start(flat, row, leg, direction), direction)

    return solve


def inputs_act_apart(flat: Flat) -> bool:
    """Return whether the matrix of a linear system is the same in every segment, by probing."""
    if not flat.ns:
        return True
    rng = np.random.default_rng(0)
    jacobian = jax.jit(jax.jacfwd(flat.rhs, argnums=1))
    t, y, p, s, other = (rng.uniform(0.5, 1.5, size) for size in ((), flat.n, flat.np, flat.ns,
                                                                  flat.ns))  # fmt: skip
    with jax.ensure_compile_time_eval():
        return bool(np.array_equal(jacobian(t, y, p, s), jacobian(t, y, p, other)))


def distinct_lengths(row: Row) -> np.ndarray | None:
    """Return the distinct interval lengths of all rows (n, k), or None when nearly all differ."""
    start, stops, times = (np.asarray(part) for part in (row.start, row.slot_time, row.times))
    n = max(len(start), len(times))
    end = np.broadcast_to(times[:, -1:], (n, 1))
    start = np.broadcast_to(start[:, None], (n, 1))
    wide = [np.broadcast_to(part, (n, part.shape[1])) for part in (stops, times)]
    moments = np.concatenate([start, *wide], axis=1)
    moments = np.sort(np.clip(moments, start, end), axis=1)
    gaps = np.diff(moments, axis=1)
    tolerance = 1e-12 * np.maximum(np.abs(moments).max(axis=1), 1e-12)
    found = []
    for row_number in range(n):
        gap = np.sort(gaps[row_number])
        keep = np.concatenate([[True], np.diff(gap) > tolerance[row_number]])
        found.append(gap[keep])
    most = max(len(gap) for gap in found)
    if 2 * most > gaps.shape[1]:
        return None
    table = np.zeros((n, most))
    for row_number, gap in enumerate(found):
        table[row_number, : len(gap)] = gap
        table[row_number, len(gap) :] = gap[-1]
    return table


def _system_matrix(flat: Flat, row: Row, only_rates: bool) -> Any:
    """Return [[A, G], [0, 0]]: the states, and what drives them as constant extra states.

    Without forcing and stimuli the drives are the infusions and the affine part; otherwise
    anything may drive any state.
    """
    n, t, s = flat.n, row.start, row.segment[0]
    free = jax.jacfwd(lambda y: flat.rhs(t, y, row.p, s))(jnp.zeros(n))
    drives = jnp.eye(n)
    if only_rates:
        rates = jax.jacfwd(lambda s: flat.rhs(t, jnp.zeros(n), row.p, s))(s)
        affine = flat.rhs(t, jnp.zeros(n), row.p, jnp.zeros_like(s))
        drives = jnp.concatenate([rates, affine[:, None]], axis=1)
    top = jnp.concatenate([free, drives], axis=1)
    return jnp.concatenate([top, jnp.zeros((drives.shape[1], top.shape[1]))], axis=0)


def _drive(flat: Flat, row: Row, t: Any, s: Any, only_rates: bool) -> Any:
    """Return how strongly each drive of ``_system_matrix`` acts in a segment."""
    if only_rates:
        return jnp.concatenate([s, jnp.ones(1)])
    return flat.rhs(t, jnp.zeros(flat.n), row.p, s)


def _apply(step: Any, y: Any, drive: Any) -> Any:
    n = y.size
    return step[:n, :n] @ y + step[:n, n:] @ drive


def _walk(flat: Flat, row: Row, only_rates: bool, direction: Direction) -> tuple[Any, Any, Any]:
    """Visit slots and output times in order.

    Returns:
        All moments, the states at the outputs, the state after everything.
    """
    matrix = _system_matrix(flat, row, only_rates)
    stops = len(row.slot_time)
    moments = jnp.concatenate([row.slot_time, row.times])
    # Beyond the last output nothing matters; infinite padding must not enter the exponential.
    moments = jnp.clip(moments, row.start, row.times[-1])
    order = jnp.argsort(lax.stop_gradient(moments), stable=True)
    ordered = moments[order]
    before = jnp.concatenate([row.start[None], ordered[:-1]])
    exact = ordered - before
    lengths, which = _distinct(lax.stop_gradient(exact), row)
    shift = exact - lax.stop_gradient(exact)  # zero, but carries the derivative to time
    steps = lax.map(lambda length: exponential(matrix * length, direction), lengths)
    due = jnp.concatenate([row.slot_time <= row.times[-1], jnp.zeros(len(row.times), dtype=bool)])

    def visit(carry: tuple[Any, Any], item: tuple[Any, ...]) -> Any:
        y, slot = carry
        index, since, until, place, late = item
        drive = _drive(flat, row, since, row.segment[slot], only_rates)
        y = _apply(steps[index], y, drive)
        y = y + late * _apply(matrix[: y.size], y, drive)
        stop = due[place]
        slot = slot + stop
        number = jnp.where(stop, row.slot_action[slot], 0)
        y = acted(flat, number, until, y, row.p, row.segment[slot], row.slot_amount[slot])
        return (y, slot), y

    y0 = acted(flat, row.slot_action[0], row.start, row.y0, row.p, row.segment[0],
               row.slot_amount[0])  # fmt: skip
    walked = (which, before, ordered, order, shift)
    (end, _), states = lax.scan(visit, (y0, jnp.asarray(0)), walked)
    place = jnp.argsort(order)[stops:]
    return ordered, states[place], end


def _distinct(lengths: Any, row: Row) -> tuple[Any, Any]:
    """Return the distinct interval lengths and, per interval, which one it is.

    Regular grids have few, found on the host; each costs one matrix exponential.
    """
    if row.lengths is None:
        return lengths, jnp.arange(len(lengths))
    return row.lengths, jnp.argmin(jnp.abs(lengths[:, None] - row.lengths), axis=1)
