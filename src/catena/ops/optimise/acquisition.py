"""What the next points are worth.

Acquisition functions are BoTorch's (Ament et al. 2023, arXiv:2310.20708; Daulton, Balandat and
Bakshy 2021, arXiv:2105.08195).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np

if TYPE_CHECKING:
    import torch

    from catena.ops.optimise.process import Process

#: Quasi-random draws of the outcomes, by number of objectives.
_DRAWS_ONE, _DRAWS_MANY = 128, 64


@final
@dataclass(frozen=True)
class Aim:
    """What is wished of the outcomes, oriented so that low is good.

    Args:
        wished: Positions of the objectives among the outcomes.
        limits: Lower and upper limits (None: open) by position of an outcome.
        reference: Point (number of objectives,) the hypervolume is measured from, or None.
    """

    wished: tuple[int, ...]
    limits: Mapping[int, tuple[float | None, float | None]] = field(default_factory=dict)
    reference: np.ndarray | None = None

    def violation(self, y: np.ndarray) -> np.ndarray:
        """Return by how much rows (n, m) break the limits, summed (n,)."""
        total = np.zeros(len(y))
        for k, (low, high) in self.limits.items():
            if low is not None:
                total += np.maximum(low - y[:, k], 0.0)
            if high is not None:
                total += np.maximum(y[:, k] - high, 0.0)
        return total


def constraints_of(process: Process, aim: Aim) -> list[Callable[[torch.Tensor], torch.Tensor]]:
    """Return BoTorch constraints on samples (negative is kept), scaled by the outcomes' spread."""
    found: list[Callable[[torch.Tensor], torch.Tensor]] = []
    for k, (low, high) in aim.limits.items():
        outcome = process.outcomes[k]
        for sign, limit in ((-1.0, low), (1.0, high)):
            if limit is not None:
                found.append(
                    lambda s, k=k, o=outcome, sign=sign, limit=limit: (  # type: ignore[misc]
                        sign * (o.inverse(s[..., k]) - limit) / o.spread
                    )
                )
    return found


def acquisition(process: Process, aim: Aim, pending: np.ndarray | None, key: int) -> Any:
    """Return the acquisition function for these data.

    Args:
        process: The fitted outcomes.
        aim: Objectives and limits.
        pending: Coordinates (k, d) whose outcomes are not known yet.
        key: Seed of the draws.
    """
    import torch

    waiting = None if pending is None or not len(pending) else torch.as_tensor(pending)
    known = np.isfinite(process.y).all(axis=1)
    baseline, seen = process.z[known], process.y[known]
    feasible = aim.violation(seen) <= 0.0
    constraints = constraints_of(process, aim) or None
    if not feasible.any() and constraints is not None:
        return _towards_feasible(process, constraints, waiting, key)
    if len(aim.wished) == 1:
        return _one(process, aim, baseline, seen[feasible], constraints, waiting, key)
    return _many(process, aim, baseline, seen[feasible], constraints, waiting, key)


def _sampler(draws: int, key: int) -> Any:
    import torch
    from botorch.sampling import SobolQMCNormalSampler

    return SobolQMCNormalSampler(torch.Size([draws]), seed=key % 2**31)


def _towards_feasible(process: Process, constraints: list[Any], waiting: Any, key: int) -> Any:
    from botorch.acquisition.logei import qLogProbabilityOfFeasibility

    return qLogProbabilityOfFeasibility(
        process.model, constraints=constraints, sampler=_sampler(_DRAWS_ONE, key), X_pending=waiting
    )


def _one(
    process: Process, aim: Aim, baseline: np.ndarray, feasible: np.ndarray,
    constraints: Any, waiting: Any, key: int,
) -> Any:  # fmt: skip
    """Return (noisy) expected improvement of one objective, on the scale it is modelled on."""
    import torch
    from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
    from botorch.acquisition.objective import GenericMCObjective

    k = aim.wished[0]

    def value(samples: torch.Tensor, X: Any = None) -> torch.Tensor:
        return -samples[..., k]

    shared = {"objective": GenericMCObjective(value), "constraints": constraints, "X_pending": waiting,
              "sampler": _sampler(_DRAWS_ONE, key)}  # fmt: skip
    if process.exact:
        from catena.ops.optimise.process import mapped

        best = -mapped(process.outcomes[k], feasible[:, k]).min()
        return qLogExpectedImprovement(process.model, best_f=float(best), **shared)
    return qLogNoisyExpectedImprovement(process.model, torch.as_tensor(baseline), **shared)


def _many(
    process: Process, aim: Aim, baseline: np.ndarray, feasible: np.ndarray,
    constraints: Any, waiting: Any, key: int,
) -> Any:  # fmt: skip
    """Return expected hypervolume improvement on the outcomes' own scales, each by its spread."""
    import torch
    from botorch.acquisition.multi_objective.logei import (
        qLogNoisyExpectedHypervolumeImprovement,
    )
    from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective

    wished = list(aim.wished)
    reference = aim.reference if aim.reference is not None else reference_point(feasible[:, wished])

    def values(samples: torch.Tensor, X: Any = None) -> torch.Tensor:
        return -process.raw(samples)[..., wished]

    _without_compiling()
    return qLogNoisyExpectedHypervolumeImprovement(
        process.model,
        ref_point=torch.as_tensor(-reference),
        X_baseline=torch.as_tensor(baseline),
        sampler=_sampler(_DRAWS_MANY, key),
        objective=GenericMCMultiOutputObjective(values),
        constraints=constraints,
        X_pending=waiting,
        prune_baseline=True,
    )


def _without_compiling() -> None:
    """Keep BoTorch from compiling C++ at the first use, and from waiting for who does.

    It would take a minute, and a compilation that was killed leaves a lock it waits for without
    end. A kernel that is there already is used.
    """
    import os
    from pathlib import Path

    from botorch.acquisition.multi_objective import logei
    from torch.utils.cpp_extension import get_default_build_root

    root = os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()
    built = list(Path(root).glob("**/logei_fused_ext/logei_fused_ext.so"))
    if not built or any((file.parent / "lock").exists() for file in built):
        logei._load_attempted = True


def reference_point(y: np.ndarray) -> np.ndarray:
    """Return a reference a tenth of the range beyond the worst of the Pareto set (low is good).

    Source: the rule of Ishibuchi et al. (2018, 10.1162/evco_a_00226).
    """
    from catena.ops.optimise.pareto import pareto

    front = y[pareto(y)]
    low, high = front.min(axis=0), front.max(axis=0)
    span = np.where(high > low, high - low, np.maximum(y.max(axis=0) - low, 1e-12))
    return np.asarray(high + 0.1 * span)


def greedy(process: Process, aim: Aim) -> Any:
    """Return the predicted objective (median) as an acquisition: no reward for uncertainty."""
    from catena.ops.optimise.exploit import Exploit

    return Exploit(process, aim.wished[0], constraints_of(process, aim))
