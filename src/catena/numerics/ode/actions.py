"""What happens at a stop, inside a JAX trace: numbered actions, consistent algebraic states."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catena.numerics.ode.flat import Flat

#: Newton rounds for consistent algebraic states.
ROUNDS = 20


def acted(flat: Flat, number: Any, t: Any, y: Any, p: Any, s: Any, amount: Any) -> Any:
    """Return the state after action ``number`` (0: none), consistent again."""
    if not flat.actions:
        return y

    def branch(action: Any) -> Any:
        return lambda: consistent(flat, t, action(t, y, p, s, amount), p, s)

    return lax.switch(
        jnp.asarray(number).astype(int), [lambda: y, *(branch(action) for action in flat.actions)]
    )


def masses(flat: Flat) -> np.ndarray:
    """Return the diagonal of the mass matrix (n,)."""
    if flat.mass is None:
        return np.ones(flat.n)
    return np.diagonal(flat.mass) if flat.mass.ndim == 2 else flat.mass


def consistent(flat: Flat, t: Any, y: Any, p: Any, s: Any) -> Any:
    """Return the state with algebraic entries solved for, the others kept.

    Newton's method; one further step outside the search carries the derivatives.
    """
    free = np.flatnonzero(masses(flat) == 0)
    if not free.size:
        return y

    def residual(z: Any, y: Any, p: Any, s: Any) -> Any:
        return flat.rhs(t, y.at[free].set(z), p, s)[free]

    still = lax.stop_gradient((y, p, s))
    slope = jax.jacfwd(residual)

    def better(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        z, _, count = carry
        change = jnp.linalg.solve(slope(z, *still), residual(z, *still))
        return z - change, jnp.max(jnp.abs(change) / (1e-12 + jnp.abs(z))), count + 1

    def going(carry: tuple[Any, Any, Any]) -> Any:
        return (carry[1] > 1e-12) & (carry[2] < ROUNDS)

    start = (still[0][free], jnp.asarray(jnp.inf), jnp.asarray(0))
    z = lax.stop_gradient(lax.while_loop(going, better, start)[0])
    z = z - jnp.linalg.solve(lax.stop_gradient(slope(z, *still)), residual(z, y, p, s))
    return y.at[free].set(z)
