"""Bayes: the posterior of free inputs and parameters of any model, given data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.registry import load
from catena.core.result import Result
from catena.core.settings import Settings
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.work import Work
    from catena.ops.bayes.predictive import Predictive
    from catena.ops.bayes.problem import Free, Problem
    from catena.ops.bayes.sampling import Draws

Method = Literal["auto", "nuts", "smc", "sbi", "laplace"]


def bayes(
    model: Model | str,
    data: Any,
    free: Free,
    *,
    method: Method = "auto",
    noise: str | Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    draws: int = 1000,
    chains: int = 4,
    warmup: int = 1000,
    target: float = 0.9,
    summary: Callable[[np.ndarray], Any] | None = None,
    simulations: int = 2000,
    rounds: int = 1,
    key: int = 0,
    work: Work | None = None,
    **options: Any,
) -> Result:
    """Draw from the posterior of free inputs and parameters of any model or chain.

    Args:
        model: Model, chain or id.
        data: CSV path, DataFrame or mapping of conditions and measured outputs; see
            ``catena.ops.likelihood.read_measurements``.
        free: Prior by name: ``{"k": "lognormal(0.3 1/h, 50 %)", "x0": "1..10 g/L"}``. A range is
            a uniform prior (``"log 0.1..10"``: of the logarithm); names alone take the field's own
            distribution or bounds. Numbers of the noise may be given priors too
            (``{"x.sd": "lognormal(0.1, 100 %)"}``); without, their logarithms are uniform over a
            wide range.
        method: ``nuts`` (exact gradients; also through the kernel of dynamic models), ``smc``
            (several modes or no gradients; gives evidence), ``sbi`` (no likelihood: stochastic
            models, summaries), ``laplace`` (a quick look); ``auto`` chooses by the model.
        noise: Error model of the outputs; see ``catena.ops.likelihood.Likelihood``. A stochastic
            model (``sbi``) scatters by itself unless a noise is given.
        given: Inputs that stay fixed.
        draws: Draws per chain (``smc``: particles per population).
        chains: Independent chains (``smc``: populations); they move in one model call.
        warmup: Transitions that adapt NUTS.
        target: Acceptance NUTS aims at; raise it when transitions diverge.
        summary: ``sbi``: reduces data (n, k) to summaries (n, s).
        simulations: ``sbi``: simulations per round.
        rounds: ``sbi``: 1 learns a posterior for any data (amortised, and checked for
            calibration); more rounds simulate near the data.
        key: 64-bit seed.
        work: Executor, cache (a killed run goes on) and progress.
        **options: Further arguments of ``Likelihood``: loss, local, columns, limits, on_error.

    Returns:
        One row per parameter: median (``estimate`` with its 90 % interval), mean, sd, R-hat,
        effective sample sizes, Monte Carlo error, and ``learned`` (1: the data have removed the
        prior's uncertainty, 0: they say nothing). ``summary["converged"]`` is False, with
        reasons, unless all diagnostics hold. ``samples["estimate"]`` and
        ``diagnostics["draws"]`` hold joint draws (correlation kept) for ``uncertainty``; parts:
        draws, predictive, checks; figures: trace, marginals, pairs, predictive. ``model`` is the
        model at the posterior median.

    Raises:
        InputError: names, priors, data or numbers make no sense.
        SolverError: the likelihood is finite nowhere near the prior.
        BackendError: the sampler's library is not installed.
    """
    from catena.ops.bayes.predictive import check
    from catena.ops.bayes.problem import Problem, method_for
    from catena.ops.bayes.report import REPLICATES, report
    from catena.ops.bayes.sampling import check_counts, sample_density

    subject = load(model)
    chosen = method_for(subject, method, summary)
    check_counts(draws, chains, warmup, target)
    scatters = chosen == "sbi" and noise is None
    if subject.capabilities.stochastic and chosen != "sbi":
        raise InputError("A stochastic model has no likelihood", where=f"model {subject.info.id}",
                         why=f"method {chosen!r} needs one", fix='use method="sbi"')  # fmt: skip
    if scatters and not subject.capabilities.stochastic:
        raise InputError("Nothing scatters", where=f"model {subject.info.id}",
                         why="the model is not stochastic and no noise is given",
                         fix='say noise="additive(0.1)"')  # fmt: skip
    problem = Problem(subject, data, free, noise=noise, given=given, key=key,
                      noiseless=scatters, options=options)  # fmt: skip
    if chosen == "sbi":
        found = _simulated(problem, summary, simulations, rounds, draws * chains, key, work)
    else:
        found = sample_density(
            problem.likelihood, problem.prior, method=chosen, draws=draws, chains=chains,
            warmup=warmup, target=target, key=key, work=work, cache_key=problem.key,
            why=problem.why,
        )  # fmt: skip
    replicates = _replicates(problem, found, REPLICATES, key)
    checked: Predictive | None = check(problem.likelihood.data, replicates) if len(replicates) else None  # fmt: skip
    return report(subject, problem, found, checked, key)


def _replicates(problem: Problem, found: Draws, most: int, key: int) -> np.ndarray:
    """Return data replicated at draws spread over all chains; rows that failed are left out."""
    flat = found.flat
    some = np.linspace(0, len(flat) - 1, min(most, len(flat))).astype(int)
    replicates = problem.replicate(flat[some], split_key(key, "replicates"))
    return np.asarray(replicates[np.isfinite(replicates).all(axis=1)])


def _simulated(
    problem: Problem,
    summary: Callable[[np.ndarray], Any] | None,
    simulations: int,
    rounds: int,
    draws: int,
    key: int,
    work: Work | None,
) -> Draws:
    """Learn a posterior from simulations and judge it by its calibration."""
    from catena.ops.bayes import diagnostics
    from catena.ops.bayes.calibration import uniform_p
    from catena.ops.bayes.sampling import Draws
    from catena.ops.bayes.simulated import learn

    if simulations < 100 or rounds < 1:
        raise InputError("Too few simulations", where="bayes, method sbi",
                         why=f"{simulations} in each of {rounds} rounds",
                         fix="simulations=2000, rounds=1")  # fmt: skip
    simulate, observed = problem.simulator(summary)
    found = learn(simulate, observed, problem.prior, simulations=simulations, rounds=rounds,
                  draws=draws, key=key, work=work)  # fmt: skip
    prior = problem.prior
    warnings, reasons, advice = [], [], []
    p = np.full(prior.dim, np.nan)
    if len(found.ranks):
        p = uniform_p(found.ranks, 100, 10)
        for name, value in zip(prior.names, p, strict=True):
            if value * prior.dim < 0.01:
                reasons.append(
                    f"the learned posterior of {name} is not calibrated (p = {value:.2g})"
                )
                advice.append("more simulations, or a summary that says more")
    else:
        warnings.append("a posterior learned in rounds is not checked for calibration")
    if found.outside:
        reasons.append(f"{len(found.outside)} observed numbers lie outside all simulations")
        advice.append("check model and priors: they never produce such data")
    if found.failed:
        warnings.append(f"{found.failed} of {found.failed + found.simulations} simulations failed")
    values = prior.values(found.scores)[None]
    numbers = diagnostics.summary(values, found.scores[None])
    for name in ("rhat", "ess_bulk", "ess_tail"):  # independent draws of one network
        numbers[name] = np.full(prior.dim, np.nan)
    numbers["mcse"] = numbers["sd"] / np.sqrt(draws)

    def amortised(other: np.ndarray, n: int = 1000, key: int = 0) -> np.ndarray:
        """Return posterior draws (n, p) at other (summaries of) data (s,)."""
        return prior.values(found.sampler(other, n, key))

    sampler = {"simulations": found.simulations, "failed": found.failed, "calibration_p": p,
               "ranks": found.ranks, "amortised": amortised, "network": found.network}  # fmt: skip
    verdict = diagnostics.Verdict(not reasons, tuple(reasons), tuple(advice))
    return Draws(prior.names, values, numbers, verdict, np.full((1, draws), np.nan), "sbi", sampler,
                 tuple(warnings))  # fmt: skip


class BayesSettings(Settings):
    """Settings of ``bayes``.

    Args:
        free: Prior by name, as text: "lognormal(0.3 1/h, 50 %)", "1..10 g/L", "log 0.1..10".
        method: auto, nuts, smc, sbi or laplace.
        noise: Error model of all outputs, or one by output.
        loss: Density of the residuals.
        local: Free names that have a value of their own in every experiment.
        limits: Lower and upper limit of quantification by output.
        draws: Draws per chain.
        chains: Independent chains.
        warmup: Transitions that adapt NUTS.
        target: Acceptance NUTS aims at.
        simulations: Simulations per round of sbi.
        rounds: Rounds of sbi.
        on_error: ``skip`` leaves out rows of the data that cannot be read.
    """

    free: dict[str, JsonValue]
    method: Method = "auto"
    noise: str | dict[str, str] | None = None
    loss: str = "linear"
    local: list[str] = []
    limits: dict[str, list[float | None]] = {}
    draws: Annotated[int, Setting(ge=100, le=1_000_000)] = 1000
    chains: Annotated[int, Setting(ge=1, le=1000)] = 4
    warmup: Annotated[int, Setting(ge=100, le=1_000_000)] = 1000
    target: Annotated[float, Setting(ge=0.5, lt=1.0)] = 0.9
    simulations: Annotated[int, Setting(ge=100, le=10_000_000)] = 2000
    rounds: Annotated[int, Setting(ge=1, le=20)] = 1
    on_error: Literal["skip", "raise"] = "raise"


def run(
    model: Model | None,
    settings: BayesSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Infer as a study asks."""
    assert model is not None
    asked = settings.model_dump(exclude={"free", "limits"})
    limits = {name: _pair(name, ends) for name, ends in settings.limits.items()}
    return bayes(
        model, data, settings.free, given=given, key=key, work=work, limits=limits, **asked
    )


def _pair(name: str, ends: list[float | None]) -> tuple[float | None, float | None]:
    if len(ends) != 2:
        raise InputError(f"Bad limits of {name!r}", where="limits", why=f"{len(ends)} numbers",
                         fix="give the lower and the upper limit; null leaves one open")  # fmt: skip
    return ends[0], ends[1]


OPERATION = Operation("bayes", "Posterior of parameters given data", BayesSettings, run,
                      needs_data=True)  # fmt: skip
