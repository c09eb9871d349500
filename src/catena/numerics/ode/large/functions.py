"""The functions of a large system, compiled once and called with NumPy vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.numerics.ode.kernel.unsupported import KernelUnsupported
from catena.numerics.ode.large.jacobian import Jacobian

if TYPE_CHECKING:
    from catena.numerics.ode.flat import Flat


class Functions:
    """A flat system ready to be integrated.

    Args:
        flat: The system; see ``numerics.ode.flat``.

    Attributes:
        mass: Diagonal of the mass matrix, (n,).
        algebraic: 1.0 where an equation is algebraic, (n,); None when none is.
        jacobian: Its Jacobian, with structure and factorisation.
        first: (t, y, p, s) -> right-hand side and its partial derivative by time.

    Raises:
        KernelUnsupported: The mass matrix is not diagonal, or the Jacobian is not sparse.
    """

    def __init__(self, flat: Flat) -> None:
        import jax

        self.size, self.flat = flat.n, flat
        self.mass = mass_diagonal(flat.mass, flat.n)
        algebraic = (self.mass == 0).astype(float)
        self.algebraic = algebraic if algebraic.any() else None
        self.jacobian = Jacobian(flat.rhs, (flat.n, flat.np, flat.ns))

        def first(t: Any, y: Any, p: Any, s: Any) -> tuple[Any, Any]:
            def of_time(time: Any) -> Any:
                return flat.rhs(time, y, p, s)

            return jax.jvp(of_time, (t,), (jax.numpy.ones_like(t),))

        self.first = _numpy(jax.jit(first))
        self.rhs = _numpy(jax.jit(flat.rhs))
        self.outputs = _numpy(jax.jit(flat.outputs))
        self.initial = _numpy(jax.jit(flat.initial))
        self.actions = [_numpy(jax.jit(action)) for action in flat.actions]
        crossings = flat.crossings
        self.crossings = None if crossings is None else _numpy(jax.jit(crossings))

    def slope(self, t: float, y: np.ndarray, p: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Return dy/dt; algebraic states move so that their equations stay fulfilled."""
        force, drift = self.first(t, y, p, s)
        if self.algebraic is None:
            return np.asarray(force / self.mass)
        moving = np.where(self.algebraic == 0, force, 0.0) / np.where(self.mass == 0, 1, self.mass)
        return np.asarray(self.constrained(t, y, p, s)(moving + self.algebraic * drift))

    def constrained(
        self, t: float, y: np.ndarray, p: np.ndarray, s: np.ndarray
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Return the solver of: differential states as given, algebraic rows of -J as given."""
        assert self.algebraic is not None
        values = self.jacobian.evaluate(t, y, p, s)
        return self.jacobian.factorise(values, 1.0 - self.algebraic, self.algebraic)


def mass_diagonal(mass: Any, size: int) -> np.ndarray:
    """Return the diagonal of a mass matrix given as None, a vector or a (sparse) matrix.

    Raises:
        KernelUnsupported: An entry off the diagonal is not zero.
    """
    from scipy import sparse

    if mass is None:
        return np.ones(size)
    if not sparse.issparse(mass) and np.ndim(mass) == 1:
        return np.asarray(mass, float)
    matrix = sparse.csr_array(mass)
    diagonal = np.asarray(matrix.diagonal(), float)
    if (matrix - sparse.diags_array(diagonal)).count_nonzero():
        raise KernelUnsupported(
            "mass matrix with entries off the diagonal",
            why="the back end for large systems takes a diagonal mass matrix",
            fix="solve the coupled rows for their derivatives, or declare an algebraic state",
        )
    return diagonal


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy arrays from a compiled function."""

    def call(*arguments: Any) -> Any:
        found = function(*arguments)
        if isinstance(found, tuple):
            return tuple(np.asarray(part) for part in found)
        return np.asarray(found)

    return call
