"""The Jacobian of a large system from a few directional derivatives, and its Rosenbrock matrix.

Columns of one colour share a forward derivative; the rows of the border, which hold nearly all
columns, come from one backward derivative each. The entries are kept as one vector in the order
of the pattern (row by row), the border as two thin full matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from catena.numerics.ode.large.band import SingularError, Solve
from catena.numerics.ode.large.colouring import colour_columns
from catena.numerics.ode.large.matrix import border_of, core_of
from catena.numerics.ode.large.pattern import entries_of, jacobian_pattern


@dataclass(frozen=True)
class Values:
    """Numbers of one Jacobian.

    Args:
        core: Entries inside the border, in the order of the core's pattern.
        right: Columns of the border states, (core states, border states).
        below: Rows of the border states, (border states, all states).
    """

    core: np.ndarray
    right: np.ndarray
    below: np.ndarray

    def finite(self) -> bool:
        """Tell whether all entries are numbers."""
        return all(bool(np.isfinite(part).all()) for part in (self.core, self.right, self.below))


class Jacobian:
    """Structure of a Jacobian and the ways to evaluate and factorise it.

    Args:
        rhs: (t, y, p, s) -> dy/dt, JAX functions of float64 vectors.
        sizes: Lengths of y, p and s.

    Attributes:
        colours: Number of forward derivatives per evaluation.
        border: States treated apart.
        inner: All other states.
        solver: "band", "sparse" or "full".
    """

    def __init__(self, rhs: Callable[..., Any], sizes: tuple[int, int, int]) -> None:
        n, parameters, segment = sizes
        shapes = ((), (n,), (parameters,), (segment,))
        # The diagonal is always there: the mass sits on it.
        found = jacobian_pattern(rhs, shapes, 1) + sparse.eye_array(n, dtype=np.int8)
        self.pattern = sparse.csr_array(found)
        self.pattern.sort_indices()
        self.size = n
        self.border = border_of(self.pattern)
        self.inner = np.setdiff1d(np.arange(n), self.border)
        rows = self.pattern[self.inner]
        colours = colour_columns(rows)
        self.colours = int(colours.max(initial=-1)) + 1
        core = sparse.csr_array(rows[:, self.inner])
        core.sort_indices()
        self._core = core_of(core)
        self.solver: str = self._core.name
        row = np.repeat(np.arange(self.inner.size), np.diff(core.indptr))
        self._entry = colours[self.inner[core.indices]] * n + self.inner[row]
        self._column = colours[self.border]
        self._touched = np.asarray(rows[:, self.border].toarray(), bool)
        self._diagonal = np.flatnonzero(core.indices == row)
        self._row = self.inner[row]
        self._evaluate = self._compiled(rhs, colours)

    def _compiled(self, rhs: Callable[..., Any], colours: np.ndarray) -> Callable[..., Any]:
        import jax
        import jax.numpy as jnp

        seeds = np.zeros((self.colours, self.size))
        seeds[colours, np.arange(self.size)] = 1.0
        entry, inner, column = self._entry, self.inner, self._column
        rows = np.zeros((self.border.size, self.size))
        rows[np.arange(self.border.size), self.border] = 1.0

        def evaluate(t: Any, y: Any, p: Any, s: Any) -> tuple[Any, Any, Any]:
            def of_state(state: Any) -> Any:
                return rhs(t, state, p, s)

            push = jax.vmap(lambda seed: jax.jvp(of_state, (y,), (seed,))[1])
            compressed = push(jnp.asarray(seeds))
            right = compressed[column][:, inner].T
            below = jnp.zeros((0, y.size))
            if rows.size:
                pull = jax.vjp(of_state, y)[1]
                below = jax.vmap(lambda row: pull(row)[0])(jnp.asarray(rows))
            return compressed.ravel()[entry], right, below

        return jax.jit(evaluate)

    def evaluate(self, t: float, y: np.ndarray, p: Any, s: Any) -> Values:
        """Return the Jacobian at one point."""
        core, right, below = self._evaluate(t, y, p, s)
        return Values(np.asarray(core), np.where(self._touched, right, 0.0), np.asarray(below))

    def entries(self, values: Values) -> np.ndarray:
        """Return all entries in the order of ``pattern``."""
        row, column = entries_of(self.pattern)
        inner, border = np.full(self.size, -1), np.full(self.size, -1)
        inner[self.inner] = np.arange(self.inner.size)
        border[self.border] = np.arange(self.border.size)
        found = np.empty(row.size)
        below = border[row] >= 0
        right = ~below & (border[column] >= 0)
        found[below] = values.below[border[row[below]], column[below]]
        found[right] = values.right[inner[row[right]], border[column[right]]]
        found[~below & ~right] = values.core
        return found

    def factorise(self, values: Values, mass: np.ndarray, rows: np.ndarray | None = None) -> Solve:
        """Factorise diag(mass) - J.

        Args:
            values: J from ``evaluate``.
            mass: Diagonal, (n,).
            rows: Factors of the rows of J, (n,); None stands for ones.

        Returns:
            Function that solves for one (n,) or several (n, k) right-hand sides.

        Raises:
            SingularError: The matrix has no inverse.
        """
        entries = -values.core if rows is None else -values.core * rows[self._row]
        entries[self._diagonal] += mass[self.inner]
        inside = self._core.factorise(entries)
        if self.border.size == 0:
            return inside
        below, right = -values.below, -values.right
        if rows is not None:
            below, right = below * rows[self.border, None], right * rows[self.inner, None]
        corner = below[:, self.border] + np.diag(mass[self.border])
        return self._bordered(inside, right, below[:, self.inner], corner)

    def _bordered(
        self, inside: Solve, right: np.ndarray, below: np.ndarray, corner: np.ndarray
    ) -> Solve:
        from scipy.linalg import lapack

        spread = inside(right)
        factor, pivots, info = lapack.dgetrf(corner - below @ spread)
        if info != 0:
            raise SingularError
        inner, border = self.inner, self.border

        def solve(given: np.ndarray) -> np.ndarray:
            start = inside(np.ascontiguousarray(given[inner]))
            last, _ = lapack.dgetrs(factor, pivots, given[border] - below @ start)
            result = np.empty_like(given)
            result[inner] = start - spread @ last
            result[border] = last
            return result

        return solve
