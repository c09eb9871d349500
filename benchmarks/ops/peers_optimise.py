"""The peers' own loops, written from the public interfaces of BoTorch and pymoo.

BoTorch as in its tutorials: SingleTaskGP (MixedSingleTaskGP with categories) on unit inputs and
standardised outcomes, qLogEI or qLogNEHVI, ten restarts of 512 raw samples, 200 iterations.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np

from benchmarks.ops.problems_costly import Costly

_RESTARTS, _RAW, _STEPS = 10, 512, 200


def botorch_loop(problem: Costly, start: np.ndarray, total: int, q: int, seed: int) -> np.ndarray:
    """Return what BoTorch evaluated: y and c (total, m + k), from a first design (n, d)."""
    import torch

    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = start, np.hstack(problem.function(start))
        while len(x) < total:
            new = _candidates(problem, x, y, min(q, total - len(x)))
            x, y = np.vstack([x, new]), np.vstack([y, np.hstack(problem.function(new))])
    return y


def _candidates(problem: Costly, x: np.ndarray, y: np.ndarray, q: int) -> np.ndarray:
    import torch
    from botorch.optim import optimize_acqf
    from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating

    low, high = np.array(problem.low), np.array(problem.high)
    category = np.isin(np.arange(len(low)), problem.categories)
    shift, width = np.where(category, 0.0, low), np.where(category, 1.0, high - low)
    z = torch.as_tensor((x - shift) / width)
    worth = _worth(problem, z, torch.as_tensor(y))
    upper = torch.as_tensor(np.where(category, high, 1.0))
    bounds = torch.stack([torch.zeros_like(upper), upper])
    if problem.categories or problem.integers:
        steps = {k: [s / width[k] for s in range(int(width[k]) + 1)] for k in problem.integers}
        choices = {k: list(range(int(high[k]) + 1)) for k in problem.categories}
        found, _ = optimize_acqf_mixed_alternating(
            worth, bounds, discrete_dims=steps, cat_dims=choices, q=q, raw_samples=_RAW,
            num_restarts=_RESTARTS,
        )  # fmt: skip
    else:
        found, _ = optimize_acqf(
            worth, bounds, q=q, num_restarts=_RESTARTS, raw_samples=_RAW,
            options={"maxiter": _STEPS}, sequential=problem.objectives > 1,
        )  # fmt: skip
    return np.asarray(shift + width * found.numpy())


def _worth(problem: Costly, z: Any, y: Any) -> Any:
    import torch
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.acquisition.multi_objective.logei import (
        qLogNoisyExpectedHypervolumeImprovement,
    )
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, ModelListGP, SingleTaskGP
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood

    m = problem.objectives
    values = torch.cat([-y[:, :m], y[:, m:]], dim=1)
    if m == 1:
        gp = (MixedSingleTaskGP(z, values, cat_dims=list(problem.categories))
              if problem.categories else SingleTaskGP(z, values))  # fmt: skip
        fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp))
        return qLogExpectedImprovement(gp, best_f=values.max())
    models = ModelListGP(*(SingleTaskGP(z, values[:, k : k + 1]) for k in range(values.shape[1])))
    fit_gpytorch_mll(SumMarginalLogLikelihood(models.likelihood, models))
    limits = [lambda s, k=k: s[..., m + k] for k in range(problem.limits)]
    return qLogNoisyExpectedHypervolumeImprovement(
        models,
        ref_point=[-r for r in problem.reference],
        X_baseline=z,
        prune_baseline=True,
        sampler=SobolQMCNormalSampler(torch.Size([128])),
        objective=IdentityMCMultiOutputObjective(outcomes=list(range(m))),
        constraints=limits or None,
    )


def pymoo_run(problem: Costly, total: int, seed: int) -> np.ndarray:
    """Return what pymoo evaluated: NSGA-II (several objectives) or a genetic algorithm."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    seen: list[np.ndarray] = []
    steps = np.isin(np.arange(len(problem.low)), (*problem.categories, *problem.integers))

    class Wrapped(Problem):  # type: ignore[misc]
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            y, c = problem.function(np.where(steps, np.round(x), x))
            seen.append(np.hstack([y, c]))
            out["F"] = y
            if problem.limits:
                out["G"] = c

    wrapped = Wrapped(n_var=len(problem.low), n_obj=problem.objectives,
                      n_ieq_constr=problem.limits, xl=np.array(problem.low),
                      xu=np.array(problem.high))  # fmt: skip
    kind = NSGA2 if problem.objectives > 1 else GA
    minimize(wrapped, kind(pop_size=12), ("n_eval", total), seed=seed, verbose=False)
    return np.vstack(seen)[:total]


def evolution_run(
    problem: Any, low: np.ndarray, high: np.ndarray, budget: int, seed: int
) -> tuple[float, int]:
    """Return SciPy's differential evolution at a number of calls: best value that keeps limits.

    Args:
        problem: Function of x (n, d) that returns f (n,) and limits c (n, k), kept where <= 0.
        low: Lower ends.
        high: Upper ends.
        budget: Rows it may evaluate.
        seed: Seed.
    """
    from scipy.optimize import NonlinearConstraint, differential_evolution

    state = {"best": np.inf, "calls": 0}
    limited = problem(low[None] + 0.5 * (high - low)[None])[1].shape[1] > 0
    kept: dict[bytes, tuple[Any, Any]] = {}

    def rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        name = x.tobytes()
        if name not in kept:
            if state["calls"] + len(x) > budget:
                raise _Spent
            f, c = problem(x)
            state["calls"] += len(x)
            good = np.isfinite(f) & (np.all(c <= 1e-6, axis=1) if limited else True)
            if good.any():
                state["best"] = min(state["best"], float(f[good].min()))
            kept.clear()
            kept[name] = (f, c)
        return kept[name]

    limits = [NonlinearConstraint(lambda x: _columns(rows, x), -np.inf, 0.0)] if limited else ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(_Spent):
            differential_evolution(
                lambda x: rows(np.atleast_2d(x.T))[0], list(zip(low, high, strict=True)),
                vectorized=True, updating="deferred", maxiter=10**6, tol=0.0, atol=0.0,
                polish=False, constraints=limits, seed=seed,
            )  # fmt: skip
    return state["best"], int(state["calls"])


class _Spent(Exception):
    """The calls are used up."""


def _columns(rows: Any, x: np.ndarray) -> np.ndarray:
    single = x.ndim == 1
    c = rows(np.atleast_2d(x.T))[1]
    return np.asarray(c[0] if single else c.T)
