"""Shapley values of a case: what each cause adds, averaged over all orders of joining.

A coalition's worth is the mean output with its causes as in the case and the others as in the
background: taken as they are there (interventional), or drawn given the coalition's values with
the dependence the background shows (conditional, by a Gaussian copula).

Sources: S. M. Lundberg, S.-I. Lee, NeurIPS 30 (2017) 4765; E. Strumbelj, I. Kononenko, Knowl. Inf.
Syst. 41 (2014) 647, doi:10.1007/s10115-013-0679-x (walks along orders); R. Mitchell et al., J.
Mach. Learn. Res. 23 (2022) 1 (orders and their reverses); K. Aas, M. Jullum, A. Loland, Artif.
Intell. 298 (2021) 103502, doi:10.1016/j.artint.2021.103502 (conditional).
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np
from numpy.typing import NDArray

from catena.ops.explain.cases import Case
from catena.ops.uncertainty.copula import Copula, scores

Floats = NDArray[np.float64]
Worth = Callable[[NDArray[np.bool_], NDArray[np.intp]], Floats]
#: Up to this many causes every coalition is evaluated.
EXACT = 12
#: Rows evaluated at a time.
_BLOCK = 200_000


def values(case: Case, n: int, conditional: bool, key: int) -> Floats:
    """Return contributions (rows, d), one row per background case; their mean are the values.

    Rows add up to the output of the case minus that of their background case, exactly.

    Args:
        case: The case.
        n: Evaluations at most, where there are too many coalitions.
        conditional: Draw absent causes given the present ones.
        key: 64-bit seed.
    """
    players = np.flatnonzero((case.background != case.x).any(axis=0))
    worth = _conditional(case, players, key) if conditional else _interventional(case, players)
    out = np.zeros((len(case.background), case.space.dim))
    if len(players):
        out[:, players] = attribute(worth, len(players), len(case.background), n, key)
    return out


def attribute(worth: Worth, d: int, rows: int, n: int, key: int) -> Floats:
    """Return Shapley values (rows, d) of every row's game.

    Args:
        worth: Worth (k,) of coalitions (k, d) in the games of given rows (k,).
        d: Number of players.
        rows: Number of games.
        n: Evaluations at most, where there are too many coalitions.
        key: 64-bit seed.
    """
    return _all(worth, d, rows) if d <= EXACT else _walked(worth, d, rows, n, key)


def _all(worth: Worth, d: int, rows: int) -> Floats:
    codes = np.arange(2**d)
    sets = (codes[:, None] >> np.arange(d)) & 1 == 1
    found = np.empty((len(codes), rows))
    per = max(1, _BLOCK // rows)
    for start in range(0, len(codes), per):
        part = sets[start : start + per]
        y = worth(np.repeat(part, rows, axis=0), np.tile(np.arange(rows), len(part)))
        found[start : start + per] = y.reshape(len(part), rows)
    size = sets.sum(axis=1)
    weight = np.array([factorial(s) * factorial(d - s - 1) / factorial(d) for s in range(d)])
    out = np.empty((rows, d))
    for player in range(d):
        absent = codes[~sets[:, player]]
        gain = found[absent | (1 << player)] - found[absent]
        out[:, player] = weight[size[absent]] @ gain
    return out


def _walked(worth: Worth, d: int, rows: int, n: int, key: int) -> Floats:
    """Walk random orders and their reverses, equally often in every row's game."""
    random = np.random.Generator(np.random.Philox(key=key))
    pairs = max(1, n // (2 * (d + 1) * rows))
    out = np.zeros((rows, d))
    steps = np.arange(d + 1)
    for _ in range(pairs):
        forward = np.argsort(random.random((rows, d)), axis=1)
        for order in (forward, forward[:, ::-1]):
            place = np.argsort(order, axis=1)
            sets = (place[None] < steps[:, None, None]).reshape(-1, d)
            game = np.tile(np.arange(rows), d + 1)
            per = max(1, _BLOCK // rows) * rows
            parts = [worth(sets[k : k + per], game[k : k + per]) for k in range(0, len(sets), per)]
            gain = np.diff(np.concatenate(parts).reshape(d + 1, rows), axis=0)
            out += np.take_along_axis(gain.T, place, axis=1)
    return out / (2.0 * pairs)


def _interventional(case: Case, players: NDArray[np.intp]) -> Worth:
    def worth(sets: NDArray[np.bool_], game: NDArray[np.intp]) -> Floats:
        points = case.background[game].copy()
        points[:, players] = np.where(sets, case.x[players], points[:, players])
        return case(points)

    return worth


def _conditional(case: Case, players: NDArray[np.intp], key: int) -> Worth:
    """Draw absent causes given the present ones, from the copula of the background."""
    from scipy.special import ndtr

    table = case.background[:, players]
    ordered = np.sort(table, axis=0)
    ranks = (np.argsort(np.argsort(table, axis=0, kind="stable"), axis=0) + 0.5) / len(table)
    z = scores(ranks)
    copula = Copula(np.atleast_2d(np.corrcoef(z, rowvar=False)))
    x = case.x[players]
    below = np.array([np.searchsorted(ordered[:, k], x[k], "left") for k in range(len(players))])
    above = np.array([np.searchsorted(ordered[:, k], x[k], "right") for k in range(len(players))])
    here = scores(
        (below + above) / (2.0 * len(table)) * (1.0 - 1.0 / len(table)) + 0.5 / len(table)
    )
    fresh = np.random.Generator(np.random.Philox(key=key)).standard_normal(table.shape)

    def worth(sets: NDArray[np.bool_], game: NDArray[np.intp]) -> Floats:
        points = case.background[game].copy()
        kinds, which = np.unique(sets, axis=0, return_inverse=True)
        for kind, present in enumerate(kinds):
            rows = np.flatnonzero(which.ravel() == kind)
            if not present.any():
                continue
            start = np.repeat(here[None], len(rows), axis=0)
            levels = ndtr(copula.redraw(start, fresh[game[rows]], ~present))
            place = np.minimum((levels * len(table)).astype(int), len(table) - 1)
            drawn = np.take_along_axis(ordered, place, axis=0)
            points[np.ix_(rows, players)] = np.where(present, x, drawn)
        return case(points)

    return worth
