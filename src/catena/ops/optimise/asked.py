"""Reads what is wanted of a model and makes the problem the methods solve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.constraint import parse_constraints
from catena.ops.evaluator import Evaluator
from catena.ops.optimise.problem import Limit, Problem
from catena.ops.optimise.robust import Risk, Scenarios
from catena.ops.space import Over, Space

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

#: Scenarios that judge the answer of a robust search, not those it was found with.
FRESH = 1024


@final
@dataclass(frozen=True)
class Asked:
    """A problem and what it was read from.

    Args:
        model: The model.
        problem: What the methods solve.
        wanted: Objectives as written; the first columns of what is evaluated.
        quantities: What every column is, as written.
        units: Their units.
        evaluator: Evaluates columns at points (with the uncertain inputs, if robust).
        uncertain: Space of the uncertain inputs, or None.
        given: Values of other inputs.
        key: Seed.
    """

    model: Model
    problem: Problem
    wanted: tuple[str, ...]
    quantities: tuple[str, ...]
    units: tuple[str, ...]
    evaluator: Evaluator
    uncertain: Space | None
    given: Mapping[str, Any]
    key: int

    def fresh(self, x: np.ndarray) -> np.ndarray | None:
        """Return outcomes (n, s, m) in scenarios the search did not see, or None."""
        if self.uncertain is None:
            return None
        draws = self.uncertain.sample(FRESH, split_key(self.key, "fresh scenarios"))
        crossed = np.hstack([np.repeat(x, FRESH, axis=0), np.tile(draws, (len(x), 1))])
        return self.evaluator(crossed).reshape(len(x), FRESH, -1)


def read(
    model: Model,
    over: Over,
    maximise: Sequence[str],
    minimise: Sequence[str],
    subject_to: Sequence[str],
    *,
    uncertain: Mapping[str, Any] | None,
    risk: str,
    probability: float,
    scenarios: int,
    given: Mapping[str, Any] | None,
    key: int,
    work: Work | None,
) -> Asked:
    """Read objectives, space and limits of a model.

    Raises:
        InputError: nothing is wanted, a name is unknown, or something is wanted both ways.
        Infeasible: linear constraints contradict each other or the ranges.
    """
    _check(model, maximise, minimise)
    bare = Space.of(model, over)
    linear, outputs = parse_constraints(list(subject_to), bare, model)
    space = Space(bare.variables, linear)
    quantities, limits = [*maximise, *minimise], []
    for constraint in outputs:
        ends = ((1.0, constraint.high), (-1.0, constraint.low))
        for sign, value in ((s, v) for s, v in ends if np.isfinite(v)):
            limits.append(Limit(len(quantities), sign, float(value), constraint.text))
            quantities.append(constraint.quantity.text)
    signs = [-1.0] * len(maximise) + [1.0] * len(minimise)
    unknown = Space.of(model, uncertain) if uncertain else None
    joint = Space([*space.variables, *unknown.variables]) if unknown is not None else space
    evaluator = Evaluator(model, joint, quantities, given=given, key=key, work=work)
    target: Any = evaluator
    if unknown is not None:
        draws = unknown.sample(scenarios, split_key(key, "scenarios"))
        target = Scenarios(evaluator, draws, Risk.parse(risk), signs, limits, probability)
    problem = Problem(space, target, signs, limits, budget=2**62,
                      exact=_exact(model), pad=model.info.backend == "jax")  # fmt: skip
    return Asked(model, problem, tuple([*maximise, *minimise]), tuple(quantities),
                 evaluator.units, evaluator, unknown, dict(given or {}), key)  # fmt: skip


def _check(model: Model, maximise: Sequence[str], minimise: Sequence[str]) -> None:
    where = f"model {model.info.id}"
    if not maximise and not minimise:
        raise InputError("Nothing to optimise", where=where, why="no output is named",
                         fix='say maximise="auc" or minimise="cmax"')  # fmt: skip
    both = [name for name in maximise if name in minimise]
    twice = [n for n in (*maximise, *minimise) if (*maximise, *minimise).count(n) > 1]
    if both or twice:
        name = (both or twice)[0]
        raise InputError(f"{name!r} is wanted {'both ways' if both else 'twice'}", where=where,
                         why="an objective is maximised or minimised, once",
                         fix="name it once")  # fmt: skip


def _exact(model: Model) -> bool:
    """Tell whether a model, or every node of a chain, has exact gradients."""
    nodes = getattr(model, "nodes", None)
    if nodes:
        return all(node.capabilities.gradient for node in nodes.values())
    return model.capabilities.gradient
