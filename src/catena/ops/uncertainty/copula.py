"""Dependence between inputs: a Gaussian copula, drawn jointly or conditionally.

Every input keeps its own distribution; the copula says how their normal scores go together, as in
``core.drawing``. Conditional draws follow from the conditional normal distribution of the scores
(R. B. Nelsen, An Introduction to Copulas (2006), doi:10.1007/0-387-28678-0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from catena.core.drawing import correlation_factor
from catena.core.errors import InputError

Floats = NDArray[np.float64]
#: Levels are kept this far from 0 and 1, so that scores stay finite.
_EDGE = 1e-15


def scores(u: Floats) -> Floats:
    """Return the normal scores of levels in [0, 1]."""
    return np.asarray(ndtri(np.clip(u, _EDGE, 1.0 - _EDGE)))


@final
class Copula:
    """Joint distribution of normal scores with given correlations.

    Args:
        matrix: Correlation matrix (d, d).
    """

    def __init__(self, matrix: Floats) -> None:
        self.matrix = np.asarray(matrix, dtype=float)
        self.dim = len(self.matrix)
        self.independent = bool(np.array_equal(self.matrix, np.eye(self.dim)))
        self._factors: dict[bytes, tuple[Floats, Floats]] = {}

    @classmethod
    def of(cls, names: Sequence[str], correlation: Any = None) -> Copula:
        """Return the copula of named inputs.

        Args:
            names: Inputs in order.
            correlation: ``{("a", "b"): 0.5}``, ``{"a ~ b": 0.5}`` or a square DataFrame; None
                makes all inputs independent.

        Raises:
            InputError: the correlations name unknown inputs or fit no joint distribution.
        """
        factor = correlation_factor(list(names), _pairs(correlation))
        return cls(np.eye(len(names)) if factor is None else _unit_diagonal(factor @ factor.T))

    def couple(self, u: Floats) -> Floats:
        """Turn independent levels (n, d) into dependent ones."""
        if self.independent:
            return u
        every = np.ones(self.dim, dtype=bool)
        return np.asarray(ndtr(self.redraw(np.zeros_like(u), scores(u), every)))

    def redraw(self, z: Floats, fresh: Floats, chosen: NDArray[np.bool_]) -> Floats:
        """Draw the chosen scores anew, given the others.

        Args:
            z: Scores (n, d).
            fresh: Independent standard normal numbers (n, d); only chosen columns are used.
            chosen: Which columns to draw (d,).

        Returns:
            Scores (n, d): chosen columns from their conditional distribution, others unchanged.
        """
        new = z.copy()
        if self.independent:
            new[:, chosen] = fresh[:, chosen]
        elif chosen.any():
            slope, factor = self._conditional(chosen)
            new[:, chosen] = z[:, ~chosen] @ slope.T + fresh[:, chosen] @ factor.T
        return new

    def _conditional(self, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the regression on the other scores and a factor of the rest covariance."""
        name = chosen.tobytes()
        if name not in self._factors:
            r = self.matrix
            cross = r[np.ix_(chosen, ~chosen)]
            slope = cross @ np.linalg.pinv(r[np.ix_(~chosen, ~chosen)], hermitian=True)
            rest = r[np.ix_(chosen, chosen)] - slope @ cross.T
            values, vectors = np.linalg.eigh((rest + rest.T) / 2.0)
            self._factors[name] = slope, vectors * np.sqrt(np.maximum(values, 0.0))
        return self._factors[name]


def _pairs(correlation: Any) -> Any:
    """Read pairs written as text, ``"a ~ b"``, the form of study files."""
    if not isinstance(correlation, Mapping):
        return correlation
    found: dict[Any, Any] = {}
    for pair, value in correlation.items():
        if isinstance(pair, str):
            names = tuple(part.strip() for part in pair.split("~"))
            if len(names) != 2:
                raise InputError(f"Not a pair of inputs: {pair!r}", where="correlation",
                                 why="a correlation joins two inputs",
                                 fix='write {"clearance ~ volume": 0.5}')  # fmt: skip
            found[names] = value
        else:
            found[pair] = value
    return found


def _unit_diagonal(matrix: Floats) -> Floats:
    spread = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(spread, spread))
