"""Polynomials that are orthonormal under the inputs' distributions.

Levels of an input follow the uniform distribution, so Legendre polynomials of the level suit an
input known by its range; normal scores and Hermite polynomials suit normal and log-normal inputs
(there the model is smooth in the score); an input with a few values gets all contrasts between
them.

Source: D. Xiu, G. E. Karniadakis, SIAM J. Sci. Comput. 24 (2002) 619,
doi:10.1137/S1064827501387826; hyperbolic truncation: G. Blatman, B. Sudret, J. Comput. Phys. 230
(2011) 2345, doi:10.1016/j.jcp.2010.12.021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from catena.ops.uncertainty.copula import scores

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Family:
    """Polynomials of one input.

    Args:
        kind: Legendre of the level, Hermite of the score, or contrasts between few values.
        levels: Number of values of a discrete input, which share the levels equally.
    """

    kind: Literal["legendre", "hermite", "discrete"]
    levels: int = 0

    def highest(self, degree: int) -> int:
        """Return the highest degree that exists."""
        return min(degree, self.levels - 1) if self.kind == "discrete" else degree

    def values(self, u: Floats, degree: int) -> Floats:
        """Return polynomials of degree 0 to ``degree`` at levels u (n,): (degree + 1, n)."""
        if self.kind == "hermite":
            return hermite(scores(u), degree)
        if self.kind == "legendre":
            return _legendre(2.0 * u - 1.0, degree)
        index = np.minimum((u * self.levels).astype(int), self.levels - 1)
        return _contrasts(self.levels, degree)[:, index]


def _legendre(x: Floats, degree: int) -> Floats:
    out = np.ones((degree + 1, len(x)))
    if degree:
        out[1] = x
    for k in range(2, degree + 1):
        out[k] = ((2 * k - 1) * x * out[k - 1] - (k - 1) * out[k - 2]) / k
    return np.asarray(out * np.sqrt(2.0 * np.arange(degree + 1) + 1.0)[:, None])


def hermite(z: Floats, degree: int) -> Floats:
    """Return orthonormal Hermite polynomials of degree 0 to ``degree`` at scores z (n,)."""
    out = np.ones((degree + 1, len(z)))
    if degree:
        out[1] = z
    for k in range(2, degree + 1):
        out[k] = (z * out[k - 1] - np.sqrt(k - 1.0) * out[k - 2]) / np.sqrt(k)
    return out


def _contrasts(levels: int, degree: int) -> Floats:
    points = np.linspace(-1.0, 1.0, levels)
    q, r = np.linalg.qr(np.vander(points, degree + 1, increasing=True))
    return np.asarray((q * np.sign(np.diag(r))).T * np.sqrt(levels))


def exponents(families: Sequence[Family], degree: int, norm: float, most: int) -> NDArray[np.intp]:
    """Return the degrees of the terms (terms, d), without the constant.

    Args:
        families: Polynomials by input.
        degree: Highest total degree.
        norm: Exponent of the hyperbolic truncation; below 1 it leaves out high interactions.
        most: Terms at most; the lowest ones are kept.
    """
    highest = [family.highest(degree) for family in families]
    found: list[tuple[int, ...]] = []
    limit = degree**norm + 1e-9

    def extend(chosen: tuple[int, ...], used: float) -> None:
        if len(found) > 4 * most:
            return
        if len(chosen) == len(families):
            found.append(chosen)
            return
        for power in range(highest[len(chosen)] + 1):
            rise = used + (power**norm if power else 0.0)
            if rise > limit:
                break
            extend((*chosen, power), rise)

    extend((), 0.0)
    terms = np.array([powers for powers in found if any(powers)], dtype=np.intp)
    terms = terms.reshape(-1, len(families))
    order = np.lexsort(((terms > 0).sum(axis=1), terms.sum(axis=1)))
    return terms[order][:most]


def matrix(families: Sequence[Family], terms: NDArray[np.intp], u: Floats) -> Floats:
    """Return the terms at levels u (n, d) as columns (n, terms)."""
    out = np.ones((len(terms), len(u)))
    for index, family in enumerate(families):
        powers = terms[:, index]
        if powers.any():
            out *= family.values(u[:, index], int(powers.max()))[powers]
    return out.T
