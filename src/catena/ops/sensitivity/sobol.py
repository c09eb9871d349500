"""Variance-based indices from two quasi-random matrices and their mixtures.

With base points A and B, ``AB_i`` is A with column i of B and ``BA_i`` the reverse. Every pair of
points that shares exactly the inputs an index needs is used, both ways round:

* first order: (B, AB_i) and (A, BA_i) share input i;
* total: (A, AB_i) and (B, BA_i) differ in input i only;
* second order: (AB_i, BA_j) and (AB_j, BA_i) share the inputs i and j.

The product of A and B, which share nothing, serves as a control variate.

Sources: I. M. Sobol, Math. Comput. Simul. 55 (2001) 271, doi:10.1016/S0378-4754(00)00270-6;
M. J. W. Jansen, Comput. Phys. Commun. 117 (1999) 35, doi:10.1016/S0010-4655(98)00154-4;
A. Saltelli et al., Comput. Phys. Commun. 181 (2010) 259, doi:10.1016/j.cpc.2009.09.018;
A. B. Owen, J. Complex. 14 (1998) 466, doi:10.1006/jcom.1998.0487 (scrambling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from catena.ops.sensitivity.resampling import ratio

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Indices:
    """Indices with the ends of their 90 % intervals: value, lower, upper along the first axis.

    Args:
        first: (3, d).
        total: (3, d).
        second: (3, pairs) in the order of ``pairs(d)``, or None.
    """

    first: Floats
    total: Floats
    second: Floats | None


def design(a: Floats, b: Floats, second: bool) -> Floats:
    """Return all points (blocks, n, d): A, B, AB_1.., and with second order BA_1.. too."""
    n, d = a.shape
    blocks = np.empty(((2 if second else 1) * d + 2, n, d))
    blocks[0], blocks[1] = a, b
    for i in range(d):
        blocks[2 + i] = a
        blocks[2 + i, :, i] = b[:, i]
        if second:
            blocks[2 + d + i] = b
            blocks[2 + d + i, :, i] = a[:, i]
    return blocks


def pairs(d: int) -> list[tuple[int, int]]:
    """Return all pairs of inputs, first before second."""
    return [(i, j) for i in range(d) for j in range(i + 1, d)]


def indices(y: Floats, d: int, again: Floats) -> Indices:
    """Return the indices of one output.

    Args:
        y: Output at the points of ``design`` (blocks, n).
        d: Number of inputs.
        again: Weights of resampled rows, for the intervals.
    """
    y = y - y.mean()
    fa, fb, ab, ba = y[0], y[1], y[2 : 2 + d], y[2 + d :]
    variance = (fa**2 + fb**2) / 2.0 - y[:2].mean() ** 2
    first, total = _controlled(fb * ab, fa * fb), (fa - ab) ** 2 / 2.0
    if not len(ba):
        return Indices(_stack(first, variance, again), _stack(total, variance, again), None)
    first = _controlled((fb * ab + fa * ba) / 2.0, fa * fb)
    total = (total + (fb - ba) ** 2 / 2.0) / 2.0
    joint = [(ab[i] * ba[j] + ab[j] * ba[i]) / 2.0 for i, j in pairs(d)]
    closed = _controlled(np.array(joint).reshape(-1, len(fa)), fa * fb)
    alone = [first[i] + first[j] for i, j in pairs(d)]
    both = closed - np.array(alone).reshape(-1, len(fa))
    return Indices(*(_stack(top, variance, again) for top in (first, total, both)))


def _controlled(products: Floats, control: Floats) -> Floats:
    """Subtract from products (k, n) what a control of mean zero (n,) explains of their error.

    A and B share no input, so the product of their centred outputs averages to zero; where it
    does not, products that share some of the points are off by the regression on it.
    """
    spread = control - control.mean()
    slope = products @ spread / max(float(spread @ spread), 1e-300)
    return np.asarray(products - slope[:, None] * control)


def _stack(top: Floats, bottom: Floats, again: Floats) -> Floats:
    return np.stack(ratio(top, bottom, again))
