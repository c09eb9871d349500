"""What an optimisation found, as the one result type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import Field, Schema
from catena.ops.optimise import figures
from catena.ops.optimise.basins import Basins
from catena.ops.optimise.choice import Choice
from catena.ops.result import answer, table

if TYPE_CHECKING:
    from catena.core.result import Result
    from catena.ops.optimise.asked import Asked

#: Rows of the history kept in a result.
_HISTORY = 5000


def result(
    asked: Asked, choice: Choice, rows: np.ndarray, found: Basins | None, extra: dict[str, Any]
) -> Result:
    """Return the result: one row per optimum or Pareto point, best (or first objective) first.

    Args:
        asked: What was asked.
        choice: The method and why.
        rows: Rows of the record that answer it.
        found: Basin statistics, where local searches were counted.
        extra: Further entries of the summary.
    """
    problem = asked.problem
    x, y = problem.x[rows], problem.y[rows]
    order = np.argsort(y[:, 0] * problem.signs[0], kind="stable")
    x, y, rows = x[order], y[order], rows[order]
    columns = _columns(asked)
    fields = Schema([*problem.space.schema(), *(field for field, _ in columns)])
    values = problem.space.table(x) | {field.name: y[:, k] for field, k in columns}
    lower, upper, chance = _spread(asked, x, columns)
    failed = int((~np.isfinite(problem.y).all(axis=1)).sum())
    summary = {
        "headline": _headline(asked, x, y, choice, found),
        "method": choice.method,
        "reason": choice.reason,
        "evaluations": problem.spent,
        "failed": failed,
        **({"basins": found.to_dict()} if found is not None else {}),
        **chance,
        **extra,
    }
    labels = [field.label for field, _ in columns[: problem.objectives]]
    drawn: dict[str, Callable[[], Any]] = {
        "convergence": lambda: figures.convergence(problem, labels[0])
    }
    if problem.objectives > 1:
        drawn = {"front": lambda: figures.front(problem, labels), **drawn}
    drawn["parallel"] = lambda: figures.parallel(problem, labels)
    parts = {"history": _history(asked, columns)}
    if found is not None:
        drawn["basins"] = lambda: figures.optima(found, float(problem.signs[0]), labels[0])
        parts["optima"] = _optima(asked, found, columns[0][0])
    return answer(
        asked.model, fields, values, operation="optimise", key=asked.key, lower=lower, upper=upper,
        summary=summary, parts=parts, figures=drawn, warnings=_warnings(asked, failed),
    )  # fmt: skip


def _columns(asked: Asked) -> list[tuple[Field, int]]:
    """Return a declaration and position per evaluated quantity, each named once."""
    taken = {field.name for field in asked.problem.space.schema()}
    found: list[tuple[Field, int]] = []
    seen: set[str] = set()
    for k, (text, unit) in enumerate(zip(asked.quantities, asked.units, strict=True)):
        if text in seen:
            continue
        seen.add(text)
        name = "".join(c if c.isalnum() else "_" for c in text).strip("_")
        while name in taken:
            name += "_out"
        taken.add(name)
        found.append((Field(name, unit=unit, title=text), k))
    return found


def _spread(
    asked: Asked, x: np.ndarray, columns: list[tuple[Field, int]]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]]:
    """Return 90 % ranges of the outcomes under uncertainty, and how often limits hold."""
    outcomes = asked.fresh(x)
    if outcomes is None:
        return None, None, {}
    ends = np.nanquantile(outcomes, [0.05, 0.95], axis=1)
    lower = {field.name: ends[0][:, k] for field, k in columns}
    upper = {field.name: ends[1][:, k] for field, k in columns}
    held = {
        limit.text: float(np.mean(limit.sign * (outcomes[0, :, limit.column] - limit.value) <= 0))
        for limit in asked.problem.limits
    }
    return lower, upper, {"probability_kept": held} if held else {}


def _headline(
    asked: Asked, x: np.ndarray, y: np.ndarray, choice: Choice, found: Basins | None
) -> str:
    problem = asked.problem
    evaluated = f"{problem.spent:,} evaluations ({choice.method})"
    if problem.objectives > 1:
        return f"{len(x)} Pareto-optimal points for {', '.join(asked.wanted)} in {evaluated}."
    at = ", ".join(
        f"{variable.name} = {_value(variable.text(value))} {variable.unit}".rstrip()
        for variable, value in zip(problem.space.variables, x[0], strict=True)
    )
    word = "largest" if problem.signs[0] < 0 else "smallest"
    text = f"{asked.wanted[0]} is {word}, {y[0, 0]:.5g} {asked.units[0]}".rstrip()
    missed = ""
    if found is not None and found.missed_better < 0.5:
        missed = f"; a better optimum was missed with probability {found.missed_better:.2g}"
    elif found is not None:
        missed = f"; {found.searches} local searches ended in {len(found.counts)} optima"
    return f"{text}, at {at}; {evaluated}{missed}."


def _value(value: str | float | int) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"


def _history(asked: Asked, columns: list[tuple[Field, int]]) -> Result:
    problem = asked.problem
    rows = np.arange(len(problem.x))
    if len(rows) > _HISTORY:  # thinned evenly, and the best kept
        even = np.linspace(0, len(rows) - 1, _HISTORY - 100).astype(int)
        rows = np.union1d(even, problem.best(100))
    first = Field("evaluation", kind="integer")
    fields = Schema([first, *problem.space.schema(), *(field for field, _ in columns)])
    values = {
        "evaluation": rows + 1,
        **problem.space.table(problem.x[rows]),
        **{field.name: problem.y[rows, k] for field, k in columns},
    }
    return table(fields, values)


def _optima(asked: Asked, found: Basins, objective: Field) -> Result:
    problem = asked.problem
    x = problem.coordinates.decode(found.ends)
    fields = Schema([*problem.space.schema(), objective, Field("searches", kind="integer")])
    values = problem.space.table(x) | {
        objective.name: problem.signs[0] * found.values,
        "searches": found.counts,
    }
    return table(fields, values)


def _warnings(asked: Asked, failed: int) -> list[str]:
    if not failed:
        return []
    total = len(asked.problem.y)
    return [f"{failed} of {total} evaluations failed and count as worst"]
