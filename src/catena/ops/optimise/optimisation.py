"""Finds the inputs of a Model or Chain that make its outputs best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.identity import split_key
from catena.core.work import Work
from catena.ops.operation import Operation
from catena.ops.optimise.answer import result
from catena.ops.optimise.asked import Asked, read
from catena.ops.optimise.basins import Basins, basins
from catena.ops.optimise.choice import Choice, Method, choose
from catena.ops.optimise.infeasible import refuse
from catena.ops.optimise.libraries import require
from catena.ops.optimise.problem import Problem, Spent
from catena.ops.optimise.settings import OptimiseSettings

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.ops.space import Over

METHODS: tuple[Method, ...] = (
    "auto", "gradient", "hybrid", "evolution", "cma", "nsga2", "nsga3", "bayesian", "trust_region",
)  # fmt: skip
#: Libraries by method.
_NEEDS: dict[str, tuple[str, ...]] = {
    "hybrid": ("cma",), "cma": ("cma",), "nsga2": ("pymoo",), "nsga3": ("pymoo",),
    "bayesian": ("botorch",), "trust_region": ("botorch",),
}  # fmt: skip
#: Points of the first, timed evaluation, from which a method is chosen.
_FIRST = 4


def optimise(
    model: Model | str,
    over: Over,
    *,
    maximise: str | Sequence[str] = (),
    minimise: str | Sequence[str] = (),
    subject_to: str | Sequence[str] = (),
    method: Method = "auto",
    budget: int | None = None,
    batch: int = 4,
    uncertain: Mapping[str, Any] | None = None,
    risk: str = "mean",
    probability: float = 0.95,
    scenarios: int = 64,
    fidelity: tuple[str, float] | str | None = None,
    reference: Sequence[float] | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Find the inputs that make outputs of a model best.

    Args:
        model: Model, chain or id.
        over: What varies: names, or ranges, choices and whole-number ranges by name. Spaces are
            searched, never listed, however many combinations they have.
        maximise: Outputs to make large: ``"auc"``, ``"max(plasma)"``.
        minimise: Outputs to make small. Several objectives give the Pareto set.
        subject_to: Limits on variables (linear) and on outputs, with units.
        method: How to search; ``auto`` chooses, and the result says what and why.
        budget: Evaluations (points; a robust point is all its scenarios). By default as many as
            take about a minute.
        batch: Points evaluated together (bayesian methods).
        uncertain: Distributions of inputs not known when deciding (robust optimisation).
        risk: ``mean``, ``quantile 0.9`` (of the bad side), ``cvar 0.9`` or ``worst``.
        probability: Probability with which each limit must hold under uncertainty.
        scenarios: Scenarios every point is tried in.
        fidelity: Name of a variable whose upper end is full fidelity, or (name, exponent of its
            cost); the budget then counts evaluations at full fidelity.
        reference: Worst acceptable objectives, maximised ones first (bayesian, several).
        given: Values of other inputs.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per optimum or Pareto point: variables, objectives and limited outputs, with 90 %
        ranges where inputs are uncertain; basin statistics in ``summary["basins"]``; parts
        ``history`` and ``optima``; figures ``convergence``, ``front``, ``parallel``, ``basins``.

    Raises:
        InputError: nothing sensible is asked, or the outputs do not depend on the variables.
        Infeasible: no point keeps the limits; the conflicting ones are named.
        BackendError: a library the method needs is not installed.
    """
    if isinstance(model, str):
        from catena.core.registry import load

        model = load(model)
    if method not in METHODS:
        raise InputError(f"No method {str(method)[:40]!r}", where="optimise",
                         why=f"methods are {', '.join(METHODS)}",
                         fix=did_you_mean(str(method), METHODS, 'use "auto"'))  # fmt: skip
    asked = read(model, over, _listed(maximise), _listed(minimise), _listed(subject_to),
                 uncertain=uncertain, risk=risk, probability=probability, scenarios=scenarios,
                 given=given, key=key, work=work)  # fmt: skip
    problem = asked.problem
    work = work if work is not None else Work()
    if fidelity is not None:
        return _coarse_to_fine(asked, fidelity, budget, work)
    _suits(problem, method)
    choice = _begin(asked, method, budget)
    with work.bar(choice.budget, "evaluations") as advance:
        problem.advance = advance
        ends = _run(asked, choice, batch, _reference(problem, reference), work)
    refuse(problem)
    rows = problem.front() if problem.objectives > 1 else problem.best()
    found = _basins(problem, ends) if problem.objectives == 1 else None
    return result(asked, choice, rows, found, {})


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _suits(problem: Problem, method: Method) -> None:
    """Refuse a method that cannot solve the problem.

    Raises:
        InputError: it takes one objective but several are given, or the like.
    """
    several = ("auto", "nsga2", "nsga3", "bayesian")
    if problem.objectives > 1 and method not in several:
        raise InputError(f"{method!r} takes one objective", where="optimise",
                         why=f"{problem.objectives} are given",
                         fix=f"use one of {', '.join(several)}, or limit the others with subject_to")  # fmt: skip
    if method == "gradient" and problem.coordinates.discrete.any():
        raise InputError("'gradient' takes real variables only", where="optimise",
                         why="whole numbers and categories have no gradient",
                         fix='use "hybrid", "evolution" or "bayesian"')  # fmt: skip
    if method == "cma" and problem.coordinates.category.any():
        raise InputError("'cma' takes numbers only", where="optimise",
                         why="categories have no distance", fix='use "evolution" or "bayesian"')  # fmt: skip


def _begin(asked: Asked, method: Method, budget: int | None) -> Choice:
    """Evaluate a few points, timed after the first call has compiled, and choose the method."""
    problem = asked.problem
    first = max(1, min(_FIRST, budget if budget is not None else _FIRST))
    # The same draw as the design of the Bayesian methods, so that nothing is evaluated twice.
    points = problem.space.sample(first, split_key(asked.key, "start"))
    if problem.pad:
        problem.target(points)  # compiles, which must not count as the cost of an evaluation
    problem.at(problem.coordinates.encode(points))
    problem.set_scales()
    choice = choose(problem, method, budget, asked.model.capabilities.stochastic)
    problem.budget = choice.budget
    return choice


def _run(
    asked: Asked, choice: Choice, batch: int, reference: np.ndarray | None, work: Work
) -> np.ndarray | None:
    """Search until the budget is used; return where local searches from the design ended."""
    problem, key = asked.problem, asked.key
    from catena.ops.optimise import evolution, gradient, handover

    for package in _NEEDS.get(choice.method, ()):
        require(package, f"method {choice.method!r}")

    noisy = asked.model.capabilities.stochastic
    if choice.method in ("bayesian", "trust_region"):
        from catena.ops.optimise import bayesian

        _keep(asked, work)
        run: Callable[[], Any] = lambda: bayesian.search(  # noqa: E731
            problem, key, batch=batch, noise=noisy, reference=reference,
            trust=choice.method == "trust_region",
        )  # fmt: skip
    elif choice.method in ("nsga2", "nsga3"):
        from catena.ops.optimise import genetic

        run = lambda: genetic.search(problem, key, kind=choice.method)  # noqa: E731
    elif choice.method == "cma":
        from catena.ops.optimise import cmaes

        run = lambda: cmaes.search(problem, key)  # noqa: E731
    elif choice.method == "gradient":
        run = lambda: gradient.search(problem, key)  # noqa: E731
    elif choice.method == "evolution":
        run = lambda: evolution.search(problem, key)  # noqa: E731
    else:
        run = lambda: handover.search(problem, key)  # noqa: E731
    try:
        ends = run()
    except Spent:
        return None
    return ends if isinstance(ends, np.ndarray) and len(ends) else None


def _keep(asked: Asked, work: Work) -> None:
    """Keep costly evaluations, so that a search that was killed goes on where it was."""
    shared = [asked.model.key, asked.evaluator.space.key, asked.quantities, asked.key,
              asked.given, "optimise"]  # fmt: skip
    asked.problem.keep = lambda x, compute: work.kept([*shared, x], compute)


def _basins(problem: Problem, ends: np.ndarray | None) -> Basins | None:
    """Group where local searches ended, by what was evaluated there."""
    if ends is None:
        return None
    f, violation = problem.record
    z = problem.coordinates.encode(problem.x)
    nearest = [int(np.argmin(np.abs(z - end).max(axis=1))) for end in ends]
    values = np.where(violation[nearest] <= 0.0, f[nearest, 0], np.nan)
    if not np.isfinite(values).any():
        return None
    return basins(ends, values)


def _reference(problem: Problem, reference: Sequence[float] | None) -> np.ndarray | None:
    if reference is None:
        return None
    values = np.asarray(reference, dtype=float)
    if values.shape != (problem.objectives,) or not np.isfinite(values).all():
        raise InputError("The reference point does not fit", where="optimise",
                         why=f"it needs {problem.objectives} finite numbers",
                         fix="one per objective, maximised ones first")  # fmt: skip
    return np.asarray(values * problem.signs)


def _coarse_to_fine(
    asked: Asked, fidelity: tuple[str, float] | str, budget: int | None, work: Work
) -> Result:
    """Optimise with cheap and costly versions of the model."""
    require("botorch", "a fidelity variable")
    _keep(asked, work)
    from catena.ops.optimise import fidelity as levels

    name, exponent = fidelity if not isinstance(fidelity, str) else (fidelity, 1.0)
    problem = asked.problem
    if name not in problem.space.names or problem.objectives != 1:
        one = problem.objectives == 1
        raise InputError(f"{name!r} cannot be the fidelity", where="optimise",
                         why="it is not varied" if one else "there are several objectives",
                         fix=f"name one of {', '.join(problem.space.names)}" if one
                         else "name one objective, and limit the others")  # fmt: skip
    level = levels.Fidelity(problem.space.names.index(name), exponent)
    problem.budget = budget if budget is not None else 10 * problem.dim
    spent = levels.search(problem, asked.key, level)
    full = np.flatnonzero(level.full(problem))
    f, violation = problem.record
    if not (violation[full] <= 0.0).any():
        refuse(problem)
    best = full[np.lexsort((f[full, 0], violation[full]))[:1]]
    choice = Choice("bayesian", problem.budget, f"cheap and costly versions by {name!r}")
    extra = {"cost": spent, "evaluations_full": len(full)}
    return result(asked, replace(choice, budget=int(np.ceil(spent))), best, None, extra)


def run(
    model: Model | None,
    settings: OptimiseSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Run an optimisation from settings; see ``optimise``."""
    assert model is not None
    chosen = settings.arguments()
    if settings.fidelity is not None:
        chosen["fidelity"] = (settings.fidelity.name, settings.fidelity.exponent)
    return optimise(model, **chosen, given=given, key=key, work=work)


OPERATION = Operation(
    name="optimise",
    title="Inputs that make outputs best",
    settings=OptimiseSettings,
    run=run,
)
