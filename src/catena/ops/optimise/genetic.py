"""Pareto sets by non-dominated sorting: NSGA-II and NSGA-III of ``pymoo``, asked in batches.

Sources: Deb et al. (2002, 10.1109/4235.996017); Deb and Jain (2014, 10.1109/TEVC.2013.2281535).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.core.identity import split_key
from catena.ops.optimise.problem import Problem

_POPULATION = 100
#: What failed rows get: worse than anything a model returns.
_WORST = 1e30


def search(
    problem: Problem, key: int, *, population: int | None = None, kind: str = "nsga2"
) -> None:
    """Use the whole budget on generations of a population.

    Args:
        problem: What to minimise.
        key: Seed.
        population: Points per generation; by default 100, at most a tenth of the budget.
        kind: ``nsga2``, or ``nsga3`` for three objectives and more.

    Raises:
        Spent: the budget ended.
    """
    from pymoo.core.evaluator import Evaluator
    from pymoo.core.problem import Problem as Shape
    from pymoo.problems.static import StaticProblem

    size = population or max(min(_POPULATION, problem.left // 10), 8)
    coordinates = problem.coordinates
    limited = int(bool(problem.limits or problem.space.constraints))
    shape = Shape(n_var=problem.dim, n_obj=problem.objectives, n_ieq_constr=limited,
                  xl=np.zeros(problem.dim), xu=coordinates.upper)  # fmt: skip
    start = coordinates.encode(problem.space.sample(size, split_key(key, "start")))
    algorithm = _algorithm(kind, size, problem, start)
    seed = split_key(key, "genetic") % 2**31
    algorithm.setup(shape, termination=("n_gen", 10**9), seed=seed, verbose=False)
    while problem.left:
        asked = algorithm.ask()
        if asked is None or not len(asked):
            return
        z = coordinates.snap(asked.get("X").astype(float))
        asked.set("X", z)
        f, violation = problem.at(z)
        values: dict[str, Any] = {"F": np.where(np.isfinite(f), f, _WORST)}
        if limited:
            values["G"] = np.minimum(violation, _WORST)[:, None]
        Evaluator().eval(StaticProblem(shape, **values), asked)
        algorithm.tell(infills=asked)


def _algorithm(kind: str, size: int, problem: Problem, start: np.ndarray) -> Any:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.util.ref_dirs import get_reference_directions

    if kind == "nsga2":
        return NSGA2(pop_size=size, sampling=start)
    directions = get_reference_directions("energy", problem.objectives, size, seed=1)
    return NSGA3(ref_dirs=directions, pop_size=size, sampling=start)
