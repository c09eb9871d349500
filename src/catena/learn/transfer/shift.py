"""Do two samples come from one distribution? Two tests, and weights that undo the difference.

Sources: Gretton et al. 2012, JMLR 13:723 (maximum mean discrepancy); Lopez-Paz and Oquab 2017,
arXiv:1610.06545 (classifier two-sample test); Bickel, Brückner and Scheffer 2009, JMLR 10:2137
(weights from a classifier's odds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

_FOLDS = 5
_RIDGE = 1.0


@final
@dataclass(frozen=True)
class Shift:
    """What tells two samples apart.

    Args:
        discrepancy: Squared maximum mean discrepancy (unbiased).
        p_discrepancy: Its permutation p-value.
        accuracy: Area under the receiver curve of a classifier on rows it did not see; 0.5 is
            no difference.
        p_accuracy: Its permutation p-value.
        weights: Weight of each source row (n,), mean one, that make it look like the target.
        effective: Number of source rows these weights leave, (sum w)^2 / sum w^2.
        columns: Standardised difference of the means per column (p,).
    """

    discrepancy: float
    p_discrepancy: float
    accuracy: float
    p_accuracy: float
    weights: np.ndarray
    effective: float
    columns: np.ndarray


def shift(source: np.ndarray, target: np.ndarray, key: int, permutations: int = 200) -> Shift:
    """Compare rows of two domains.

    Args:
        source: Rows (n, p).
        target: Rows (m, p).
        key: Seed of the permutations and folds.
        permutations: Number of relabellings; the smallest p-value is 1 / (permutations + 1).
    """
    rng = np.random.default_rng(key)
    rows = np.concatenate([source, target])
    spread = rows.std(axis=0)
    z = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    label = np.arange(len(rows)) >= len(source)
    kernel = _kernel(z)
    observed = _discrepancy(kernel, label)
    features = np.concatenate([z, z**2 - 1.0], axis=1)
    fold = rng.permutation(np.arange(len(rows)) % min(_FOLDS, len(rows)))
    area = _held_out_area(features, label, fold)
    shuffled = [rng.permutation(label) for _ in range(permutations)]
    far = sum(_discrepancy(kernel, other) >= observed for other in shuffled)
    better = sum(_held_out_area(features, other, fold) >= area for other in shuffled)
    odds = np.exp(np.clip(_score(features, _logistic(features, label)), -8.0, 8.0))[~label]
    weights = odds / odds.mean()
    gap = z[label].mean(axis=0) - z[~label].mean(axis=0)
    return Shift(observed, (far + 1) / (permutations + 1), area, (better + 1) / (permutations + 1),
                 weights, float(weights.sum() ** 2 / (weights**2).sum()), gap)  # fmt: skip


def _kernel(z: np.ndarray) -> np.ndarray:
    """Return Gaussian similarities; the width is the median distance."""
    squares = ((z[:, None, :] - z[None, :, :]) ** 2).sum(axis=2)
    apart = squares[np.triu_indices(len(z), 1)]
    width = np.median(apart[apart > 0]) if (apart > 0).any() else 1.0
    return np.asarray(np.exp(-squares / width))


def _discrepancy(kernel: np.ndarray, label: np.ndarray) -> float:
    """Return the unbiased estimate of the squared discrepancy."""
    one, two = np.flatnonzero(~label), np.flatnonzero(label)

    def within(rows: np.ndarray) -> float:
        block = kernel[np.ix_(rows, rows)]
        return float((block.sum() - np.trace(block)) / max(len(rows) * (len(rows) - 1), 1))

    return within(one) + within(two) - 2.0 * float(kernel[np.ix_(one, two)].mean())


def _held_out_area(features: np.ndarray, label: np.ndarray, fold: np.ndarray) -> float:
    """Return the area under the receiver curve of scores made without each row's fold."""
    scores = np.zeros(len(label))
    for k in np.unique(fold):
        train = fold != k
        if label[train].all() or not label[train].any():
            continue
        scores[~train] = _score(features[~train], _logistic(features[train], label[train]))
    ranks = np.argsort(np.argsort(scores)) + 1.0
    positive = int(label.sum())
    negative = len(label) - positive
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _logistic(features: np.ndarray, label: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Return the weights of a ridge logistic regression, classes counted alike (Newton steps)."""
    x = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    share = np.where(label, 0.5 / label.mean(), 0.5 / (1.0 - label.mean()))
    ridge = _RIDGE * np.eye(x.shape[1])
    ridge[-1, -1] = 1e-6
    w = np.zeros(x.shape[1])
    for _ in range(rounds):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ w, -30.0, 30.0)))
        slope = x.T @ (share * (p - label)) + ridge @ w
        curve = (x * (share * p * (1.0 - p))[:, None]).T @ x + ridge
        w = w - np.linalg.solve(curve, slope)
    return w


def _score(features: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(features @ w[:-1] + w[-1])
