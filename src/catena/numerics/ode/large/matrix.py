"""Factorising W = M/(h gamma) - J of a large system: band, sparse or full, chosen by its cost.

A few states that meet nearly all others (the liquid of a crystalliser, a shared pool) would fill
any factorisation. They form a border: W = [[B, U], [V, D]], and the rest B is solved once per
border state (bordered elimination). B is put in reverse Cuthill-McKee order, in which
method-of-lines systems become narrow bands (``band``); where the band stays wide, SuperLU or
LAPACK's full factorisation takes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from catena.numerics.ode.large.band import Band, SingularError, Solve
from catena.numerics.ode.large.pattern import entries_of

#: A state is in the border when its row or column is this much longer than the typical one.
BORDER_FACTOR, BORDER_LEAST, BORDER_MOST = 12, 40, 64
#: Bands up to this width are taken without a look at others; full matrices up to this size.
WIDE, FULL_MOST = 25, 6_000
#: Seconds per entry or operation, measured on one core; only their ratios matter.
SPARSE_ENTRY, FULL_OPERATION = 60e-9, 0.05e-9


#: SuperLU's symmetric mode with threshold pivoting.
_DIAGONAL: dict[str, Any] = {"diag_pivot_thresh": 0.1, "options": {"SymmetricMode": True}}


class Core(Protocol):
    """A way to factorise the part inside the border."""

    name: str

    def factorise(self, values: np.ndarray) -> Solve:
        """Return the solver for the matrix with these entries, in the order of the pattern."""


@dataclass(frozen=True)
class Sparse:
    """SuperLU with rows and columns in one order of least fill, found once.

    The matrix keeps its strong diagonal, so a row is exchanged only where the diagonal entry is
    ten times smaller than the largest.

    Args:
        order: States in the order of elimination.
        pattern: Column-compressed structure in that order; its data are 1 + the position of each
            entry in the original pattern.
        fill: Entries of both factors, for a matrix with random entries.
    """

    order: np.ndarray
    pattern: sparse.csc_array
    fill: int
    name: str = "sparse"

    @classmethod
    def of(cls, pattern: sparse.csr_array) -> Sparse:
        """Find the order by one trial factorisation."""
        from scipy.sparse.linalg import splu

        n = pattern.shape[0]
        trial = sparse.csc_array(pattern, dtype=float)
        trial.data = np.random.default_rng(0).uniform(0.5, 1.0, trial.nnz)
        trial = sparse.csc_array(trial + sparse.eye_array(n) * n)
        factor = splu(trial, permc_spec="MMD_AT_PLUS_A", **_DIAGONAL)
        order = np.argsort(factor.perm_c)
        places = sparse.csr_array(pattern, dtype=np.int64, copy=True)
        places.data = np.arange(1, places.nnz + 1)
        moved = sparse.csc_array(places[order][:, order])
        return cls(order, moved, int(factor.L.nnz + factor.U.nnz))

    @property
    def cost(self) -> float:
        """Rough seconds of one factorisation and eight solutions."""
        return self.fill * SPARSE_ENTRY * max(1.0, self.fill / self.order.size / 60)

    def factorise(self, values: np.ndarray) -> Solve:
        """Return the solver; see ``Core``."""
        from scipy.sparse.linalg import splu

        matrix = sparse.csc_array(
            (values[self.pattern.data - 1], self.pattern.indices, self.pattern.indptr),
            shape=self.pattern.shape,
        )
        try:
            factor = splu(matrix, permc_spec="NATURAL", **_DIAGONAL)
        except RuntimeError as error:
            raise SingularError from error
        order = self.order

        def solve(right: np.ndarray) -> np.ndarray:
            result = np.empty_like(right)
            result[order] = factor.solve(np.ascontiguousarray(right[order]))
            return result

        return solve


@dataclass(frozen=True)
class Full:
    """LAPACK's full factorisation, for networks whose factors fill anyway.

    Args:
        size: States.
        place: Position of each entry in the flattened column-major matrix.
    """

    size: int
    place: np.ndarray
    name: str = "full"

    @classmethod
    def of(cls, pattern: sparse.csr_array) -> Full:
        """Place the entries of a square pattern."""
        row, column = entries_of(pattern)
        return cls(pattern.shape[0], column * pattern.shape[0] + row)

    @property
    def cost(self) -> float:
        """Rough seconds of one factorisation and eight solutions."""
        return float(self.size) ** 3 * FULL_OPERATION

    def factorise(self, values: np.ndarray) -> Solve:
        """Return the solver; see ``Core``."""
        from scipy.linalg import lapack

        storage = np.zeros(self.size * self.size)
        storage[self.place] = values
        factor, pivots, info = lapack.dgetrf(storage.reshape(self.size, self.size).T, overwrite_a=1)
        if info != 0:
            raise SingularError

        def solve(right: np.ndarray) -> np.ndarray:
            result, _ = lapack.dgetrs(factor, pivots, np.asfortranarray(right))
            return np.asarray(result)

        return solve


def border_of(pattern: sparse.csr_array) -> np.ndarray:
    """Return the few states whose row or column is far longer than the typical one."""
    rows = np.diff(pattern.indptr)
    columns = np.bincount(pattern.indices, minlength=pattern.shape[1])
    longest = max(BORDER_LEAST, BORDER_FACTOR * np.median(np.maximum(rows, columns)))
    border = np.flatnonzero((rows > longest) | (columns > longest))
    return border if border.size <= BORDER_MOST else border[:0]


def core_of(pattern: sparse.csr_array) -> Any:
    """Return the cheapest way to factorise a square pattern."""
    band = Band.of(pattern)
    choices: list[Any] = [band]
    if pattern.shape[0] <= FULL_MOST:
        choices.append(Full.of(pattern))
    if band.width > WIDE:
        choices.append(Sparse.of(pattern))
    return min(choices, key=lambda choice: choice.cost)
