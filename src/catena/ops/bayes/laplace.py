"""A normal approximation at the posterior's mode, in normal scores: a quick look, not an answer.

P. S. Laplace's method as in L. Tierney and J. B. Kadane, J. Am. Stat. Assoc. 81 (1986) 82,
doi:10.1080/01621459.1986.10478240. How far the approximation is from the posterior is told by
the tail of the importance ratios (k-hat of A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J.
Gabry, J. Mach. Learn. Res. 25 (2024) 72).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import SolverError
from catena.core.identity import split_key
from catena.ops.bayes.density import IMPOSSIBLE, Posterior, log_prior

#: Prior draws looked at, and the likeliest of them from which the mode is climbed to.
_TRIES, _STARTS = 256, 5
#: Above this the approximation misses parts of the posterior (Vehtari 2024).
KHAT = 0.7


@final
@dataclass(frozen=True)
class Normal:
    """The approximation.

    Args:
        mode: Scores at the mode (p,).
        covariance: Covariance of the scores (p, p).
        scores: Draws (n, p).
        evidence: Log-evidence.
        khat: Tail index of the importance ratios; below 0.7 the approximation is useful.
    """

    mode: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    evidence: float
    khat: float


def laplace(posterior: Posterior, draws: int = 1000, key: int = 0, why: Any = lambda: "") -> Normal:
    """Approximate a posterior at its highest mode found.

    Args:
        posterior: The posterior.
        draws: Number of draws.
        key: 64-bit seed.
        why: Says why the model fails, for the error when it fails everywhere.

    Raises:
        SolverError: the likelihood is finite nowhere, or the mode has no curvature.
    """
    import jax

    def height(scores: Any) -> Any:
        return posterior.likelihood(scores) + log_prior(scores)

    slope = jax.jit(jax.vmap(jax.value_and_grad(height)))
    mode = _climbed(posterior, slope, split_key(key, "laplace starts"), why)
    steps = 1e-4 * np.eye(posterior.dim)
    _, ahead = slope(mode + steps)
    _, behind = slope(mode - steps)
    curvature = -(np.asarray(ahead) - np.asarray(behind)) / 2e-4
    curvature = (curvature + curvature.T) / 2.0
    values, vectors = np.linalg.eigh(curvature)
    if not values[0] > 1e-8:
        raise SolverError("No normal approximation", where="Laplace",
                          why="the posterior is flat at its mode in some direction",
                          fix='use method="nuts" or "smc"')  # fmt: skip
    root = vectors / np.sqrt(values)
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "laplace")))
    normal = rng.standard_normal((draws, posterior.dim))
    scores = mode + normal @ root.T
    top = float(np.asarray(slope(mode[None])[0])[0])
    heights = posterior.batch(scores) - 0.5 * np.sum(scores**2, axis=1)
    ratios = heights + 0.5 * np.sum(normal**2, axis=1)
    evidence = top + 0.5 * posterior.dim * np.log(2 * np.pi) - 0.5 * float(np.log(values).sum())
    return Normal(mode, root @ root.T, scores, float(evidence), tail_index(ratios))


def _climbed(posterior: Posterior, slope: Any, key: int, why: Any) -> np.ndarray:
    """Return the highest mode reached from the likeliest prior draws."""
    from scipy.optimize import minimize

    tries = posterior.prior.draw(_TRIES, key)
    chances = posterior.batch(tries)
    if np.all(chances <= IMPOSSIBLE):
        reason = why()
        raise SolverError("No place to start", where="Laplace",
                          why=f"the likelihood is finite at none of {_TRIES} prior draws"
                          + (f" ({reason})" if reason else ""),
                          fix="narrow the priors to values the model can compute")  # fmt: skip

    def downhill(scores: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = slope(scores[None])
        return -float(value[0]), -np.nan_to_num(np.asarray(gradient[0]))

    best = np.argsort(-chances)[:_STARTS]
    ends = [minimize(downhill, tries[k], jac=True, method="BFGS", options={"gtol": 1e-6})
            for k in best]  # fmt: skip
    return np.asarray(min(ends, key=lambda end: float(end.fun)).x)


def tail_index(log_ratios: np.ndarray) -> float:
    """Return the Pareto shape of the largest importance ratios (k-hat).

    The generalised Pareto distribution is fitted by the weighted grid of J. Zhang and M. A.
    Stephens, Technometrics 51 (2009) 316, doi:10.1198/tech.2009.08017, with the prior of Vehtari
    2024 that draws few points towards 0.5.

    Args:
        log_ratios: Logarithms of target over proposal density (n,).
    """
    n = len(log_ratios)
    count = min(n // 5, int(3 * np.sqrt(n)))
    ordered = np.sort(log_ratios)
    if count < 5 or not np.isfinite(ordered[-count - 1]):
        return float("nan")
    top = np.exp(ordered[-count:] - ordered[-1])
    excess = top - np.exp(ordered[-count - 1] - ordered[-1])
    if excess[-1] < 1e-12:  # all ratios alike: the proposal is the target
        return float("-inf")
    quarter = max(float(excess[int(count / 4 + 0.5) - 1]), 1e-300)
    grid = 30 + int(np.sqrt(count))
    b = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quarter)
    k = np.mean(np.log1p(-b[:, None] * excess), axis=1)
    level = count * (np.log(-b / k) - k - 1.0)
    weights = 1.0 / np.exp(level - level[:, None]).sum(axis=1)
    shape = float(np.mean(np.log1p(-np.sum(b * weights) * excess)))
    return (count * shape + 5.0) / (count + 10.0)
