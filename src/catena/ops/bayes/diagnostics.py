"""Whether draws can be trusted: R-hat, effective sample sizes, energy, and a verdict.

Rank-normalised split R-hat, bulk and tail effective sample size and the Monte Carlo error of
means after A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C. Bürkner, Bayesian Anal. 16
(2021) 667, doi:10.1214/20-BA1221; energy fraction after M. Betancourt, arXiv:1604.00695.

Arrays are (chains, draws, ...): further axes are quantities judged one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

#: Chains agree below this (Vehtari 2021, sec. 4).
RHAT = 1.01
#: Effective draws per chain that make R-hat and intervals reliable (Vehtari 2021, sec. 4.3).
ESS_PER_CHAIN = 100
#: Share of divergent transitions above which a posterior may have parts nobody visited.
DIVERGENT = 0.005
#: Energy fraction below which chains cannot cross energy levels (Betancourt 2016).
ENERGY = 0.3


def rhat(draws: np.ndarray) -> np.ndarray:
    """Return rank-normalised split R-hat, the larger of location and scale (folded).

    Args:
        draws: Draws (chains, draws, ...).
    """
    halves = _split(np.asarray(draws, dtype=float))
    folded = np.abs(halves - np.median(halves, axis=(0, 1), keepdims=True))
    location, scale = _classic(_normal_ranks(halves)), _classic(_normal_ranks(folded))
    return np.asarray(np.fmax(location, scale))


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Return the effective sample size for the centre of the distribution."""
    return _ess(_normal_ranks(_split(np.asarray(draws, dtype=float))))


def ess_tail(draws: np.ndarray) -> np.ndarray:
    """Return the smaller of the effective sample sizes of the 5 % and 95 % quantiles."""
    halves = _split(np.asarray(draws, dtype=float))
    low, high = np.quantile(halves, [0.05, 0.95], axis=(0, 1), keepdims=True)
    first, last = (_ess((halves <= end).astype(float)) for end in (low, high))
    return np.asarray(np.minimum(first, last))


def mcse_mean(draws: np.ndarray) -> np.ndarray:
    """Return the Monte Carlo standard error of the mean."""
    draws = np.asarray(draws, dtype=float)
    spread = np.std(draws, axis=(0, 1), ddof=1)
    return np.asarray(spread / np.sqrt(_ess(_split(draws))))


def energy_fraction(energy: np.ndarray) -> np.ndarray:
    """Return the energy Bayesian fraction of missing information of each chain (chains,).

    Args:
        energy: Energy of every transition (chains, draws).
    """
    moved = np.mean(np.diff(energy, axis=1) ** 2, axis=1)
    return np.asarray(moved / np.maximum(np.var(energy, axis=1), np.finfo(float).tiny))


@final
@dataclass(frozen=True)
class Verdict:
    """What the diagnostics say.

    Args:
        converged: Whether the draws may be used.
        reasons: Why not.
        advice: What would help.
    """

    converged: bool
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = field(default=())


def verdict(
    names: Sequence[str],
    rhats: np.ndarray,
    bulk: np.ndarray,
    tail: np.ndarray,
    chains: int,
    *,
    divergent: float = 0.0,
    energy: np.ndarray | None = None,
) -> Verdict:
    """Judge draws: all R-hat below 1.01, enough effective draws, few divergences.

    Args:
        names: Names of the quantities (p,).
        rhats: Their R-hat (p,).
        bulk: Bulk effective sample sizes (p,).
        tail: Tail effective sample sizes (p,).
        chains: Number of chains or populations.
        divergent: Share of divergent transitions.
        energy: Energy fractions of the chains, where there are any.
    """
    reasons, advice = [], []
    worst = int(np.argmax(np.where(np.isfinite(rhats), rhats, np.inf)))
    if chains < 2:
        reasons.append("one chain cannot show whether others would agree")
        advice.append("run at least 2 chains, better 4")
    if not rhats[worst] < RHAT:
        reasons.append(f"R-hat of {names[worst]} is {rhats[worst]:.3f}, not below {RHAT}")
        advice.append('more warm-up and draws; method="smc" if the posterior has several modes')
    least, few = min(float(np.min(bulk)), float(np.min(tail))), ESS_PER_CHAIN * chains
    if not least >= few:
        reasons.append(f"the least effective sample size is {least:.0f}, below {few}")
        advice.append("more draws")
    if divergent > DIVERGENT:
        reasons.append(f"{100 * divergent:.1f} % of the transitions diverged")
        advice.append("a higher target acceptance, tighter priors, or a non-centred form")
    if energy is not None and np.min(energy) < ENERGY:
        reasons.append(f"the energy fraction of a chain is {np.min(energy):.2f}, below {ENERGY}")
        advice.append("another form of the model: heavy tails or funnels hinder the chains")
    return Verdict(not reasons, tuple(reasons), tuple(advice))


# Parts ---------------------------------------------------------------------------------------


def _split(draws: np.ndarray) -> np.ndarray:
    """Return each chain as two, its halves; the middle draw of an odd number is dropped."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]], axis=0)


def _normal_ranks(draws: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks over all chains (Blom's fractions)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    flat = draws.reshape(-1, *draws.shape[2:])
    ranks = rankdata(flat, axis=0)
    return np.asarray(ndtri((ranks - 0.375) / (len(flat) + 0.25))).reshape(draws.shape)


def _classic(draws: np.ndarray) -> np.ndarray:
    """Return R-hat of (half) chains: root of total over within variance; NaN if nothing moves."""
    n = draws.shape[1]
    within = np.mean(np.var(draws, axis=1, ddof=1), axis=0)
    between = n * np.var(np.mean(draws, axis=1), axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(((n - 1) / n * within + between / n) / within)
    return np.asarray(np.where(within > 0, ratio, np.where(between > 0, np.inf, np.nan)))


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    """Return autocovariances (chains, lag, ...) by fast Fourier transform."""
    n = draws.shape[1]
    centred = draws - draws.mean(axis=1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=1)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n] / n)


def _ess(draws: np.ndarray) -> np.ndarray:
    """Return effective sample sizes by Geyer's initial monotone sequence over all chains."""
    chains, n = draws.shape[:2]
    if n < 4:
        return np.full(draws.shape[2:], np.nan)
    shape = draws.shape[2:]
    draws = draws.reshape(chains, n, -1)
    covariance = _autocovariance(draws)
    within = np.mean(covariance[:, 0], axis=0) * n / (n - 1)
    total = within * (n - 1) / n
    if chains > 1:
        total = total + np.var(draws.mean(axis=1), axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1.0 - (within - covariance.mean(axis=0)) / total
    correlation[0] = 1.0
    pairs = correlation[0 : 2 * (n // 2) : 2] + correlation[1 : 2 * (n // 2) : 2]
    # Initial positive, then monotone sequence; the last even term is kept for antithetic chains.
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    stop = positive.sum(axis=0)
    smooth = np.minimum.accumulate(np.where(positive, pairs, 0.0), axis=0)
    rest = np.take_along_axis(correlation, np.minimum(2 * stop, n - 1)[None], axis=0)[0]
    time = -1.0 + 2.0 * smooth.sum(axis=0) + np.maximum(rest, 0.0)
    size = chains * n
    time = np.maximum(time, 1.0 / np.log10(size))
    constant = ~np.isfinite(time) | (within <= 0)
    effective = np.where(constant, size, size / np.where(constant, 1.0, time))
    return np.asarray(effective.reshape(shape))


def summary(draws: np.ndarray, scores: np.ndarray, level: float = 0.9) -> dict[str, Any]:
    """Return what is said about each number, arrays (p,).

    Args:
        draws: Draws in natural units (chains, draws, p).
        scores: The same as normal scores of the prior; one minus their variance is the share of
            the prior's uncertainty that the data have removed (``learned``; M. Betancourt,
            arXiv:1803.08393, calls it posterior contraction).
        level: Probability of the interval.
    """
    tail = (1.0 - level) / 2.0
    low, middle, high = np.quantile(draws, [tail, 0.5, 1.0 - tail], axis=(0, 1))
    return {
        "mean": draws.mean(axis=(0, 1)), "median": middle, "sd": draws.std(axis=(0, 1), ddof=1),
        "lower": low, "upper": high, "rhat": rhat(draws), "ess_bulk": ess_bulk(draws),
        "ess_tail": ess_tail(draws), "mcse": mcse_mean(draws),
        "learned": 1.0 - scores.var(axis=(0, 1)),
    }  # fmt: skip
