"""One door to all samplers: draws of named numbers with their diagnostics and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.work import Work
from catena.ops.bayes import diagnostics
from catena.ops.bayes.density import LogDensity, Posterior
from catena.ops.bayes.diagnostics import Verdict
from catena.ops.bayes.prior import Prior

Sampler = Literal["nuts", "smc", "laplace"]


@final
@dataclass(frozen=True)
class Draws:
    """A sampled posterior.

    Args:
        names: Names of the numbers (p,).
        values: Draws in natural units (chains, draws, p); populations count as chains.
        summary: What ``diagnostics.summary`` says about each number (p,).
        verdict: Whether the draws may be used.
        likelihood: Log-likelihood of every draw (chains, draws), NaN where there is none.
        method: The sampler.
        sampler: What the sampler reports.
        warnings: What the reader must know.
    """

    names: tuple[str, ...]
    values: np.ndarray
    summary: Mapping[str, np.ndarray]
    verdict: Verdict
    likelihood: np.ndarray
    method: str
    sampler: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def flat(self) -> np.ndarray:
        """All draws (n, p), chain after chain."""
        return self.values.reshape(-1, self.values.shape[-1])


def sample_density(
    density: LogDensity,
    prior: Prior,
    *,
    method: Sampler = "nuts",
    draws: int = 1000,
    chains: int = 4,
    warmup: int = 1000,
    target: float = 0.9,
    key: int = 0,
    work: Work | None = None,
    cache_key: Any = None,
    why: Callable[[], str] = lambda: "",
) -> Draws:
    """Sample the posterior of any log-likelihood of named numbers.

    Args:
        density: The log-likelihood, in natural units.
        prior: Prior of its numbers.
        method: ``nuts`` (gradients), ``smc`` (several modes, no gradients, evidence) or
            ``laplace`` (a quick look).
        draws: Draws per chain; particles per population.
        chains: Independent chains or populations.
        warmup: Transitions that adapt NUTS.
        target: Acceptance NUTS aims at.
        key: 64-bit seed.
        work: Cache and progress.
        cache_key: Content key of density and prior, with which a killed NUTS run goes on.
        why: Says why the density fails, for errors.

    Raises:
        InputError: the numbers make no sense, or NUTS is asked to move discrete variables.
        SolverError: the density is finite nowhere near the prior.
    """
    if tuple(density.names) != prior.names:
        raise InputError("Prior and density differ", where="bayes",
                         why=f"{', '.join(density.names)} against {', '.join(prior.names)}",
                         fix="give a prior for every number of the density")  # fmt: skip
    check_counts(draws, chains, warmup, target)
    if prior.discrete and method != "smc":
        raise InputError(f"{', '.join(prior.discrete)} cannot be moved by {method}", where="bayes",
                         why="whole numbers and choices have no gradient",
                         fix='use method="smc"')  # fmt: skip
    posterior = Posterior(prior, density, gradients=method != "smc")
    if method == "nuts":
        return _by_nuts(posterior, draws, chains, warmup, target, key, work, cache_key, why)
    if method == "smc":
        return _by_smc(posterior, draws, chains, key, work, why)
    return _by_laplace(posterior, draws * chains, key, why)


def check_counts(draws: int, chains: int, warmup: int, target: float = 0.9) -> None:
    """Refuse numbers with which nothing can be sampled."""
    for name, value, least in (("draws", draws, 100), ("chains", chains, 1), ("warmup", warmup, 100)):  # fmt: skip
        if value < least:
            raise InputError(f"{name} must be at least {least}", where="bayes",
                             why=f"got {value}; fewer say nothing about a posterior",
                             fix=f"{name}={max(least, 4 if name == 'chains' else 1000)}")  # fmt: skip
    if not 0.5 <= target < 1.0:
        raise InputError("Target acceptance out of range", where="bayes", why=f"got {target:g}",
                         fix="between 0.5 and 1, usually 0.8 to 0.99")  # fmt: skip


def _by_nuts(
    posterior: Posterior,
    draws: int,
    chains: int,
    warmup: int,
    target: float,
    key: int,
    work: Work | None,
    cache_key: Any,
    why: Callable[[], str],
) -> Draws:
    from catena.ops.bayes.nuts import nuts

    found = nuts(posterior.likelihood, posterior.dim, chains, draws=draws, warmup=warmup,
                 target=target, key=key, work=work, cache_key=cache_key, why=why)  # fmt: skip
    values = posterior.prior.values(found.scores)
    summary = diagnostics.summary(values, found.scores)
    energy = diagnostics.energy_fraction(found.energy)
    divergent = float(found.diverging.mean())
    verdict = diagnostics.verdict(
        posterior.prior.names, summary["rhat"], summary["ess_bulk"], summary["ess_tail"], chains,
        divergent=divergent, energy=energy,
    )  # fmt: skip
    count = int(found.diverging.sum())
    sampler = {
        "divergent": count, "energy_fraction": energy, "step_size": found.step_size,
        "acceptance": float(found.acceptance.mean()), "leapfrog_steps": int(found.steps.sum()),
        "diverging": found.diverging,
    }  # fmt: skip
    warnings = (f"{count} of {found.diverging.size} transitions diverged",) if count else ()
    return Draws(posterior.prior.names, values, summary, verdict, found.likelihood, "nuts",
                 sampler, warnings)  # fmt: skip


def _by_smc(
    posterior: Posterior,
    draws: int,
    chains: int,
    key: int,
    work: Work | None,
    why: Callable[[], str],
) -> Draws:
    from scipy.special import logsumexp

    from catena.ops.bayes.smc import family_ess, smc

    found = smc(posterior.likelihood, posterior.dim, particles=draws, populations=chains, key=key,
                work=work, why=why)  # fmt: skip
    values = posterior.prior.values(found.scores)
    summary = diagnostics.summary(values, found.scores)
    low, high = summary["lower"], summary["upper"]
    tails = [family_ess((values <= end).astype(float), found.families) for end in (low, high)]
    summary["ess_bulk"] = np.minimum(summary["ess_bulk"], family_ess(values, found.families))
    summary["ess_tail"] = np.minimum(summary["ess_tail"], np.minimum(*tails))
    summary["mcse"] = summary["sd"] / np.sqrt(summary["ess_bulk"])
    verdict = diagnostics.verdict(
        posterior.prior.names, summary["rhat"], summary["ess_bulk"], summary["ess_tail"], chains
    )
    sampler = {
        "log_evidence": float(logsumexp(found.evidence) - np.log(chains)),
        "log_evidence_sd": float(np.std(found.evidence, ddof=1) / np.sqrt(chains)) if chains > 1 else None,
        "temperatures": len(found.temperatures), "acceptance": float(found.acceptance.mean()),
    }  # fmt: skip
    return Draws(posterior.prior.names, values, summary, verdict, found.likelihood, "smc", sampler)


def _by_laplace(posterior: Posterior, draws: int, key: int, why: Callable[[], str]) -> Draws:
    from catena.ops.bayes.laplace import KHAT, laplace

    found = laplace(posterior, draws, key, why)
    values = posterior.prior.values(found.scores)[None]
    good = found.khat < KHAT
    reason = f"the approximation misses parts of the posterior (k-hat {found.khat:.2f}, not below {KHAT})"
    verdict = Verdict(good, () if good else (reason,), () if good else ('method="nuts"',))
    summary = diagnostics.summary(values, found.scores[None])
    for name in ("rhat", "ess_bulk", "ess_tail"):  # independent draws of one approximation
        summary[name] = np.full(len(posterior.prior.names), np.nan)
    summary["mcse"] = summary["sd"] / np.sqrt(draws)
    sampler = {"log_evidence": found.evidence, "khat": found.khat}
    warnings = ("a normal approximation at the mode is a quick look, not the posterior",)
    return Draws(posterior.prior.names, values, summary, verdict,
                 posterior.batch(found.scores)[None], "laplace", sampler, warnings)  # fmt: skip
