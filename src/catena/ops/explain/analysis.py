"""Explanations of single cases of any model: contributions, slopes, changes, links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.ops.evaluator import Evaluator
from catena.ops.explain import gradient, links, shapley, tables
from catena.ops.explain.cases import Case, read_cases
from catena.ops.explain.counterfactual import POINTS, Search
from catena.ops.explain.faithful import faith
from catena.ops.explain.settings import ExplainSettings, Method
from catena.ops.invert.wanted import read_wanted
from catena.ops.operation import Operation
from catena.ops.space import Over

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
_EVALUATIONS = 100_000


def explain(
    model: Model | str,
    at: Any = None,
    of: str | None = None,
    *,
    over: Over | None = None,
    method: Method = "auto",
    background: Any = None,
    wanted: Any = None,
    n: int | None = None,
    conditional: bool = False,
    fixed: Sequence[str] = (),
    only: Mapping[str, str] | None = None,
    faithful: bool = True,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Tell why a model says what it says about cases.

    Args:
        model: Model, chain or model id.
        at: The cases: values by input name, or rows; the model's defaults where left out.
        of: Output that is explained; may be left out where there is only one number.
        over: Inputs that count as causes; by default every number, choice and position of a
            series. With ranges these say what the cases are compared with, and what may change.
        method: ``shapley`` (contributions that add up), ``gradient`` (integrated gradients),
            ``counterfactual`` (the nearest case with the wanted outcome), ``links`` (which link
            of a chain carries the difference); ``auto`` takes counterfactual where something is
            wanted, else shapley.
        background: Cases to compare with (rows); by default 100 draws of what inputs declare.
        wanted: What the outcome should have been, ``"cmax <= 5 mg/L"`` (counterfactual).
        n: Evaluations per case (shapley above 12 causes), starting points (counterfactual).
        conditional: Respect the dependence seen in the background (shapley).
        fixed: Causes that cannot change (counterfactual).
        only: Causes that can only ``increase`` or ``decrease`` (counterfactual).
        faithful: Test shapley and gradient explanations by deletion and insertion.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        Shapley, gradient, links: a row per case and cause with its contribution in the unit of
        the output, adding up to the difference from the background (``summary`` says how well).
        Counterfactual: a row per case and changed cause of every proposal, nearest first.
        Parts: ``cases`` (outputs and checks), ``curves`` (deletion and insertion), ``cuts``.

    Raises:
        InputError: there is no cause, nothing to compare with, or names are unknown.
        Infeasible: no actionable change gives the wanted outcome.
        SolverError: the model fails in compared cases.

    Sources: see ``shapley``, ``gradient``, ``counterfactual``, ``links`` and ``faithful``.
    """
    from catena.core.registry import load

    model = load(model) if isinstance(model, str) else model
    chosen = ("shapley" if wanted is None else "counterfactual") if method == "auto" else method
    if chosen not in ("shapley", "gradient", "counterfactual", "links"):
        raise InputError(f"No method {method!r}", where=f"model {model.info.id}",
                         why="methods are shapley, gradient, counterfactual, links",
                         fix='use method="auto"')  # fmt: skip
    if (wanted is None) == (chosen == "counterfactual"):
        fix = 'say wanted="cmax <= 5 mg/L"' if wanted is None else 'use method="counterfactual"'
        raise InputError("What is wanted belongs to a counterfactual", where=f"model {model.info.id}",
                         why=f"the method is {chosen}", fix=fix)  # fmt: skip
    at = {} if at is None else at
    if chosen == "counterfactual":
        return _changes(model, at, over, background, wanted, n, fixed, only or {}, key, work)
    cases = read_cases(model, at, of, over, background, key, work)
    if chosen == "links":
        found = [links.carried(case, n or _EVALUATIONS, key) for case in cases]
        return tables.carried(model, cases, found, key)
    told = [_told(case, chosen, n or _EVALUATIONS, conditional, key) for case in cases]
    curves = [
        faith(case, item.values, key) for case, item in zip(cases, told, strict=True) if faithful
    ]
    return tables.contributions(model, cases, chosen, told, curves, key)


def _told(case: Case, method: str, n: int, conditional: bool, key: int) -> tables.Told:
    if method == "gradient":
        found, baseline, missed, points = gradient.values(case)
        start, end = case(np.stack([baseline, case.x]))
        return tables.Told(found[None], float(end), float(start), missed, points)
    rows = shapley.values(case, n, conditional, split_key(key, "orders"))
    end = float(case(case.x[None])[0])
    start = float(case(case.background).mean())
    scale = max(abs(end), abs(start), 1e-300)
    missed = abs(float(rows.mean(axis=0).sum()) - (end - start)) / scale
    return tables.Told(rows, end, start, missed, 0)


def _changes(
    model: Model,
    at: Any,
    over: Over | None,
    background: Any,
    wanted: Any,
    n: int | None,
    fixed: Sequence[str],
    only: Mapping[str, str],
    key: int,
    work: Work | None,
) -> Result:
    requirements = read_wanted(model, wanted, 0.5)
    texts = list(dict.fromkeys(
        limit.quantity.text for item in requirements for limit in item.limits
    ))  # fmt: skip
    cases = read_cases(model, at, texts[0], over, background, key, work)
    found = []
    for case in cases:
        if len(texts) > 1:
            evaluator = Evaluator(model, case.space, texts, given=case.given, key=key, work=work)
            case = Case(case.space, evaluator, case.x, case.background, case.given)
        search = Search(case, requirements, fixed, only)
        found.append(search.run(n or POINTS, key))
    return tables.changes(model, cases, requirements, found, key)


def run(
    model: Model | None,
    settings: ExplainSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Explain from settings; rows of a data file are the background. See ``explain``."""
    assert model is not None
    chosen = settings.arguments()
    chosen["at"] = {**(given or {}), **settings.at}
    return explain(model, **chosen, background=data, key=key, work=work)


OPERATION = Operation(
    name="explain",
    title="Why a model says what it says about one case",
    settings=ExplainSettings,
    run=run,
)
