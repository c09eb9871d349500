"""Polynomial chaos: a sparse polynomial of the inputs, its moments and its variance shares.

Terms join one by one, always the one that explains most of what is left (orthogonal matching
pursuit). Their number and the degree are those with the least error on rows left out; the whole
search is repeated for every fifth of the rows, so the error does not flatter the choice.

Sources: G. Blatman, B. Sudret, J. Comput. Phys. 230 (2011) 2345, doi:10.1016/j.jcp.2010.12.021
(sparse bases); J. A. Tropp, A. C. Gilbert, IEEE Trans. Inf. Theory 53 (2007) 4655,
doi:10.1109/TIT.2007.909108; B. Sudret, Reliab. Eng. Syst. Saf. 93 (2008) 964,
doi:10.1016/j.ress.2007.04.002 (indices from coefficients); N. Luethen et al., SIAM/ASA J.
Uncertain. Quantif. 9 (2021) 593, doi:10.1137/20M1315774 (survey).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from catena.ops.uncertainty.basis import Family, exponents, matrix

Floats = NDArray[np.float64]
#: Terms among which are chosen, terms kept, and rows the fit uses, at most.
_CANDIDATES, _TERMS, _ROWS = 1500, 120, 2048
#: Rows are left out in this many groups; terms stop joining after so many without gain.
_FOLDS, _IDLE = 5, 20
_DEGREES = (1, 2, 3, 4, 5, 6, 8, 10, 12)
#: Degrees that bring no gain before the search stops.
_PATIENCE = 2


@final
@dataclass(frozen=True)
class Chaos:
    """A polynomial in orthonormal terms.

    Args:
        families: Polynomials by input.
        terms: Degrees (terms, d).
        coefficients: Of the terms (terms,).
        mean: The constant.
        error: Mean square error on rows left out, over the variance (0 perfect, 1 useless).
        degree: Highest total degree.
    """

    families: tuple[Family, ...]
    terms: NDArray[np.intp]
    coefficients: Floats
    mean: float
    error: float
    degree: int

    @property
    def variance(self) -> float:
        """Variance under independent inputs."""
        return float(np.sum(self.coefficients**2))

    def __call__(self, u: Floats) -> Floats:
        """Return the polynomial at levels (n, d)."""
        return np.asarray(self.mean + matrix(self.families, self.terms, u) @ self.coefficients)

    def share(self, members: NDArray[np.bool_], total: bool = False) -> float:
        """Return the closed (or total) index of a set of independent inputs.

        Args:
            members: Which inputs (d,).
            total: Count interactions with other inputs too.
        """
        inside = (self.terms > 0) & members
        chosen = inside.any(axis=1)
        if not total:
            chosen &= ~((self.terms > 0) & ~members).any(axis=1)
        return float(np.sum(self.coefficients[chosen] ** 2) / self.variance)

    def component(self, u: Floats, members: NDArray[np.bool_]) -> Floats:
        """Return the part of the polynomial in a set of inputs alone, at levels (n, d)."""
        active = self.terms > 0
        chosen = (active & members).any(axis=1) & ~(active & ~members).any(axis=1)
        return np.asarray(matrix(self.families, self.terms[chosen], u) @ self.coefficients[chosen])


def fit(families: Sequence[Family], u: Floats, y: Floats) -> Chaos:
    """Fit a sparse polynomial, trying degrees until the error on rows left out stops falling.

    Args:
        families: Polynomials by input.
        u: Independent levels (n, d); a random order of rows is assumed.
        y: Output (n,), not constant.
    """
    u, y = u[:_ROWS], y[:_ROWS]
    best: Chaos | None = None
    waited = 0
    for degree in _DEGREES:
        terms = exponents(families, degree, 1.0 if u.shape[1] <= 3 else 0.75, _CANDIDATES)
        found = _fitted(tuple(families), terms, u, y, degree)
        gained = best is None or found.error < 0.9 * best.error
        if best is None or found.error < best.error:
            best = found
        waited = 0 if gained else waited + 1
        if waited >= _PATIENCE or best.error < 1e-12 or len(terms) >= _CANDIDATES:
            break
    assert best is not None
    return best


def _fitted(
    families: tuple[Family, ...], terms: NDArray[np.intp], u: Floats, y: Floats, degree: int
) -> Chaos:
    """Choose the number of terms on rows left out, then choose and solve with all rows."""
    columns = matrix(families, terms, u)
    part = np.arange(len(y)) % _FOLDS
    errors = np.zeros(_TERMS + 1)
    for fold in range(_FOLDS):
        kept, out = part != fold, part == fold
        errors += _left_out(columns[kept], y[kept], columns[out], y[out]) / _FOLDS
    size = int(np.argmin(errors))
    chosen = _pursuit(columns, y, size)[0]
    full = np.column_stack([np.ones(len(y)), columns[:, chosen]])
    solution = np.asarray(np.linalg.lstsq(full, y, rcond=None)[0], dtype=np.float64)
    error = float(errors[size] / np.var(y))
    return Chaos(families, terms[chosen], solution[1:], float(solution[0]), error, degree)


def _left_out(columns: Floats, y: Floats, test: Floats, wanted: Floats) -> Floats:
    """Return the mean square error on other rows after 0, 1, ... terms (_TERMS + 1,)."""
    errors = np.empty(_TERMS + 1)
    errors[0] = least = np.mean((wanted - y.mean()) ** 2)
    chosen, factor, weights = _pursuit(columns, y, min(_TERMS, len(y) // 2))
    centre = columns[:, chosen].mean(axis=0)
    basis = (test[:, chosen] - centre) @ factor
    predicted, since = np.full(len(wanted), y.mean()), 0
    errors[1:] = np.inf
    for step in range(len(chosen)):
        predicted = predicted + basis[:, step] * weights[step]
        errors[step + 1] = np.mean((wanted - predicted) ** 2)
        since = 0 if errors[step + 1] < least else since + 1
        least = min(least, float(errors[step + 1]))
        if since >= _IDLE:
            break
    return errors


def _pursuit(columns: Floats, y: Floats, size: int) -> tuple[list[int], Floats, Floats]:
    """Choose terms one by one.

    Args:
        columns: Candidate terms (n, k).
        y: Output (n,).
        size: Terms wanted.

    Returns:
        Chosen terms; the factor (size, size) that makes their centred columns orthonormal; and
        the weights of these orthonormal columns.
    """
    centred = columns - columns.mean(axis=0)
    rest, total = y - y.mean(), float(np.sum((y - y.mean()) ** 2))
    norms = np.einsum("nk,nk->k", centred, centred)
    start = np.maximum(norms, 1e-300)
    basis, factor, weights = np.empty((size, len(y))), np.zeros((size, size)), np.zeros(size)
    chosen: list[int] = []
    for step in range(size):
        usable = norms > 1e-8 * start
        usable[chosen] = False
        gain = np.where(usable, (rest @ centred) ** 2 / np.where(usable, norms, 1.0), 0.0)
        pick = int(np.argmax(gain))
        if gain[pick] <= 1e-28 * total:
            break
        along = basis[:step] @ centred[:, pick]
        new = centred[:, pick] - along @ basis[:step]
        length = float(np.linalg.norm(new))
        basis[step] = new / length
        factor[step, step] = 1.0 / length
        factor[:step, step] = -(factor[:step, :step] @ along) / length
        weights[step] = rest @ basis[step]
        rest = rest - weights[step] * basis[step]
        norms = norms - (basis[step] @ centred) ** 2
        chosen.append(pick)
    return chosen, factor[: len(chosen), : len(chosen)], weights[: len(chosen)]
