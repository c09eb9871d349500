"""Puts a sampled posterior into the one result type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.identity import split_key
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.bayes import figures
from catena.ops.bayes.predictive import Predictive
from catena.ops.bayes.problem import Problem
from catena.ops.bayes.sampling import Draws
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.model import Model
    from catena.ops.variable import Variable

_FIELDS = Schema.parse("mean, sd, learned, rhat, ess_bulk, ess_tail, mcse")
#: A number of whose prior uncertainty the data have removed less is named in the warnings.
_LITTLE = 0.1
#: Posterior draws at which data are replicated for predictive checks.
REPLICATES = 1000


def report(
    model: Model, problem: Problem, draws: Draws, found: Predictive | None, key: int
) -> Result:
    """Return a posterior as a result: one row per parameter.

    Args:
        model: The model that was asked.
        problem: Likelihood and prior.
        draws: The posterior.
        found: Predictive check, where data could be replicated.
        key: Seed it ran with.
    """
    variables = problem.prior.space.variables
    units = [v.unit for v in variables]
    labels = [f"{v.name} [{v.unit}]" if v.unit else v.name for v in variables]
    schema = Schema([Field("parameter", kind="text"), Field("estimate", doc="posterior median"),
                     Field("unit", kind="text"), *_FIELDS])  # fmt: skip
    numbers = draws.summary
    values = {"parameter": list(draws.names), "estimate": numbers["median"], "unit": units,
              **{field.name: numbers[field.name] for field in _FIELDS}}  # fmt: skip
    drawing: dict[str, Callable[[], go.Figure]] = {
        "trace": partial(figures.trace, draws, labels),
        "marginals": partial(figures.marginals, draws, labels, problem.prior, split_key(key, "prior")),
    }  # fmt: skip
    if len(labels) > 1:
        drawing["pairs"] = partial(figures.pairs, draws, labels)
    parts = {"draws": _draws_table(draws, variables)}
    warnings = [*draws.warnings]
    if found is not None:
        drawing["predictive"] = partial(figures.predictive, problem.likelihood.data, found)
        parts |= {"predictive": _predictive_table(problem, found), "checks": _checks_table(found)}
        warnings += found.conflicts
    little = [
        n for n, share in zip(draws.names, numbers["learned"], strict=True) if share < _LITTLE
    ]
    if little:
        warnings.append(f"the data say little about {', '.join(little)}: posterior and prior agree")
    if not draws.verdict.converged:
        warnings = [f"not converged: {reason}" for reason in draws.verdict.reasons] + warnings
    return answer(
        model, schema, values, operation="bayes", key=key,
        lower={"estimate": numbers["lower"]}, upper={"estimate": numbers["upper"]},
        samples={"estimate": draws.flat},
        summary=_summary(problem, draws, found), parts=parts, figures=drawing,
        new_model=problem.likelihood.at(numbers["median"]),
        diagnostics={
            "draws": {name: draws.flat[:, k] for k, name in enumerate(draws.names)},
            "chain": np.repeat(np.arange(draws.values.shape[0]), draws.values.shape[1]),
            "log_likelihood": draws.likelihood.ravel(), "sampler": dict(draws.sampler),
        },
        warnings=warnings,
    )  # fmt: skip


def _summary(problem: Problem, draws: Draws, found: Predictive | None) -> dict[str, Any]:
    numbers, verdict = draws.summary, draws.verdict
    out: dict[str, Any] = {
        "headline": _headline(problem, draws),
        "method": draws.method,
        "converged": verdict.converged,
        "reasons": list(verdict.reasons),
        "advice": list(verdict.advice),
        "draws": int(draws.values.shape[0] * draws.values.shape[1]),
        "chains": int(draws.values.shape[0]),
        "measurements": problem.likelihood.size,
    }
    if np.isfinite(numbers["rhat"]).any():
        out |= {"rhat": float(np.max(numbers["rhat"])),
                "ess": float(min(np.min(numbers["ess_bulk"]), np.min(numbers["ess_tail"])))}  # fmt: skip
    for name, value in draws.sampler.items():
        if isinstance(value, (int, float, str)):
            out[name] = value
        elif name == "energy_fraction":
            out[name] = float(np.min(value))
    if found is not None:
        out["inside_90"] = found.inside
        out["conflicts"] = found.conflicts
    return out


def _headline(problem: Problem, draws: Draws) -> str:
    numbers = draws.summary
    first = [
        f"{v.name} {numbers['median'][k]:.4g} ({numbers['lower'][k]:.4g} to {numbers['upper'][k]:.4g})"
        + (f" {v.unit}" if v.unit else "")
        for k, v in enumerate(problem.prior.space.variables[:3])
    ]
    rest = len(draws.names) - len(first)
    text = ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
    if draws.verdict.converged:
        return f"Posterior median and 90 % interval: {text}"
    return f"NOT CONVERGED ({draws.verdict.reasons[0]}); so far {text}"


def column(variable: Variable) -> Field:
    """Return the declaration of a column of draws (``x0@A`` becomes ``x0_A``)."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", variable.name).strip("_.")
    name = re.sub(r"\.(?![A-Za-z_])", "_", name)
    return Field(name, unit=variable.unit, title=variable.name)


def _draws_table(draws: Draws, variables: tuple[Variable, ...]) -> Result:
    fields = [column(variable) for variable in variables]
    schema = Schema([Field("chain", kind="integer"), *fields])
    chains = np.repeat(np.arange(1, draws.values.shape[0] + 1), draws.values.shape[1])
    values: dict[str, Any] = {field.name: draws.flat[:, k] for k, field in enumerate(fields)}
    return table(schema, {"chain": chains, **values})


def _predictive_table(problem: Problem, found: Predictive) -> Result:
    data = problem.likelihood.data
    axis = data.axis
    fields = [Field("output", kind="text"), Field("experiment", kind="text"),
              *([Field("at", unit=axis.unit, title=axis.name)] if axis is not None else []),
              Field("measured"), Field("replicated"), Field("inside", kind="boolean")]  # fmt: skip
    names = [data.outputs[k] for k in data.output]
    owner = data.experiment[data.row] if len(data.experiment) > 1 else np.zeros(data.size, int)
    values: Mapping[str, Any] = {
        "output": [f"{o.name} [{o.unit}]" if o.unit else o.name for o in names],
        "experiment": [data.experiments[int(e)] for e in owner],
        "at": data.at, "measured": data.value, "replicated": found.median,
        "inside": (data.value >= found.lower) & (data.value <= found.upper),
    }  # fmt: skip
    return table(Schema(fields), values, lower={"replicated": found.lower},
                 upper={"replicated": found.upper})  # fmt: skip


def _checks_table(found: Predictive) -> Result:
    schema = Schema([Field("output", kind="text"), Field("statistic", kind="text"),
                     Field("observed"), Field("low"), Field("high"), Field("p_value")])  # fmt: skip
    checks = found.checks
    return table(schema, {
        "output": [c.output for c in checks], "statistic": [c.statistic for c in checks],
        "observed": [c.observed for c in checks], "low": [c.low for c in checks],
        "high": [c.high for c in checks], "p_value": [c.p for c in checks],
    })  # fmt: skip
