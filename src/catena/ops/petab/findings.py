"""What the ends of the searches tell: estimates, intervals, which parameters the data determine."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import Field, Schema
from catena.ops.petab import figures
from catena.ops.petab.profiles import profile_table, profiled
from catena.ops.petab.spread import Spread, spread_at
from catena.ops.result import answer, table

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work
    from catena.ops.calibrate.multistart import Searches
    from catena.ops.petab.target import Array, PetabCalibration

#: A parameter this close to a bound, as a fraction of its range on its scale, stands at it.
_AT_BOUND = 1e-3
#: Ends within this of the best log-posterior count as having reached it.
REACHED = 0.1
_FIELDS = Schema([
    Field("parameter", kind="text"),
    Field("estimate", doc="on the linear scale"),
    Field("scale", kind="text", doc="scale of the search"),
    Field("low", doc="lower bound"), Field("high", doc="upper bound"),
    Field("at_bound", kind="boolean"),
    Field("identifiable", kind="boolean", doc="its interval is narrower than its bounds"),
])  # fmt: skip


def findings(
    target: PetabCalibration,
    ends: Searches,
    candidates: int,
    key: int,
    places: list[int],
    work: Work,
) -> Result:
    """Return the result of a calibration.

    Args:
        target: The problem.
        ends: Where its searches ended.
        candidates: Random points drawn per start.
        key: Seed of the starts.
        places: Parameters to profile.
        work: Progress.
    """
    best = ends.theta[ends.best]
    spread = spread_at(target, best)
    at_bound = _at_bound(target, best)
    objective = target.objective
    summary = _summary(target, ends, best, spread, at_bound, candidates)
    bounds = objective.unscaled(target.bounds)
    values = {
        "parameter": list(target.names),
        "estimate": objective.unscaled(best),
        "scale": [p.scale for p in objective.parameters],
        "low": bounds[0],
        "high": bounds[1],
        "at_bound": at_bound,
        "identifiable": spread.determined,
    }
    lower, upper = objective.unscaled(spread.lower), objective.unscaled(spread.upper)
    fit = _fit(target, best)
    parts = {"starts": _starts(target, ends), "fit": fit,
             "correlations": _correlations(target, spread)}  # fmt: skip
    drawn = {"waterfall": partial(figures.waterfall, ends.value, REACHED),
             "fit": partial(figures.fit, fit),
             "correlations": partial(figures.correlations, target.names, spread.correlation)}  # fmt: skip
    if places:
        followed = profiled(target, best, spread.deviations, places, work)
        for place, one in zip(places, followed, strict=True):
            lower[place] = max(one.lower[0.90], bounds[0, place])
            upper[place] = min(one.upper[0.90], bounds[1, place])
        parts["profiles"] = profile_table(followed)
        drawn["profiles"] = partial(figures.profiles, parts["profiles"])
    return answer(
        None, _FIELDS, values, operation="calibrate_petab", key=key,
        lower={"estimate": lower}, upper={"estimate": upper},
        summary=summary, parts=parts, figures=drawn,
        artefacts={"parameters.tsv": partial(_write_table, target, best)},
        new_model=fitted_model(target, best),
        diagnostics={"evaluations": int(ends.evaluations.sum()),
                     "rtol": objective.settings.rtol},
        warnings=_warnings(target, ends),
    )  # fmt: skip


def fitted_model(target: PetabCalibration, theta: Array) -> Model:
    """Return the SBML model with the parameter table's values, estimates in their place.

    Args:
        target: The problem.
        theta: Estimates (p,) on their scales.
    """
    from catena.numerics.ode.sbml.petab_plan import structure_of
    from catena.numerics.ode.sbml.reader import read_sbml
    from catena.numerics.ode.sbml.system import load_sbml

    problem = target.problem
    model = read_sbml(problem.model)
    values = problem.nominal()
    linear = target.objective.unscaled(theta)
    values |= dict(zip(target.names, linear.tolist(), strict=True))
    free = [n for n in values if n in model.symbols and n not in model.assignment]
    system = load_sbml(model, free=free)
    structure = structure_of(system)
    inputs = {structure.input_name(name): values[name] for name in free}
    return system.at(**{name: v for name, v in inputs.items() if name in system.inputs})


def _summary(
    target: PetabCalibration,
    ends: Searches,
    best: Array,
    spread: Spread,
    at_bound: Array,
    candidates: int,
) -> dict[str, Any]:
    from catena.ops.calibrate.basins import basins_of

    likelihood = float(target.objective.log_likelihood(best[None])[0])
    posterior = -float(ends.value[ends.best])
    reached = int((ends.value <= ends.value.min() + REACHED).sum())
    count, size = len(best), target.size
    edge = [n for n, at in zip(target.names, at_bound, strict=True) if at]
    loose = [n for n, is_ in zip(target.names, spread.determined, strict=True) if not is_]
    headline = (
        f"{target.problem.name}: log-likelihood {likelihood:.2f} with {count} parameters and {size} "
        f"measurements; {reached} of {len(ends.value)} searches reached it; "
        + (f"data do not determine {len(loose)} parameters" if loose else "data determine all")
        + (f", {len(edge)} stand at a bound." if edge else ".")
    )
    return {
        "headline": headline,
        "log_likelihood": likelihood,
        "log_prior": posterior - likelihood if target.priors else 0.0,
        "measurements": size,
        "parameters": count,
        "aic": 2.0 * count - 2.0 * likelihood,
        "bic": count * math.log(max(size, 1)) - 2.0 * likelihood,
        "starts": len(ends.value),
        **basins_of(ends).to_dict(),
        "candidates_per_start": candidates,
        "reached": reached,
        "failed_starts": int((~np.isfinite(ends.first)).sum()),
        "at_bound": edge,
        "identifiable": not loose,
        "undetermined": loose,
        "combinations": spread.combinations,
    }


def _at_bound(target: PetabCalibration, theta: Array) -> Array:
    low, high = target.bounds
    width = np.where(np.isfinite(high - low), high - low, np.inf)
    return np.asarray(np.minimum(theta - low, high - theta) <= _AT_BOUND * width)


def _starts(target: PetabCalibration, ends: Searches) -> Result:
    order = ends.order
    fields = Schema([
        Field("start", kind="integer"), Field("log_posterior", doc="at the end"),
        Field("log_posterior_first", doc="at the start"), Field("iterations", kind="integer"),
        Field("evaluations", kind="integer"), Field("converged", kind="boolean"),
        Field("status", kind="text"), *(Field(_column(n)) for n in target.names),
    ])  # fmt: skip
    linear = target.objective.unscaled(ends.theta[order])
    return table(fields, {
        "start": order, "log_posterior": -ends.value[order],
        "log_posterior_first": -ends.first[order], "iterations": ends.iterations[order],
        "evaluations": ends.evaluations[order], "converged": ends.converged[order],
        "status": [ends.status[row] for row in order],
        **{_column(name): linear[:, k] for k, name in enumerate(target.names)},
    })  # fmt: skip


def _column(name: str) -> str:
    return f"end.{name}"


def _fit(target: PetabCalibration, theta: Array) -> Result:
    measured = target.problem.measurements
    reading = target.objective.read(theta[None])
    fields = Schema([
        Field("observable", kind="text"), Field("before", kind="text", doc="condition at rest before"),
        Field("condition", kind="text"), Field("time"), Field("measured"), Field("simulated"),
        Field("sigma"), Field("residual", doc="in units of the noise, on its scale"),
    ])  # fmt: skip
    noise = target.objective.noise
    return table(fields, {
        "observable": [m.observable for m in measured], "before": [m.before for m in measured],
        "condition": [m.condition for m in measured], "time": [m.time for m in measured],
        "measured": [m.value for m in measured], "simulated": reading.values[0],
        "sigma": reading.sigmas[0],
        "residual": noise.residuals(reading.values, reading.sigmas)[0],
    })  # fmt: skip


def _correlations(target: PetabCalibration, spread: Spread) -> Result:
    fields = Schema([Field("parameter", kind="text"), *(Field(_column(n)) for n in target.names)])
    columns = {_column(n): spread.correlation[:, k] for k, n in enumerate(target.names)}
    return table(fields, {"parameter": list(target.names), **columns})


def _warnings(target: PetabCalibration, ends: Searches) -> list[str]:
    found = []
    failed = int((~np.isfinite(ends.first)).sum())
    if failed:
        found.append(f"{failed} of {len(ends.first)} starts could not be simulated")
    if int((ends.value <= ends.value.min() + REACHED).sum()) == 1 and len(ends.value) > 1:
        found.append("only one search reached the best value: a better one may have been missed")
    return found


def _write_table(target: PetabCalibration, theta: Array, path: Path) -> None:
    """Write a parameter table of PEtab with the estimates as nominal values."""
    linear = dict(zip(target.names, target.objective.unscaled(theta).tolist(), strict=True))
    heads = (
        "parameterId",
        "parameterScale",
        "lowerBound",
        "upperBound",
        "nominalValue",
        "estimate",
    )
    lines = ["\t".join(heads)]
    for p in target.problem.parameters.values():
        value = linear.get(p.name, p.nominal)
        cells = (p.name, p.scale, p.lower, p.upper, value, int(p.estimated))
        lines.append("\t".join("" if cell is None else str(cell) for cell in cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
