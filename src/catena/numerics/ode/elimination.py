"""The linear solve of an implicit step, cheaper where states do not act on each other directly.

Most states of a compartment model exchange only with a few hubs (blood). Such a set of mutually
independent states has a diagonal block in the Jacobian, so it is eliminated by division and only
the hubs need a dense inverse: of 51 states of the body model 20 remain, and the inverse takes
8 us instead of 50 or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catena.numerics.ode.flat import Flat

#: Below this size a plain inverse is as fast.
SMALL = 12
#: Up to this size an explicit inverse beats repeated triangular solves.
INVERT = 32

Solve = Callable[[Any], Any]


def independent_states(flat: Flat) -> tuple[int, ...]:
    """Return positions of states that do not act on each other, found by probing the Jacobian.

    Only a guess that makes steps faster: ``solver_for`` checks it against every Jacobian.
    """
    if flat.n < SMALL or flat.mass is not None:
        return ()
    rng = np.random.default_rng(0)
    couples = np.zeros((flat.n, flat.n), dtype=bool)
    with jax.ensure_compile_time_eval():
        jacobian = jax.jit(jax.jacfwd(flat.rhs, argnums=1))
        for _ in range(2):
            t, *vectors = (rng.uniform(0.5, 1.5, size) for size in ((), flat.n, flat.np, flat.ns))
            couples |= ~(np.asarray(jacobian(t, *vectors)) == 0)
    return _independent(couples | couples.T)


def _independent(couples: np.ndarray) -> tuple[int, ...]:
    """Pick, least connected first, states of which no two are coupled."""
    couples = couples & ~np.eye(len(couples), dtype=bool)
    left = np.ones(len(couples), dtype=bool)
    chosen = []
    while left.any():
        degree = np.where(left, (couples & left).sum(axis=1), len(couples) + 1)
        state = int(degree.argmin())
        chosen.append(state)
        left &= ~couples[state]
        left[state] = False
    return tuple(sorted(chosen))


def solver_for(matrix: Any, free: tuple[int, ...]) -> Solve:
    """Return the function b -> matrix^-1 b.

    Args:
        matrix: Square matrix (n, n).
        free: Rows and columns whose block should be diagonal; where it is not, the whole matrix
            is inverted instead.
    """
    n, m = len(matrix), len(free)
    if m < 2:
        return _dense(matrix)
    order = np.concatenate([np.asarray(free), np.setdiff1d(np.arange(n), free)])
    back = np.argsort(order)
    e = matrix[order][:, order]
    diagonal = jnp.diagonal(e)[:m]
    coupled = jnp.any((e[:m, :m] != 0) & ~np.eye(m, dtype=bool))
    inverse = lax.cond(coupled, jnp.linalg.inv, lambda e: _by_blocks(e, diagonal), e)
    return lambda b: (inverse @ b[order])[back]


def _by_blocks(e: Any, diagonal: Any) -> Any:
    """Return the inverse of a matrix whose leading block is diagonal (Schur complement)."""
    m = len(diagonal)
    right, below = e[:m, m:] / diagonal[:, None], e[m:, :m] / diagonal
    core = jnp.linalg.inv(e[m:, m:] - below @ e[:m, m:])
    up = right @ core
    return jnp.block([[jnp.diag(1 / diagonal) + up @ below, -up], [-core @ below, core]])


def _dense(matrix: Any) -> Solve:
    if len(matrix) <= INVERT:
        inverse = jnp.linalg.inv(matrix)
        return lambda b: inverse @ b
    factors = jax.scipy.linalg.lu_factor(matrix)
    return lambda b: jax.scipy.linalg.lu_solve(factors, b)
