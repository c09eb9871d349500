"""Posteriors of models that can be simulated but have no likelihood: neural posterior estimation.

A conditional density is trained on simulated pairs of free numbers and (summaries of) data, then
read at the data observed (G. Papamakarios and I. Murray, NeurIPS 2016; D. Greenberg, M.
Nonnenmacher and J. Macke, ICML 2019, arXiv:1905.07488, for sequential rounds). The library is
``sbi`` (A. Tejero-Cantero et al., J. Open Source Softw. 5 (2020) 2505, doi:10.21105/joss.02505).
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, InputError, SolverError
from catena.core.identity import split_key
from catena.core.work import Work
from catena.ops.bayes.prior import Prior

#: Fresh simulations on which the learned posterior is checked, and draws at each.
_CHECKS, _RANKS = 200, 99
#: Free numbers up to which the density is a mixture of normal ones, beyond it a masked flow.
_MIXTURE = 6

Simulator = Callable[[np.ndarray, int], np.ndarray]


@final
@dataclass(frozen=True)
class Learned:
    """A learned posterior.

    Args:
        scores: Draws at the observed data (n, p).
        ranks: Ranks of the truth among posterior draws on fresh simulations (checks, p), 0 to 99;
            empty after sequential rounds.
        simulations: Simulations that could be used.
        failed: Simulations that failed.
        outside: Positions of observed numbers that no simulation reached.
        sampler: Draws scores for any data: ``sampler(observed (k,), n, key)``.
        network: The trained network (a ``sbi`` posterior).
    """

    scores: np.ndarray
    ranks: np.ndarray
    simulations: int
    failed: int
    outside: tuple[int, ...]
    sampler: Callable[[np.ndarray, int, int], np.ndarray] = field(repr=False)
    network: Any = field(repr=False)


def learn(
    simulate: Simulator,
    observed: np.ndarray,
    prior: Prior,
    *,
    simulations: int = 2000,
    rounds: int = 1,
    draws: int = 1000,
    key: int = 0,
    work: Work | None = None,
) -> Learned:
    """Learn the posterior from simulations.

    Args:
        simulate: Simulates data (n, k) for values (n, p) with a 64-bit key, in one batch.
        observed: The data (k,).
        prior: Prior of the free numbers.
        simulations: Simulations per round.
        rounds: 1 learns a posterior for any data of this form (amortised); further rounds
            simulate where the posterior at the observed data is, which takes fewer simulations.
        draws: Draws returned.
        key: 64-bit seed.
        work: Progress.

    Raises:
        InputError: a variable is discrete or the observed data hold no finite numbers.
        SolverError: too few simulations succeed.
        BackendError: sbi is not installed.
    """
    if prior.discrete:
        raise InputError(f"{', '.join(prior.discrete)} cannot be learned", where="bayes, method sbi",
                         why="a neural density is one of real numbers", fix='use method="smc"')  # fmt: skip
    observed = np.asarray(observed, dtype=float)
    if not observed.size or not np.isfinite(observed).all():
        raise InputError("Observed data are not finite", where="bayes, method sbi",
                         why="a summary of the data is empty or no number",
                         fix="correct the summary or the data")  # fmt: skip
    torch, npe = _libraries()
    work = work or Work()
    with _quiet(torch, split_key(key, "torch")):
        flat = torch.distributions.MultivariateNormal(torch.zeros(prior.dim), torch.eye(prior.dim))
        inference = npe(prior=flat, density_estimator="mdn" if prior.dim <= _MIXTURE else "maf",
                        show_progress_bars=False, logging_level="ERROR", tracker=_Untracked())  # fmt: skip
        proposal, posterior = None, None
        used = failed = 0
        seen = np.empty((0, observed.size))
        with work.bar(rounds, "simulating and learning") as advance:
            for turn in range(rounds):
                scores = prior.draw(simulations, split_key(key, f"round {turn}")) if proposal is None \
                    else np.asarray(proposal.sample((simulations,), show_progress_bars=False))  # fmt: skip
                scores, data = _simulated(simulate, prior, scores, split_key(key, f"data {turn}"))
                used, failed = used + len(data), failed + simulations - len(data)
                seen = np.concatenate([seen, data])
                estimator = inference.append_simulations(
                    _tensor(torch, scores), _tensor(torch, data), proposal=proposal
                ).train()
                posterior = inference.build_posterior(estimator)
                proposal = (
                    posterior.set_default_x(_tensor(torch, observed[None])) if rounds > 1 else None
                )
                advance(1)
        sampler = _Sampler(posterior)
        ranks = np.empty((0, prior.dim))
        if rounds == 1:
            ranks = _ranks(simulate, prior, posterior, torch, split_key(key, "checks"))
        found = sampler(observed, draws, split_key(key, "draws"))
    outside = (observed < seen.min(axis=0)) | (observed > seen.max(axis=0))
    return Learned(found, ranks, used, failed, tuple(np.flatnonzero(outside).tolist()), sampler,
                   posterior)  # fmt: skip


@final
class _Sampler:
    """Draws scores from a learned posterior at any data."""

    def __init__(self, posterior: Any) -> None:
        self.posterior = posterior

    def __call__(self, observed: np.ndarray, n: int, key: int) -> np.ndarray:
        torch, _ = _libraries()
        with _quiet(torch, key):
            x = _tensor(torch, np.atleast_2d(np.asarray(observed, dtype=float)))
            return np.asarray(
                self.posterior.sample((n,), x=x, show_progress_bars=False), dtype=float
            )


@final
class _Untracked:
    """Keeps the library from writing training logs into the working folder."""

    log_dir = None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Ignore."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Ignore."""

    def log_params(self, params: dict[str, Any]) -> None:
        """Ignore."""

    def add_figure(self, name: str, figure: Any, step: int | None = None) -> None:
        """Ignore."""

    def flush(self) -> None:
        """Ignore."""


def _simulated(
    simulate: Simulator, prior: Prior, scores: np.ndarray, key: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and data of the simulations that succeeded."""
    scores = np.asarray(scores, dtype=float)
    data = np.asarray(simulate(prior.values(scores), key), dtype=float).reshape(len(scores), -1)
    good = np.isfinite(data).all(axis=1)
    if good.sum() < max(20, len(data) // 10):
        raise SolverError("Too few simulations succeed", where="bayes, method sbi",
                          why=f"{good.sum()} of {len(data)} gave finite data",
                          fix="narrow the priors to values the model can compute")  # fmt: skip
    return scores[good], data[good]


def _ranks(simulate: Simulator, prior: Prior, posterior: Any, torch: Any, key: int) -> np.ndarray:
    """Return ranks of the truth among posterior draws on fresh simulations."""
    scores, data = _simulated(simulate, prior, prior.draw(_CHECKS, key), split_key(key, "data"))
    found = np.asarray(posterior.sample_batched((_RANKS,), x=_tensor(torch, data),
                                                show_progress_bars=False))  # fmt: skip
    return np.asarray((found < scores[None]).sum(axis=0))


def _tensor(torch: Any, array: np.ndarray) -> Any:
    return torch.tensor(np.asarray(array), dtype=torch.float32)


@contextlib.contextmanager
def _quiet(torch: Any, key: int) -> Iterator[None]:
    """Seed torch for a while, and keep the library's talk off the terminal."""
    level = logging.root.manager.disable
    with (torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()),
          warnings.catch_warnings()):  # fmt: skip
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        torch.manual_seed(key % 2**63)
        try:
            yield
        finally:
            logging.disable(level)


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        from sbi.inference import NPE
    except ImportError as error:
        raise BackendError("sbi is not installed", where="bayes, method sbi", why=str(error),
                           fix='pip install "catena[ai]"') from None  # fmt: skip
    return torch, NPE
