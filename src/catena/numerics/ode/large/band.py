"""Band matrices in reverse Cuthill-McKee order, factorised by own machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy import sparse

from catena.numerics.ode.large.pattern import entries_of

#: Numbers in a vector of the machine code.
LANES = 8

Solve = Callable[[np.ndarray], np.ndarray]


class SingularError(ArithmeticError):
    """The matrix has no inverse."""


@dataclass(frozen=True)
class Band:
    """How a square pattern is stored as a band.

    Args:
        order: States in the order of the band.
        row: Row of each entry of the pattern, in that order.
        column: Column of each entry.
        lower: Entries below the diagonal.
        upper: Entries above it.
    """

    order: np.ndarray
    row: np.ndarray
    column: np.ndarray
    lower: int
    upper: int
    name: str = "band"

    @classmethod
    def of(cls, pattern: sparse.csr_array) -> Band:
        """Order the states so that the band is narrow."""
        order = _narrow_order(pattern)
        row, column = entries_of(pattern, order)
        lower = int(max(0, (row - column).max(initial=0)))
        upper = int(max(0, (column - row).max(initial=0)))
        return cls(order, row, column, lower, upper)

    @property
    def width(self) -> int:
        """Entries of a row of U, which row exchanges widen."""
        return self.lower + self.upper + 1

    @property
    def stride(self) -> int:
        """Numbers from row to row: whole vectors behind the first entry, and one more."""
        return (self._vectors + 1) * LANES

    @property
    def _vectors(self) -> int:
        return -(-(self.width - 1) // LANES)

    @cached_property
    def place(self) -> np.ndarray:
        """Where each entry of the pattern goes."""
        return self.row * self.stride + self.column - np.maximum(0, self.row - self.lower)

    @property
    def cost(self) -> float:
        """Rough seconds of one factorisation and eight solutions."""
        per_row = 60e-9 + self.lower * self._vectors * 4e-9 + 6e-9 * (self.lower + self.width)
        return self.order.size * per_row

    def factorise(self, values: np.ndarray) -> Solve:
        """Return the solver for the matrix with these entries, in the order of the pattern.

        Raises:
            SingularError: The matrix has no inverse.
        """
        rows = np.zeros(self.order.size * self.stride)
        rows[self.place] = values
        return _Factors(self, rows)


class _Factors:
    """The factors of one band matrix; called with right-hand sides, by one thread at a time."""

    def __init__(self, band: Band, rows: np.ndarray) -> None:
        n = band.order.size
        factors, pivots = np.empty(max(1, n * band.lower)), np.empty(n, np.int64)
        pointers = tuple(array.ctypes.data for array in (rows, factors, pivots))
        failed = _code()["factorise"](*pointers, n, band.lower, band._vectors, band.stride)
        if failed:
            raise SingularError
        # The machine code knows the arrays by address only.
        self._held = (rows, factors, pivots, band.order)
        self._fixed = (
            *pointers, band.order.ctypes.data, n, band.lower, band.width, band.stride
        )  # fmt: skip
        self._work = np.empty(n + band.width)

    def __call__(self, right: np.ndarray) -> np.ndarray:
        """Solve for one (n,) or several (n, k) right-hand sides."""
        if right.ndim == 2:
            return self._several(right)
        given, result = np.ascontiguousarray(right), np.empty(right.size)
        _code()["solve"](
            *self._fixed, given.ctypes.data, self._work.ctypes.data, result.ctypes.data
        )
        return result

    def _several(self, right: np.ndarray) -> np.ndarray:
        blocks = _lanes(right)
        result, work = np.empty_like(blocks), np.empty(self._work.size * LANES)
        for given, found in zip(blocks, result, strict=True):
            _code()["solve_many"](
                *self._fixed, given.ctypes.data, work.ctypes.data, found.ctypes.data
            )
        return _columns(result, right.shape[1])


def _lanes(right: np.ndarray) -> np.ndarray:
    """Return (n, k) right-hand sides as (blocks, n, lanes), the last block filled with zeros."""
    n, count = right.shape
    blocks = max(1, -(-count // LANES))
    padded = np.zeros((n, blocks * LANES))
    padded[:, :count] = right
    return np.ascontiguousarray(padded.reshape(n, blocks, LANES).transpose(1, 0, 2))


def _columns(blocks: np.ndarray, count: int) -> np.ndarray:
    """Undo ``_lanes``."""
    return blocks.transpose(1, 0, 2).reshape(blocks.shape[1], -1)[:, :count]


@cache
def _code() -> dict[str, Callable[..., int]]:
    """Compile the functions of ``band_code``, once per process."""
    from catena.numerics.ode.kernel.lang import Unit
    from catena.numerics.ode.kernel.machine import compile_unit
    from catena.numerics.ode.kernel.machine import load as load_code
    from catena.numerics.ode.large import band_code

    unit = Unit(LANES)
    for function in (band_code.factorise, band_code.solve, band_code.solve_many):
        unit.add(function, name=f"band_{function.__name__}")
    library = load_code(compile_unit(unit.text(), level=2))
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    solver = (*[pointer] * 4, *[number] * 4, *[pointer] * 3)
    return {
        "factorise": library.function("band_factorise", number, *[pointer] * 3, *[number] * 4),
        "solve": library.function("band_solve", None, *solver),
        "solve_many": library.function("band_solve_many", None, *solver),
    }


def _narrow_order(pattern: sparse.csr_array) -> np.ndarray:
    """Return the order of the states as given or by reverse Cuthill-McKee, the narrower."""
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    both = sparse.csr_matrix(pattern + pattern.T)
    natural = np.arange(pattern.shape[0])
    found = np.asarray(reverse_cuthill_mckee(both, symmetric_mode=True), np.int64)

    def width(order: np.ndarray) -> int:
        row, column = entries_of(pattern, order)
        return int(np.abs(row - column).max(initial=0))

    return natural if width(natural) <= width(found) else found
