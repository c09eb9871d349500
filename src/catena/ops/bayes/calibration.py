"""Simulation-based calibration: are the posteriors of this model and design right on average?

Truths are drawn from the prior, data from the truths, posteriors from the data; if everything is
right, truths rank uniformly among posterior draws (S. Talts, M. Betancourt, D. Simpson, A.
Vehtari and A. Gelman, arXiv:1804.06788). All posteriors are sampled at once: the chains of all
replicated data sets move in the same model calls.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.registry import load
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.core.work import Work
from catena.ops.bayes import diagnostics, figures
from catena.ops.bayes.density import finite, on_host
from catena.ops.bayes.nuts import nuts
from catena.ops.bayes.problem import Free, Problem
from catena.ops.result import answer, table

if TYPE_CHECKING:
    from catena.core.model import Model

Array = np.ndarray[Any, Any]


@final
@dataclass(frozen=True)
class Ranks:
    """What replicated posteriors say.

    Args:
        names: Names of the numbers (p,).
        ranks: Rank of the truth among the kept draws (replicates, p).
        rhat: R-hat of every posterior (replicates, p).
        ess: Smaller of bulk and tail effective sample size (replicates, p).
        divergent: Divergent transitions of every posterior (replicates,).
        kept: Draws the truth is ranked among.
    """

    names: tuple[str, ...]
    ranks: Array
    rhat: Array
    ess: Array
    divergent: Array
    kept: int


def simulation_based_calibration(
    model: Model | str,
    data: Any,
    free: Free,
    *,
    noise: str | Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    replicates: int = 300,
    kept: int = 99,
    draws: int = 500,
    chains: int = 4,
    warmup: int = 500,
    key: int = 0,
    work: Work | None = None,
    **options: Any,
) -> Result:
    """Check that NUTS posteriors of a model are calibrated for a design.

    Args:
        model: Model, chain or id.
        data: Data in the wanted form; only conditions and positions count, values are replaced.
        free: Priors, as for ``bayes``; give the noise a prior that data can come from.
        noise: Error model.
        given: Inputs that stay fixed.
        replicates: Truths drawn from the prior.
        kept: Posterior draws (thinned) each truth is ranked among.
        draws: Draws per chain.
        chains: Chains per replicate.
        warmup: Transitions that adapt NUTS.
        key: 64-bit seed.
        work: Cache and progress.
        **options: Further arguments of ``Likelihood``.

    Returns:
        One row per number: chi-square p-value of its ranks and mean rank; ``calibrated`` in
        ``summary`` is False when one p-value, times the number of numbers, is below 0.05.

    Raises:
        InputError: data are censored, or numbers make no sense.
    """
    subject = load(model)
    problem = Problem(subject, data, free, noise=noise, given=given, key=key, options=options)
    found = ranks_of(problem, replicates, kept=kept, draws=draws, chains=chains, warmup=warmup,
                     key=key, work=work)  # fmt: skip
    return judged(subject, found, key)


def judged(model: Model | None, found: Ranks, key: int) -> Result:
    """Return the result of a calibration from its ranks."""
    replicates, size = found.ranks.shape
    bins = bins_for(replicates, found.kept + 1)
    p = uniform_p(found.ranks, found.kept + 1, bins)
    worst = int(np.argmin(p))
    calibrated = bool(np.min(p) * size >= 0.05)
    agreed = float(np.mean(np.all(found.rhat < diagnostics.RHAT, axis=1)))
    text = (f"ranks of all {size} numbers are uniform" if calibrated
            else f"NOT CALIBRATED: ranks of {found.names[worst]} are not uniform")  # fmt: skip
    each = table(
        Schema.parse("rhat, ess, divergent"),
        {"rhat": found.rhat.max(axis=1), "ess": found.ess.min(axis=1), "divergent": found.divergent},
    )  # fmt: skip
    return answer(
        model,
        Schema([Field("parameter", kind="text"), *Schema.parse("p_value, mean_rank, rhat, ess")]),
        {"parameter": list(found.names), "p_value": p,
         "mean_rank": found.ranks.mean(axis=0) / found.kept,
         "rhat": found.rhat.max(axis=0), "ess": found.ess.min(axis=0)},
        operation="simulation_based_calibration", key=key,
        summary={
            "headline": f"{text} (smallest p {np.min(p):.2g} of {size}, {replicates} replicates)",
            "calibrated": calibrated, "replicates": replicates, "p_smallest": float(np.min(p)),
            "rhat_largest": float(found.rhat.max()), "share_converged": agreed,
        },
        parts={"replicates": each},
        figures={"ranks": partial(figures.ranks, found.ranks, bins, found.names)},
        diagnostics={"ranks": found.ranks},
        warnings=() if agreed == 1.0 else [f"R-hat is not below {diagnostics.RHAT} in "
                                           f"{100 * (1 - agreed):.1f} % of the replicates"],
    )  # fmt: skip


def ranks_of(
    problem: Problem,
    replicates: int,
    *,
    kept: int = 99,
    draws: int = 500,
    chains: int = 4,
    warmup: int = 500,
    key: int = 0,
    work: Work | None = None,
) -> Ranks:
    """Sample the posteriors of replicated data and rank the truths; see the module."""
    if replicates < 20 or draws * chains < kept:
        raise InputError("Too little to judge ranks", where="calibration",
                         why=f"{replicates} replicates, {draws * chains} draws for {kept} kept ones",
                         fix="at least 20 replicates (300 usual) and as many draws as are kept")  # fmt: skip
    like, prior = problem.likelihood, problem.prior
    if any(terms.censored for terms in like.terms):
        raise InputError("Censored data cannot be replicated", where="calibration",
                         why="limits would have to be applied to the replicates",
                         fix="give the design without censored cells")  # fmt: skip
    truth = prior.values(prior.draw(replicates, split_key(key, "truths")))
    replicated = problem.replicate(truth, split_key(key, "data"))
    lost = int((~np.isfinite(replicated).all(axis=1)).sum())
    if lost:
        raise InputError(f"The model fails at {lost} of {replicates} prior draws", where="calibration",
                         why=problem.why() or "predictions are not finite",
                         fix="narrow the priors: leaving draws out would bias the ranks")  # fmt: skip
    likelihood, lane_data = _per_lane(problem, np.repeat(replicated, chains, axis=0), chains)
    found = nuts(likelihood, prior.dim, replicates * chains, lane_data=lane_data, draws=draws,
                 warmup=warmup, key=split_key(key, "chains"), work=work)  # fmt: skip
    values = prior.values(found.scores).reshape(replicates, chains, draws, prior.dim)
    flat = values.reshape(replicates, chains * draws, prior.dim)
    thin = flat[:, np.linspace(0, chains * draws - 1, kept).round().astype(int)]
    by_chain = np.moveaxis(values, 0, 2)  # chains, draws, replicates, p
    ess = np.minimum(diagnostics.ess_bulk(by_chain), diagnostics.ess_tail(by_chain))
    divergent = found.diverging.reshape(replicates, -1).sum(axis=1)
    return Ranks(prior.names, (thin < truth[:, None]).sum(axis=1), diagnostics.rhat(by_chain), ess,
                 divergent, kept)  # fmt: skip


def bins_for(replicates: int, levels: int) -> int:
    """Return a number of bins that divides the ranks, with 15 expected or more in each."""
    fitting = [n for n in range(2, levels + 1) if levels % n == 0 and replicates / n >= 15]
    return max(fitting, default=2)


def uniform_p(ranks: Array, levels: int, bins: int) -> Array:
    """Return p-values (p,) of Pearson's chi-square test that ranks (n, p) are uniform.

    Args:
        ranks: Ranks from 0 to ``levels`` - 1.
        levels: Number of possible ranks; a multiple of ``bins``.
        bins: Number of bins.
    """
    from scipy.stats import chi2

    place = ranks * bins // levels
    counts = np.stack([(place == k).sum(axis=0) for k in range(bins)])
    expected = len(ranks) / bins
    return np.asarray(chi2.sf(((counts - expected) ** 2 / expected).sum(axis=0), bins - 1))


# Likelihoods of many data sets -----------------------------------------------------------------


def _per_lane(problem: Problem, measured: Array, chains: int) -> tuple[Callable[..., Any], Array]:
    """Return a likelihood of scores and lane data, and these data (lanes, ...)."""
    predict = problem.likelihood.predictor.traced()
    if predict is None:
        return _hosted(problem, measured[::chains]), np.repeat(
            np.arange(len(measured) // chains, dtype=float), chains
        )[:, None]
    return partial(_traced, problem, predict), measured


def _traced(problem: Problem, predict: Callable[[Any], Any], scores: Any, measured: Any) -> Any:
    """Return the log-likelihood of one data set inside a JAX trace."""
    import jax.numpy as jnp

    like = problem.likelihood
    theta = problem.prior.traced(scores)
    mean = predict(theta[: like.count])
    total = 0.0
    for index, terms in enumerate(like.terms):
        own: Any = copy.copy(terms)
        values = measured[terms.mine]
        own.low = jnp.log(values) if terms.noise.log else values
        own.jacobian = own.low if terms.noise.log else jnp.zeros(len(terms.mine))
        numbers = {n: v[0, 0] for n, v in like.numbers(index, theta[None, :]).items()}
        total = total + own.value(mean[terms.mine], numbers, jnp).sum()
    return finite(total)


def _hosted(problem: Problem, measured: Array) -> Callable[[Any, Any], Any]:
    """Return the log-likelihood of any data set for a model that is no JAX function."""
    from dataclasses import replace

    import jax.numpy as jnp

    like = problem.likelihood
    each = [like.with_data(replace(like.data, low=row, high=row)) for row in measured]
    density = on_host(_ManySets(like, each))

    def likelihood(scores: Any, lane: Any) -> Any:
        return finite(density(jnp.concatenate([problem.prior.traced(scores), lane])))

    return likelihood


@final
class _ManySets:
    """Densities of many data sets: the last of the numbers says which; one model call for all."""

    traced = None

    def __init__(self, like: Any, each: list[Any]) -> None:
        self.like, self.each = like, each
        self.names = (*like.names, "data set")

    def value(self, points: Array) -> Array:
        """Return log-likelihoods (n,) of points (n, p + 1)."""
        return self._assessed(points, None)[0]

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return log-likelihoods (n,) and derivatives (n, p + 1)."""
        theta = points[:, :-1]
        mean, slopes = self.like.predictor.with_jacobian(theta[:, : self.like.count])
        return self._assessed(points, (mean, slopes))

    def _assessed(self, points: Array, found: tuple[Array, Array] | None) -> tuple[Array, Array]:
        theta, lanes = points[:, :-1], points[:, -1].astype(int)
        mean = found[0] if found else self.like.predictor(theta[:, : self.like.count])
        value: Array = np.empty(len(points))
        gradient: Array = np.zeros(points.shape)
        for lane in np.unique(lanes):
            rows = np.flatnonzero(lanes == lane)
            part = found[1][rows] if found else None
            value[rows], gradient[rows, :-1], _ = self.each[lane].assess(
                mean[rows], part, theta[rows], curved=False
            )
        return value, gradient
