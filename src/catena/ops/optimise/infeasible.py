"""What to say when no point keeps the limits: how close the search came, and which conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from catena.core.errors import Infeasible
from catena.ops.optimise.problem import TOLERANCE

if TYPE_CHECKING:
    from catena.ops.optimise.problem import Problem


def conflict(problem: Problem) -> list[str]:
    """Return limits that no evaluated point keeps together, none of which could be left out.

    A deletion filter over what the search has seen (Chinneck and Dravnieks 1991,
    10.1287/ijoc.3.2.157): a limit is dropped from the set while the rest still conflicts.
    """
    y = problem.y[np.isfinite(problem.y).all(axis=1)]
    kept = problem.limit_values(y) <= TOLERANCE
    chosen = list(range(len(problem.limits)))
    for k in list(chosen):
        rest = [other for other in chosen if other != k]
        if rest and not kept[:, rest].all(axis=1).any():
            chosen = rest
    return [problem.limits[k].text for k in chosen]


def refuse(problem: Problem) -> None:
    """Raise ``Infeasible`` if nothing in the record keeps all limits.

    Raises:
        Infeasible: with the conflicting limits, and the point that comes closest.
    """
    _, violation = problem.record
    if (violation <= 0.0).any():
        return
    found = conflict(problem)
    row = int(problem.best()[0])
    limits = dict(zip((limit.text for limit in problem.limits),
                      problem.limit_values(problem.y[row : row + 1])[0] * problem.scale,
                      strict=True))  # fmt: skip
    broken = {text: float(value) for text, value in limits.items() if value > 0}
    closest = {name: column[0] for name, column in
               problem.space.table(problem.x[row : row + 1]).items()}  # fmt: skip
    said = "; ".join(f"{text} is missed by {value:.4g}" for text, value in broken.items())
    raise Infeasible(
        "No point keeps all limits",
        where="optimise",
        why=f"in {problem.spent} evaluations {' and '.join(found)} never held together; "
        f"at the closest point {said}",
        fix=f"relax {' or '.join(found)}, or widen the ranges",
        conflicts=found,
        details={"violations": broken, "closest": closest},
    )
