"""Sensitivity analysis of any model: one function, four methods, and the links of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catena.core.chain.model import Chain
from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.ops.operation import Operation, called
from catena.ops.sensitivity import derivative, morris, shapley, sobol
from catena.ops.sensitivity.resampling import ENDS, RESAMPLES, ratio, weights
from catena.ops.sensitivity.settings import Method, SensitivitySettings
from catena.ops.sensitivity.tables import Shares, report
from catena.ops.space import Over
from catena.ops.uncertainty.question import Question, uncertain_inputs

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
#: More inputs than this are screened first.
_MANY = 40
_POINTS = {"sobol": 4096, "shapley": 4096, "derivative": 1024, "morris": 50}
#: Base points for the links of a chain, at most.
_LINK_POINTS = 1024


def sensitivity(
    model: Model | str,
    of: str | Sequence[str] | None = None,
    over: Over | None = None,
    *,
    method: Method = "auto",
    n: int | None = None,
    second: bool = True,
    correlation: Any = None,
    levels: int = 4,
    links: bool | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Tell which inputs the variation of outputs comes from.

    Args:
        model: Model, chain or model id.
        of: Outputs, ``"auc"`` or ``["auc", "max(plasma)"]``; every single number by default.
        over: What varies: names, or ranges and distributions by name. By default the inputs that
            declare a distribution, else those with two bounds.
        method: ``sobol`` (first, total and second order), ``morris`` (screening), ``shapley``
            (shares that add up to one, for dependent inputs too), ``derivative`` (bounds from
            exact gradients); ``auto`` takes shapley for correlated inputs, morris for more than
            40 of them, else sobol.
        n: Base points (a power of two; 4096, derivative 1024), or trajectories (50) of morris.
        second: Whether pairs are judged too (sobol; doubles the evaluations).
        correlation: Correlation of normal scores, ``{("a", "b"): 0.5}`` (shapley only).
        levels: Levels of the grid of morris (even).
        links: Whether the links of a chain are judged too; by default they are (not by morris).
        given: Values of inputs that stay fixed, with units as text.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per output and input. Sobol: ``first``, ``total`` with 90 % intervals; part
        ``second_order``. Morris: ``mu``, ``mu_star``, ``sigma`` (change of the output over the
        full range). Shapley: ``share``. Derivative: ``bound`` of the total index and the root
        mean square slope. Part ``links`` for a chain.

    Raises:
        InputError: nothing varies, an output is constant, n cannot be used, or inputs depend on
            each other where the method assumes that they do not.
        SolverError: most points fail.

    Sources: see ``sobol``, ``morris``, ``shapley``, ``derivative`` and ``links``.
    """
    from catena.core.registry import load

    model = load(model) if isinstance(model, str) else model
    asked = Question(
        model, of, over, default=_default(model, given), correlation=correlation, given=given,
        key=key, work=work,
    )  # fmt: skip
    method = _method(method, asked)
    n = _POINTS[method] if n is None else n
    if method == "morris":
        found = _morris(asked, n, levels)
    elif method == "derivative":
        found = _derivative(asked, n)
    elif method == "shapley":
        found = _shapley(asked, n)
    else:
        found = _sobol(asked, n, second)
    link_part = None
    if links is None:
        links = isinstance(model, Chain) and method != "morris"
    if links:
        from catena.ops.sensitivity.links import judge_links

        link_part = judge_links(asked, min(n, _LINK_POINTS))
    return report(asked, method, n, found, link_part)


def _default(model: Model, given: Mapping[str, Any] | None) -> list[str]:
    """Return inputs with a distribution, else inputs with two bounds."""
    names = uncertain_inputs(model, given)
    return names or [
        f.name for f in model.inputs
        if f.kind in ("real", "integer") and not f.shape and None not in f.bounds
        and f.name not in (given or {})
    ]  # fmt: skip


def _method(method: Method, asked: Question) -> Method:
    where = f"model {asked.model.info.id}"
    if method == "auto":
        if not asked.copula.independent:
            return "shapley"
        return "morris" if asked.space.dim > _MANY else "sobol"
    if method not in _POINTS:
        raise InputError(f"No method {method!r}", where=where,
                         why=f"methods are {', '.join(_POINTS)}", fix='use method="auto"')  # fmt: skip
    if method != "shapley" and not asked.copula.independent:
        raise InputError("The inputs depend on each other", where=where,
                         why=f"{method} shares variance between independent inputs",
                         fix='use method="shapley", which divides what dependent inputs share')  # fmt: skip
    return method


def _sobol(asked: Question, n: int, second: bool) -> Shares:
    d = asked.space.dim
    u = asked.levels(n, 2 * d)
    y = asked(sobol.design(u[:, :d], u[:, d:], second))
    y = y[:, :, asked.complete(y)]
    again = _again(asked, y.shape[-1])
    found = []
    for output, values in enumerate(y):
        asked.check_varies(values[:2], output)
        found.append(sobol.indices(values, d, again))
    columns = {
        "first": np.stack([item.first for item in found]),
        "total": np.stack([item.total for item in found]),
    }
    pairs = [item.second for item in found if item.second is not None]
    return Shares(columns, "total", np.stack(pairs) if pairs and d > 1 else None)


def _shapley(asked: Question, n: int) -> Shares:
    d = asked.space.dim
    u = asked.levels(n, 2 * d)
    base = asked.copula.couple(u[:, :d])
    plan = shapley.plan(n, d, split_key(asked.key, "orders"))
    y = asked(np.concatenate([base[None], shapley.redrawn(plan, asked.copula, base, u[:, d:])]))
    good = asked.complete(y)
    if plan.sets.shape[1] > 1:
        plan = shapley.Plan(plan.sets[:, good], plan.counts[:, good])
    again = _again(asked, int(good.sum()))
    found = []
    for output, values in enumerate(y[:, :, good]):
        asked.check_varies(values[0], output)
        rows = shapley.contributions(plan, values[0], values[1:])
        found.append(np.stack(ratio(rows, rows.sum(axis=0), again)))
    return Shares({"share": np.stack(found)}, "share")


def _derivative(asked: Question, n: int) -> Shares:
    stepped = [v.name for v in asked.space.variables if v.discrete]
    if stepped:
        raise InputError(f"No derivative to {', '.join(stepped)}",
                         where=f"model {asked.model.info.id}", why="only whole steps exist",
                         fix='leave them out, or use method="sobol"')  # fmt: skip
    u = asked.levels(n, asked.space.dim)
    y, slopes = asked.evaluator.with_gradient(asked.space.from_unit(u))
    good = asked.complete(y.T[:, None])
    y, u, slopes = y[good], u[good], slopes[good] * _stretch(asked, u[good])[:, None]
    again = _again(asked, len(y))
    limits, sizes = [], []
    for output in range(y.shape[1]):
        asked.check_varies(y[:, output], output)
        limits.append(derivative.bounds(y[:, output], slopes[:, output], u, again))
        root = np.sqrt(np.mean(slopes[:, output] ** 2, axis=0))
        sizes.append(np.stack([root, root, root]))
    if not asked.model.capabilities.gradient:
        asked.warnings.append("the model has no exact gradient: differences were used")
    return Shares({"bound": np.stack(limits), "slope": np.stack(sizes)}, "bound")


def _stretch(asked: Question, u: Floats) -> Floats:
    """Return how fast the values of the inputs change with their levels (n, d)."""
    step = 1e-6 * np.minimum(u, 1.0 - u)
    above, below = asked.space.from_unit(u + step), asked.space.from_unit(u - step)
    return np.asarray((above - below) / (2.0 * step))


def _morris(asked: Question, n: int, levels: int) -> Shares:
    where = f"model {asked.model.info.id}"
    if n < 2 or n > 10_000:
        raise InputError(f"Cannot use {n} trajectories", where=where,
                         why="a screening has 2 to 10,000", fix="use n=50")  # fmt: skip
    if levels % 2 or levels < 2:
        raise InputError(f"Cannot use {levels} levels", where=where,
                         why="the grid of a screening has an even number", fix="use levels=4")  # fmt: skip
    d = asked.space.dim
    points = morris.trajectories(n, d, levels, split_key(asked.key, "trajectories"))
    # Levels 0 and 1 of an unbounded distribution are infinitely far: the grid stays inside.
    y = np.swapaxes(asked(0.5 + (points - 0.5) * (1.0 - 1e-3)), 1, 2)
    good = asked.complete(y)
    again = _again(asked, int(good.sum()))
    found: dict[str, list[Floats]] = {"mu_star": [], "mu": [], "sigma": []}
    for output, values in enumerate(y):
        asked.check_varies(values[:, good], output)
        effects = morris.effects(points[good], values[:, good].T)
        for name, column in (("mu_star", np.abs(effects)), ("mu", effects)):
            ends = np.quantile(again @ column, ENDS, axis=0)
            found[name].append(np.stack([column.mean(axis=0), *ends]))
        sigma = effects.std(axis=0, ddof=1)
        found["sigma"].append(np.stack([sigma, sigma, sigma]))
    return Shares({name: np.stack(column) for name, column in found.items()}, "mu_star")


def _again(asked: Question, n: int) -> Floats:
    return weights(n, split_key(asked.key, "resampling"), RESAMPLES)


OPERATION = Operation(
    name="sensitivity",
    title="Which inputs and links the variation of an output comes from",
    settings=SensitivitySettings,
    run=called(sensitivity),
)
