"""The state at the start: initial values, doses given then, and regimens at steady state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from catena.numerics.ode.backend import Direction, Problem, Row

#: Newton rounds on the cycle map; a linear system needs one.
ROUNDS = 8

#: flow(row, y, t, length, rate, direction) -> state ``length`` later.
Flow = Callable[[Row, Any, Any, Any, Any, Direction], Any]


def after_start(problem: Problem, row: Row, flow: Flow, direction: Direction) -> Any:
    """Return the state vector just after slot 0 (row parameters hold derived values already)."""
    y = problem.start(row.parameters)
    if row.steady is not None:
        # Rows without such a regimen (interval 0) would divide by an empty cycle.
        y = lax.cond(
            row.steady.interval > 0,
            lambda: periodic(problem, row, y, flow, direction),
            lambda: y,
        )
    return problem.infuse(y, row.bolus[0])


def periodic(problem: Problem, row: Row, guess: Any, flow: Flow, direction: Direction) -> Any:
    """Return the state just before a dose of a regimen that has gone on for ever.

    Newton's method finds the fixed point of one dosing cycle; its derivative to the parameters
    is that of one further Newton step (implicit function theorem). States on which nothing
    depends, such as amounts excreted, have no steady value and stay as they are.
    """

    def cycle(row: Row, y: Any, way: Direction) -> Any:
        steady = row.steady
        assert steady is not None
        start = row.start - steady.interval

        def leg(y: Any, part: tuple[Any, Any, Any]) -> tuple[Any, None]:
            t, length, rate = part
            return flow(row, y, t, length, rate, way), None

        parts = (
            jnp.stack([start, start + steady.duration]),
            jnp.stack([steady.duration, steady.interval - steady.duration]),
            jnp.stack([steady.rate, jnp.zeros_like(steady.rate)]),
        )
        return lax.scan(leg, problem.infuse(y, steady.bolus), parts)[0]

    # The search itself carries no derivative.
    fixed, unit = lax.stop_gradient(row), jnp.eye(guess.size)

    def going(carry: tuple[Any, ...]) -> Any:
        _, _, _, change, rounds = carry
        return (rounds < ROUNDS) & (change > 1e-9)

    def improve(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        y, _, _, _, rounds = carry
        after, columns = jax.vmap(
            lambda seed: jax.jvp(lambda x: cycle(fixed, x, "forward"), (y,), (seed,)),
            out_axes=(None, 1),
        )(unit)
        gap = unit - columns
        counts_only = jnp.max(jnp.abs(gap), axis=0) < 1e-9
        gap = jnp.where(counts_only[:, None], unit, gap)
        new = y + jnp.linalg.solve(gap, jnp.where(counts_only, 0.0, after - y))
        change = jnp.max(jnp.abs(new - y)) / jnp.maximum(jnp.max(jnp.abs(new)), 1e-30)
        return new, gap, counts_only, change, rounds + 1

    nothing = jnp.zeros(guess.size, dtype=bool)
    begin = (lax.stop_gradient(guess), unit, nothing, jnp.asarray(jnp.inf), jnp.asarray(0))
    y, gap, counts_only, _, _ = lax.stop_gradient(lax.while_loop(going, improve, begin))
    residual = jnp.where(counts_only, 0.0, cycle(row, y, direction) - y)
    return y + jnp.linalg.solve(gap, residual)
