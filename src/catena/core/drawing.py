"""Joint draws from declared distributions.

Correlation is that of normal scores (a Gaussian copula): for log-normal parameters it is the
correlation of their logarithms. Latin hypercube draws keep their strata through the copula by
reordering (R. L. Iman and W. J. Conover, Commun. Stat. 11 (1982) 311,
doi:10.1080/03610918208812265).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import InputError, did_you_mean
from catena.core.identity import split_key
from catena.core.spec import Field, Schema


def draw(
    schema: Schema,
    n: int,
    key: int,
    correlation: Any = None,
    method: Literal["latin", "plain"] = "latin",
) -> dict[str, np.ndarray]:
    """Draw jointly from the distributions the fields declare, within their bounds.

    Args:
        schema: Fields; those without a distribution are left out.
        n: Number of draws.
        key: 64-bit seed. Each field has a stream of its own, keyed by its name: adding a field
            does not change the draws of the others.
        correlation: Correlation of normal scores: ``{("a", "b"): 0.5}``, or a square DataFrame.
        method: ``latin`` (Latin hypercube: one draw in each of n strata) or ``plain``
            (independent; the first k of n draws are the same for every n >= k).

    Returns:
        Arrays (n,) by field name, in the fields' units.

    Raises:
        InputError: the correlation names unknown fields or is no correlation.
    """
    drawn = [field for field in schema if field.distribution is not None]
    names = [field.name for field in drawn]
    factor = correlation_factor(names, correlation)
    if method not in ("latin", "plain") or n < 0:
        raise InputError(f"Cannot draw {n} by {method!r}", where="draw",
                         why="methods are latin and plain, and n is not negative",
                         fix='use method="latin"')  # fmt: skip
    streams = {
        name: np.random.Generator(np.random.Philox(key=split_key(key, f"draw {name}")))
        for name in names
    }
    uniform = (
        np.stack([streams[name].random(n) for name in names], axis=1) if names else np.zeros((n, 0))
    )
    if factor is not None:
        uniform = _coupled(uniform, factor)
    if method == "latin" and n:
        # The rank of a draw chooses its stratum; a second stream places it inside.
        ranks = np.argsort(np.argsort(uniform, axis=0, kind="stable"), axis=0, kind="stable")
        inside = np.stack([streams[name].random(n) for name in names], axis=1) if names else uniform
        uniform = (ranks + inside) / n
    return {field.name: _quantiles(field, uniform[:, index]) for index, field in enumerate(drawn)}


def _coupled(uniform: np.ndarray, factor: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr, ndtri

    tiny = np.finfo(float).tiny
    return np.asarray(ndtr(ndtri(np.maximum(uniform, tiny)) @ factor.T))


def correlation_factor(names: list[str], correlation: Any) -> np.ndarray | None:
    """Return the factor of the correlation matrix, or None when nothing is correlated."""
    if correlation is None or len(correlation) == 0:
        return None
    if hasattr(correlation, "columns"):
        labels = list(correlation.columns)
        table = np.asarray(correlation, dtype=float)
        pairs = {
            (a, b): table[i, j] for i, a in enumerate(labels) for j, b in enumerate(labels) if i < j
        }
        if table.shape != (len(labels), len(labels)) or not np.allclose(table, table.T):
            raise _bad_correlation("the table is not symmetric")
    else:
        pairs = {tuple(pair): float(value) for pair, value in correlation.items()}
    matrix = np.eye(len(names))
    for (first, second), value in pairs.items():
        for name in (first, second):
            if name not in names:
                fix = did_you_mean(str(name), names, f"drawn are {', '.join(names) or 'none'}")
                raise _bad_correlation(f"{name!r} is not drawn", fix)
        i, j = names.index(first), names.index(second)
        if i == j or not -1.0 <= value <= 1.0:
            raise _bad_correlation(f"the correlation of {first!r} and {second!r} is {value}")
        matrix[i, j] = matrix[j, i] = value
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-9:
        raise _bad_correlation(
            f"no joint distribution has these correlations (smallest eigenvalue {values[0]:.3g})",
            "make them weaker, or state all pairs",
        )
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _bad_correlation(why: str, fix: str = 'write {("clearance", "volume"): 0.5}') -> InputError:
    return InputError("Bad correlation", where="draw", why=why, fix=fix)


def _quantiles(field: Field, uniform: np.ndarray) -> np.ndarray:
    """Return quantiles of a field's distribution, truncated to its bounds."""
    distribution = field.distribution
    assert distribution is not None
    low, high = field.bounds
    first = 0.0 if low is None else _level(distribution, low)
    last = 1.0 if high is None else _level(distribution, high)
    if last <= first:
        raise InputError(f"Nothing to draw for {field.name!r}", where="draw",
                         why=f"its distribution lies outside its bounds {field.bounds}",
                         fix="correct the distribution or the bounds")  # fmt: skip
    edge = np.finfo(float).eps / 4
    values = distribution.ppf(np.clip(first + uniform * (last - first), edge, 1.0 - 2 * edge))
    if low is not None or high is not None:
        values = np.clip(values, low, high)
    return np.round(values) if field.kind == "integer" else values


def _level(distribution: Distribution, value: float) -> float:
    """Return the probability of values below ``value``, by bisection of the quantiles."""
    low, high = 0.0, 1.0
    ends = distribution.ppf(np.array([1e-15, 1.0 - 1e-15]))
    if value <= ends[0]:
        return 0.0
    if value >= ends[1]:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if float(distribution.ppf(np.array([middle]))[0]) < value:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
