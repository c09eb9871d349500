"""The state before the first slot: initial values, and regimens at steady state."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from catena.numerics.ode.backend import Direction, Solve
from catena.numerics.ode.calls import Row
from catena.numerics.ode.flat import Flat

#: Newton rounds on the cycle map; a linear system needs one.
ROUNDS = 8


def before_start(flat: Flat, row: Row, solve: Solve, direction: Direction) -> Row:
    """Return the row with the state before slot 0 filled in."""
    y = flat.initial(row.p) if row.y0 is None else row.y0
    if row.cycle is None:
        return row._replace(y0=y)
    # Rows without such a regimen have an empty cycle.
    y = lax.cond(
        row.cycle.start < row.cycle.times[-1],
        lambda: periodic(row.cycle._replace(p=row.p), y, solve, direction),
        lambda: y,
    )
    return row._replace(y0=y, cycle=None)


def periodic(cycle: Row, guess: Any, solve: Solve, direction: Direction) -> Any:
    """Return the state just before a dose of a regimen that has gone on for ever.

    Newton's method finds the fixed point of one dosing cycle; its derivative to the parameters
    is that of one further Newton step (implicit function theorem). States on which nothing
    depends, such as amounts excreted, have no steady value and stay as they are.
    """

    def after(row: Row, y: Any, way: Direction) -> Any:
        return solve(row._replace(y0=y), way).state

    # The search itself carries no derivative.
    fixed, unit = lax.stop_gradient(cycle), jnp.eye(guess.size)

    def going(carry: tuple[Any, ...]) -> Any:
        _, _, _, change, rounds = carry
        return (rounds < ROUNDS) & (change > 1e-9)

    def improve(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        y, _, _, _, rounds = carry
        new, columns = jax.vmap(
            lambda seed: jax.jvp(lambda x: after(fixed, x, "forward"), (y,), (seed,)),
            out_axes=(None, 1),
        )(unit)
        gap = unit - columns
        counts_only = jnp.max(jnp.abs(gap), axis=0) < 1e-9
        gap = jnp.where(counts_only[:, None], unit, gap)
        new = y + jnp.linalg.solve(gap, jnp.where(counts_only, 0.0, new - y))
        change = jnp.max(jnp.abs(new - y)) / jnp.maximum(jnp.max(jnp.abs(new)), 1e-30)
        return new, gap, counts_only, change, rounds + 1

    nothing = jnp.zeros(guess.size, dtype=bool)
    begin = (lax.stop_gradient(guess), unit, nothing, jnp.asarray(jnp.inf), jnp.asarray(0))
    y, gap, counts_only, _, _ = lax.stop_gradient(lax.while_loop(going, improve, begin))
    residual = jnp.where(counts_only, 0.0, after(cycle, y, direction) - y)
    return y + jnp.linalg.solve(gap, residual)
