"""Optimal designs for a stated regression model, by exchange of coordinates.

Meyer and Nachtsheim (1995), doi:10.1080/00401706.1995.10485889.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key

Order = Literal["linear", "interactions", "quadratic"]
#: Sweeps through all coordinates after which a start is given up.
_SWEEPS = 100


@final
@dataclass(frozen=True)
class Terms:
    """Columns of a regression on coded factors.

    Args:
        order: ``linear``, ``interactions`` (and main effects) or ``quadratic`` (and squares).
        levels: Per factor, its number of categories, or 0 for a number.
    """

    order: Order
    levels: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of columns p, the constant included."""
        return int(self.expand(np.zeros((1, len(self.levels)))).shape[1])

    def expand(self, coded: np.ndarray) -> np.ndarray:
        """Return the columns (n, p) at coded points (n, k); categories are held as 0, 1, 2, ..."""
        blocks = [self._main(coded, k) for k in range(len(self.levels))]
        columns = [np.ones((len(coded), 1)), *blocks]
        if self.order != "linear":
            for a, b in combinations(range(len(blocks)), 2):
                columns.append(
                    (blocks[a][:, :, None] * blocks[b][:, None, :]).reshape(len(coded), -1)
                )
        if self.order == "quadratic":
            columns += [blocks[k] ** 2 for k, n in enumerate(self.levels) if n == 0]
        return np.concatenate(columns, axis=1)

    def _main(self, coded: np.ndarray, k: int) -> np.ndarray:
        """Return a number itself, or the sum-to-zero contrasts of a category."""
        n, column = self.levels[k], coded[:, k]
        if n == 0:
            return column[:, None]
        index = np.round(column).astype(int)
        contrasts = np.vstack([np.eye(n - 1), -np.ones(n - 1)])
        return np.asarray(contrasts[index])


def d_efficiency(points: np.ndarray, terms: Terms) -> float:
    """Return |X'X|^(1/p) / n of coded points (n, k): 1 for orthogonal two-level designs."""
    x = terms.expand(points)
    sign, log = np.linalg.slogdet(x.T @ x)
    return float(np.exp(log / x.shape[1]) / len(x)) if sign > 0 else 0.0


def d_optimal(
    terms: Terms,
    runs: int,
    *,
    key: int = 0,
    starts: int = 40,
    grid: int = 3,
    allowed: Callable[[np.ndarray], np.ndarray] | None = None,
    draw: Callable[[int, int], np.ndarray] | None = None,
    fixed: np.ndarray | None = None,
) -> np.ndarray:
    """Return the points (runs, k) found to determine the regression best.

    Args:
        terms: The regression.
        runs: Number of runs, at least the number of its columns (fixed runs count).
        key: 64-bit seed.
        starts: Random designs improved.
        grid: Levels tried for a number (3: low, middle, high).
        allowed: Function from coded points (n, k) to whether they may be run (n,).
        draw: Function from (n, key) to allowed coded points (n, k) to start from.
        fixed: Runs done already (m, k); the new ones complete them.

    Raises:
        InputError: there are too few runs for the regression.
    """
    done = np.zeros((0, len(terms.levels))) if fixed is None else np.asarray(fixed, float)
    p = terms.count
    if runs + len(done) < p:
        raise InputError("Too few runs", where="D-optimal design",
                         why=f"{runs + len(done)} runs cannot tell {p} coefficients apart",
                         fix=f"ask for {p - len(done)} runs at least, or for a simpler model")  # fmt: skip
    values = [np.linspace(-1, 1, grid) if n == 0 else np.arange(float(n)) for n in terms.levels]
    best, best_log = None, -np.inf
    for start in range(starts):
        rng = np.random.Generator(np.random.Philox(key=split_key(key, f"start {start}")))
        if draw is not None:
            points = draw(runs, split_key(key, f"draw {start}"))
        else:
            points = np.stack([rng.choice(v, runs) for v in values], axis=1)
        log = _improve(points, terms, values, allowed, done)
        if log > best_log:
            best, best_log = points, log
    if best is None or not np.isfinite(best_log):
        raise InputError("No design determines the model", where="D-optimal design",
                         why="its columns depend on each other wherever runs are allowed",
                         fix="relax constraints, or leave out terms")  # fmt: skip
    return best


def _improve(
    points: np.ndarray,
    terms: Terms,
    values: list[np.ndarray],
    allowed: Callable[[np.ndarray], np.ndarray] | None,
    done: np.ndarray,
) -> float:
    """Exchange coordinates in place until none improves; return log |X'X|."""
    base = terms.expand(done) if len(done) else np.zeros((0, terms.count))
    x = terms.expand(points)
    ridge = 1e-6 * np.eye(x.shape[1])
    inverse = np.linalg.inv(x.T @ x + base.T @ base + ridge)
    for _ in range(_SWEEPS):
        changed = False
        for row in range(len(points)):
            for k, choices in enumerate(values):
                trial = np.repeat(points[row : row + 1], len(choices), axis=0)
                trial[:, k] = choices
                new, old = terms.expand(trial), x[row]
                # |A + n n' - o o'| / |A| for each candidate n, by the matrix determinant lemma.
                across = new @ inverse @ old
                gain = (1 + np.einsum("ij,jk,ik->i", new, inverse, new)) * (
                    1 - old @ inverse @ old
                ) + across**2
                if allowed is not None:
                    gain = np.where(allowed(trial), gain, -np.inf)
                pick = int(np.argmax(gain))
                if gain[pick] > 1 + 1e-9 and not np.array_equal(trial[pick], points[row]):
                    points[row], x[row] = trial[pick], new[pick]
                    inverse = np.linalg.inv(x.T @ x + base.T @ base + ridge)
                    changed = True
        if not changed:
            break
    sign, log = np.linalg.slogdet(x.T @ x + base.T @ base)
    return float(log) if sign > 0 else -np.inf
