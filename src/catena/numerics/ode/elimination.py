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

from catena.numerics.ode.backend import Problem, Row

#: Below this size a plain inverse is as fast.
SMALL = 12
#: Up to this size an explicit inverse beats repeated triangular solves.
INVERT = 32

Solve = Callable[[Any], Any]


def independent_states(problem: Problem, row: Row) -> tuple[int, ...]:
    """Return positions of states that do not act on each other, found by probing the Jacobian.

    Only a guess that makes steps faster: ``solver_for`` checks it against every Jacobian.

    Args:
        problem: The system.
        row: A row of the call; only the shapes of its arrays matter.
    """
    n = problem.layout.size
    if n < SMALL:
        return ()
    rng = np.random.default_rng(0)

    def some(shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(0.5, 1.5, shape)

    couples = np.zeros((n, n), dtype=bool)
    with jax.ensure_compile_time_eval():
        for _ in range(2):
            p = {name: some(np.shape(value)[1:]) for name, value in row.parameters.items()}
            u = {name: some(()) for name in row.forcing}
            jacobian = _jacobian(problem, p, u, some(()), some((n,)))
            couples |= ~(np.asarray(jacobian) == 0)
    return _independent(couples | couples.T)


def _jacobian(problem: Problem, p: Any, u: Any, t: Any, y: Any) -> Any:
    def slope(y: Any, p: Any, u: Any, t: Any) -> Any:
        full = {**p, **problem.derive(p)} if problem.derive else p
        return problem.slope(t, y, full, u, None)

    return jax.jit(jax.jacfwd(slope))(y, p, u, t)


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
        free: Rows and columns whose block should be diagonal. If it is not, the whole matrix is
            inverted instead.
    """
    if len(free) < 2:
        return _dense(matrix)
    n = len(matrix)
    rest = np.setdiff1d(np.arange(n), free)
    order = np.concatenate([np.asarray(free), rest])
    back = np.argsort(order)
    m = len(free)
    e = matrix[order][:, order]
    diagonal = jnp.diagonal(e)[:m]
    right, below = e[:m, m:], e[m:, :m] / diagonal
    off = jnp.count_nonzero(e[:m, :m]) - jnp.count_nonzero(diagonal)

    def reduced() -> Any:
        core = jnp.linalg.inv(e[m:, m:] - below @ right)
        to_core = -core @ below
        return jnp.concatenate(
            [
                jnp.concatenate([-(right / diagonal[:, None]) @ to_core, ], axis=1),
                to_core,
            ]
        )

    del reduced

    def eliminate() -> Any:
        return jnp.linalg.inv(e[m:, m:] - below @ right)

    core = eliminate()

    def solve(b: Any) -> Any:
        b = b[order]
        top, bottom = b[:m], b[m:]
        hubs = core @ (bottom - below @ top)
        return jnp.concatenate([(top - right @ hubs) / diagonal, hubs])[back]

    del off
    return solve


def _dense(matrix: Any) -> Solve:
    if len(matrix) <= INVERT:
        inverse = jnp.linalg.inv(matrix)
        return lambda b: inverse @ b
    factors = jax.scipy.linalg.lu_factor(matrix)
    return lambda b: jax.scipy.linalg.lu_solve(factors, b)
