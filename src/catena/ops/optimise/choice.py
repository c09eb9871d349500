"""Which method suits a problem, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from catena.ops.optimise.problem import Problem

Method = Literal[
    "auto", "gradient", "hybrid", "evolution", "cma", "nsga2", "nsga3", "bayesian", "trust_region"
]
#: Evaluations below which a model of the objective pays, and seconds a search may take unasked.
_FEW, _SECONDS = 400, 60.0
#: Beyond so many evaluations a model of the objective pays only if each takes this long [s]: asking
#: it costs about a second per evaluation by itself.
_QUICK, _SLOW = 120, 0.5
_MANY_VARIABLES = 20
#: Budget per variable where evaluations are cheap.
_CHEAP = 3000


@final
@dataclass(frozen=True)
class Choice:
    """A method, its budget, and the reason in words."""

    method: Method
    budget: int
    reason: str


def choose(problem: Problem, method: Method, budget: int | None, noisy: bool) -> Choice:
    """Choose what the caller left open.

    Args:
        problem: The problem, with its first evaluations in the record (they were timed).
        method: ``auto`` or what the caller wants.
        budget: Evaluations, or None.
        noisy: Whether the model is stochastic.
    """
    seconds = problem.seconds / max(problem.spent, 1)
    allowed = budget if budget is not None else _budget(problem, seconds, method)
    if method != "auto":
        return Choice(method, allowed, "asked for")
    cost = f"an evaluation takes {_time(seconds)}"
    if allowed <= _QUICK or (allowed <= _FEW and seconds >= _SLOW):
        if problem.dim > _MANY_VARIABLES and problem.objectives == 1:
            return Choice("trust_region", allowed,
                          f"{allowed} evaluations of {problem.dim} variables: {cost}")  # fmt: skip
        return Choice("bayesian", allowed, f"{allowed} evaluations only: {cost}")
    if problem.objectives > 1:
        kind: Method = "nsga2" if problem.objectives == 2 else "nsga3"
        return Choice(kind, allowed, f"{problem.objectives} objectives; {cost}")
    if problem.coordinates.discrete.all():
        return Choice("evolution", allowed, f"only whole steps and categories; {cost}")
    if noisy:
        return Choice("cma", allowed, f"the model is stochastic; {cost}")
    if problem.exact and problem.dim > 100:
        return Choice("gradient", allowed, f"{problem.dim} variables with exact gradients; {cost}")
    return Choice("hybrid", allowed, f"one objective that may have many optima; {cost}")


def _budget(problem: Problem, seconds: float, method: Method) -> int:
    if method in ("bayesian", "trust_region"):
        return int(np.clip(20 * problem.dim, 60, 300))
    affordable = _SECONDS / max(seconds, 1e-7)
    if affordable < _FEW:
        return int(np.clip(affordable, 10 * (problem.dim + 1), _FEW))
    return int(min(affordable, _CHEAP * problem.dim))


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
