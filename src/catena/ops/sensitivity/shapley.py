"""Shapley effects: shares of variance that add up to one, for dependent inputs too.

The cost of a set of inputs is the variance left when all others are known, estimated by drawing
the set anew given the others. An input's effect is the average rise of that cost when it joins.

Sources: E. Song, B. L. Nelson, J. Staum, SIAM/ASA J. Uncertain. Quantif. 4 (2016) 1060,
doi:10.1137/15M1048070; T. Goda, Reliab. Eng. Syst. Saf. 213 (2021) 107702,
doi:10.1016/j.ress.2021.107702 (one walk per point); A. B. Owen, C. Prieur, SIAM/ASA J. Uncertain.
Quantif. 5 (2017) 986, doi:10.1137/16M1097717 (dependent inputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import final

import numpy as np
from numpy.typing import NDArray

from catena.ops.uncertainty.copula import Copula, scores

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Up to this many inputs every subset is evaluated; above, random orders are walked.
EXACT = 6
#: Different orders of the walks; each is walked from both ends.
_ORDERS = 64


@final
@dataclass(frozen=True)
class Plan:
    """Which inputs are drawn anew, and what each subset's cost counts for.

    Args:
        sets: Chosen inputs by subset and row (subsets, rows or 1, d).
        counts: Weight of a subset's cost in an input's effect (subsets, rows or 1, d).
    """

    sets: Mask
    counts: Floats


def plan(n: int, d: int, key: int) -> Plan:
    """Return all subsets for few inputs, walks along random orders for many."""
    return _subsets(d) if d <= EXACT else _walks(n, d, key)


def _subsets(d: int) -> Plan:
    codes = np.arange(1, 2**d)
    sets = (codes[:, None] >> np.arange(d)) & 1 == 1
    size = sets.sum(axis=1)
    joined = np.array([1.0 / (d * comb(d - 1, s - 1)) for s in size])
    without = np.array([1.0 / (d * comb(d - 1, s)) if s < d else 0.0 for s in size])
    counts = np.where(sets, joined[:, None], -without[:, None])
    return Plan(sets[:, None, :], counts[:, None, :])


def _walks(n: int, d: int, key: int) -> Plan:
    """One order per row; the k-th subset holds the first k inputs of the row's order."""
    random = np.random.Generator(np.random.Philox(key=key))
    some = np.array([random.permutation(d) for _ in range(_ORDERS // 2)])
    orders = np.concatenate([some, some[:, ::-1]])[np.arange(n) % _ORDERS]
    orders = orders[random.permutation(n)]
    place = np.argsort(orders, axis=1)
    steps = np.arange(1, d + 1)[:, None, None]
    sets = place[None] < steps
    counts = (place[None] == steps - 1).astype(float) - (place[None] == steps)
    return Plan(sets, counts)


def redrawn(plan: Plan, copula: Copula, u: Floats, fresh: Floats) -> Floats:
    """Return levels (subsets, n, d) with each subset drawn anew given the other inputs.

    Args:
        plan: The subsets.
        copula: Dependence of the inputs.
        u: Dependent levels of the base points (n, d).
        fresh: Independent levels (n, d).
    """
    from scipy.special import ndtr

    n, d = u.shape
    if copula.independent:
        return np.asarray(np.where(plan.sets, fresh, u))
    z, noise = scores(u), scores(fresh)
    out = np.empty((len(plan.sets), n, d))
    for index, chosen in enumerate(plan.sets):
        kinds, which = np.unique(chosen, axis=0, return_inverse=True)
        which = np.broadcast_to(which.ravel(), (n,))
        for kind, mask in enumerate(kinds):
            rows = which == kind
            out[index, rows] = np.where(
                mask, ndtr(copula.redraw(z[rows], noise[rows], mask)), u[rows]
            )
    return out


def contributions(plan: Plan, base: Floats, again: Floats) -> Floats:
    """Return each row's contribution to the effects (d, n); their sum averages to the variance.

    Args:
        plan: The subsets.
        base: Output at the base points (n,).
        again: Output with each subset drawn anew (subsets, n).
    """
    cost = (base - again) ** 2 / 2.0
    return np.asarray(np.einsum("sn,snd->dn", cost, np.broadcast_to(
        plan.counts, (*cost.shape, plan.counts.shape[2]))))  # fmt: skip
