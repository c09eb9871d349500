"""The No-U-Turn sampler of NumPyro, all chains in one trace: one model call moves all of them.

M. D. Hoffman and A. Gelman, J. Mach. Learn. Res. 15 (2014) 1593; the sampler is that of D. Phan,
N. Pradhan and M. Jankowiak, arXiv:1912.11554.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, SolverError
from catena.core.identity import split_key
from catena.core.work import Work
from catena.ops.bayes.density import IMPOSSIBLE, log_prior

#: Transitions between two reports to the host; also what a killed run may lose.
_BLOCK = 50
#: Prior draws of which each chain starts at the likeliest.
_TRIES = 50
#: Free numbers up to which the mass matrix is dense.
_DENSE = 30
#: What is recorded of a transition.
_RECORDED = ("scores", "energy", "potential", "diverging", "steps", "acceptance")


@final
@dataclass(frozen=True)
class Chains:
    """What NUTS leaves behind.

    Args:
        scores: Positions (lanes, draws, p).
        likelihood: Log-likelihood (lanes, draws).
        diverging: Whether a transition diverged (lanes, draws).
        energy: Energy of each transition (lanes, draws).
        steps: Leapfrog steps of each transition (lanes, draws).
        acceptance: Mean acceptance of each transition (lanes, draws).
        step_size: Adapted step size (lanes,).
    """

    scores: np.ndarray
    likelihood: np.ndarray
    diverging: np.ndarray
    energy: np.ndarray
    steps: np.ndarray
    acceptance: np.ndarray
    step_size: np.ndarray


def nuts(
    likelihood: Callable[..., Any],
    dim: int,
    lanes: int,
    *,
    lane_data: np.ndarray | None = None,
    draws: int = 1000,
    warmup: int = 1000,
    target: float = 0.9,
    depth: int = 10,
    key: int = 0,
    work: Work | None = None,
    cache_key: Any = None,
    why: Callable[[], str] = lambda: "",
) -> Chains:
    """Sample a likelihood of normal scores times their prior.

    Args:
        likelihood: JAX function of scores (p,), or of scores and a row of ``lane_data``.
        dim: Number of scores p.
        lanes: Number of chains, each adapted on its own.
        lane_data: What differs between chains (lanes, k): replicated measurements.
        draws: Kept transitions per chain.
        warmup: Transitions that adapt step size and mass matrix.
        target: Wanted acceptance.
        depth: Greatest number of doublings of a trajectory.
        key: 64-bit seed.
        work: Cache and progress.
        cache_key: Content key of likelihood and prior; with it a killed run goes on.
        why: Says why the model fails, for the error when it fails everywhere.

    Returns:
        The chains.

    Raises:
        SolverError: the likelihood is finite nowhere near the prior.
        BackendError: NumPyro is not installed.
    """
    import jax

    run = _Run(likelihood, dim, warmup, target, depth)
    work = work or Work()
    data = np.zeros((lanes, 0)) if lane_data is None else np.asarray(lane_data, dtype=float)
    start = run.starts(data, lanes, split_key(key, "starts"), why)
    seeds = jax.random.split(jax.random.PRNGKey(np.uint64(split_key(key, "nuts"))), lanes)
    state = jax.jit(jax.vmap(run.begin))(start, data, seeds)
    leaves, form = jax.tree.flatten(state)
    block = partial(jax.jit(partial(run.block, form)), data=data)
    settings = None if cache_key is None else [cache_key, warmup, target, depth, lanes, key]
    with work.bar(warmup + draws, "NUTS") as advance:
        count = -(-(warmup + draws) // _BLOCK)
        leaves, record = _sampled(block, leaves, count, work, settings, advance)
    state = jax.tree.unflatten(form, leaves)
    return _gathered(record, warmup, draws, np.asarray(state.adapt_state.step_size))


def _sampled(
    block: Callable[[list[Any]], Any],
    leaves: list[Any],
    count: int,
    work: Work,
    settings: list[Any] | None,
    advance: Callable[[int], None],
) -> tuple[list[Any], list[dict[str, np.ndarray]]]:
    """Run blocks of transitions; with ``settings`` finished ones are kept, as plain arrays.

    Returns:
        Leaves of the last state, and what each block recorded.
    """
    record: list[dict[str, np.ndarray]] = []
    for index in range(count):

        def compute(leaves: list[Any] = leaves) -> list[list[np.ndarray]]:
            return [[np.asarray(part) for part in parts] for parts in block(leaves)]

        found = compute() if settings is None else work.kept(["nuts", settings, index], compute)
        leaves = found[0]
        record.append(dict(zip(_RECORDED, found[1], strict=True)))
        advance(_BLOCK)
    return leaves, record


def _gathered(
    record: list[dict[str, np.ndarray]], warmup: int, draws: int, step_size: np.ndarray
) -> Chains:
    """Return the kept transitions, chains first."""
    whole = {
        name: np.swapaxes(np.concatenate([part[name] for part in record]), 0, 1)[
            :, warmup : warmup + draws
        ]
        for name in record[0]
    }
    scores = whole["scores"]
    prior = -0.5 * np.sum(scores**2, axis=-1) - 0.5 * scores.shape[-1] * np.log(2 * np.pi)
    return Chains(scores, -whole["potential"] - prior, whole["diverging"], whole["energy"],
                  whole["steps"], whole["acceptance"], step_size)  # fmt: skip


@final
class _Run:
    """The traced parts of a run."""

    def __init__(
        self, likelihood: Callable[..., Any], dim: int, warmup: int, target: float, depth: int
    ) -> None:
        hmc = _numpyro_hmc()
        self.likelihood, self.dim = likelihood, dim
        self.warmup, self.target, self.depth = warmup, target, depth
        self._init, self._sample = hmc(potential_fn_gen=self.potential_of, algo="NUTS")

    def chance(self, scores: Any, data: Any) -> Any:
        """Return the log-likelihood of one lane."""
        return self.likelihood(scores, data) if data.shape[-1] else self.likelihood(scores)

    def potential_of(self, data: Any) -> Callable[[Any], Any]:
        """Return the potential energy of a lane with these data."""
        return lambda scores: -log_prior(scores) - self.chance(scores, data)

    def starts(self, data: np.ndarray, lanes: int, key: int, why: Callable[[], str]) -> np.ndarray:
        """Return the likeliest of some prior draws, for each lane its own draws."""
        import jax

        rng = np.random.Generator(np.random.Philox(key=key))
        tries = rng.standard_normal((lanes, _TRIES, self.dim))
        each = jax.vmap(jax.vmap(self.chance, in_axes=(0, None)))
        found = np.asarray(jax.jit(each)(tries, data))
        best = np.argmax(found, axis=1)
        if np.any(found[np.arange(lanes), best] <= IMPOSSIBLE):
            raise SolverError("No place to start", where="NUTS",
                              why=f"the likelihood is not finite at any of {_TRIES} prior draws"
                              + (f" ({reason})" if (reason := why()) else ""),
                              fix="narrow the priors to values the model can compute")  # fmt: skip
        return np.asarray(tries[np.arange(lanes), best])

    def begin(self, start: Any, data: Any, seed: Any) -> Any:
        """Return the state of one lane before its first transition."""
        return self._init(
            start, self.warmup, step_size=0.1, dense_mass=self.dim <= _DENSE,
            target_accept_prob=self.target, max_tree_depth=self.depth, model_args=(data,),
            rng_key=seed,
        )  # fmt: skip

    def block(self, form: Any, leaves: Any, data: Any) -> tuple[Any, Any]:
        """Return the state after a block of transitions of all lanes, and what happened."""
        import jax

        def transition(state: Any, _: None) -> tuple[Any, Any]:
            state = jax.vmap(lambda s, d: self._sample(s, model_args=(d,)))(state, data)
            return state, (state.z, state.energy, state.potential_energy, state.diverging,
                           state.num_steps, state.accept_prob)  # fmt: skip

        state, trace = jax.lax.scan(transition, jax.tree.unflatten(form, leaves), None, _BLOCK)
        return jax.tree.leaves(state), trace


def _numpyro_hmc() -> Any:
    try:
        from numpyro.infer.hmc import hmc
    except ImportError as error:
        raise BackendError("NumPyro is not installed", where="bayes, method nuts", why=str(error),
                           fix='pip install "catena[ai]"') from None  # fmt: skip
    return hmc
