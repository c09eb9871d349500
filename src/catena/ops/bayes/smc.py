"""Adaptive tempered sequential Monte Carlo: several modes, no gradients needed, evidence.

Particles go from the prior to the posterior by temperatures chosen so that a wanted share of them
stays effective (P. Del Moral, A. Doucet and A. Jasra, J. R. Stat. Soc. B 68 (2006) 411,
doi:10.1111/j.1467-9868.2006.00553.x; A. Jasra, D. A. Stephens, A. Doucet and T. Tsagaris, Scand.
J. Stat. 38 (2011) 1), moved by random walks scaled to their covariance. The sampler is that of
BlackJAX (A. Cabezas et al., arXiv:2402.10797). Independent populations show whether modes were
found in their right proportions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, SolverError
from catena.core.identity import split_key
from catena.core.work import Work
from catena.ops.bayes.density import IMPOSSIBLE, log_prior

#: Temperatures after which a run is given up.
_MOST = 500
#: Rounds of moves once the posterior is reached.
_LAST = 3
#: Acceptance of a random walk below and above which its length is changed.
_RATES = (0.15, 0.4)


@final
@dataclass(frozen=True)
class Particles:
    """What the populations end with.

    Args:
        scores: Equally weighted particles (populations, particles, p).
        likelihood: Log-likelihood (populations, particles).
        evidence: Log-evidence by each population (populations,).
        families: Common ancestor of particles some rounds ago (populations, particles).
        temperatures: Inverse temperatures (stages, populations).
        acceptance: Mean acceptance of the moves (stages,).
    """

    scores: np.ndarray
    likelihood: np.ndarray
    evidence: np.ndarray
    families: np.ndarray
    temperatures: np.ndarray
    acceptance: np.ndarray


def smc(
    likelihood: Callable[[Any], Any],
    dim: int,
    *,
    particles: int = 1000,
    populations: int = 4,
    effective: float = 0.6,
    moves: int | None = None,
    key: int = 0,
    work: Work | None = None,
    why: Callable[[], str] = lambda: "",
) -> Particles:
    """Sample a likelihood of normal scores times their prior by tempering.

    Args:
        likelihood: JAX function of scores (p,); one call evaluates all particles.
        dim: Number of scores p.
        particles: Particles of one population.
        populations: Independent populations.
        effective: Share of particles that stays effective from one temperature to the next.
        moves: Random-walk steps per temperature; by default 10 + 5 p.
        key: 64-bit seed.
        work: Progress.
        why: Says why the model fails, for the error when it fails everywhere.

    Raises:
        SolverError: the likelihood is finite for no particle, or tempering does not arrive.
        BackendError: BlackJAX is not installed.
    """
    import jax

    stage = jax.jit(jax.vmap(_stage(likelihood, effective, moves or 10 + 5 * dim)))
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "particles")))
    start = rng.standard_normal((populations, particles, dim))
    state = jax.vmap(_tempered().init)(start)
    chance = jax.jit(jax.vmap(jax.vmap(likelihood)))
    if np.all(np.asarray(chance(start)) <= IMPOSSIBLE):
        raise SolverError("No place to start", where="SMC",
                          why=f"the likelihood is finite for none of {populations * particles} "
                          + "prior draws" + (f" ({reason})" if (reason := why()) else ""),
                          fix="narrow the priors to values the model can compute")  # fmt: skip
    seed = jax.random.PRNGKey(np.uint64(split_key(key, "smc")))
    log = _Log(populations, particles)
    scale = np.full(populations, 2.38 / np.sqrt(dim))
    with (work or Work()).bar(100, "SMC: % of the way") as advance:
        while log.last < _LAST:
            if len(log.temperatures) >= _MOST:
                raise SolverError("Tempering does not arrive", where="SMC",
                                  why=f"after {_MOST} temperatures the inverse temperature is "
                                  + f"{log.temperatures[-1].min():.2g}",
                                  fix="narrower priors, or more particles (draws)")  # fmt: skip
            seed, now = jax.random.split(seed)
            factor = scale[:, None, None] * _factors(np.asarray(state.particles), state.weights)
            state, info = stage(jax.random.split(now, populations), state, factor[:, None])
            rates = np.asarray(info.update_info.acceptance_rate).mean(axis=(1, 2))
            scale = _rescaled(scale, rates)
            before = log.share
            log.note(state, info, rates)
            advance(log.share - before)
    scores = np.asarray(state.particles)
    return Particles(scores, np.asarray(chance(scores)), log.evidence, log.families(),
                     np.array(log.temperatures), np.array(log.acceptance))  # fmt: skip


@final
class _Log:
    """What happened at each temperature."""

    def __init__(self, populations: int, particles: int) -> None:
        self.size = particles
        self.evidence = np.zeros(populations)
        self.temperatures: list[np.ndarray] = []
        self.acceptance: list[float] = []
        self.ancestors: list[np.ndarray] = []
        self.last = -1  # rounds of moves at the posterior itself

    @property
    def share(self) -> int:
        """Percent of the way to the posterior (by the square root of the temperature)."""
        return int(100 * np.sqrt(self.temperatures[-1].min())) if self.temperatures else 0

    def note(self, state: Any, info: Any, rates: np.ndarray) -> None:
        """Note one stage."""
        self.temperatures.append(np.asarray(state.tempering_param))
        self.evidence = self.evidence + np.asarray(info.log_likelihood_increment)
        self.acceptance.append(float(rates.mean()))
        self.ancestors.append(np.asarray(info.ancestors))
        if self.temperatures[-1].min() >= 1.0:
            self.last += 1

    def families(self) -> np.ndarray:
        """Return the ancestor of every particle, as many stages ago as leaves enough ancestors.

        Estimates of variance need the correlation within families (A. Lee and N. Whiteley,
        Biometrika 105 (2018) 609, doi:10.1093/biomet/asy028) over a fixed lag (J. Olsson and
        R. Douc, Bernoulli 25 (2019) 1504, doi:10.3150/18-BEJ1029).
        """
        shape = self.ancestors[0].shape
        found = lineage = np.broadcast_to(np.arange(self.size), shape)
        for ancestors in reversed(self.ancestors):
            lineage = np.take_along_axis(ancestors, lineage, axis=1)
            if min(len(np.unique(row)) for row in lineage) < 2 * np.sqrt(self.size):
                break
            found = lineage
        return np.asarray(found)


def family_ess(draws: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Return the number of independent draws that would estimate means as well.

    Args:
        draws: Draws (populations, particles, p).
        families: Family of each particle (populations, particles); families are independent.

    Returns:
        Effective sample sizes (p,) over all populations.
    """
    total = np.zeros(draws.shape[2])
    for rows, family in zip(draws, families, strict=True):
        centred = rows - rows.mean(axis=0)
        sums = np.zeros((family.max() + 1, rows.shape[1]))
        np.add.at(sums, family, centred)
        spread = np.sum(centred**2, axis=0)
        together = np.sum(sums**2, axis=0)
        total += len(rows) * np.where(together > 0, spread / np.maximum(together, 1e-300), 1.0)
    return np.asarray(np.minimum(total, draws.shape[0] * draws.shape[1]))


def _stage(likelihood: Callable[[Any], Any], effective: float, moves: int) -> Callable[..., Any]:
    """Return one temperature of one population as a function of key, state and walk factor."""
    import jax
    from blackjax.mcmc import random_walk
    from blackjax.smc import adaptive_tempered, resampling

    walk = random_walk.build_additive_step()

    def step(key: Any, state: Any, density: Any, factor: Any) -> Any:
        def jump(key: Any, position: Any) -> Any:
            return factor @ jax.random.normal(key, position.shape, position.dtype)

        return walk(key, state, density, jump)

    kernel = adaptive_tempered.build_kernel(
        log_prior, likelihood, step, random_walk.init, resampling.systematic, effective
    )

    def stage(key: Any, state: Any, factor: Any) -> Any:
        return kernel(key, state, moves, {"factor": factor})

    return stage


def _factors(particles: np.ndarray, weights: Any) -> np.ndarray:
    """Return square roots of the populations' weighted covariances (populations, p, p)."""
    out = []
    for rows, weight in zip(particles, np.asarray(weights), strict=True):
        covariance = np.atleast_2d(np.cov(rows.T, aweights=weight))
        values, vectors = np.linalg.eigh(covariance)
        out.append(vectors * np.sqrt(np.maximum(values, 1e-12 * max(values[-1], 1e-300))))
    return np.stack(out)


def _rescaled(scale: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return shorter walks where few moves were accepted, longer ones where many were."""
    low, high = _RATES
    return np.where(rates < low, scale / 1.5, np.where(rates > high, scale * 1.3, scale))


def _tempered() -> Any:
    try:
        from blackjax.smc import tempered
    except ImportError as error:
        raise BackendError("BlackJAX is not installed", where="bayes, method smc", why=str(error),
                           fix='pip install "catena[ai]"') from None  # fmt: skip
    return tempered
