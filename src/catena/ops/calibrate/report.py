"""A finished calibration as the one result type: tables, summary, figures, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import Field, Schema
from catena.ops.calibrate import figures
from catena.ops.calibrate.band import predicted_band
from catena.ops.calibrate.fit import Fit
from catena.ops.likelihood.cells import EXACT
from catena.ops.result import answer, table

if TYPE_CHECKING:
    from catena.core.result import Result

Array = np.ndarray[Any, Any]
_KINDS = ("", "below", "above", "between")


def report(fit: Fit, key: int = 0) -> Result:
    """Return the result of a calibration.

    Args:
        fit: The calibration.
        key: Seed it ran with.
    """
    likelihood = fit.likelihood
    new = likelihood.at(fit.theta)
    parts = {"starts": _starts(fit), "fit": _fit(fit), "correlation": _correlation(fit)}
    if fit.found.combinations:
        parts["combinations"] = _combinations(fit)
    if fit.proposal is not None:
        parts["proposal"] = _proposal(fit)
    if fit.profiles:
        parts["profiles"] = _profiles(fit)
    fields, values = _parameters(fit)
    return answer(
        likelihood.source, fields, values, operation="calibrate", key=key,
        lower={"estimate": fit.lower}, upper={"estimate": fit.upper}, summary=_summary(fit),
        parts=parts, figures=figures.figures_of(fit), new_model=new, warnings=fit.warnings,
        artefacts={"calibrated.json": lambda path: _write(fit, path)},
        diagnostics={"evaluations": int(fit.searches.evaluations.sum()), "covariance": fit.found.covariance},
    )  # fmt: skip


def open_ends(fit: Fit) -> list[str]:
    """Return per parameter which ends of its interval are open: "", lower, upper or both."""
    return [
        ("", "lower", "upper", "both")[int(np.isneginf(low)) + 2 * int(np.isposinf(high))]
        for low, high in zip(fit.lower, fit.upper, strict=True)
    ]


def _parameters(fit: Fit) -> tuple[Schema, dict[str, Any]]:
    variables = fit.likelihood.space.variables
    fields = Schema([
        Field("parameter", kind="text"), Field("estimate"), Field("unit", kind="text"),
        Field("std_error"), Field("low"), Field("high"), Field("at_bound", kind="boolean"),
        Field("open", kind="text", doc="Ends of the interval that the data leave open"),
        Field("role", kind="text", doc="model or noise"),
    ])  # fmt: skip
    count = fit.likelihood.count
    values = {
        "parameter": [v.name for v in variables], "estimate": fit.theta,
        "unit": [v.unit for v in variables], "std_error": fit.std_error,
        "low": [v.low for v in variables], "high": [v.high for v in variables],
        "at_bound": fit.at_bound, "open": open_ends(fit),
        "role": ["model" if k < count else "noise" for k in range(len(variables))],
    }  # fmt: skip
    return fields, values


def _starts(fit: Fit) -> Result:
    searches, order = fit.searches, fit.searches.order
    names = fit.likelihood.names[: fit.target.dim]
    columns = [_safe(name) for name in names]
    fields = Schema([
        Field("start", kind="integer"), Field("log_posterior_first"), Field("log_posterior"),
        Field("basin", kind="integer"), Field("converged", kind="boolean"),
        Field("iterations", kind="integer"), Field("evaluations", kind="integer"),
        Field("status", kind="text"), *(Field(c, title=n) for c, n in zip(columns, names, strict=True)),
    ])  # fmt: skip
    theta = fit.target.outward(searches.theta)[order]
    values = {
        "start": order, "log_posterior_first": -searches.first[order],
        "log_posterior": -searches.value[order], "basin": fit.basins.basin[order],
        "converged": searches.converged[order], "iterations": searches.iterations[order],
        "evaluations": searches.evaluations[order], "status": [searches.status[k] for k in order],
        **{c: theta[:, k] for k, c in enumerate(columns)},
    }  # fmt: skip
    return table(fields, values)


def _safe(name: str) -> str:
    """Return a parameter's name as a column: letters, digits and _ between dots."""
    text = "".join(c if c.isalnum() or c in "_." else "_" for c in name).strip(".")
    return text if text[0].isalpha() or text[0] == "_" else f"_{text}"


def _fit(fit: Fit) -> Result:
    """Return measurements beside predictions, with 90 % intervals of new measurements."""
    data = fit.likelihood.data
    mean, low, high = predicted_band(fit, data)
    fields = Schema([
        Field("experiment", kind="text"), Field("output", kind="text"),
        *([Field(data.axis.name.replace(".", "_"), unit=data.axis.unit)] if data.axis else []),
        Field("measured"), Field("censored", kind="text"), Field("predicted"), Field("residual"),
        Field("row", kind="integer", doc="Row of the data"),
    ])  # fmt: skip
    exact = data.kind == EXACT
    values: dict[str, Any] = {
        "experiment": [data.experiments[int(data.experiment[r])] for r in data.row],
        "output": [data.outputs[int(k)].name for k in data.output],
        "measured": data.value, "censored": [_KINDS[int(k)] for k in data.kind],
        "predicted": mean, "residual": np.where(exact, data.value - mean, np.nan), "row": data.source,
    }  # fmt: skip
    if data.axis is not None:
        values[data.axis.name.replace(".", "_")] = data.at
    return table(fields, values, lower={"predicted": low}, upper={"predicted": high})


def _correlation(fit: Fit) -> Result:
    names = fit.likelihood.names
    columns = [_safe(name) for name in names]
    fields = Schema([Field("parameter", kind="text"), *(Field(c) for c in columns)])
    matrix = fit.found.correlation
    return table(
        fields, {"parameter": list(names), **{c: matrix[:, k] for k, c in enumerate(columns)}}
    )


def _combinations(fit: Fit) -> Result:
    fields = Schema([
        Field("combination", kind="integer"), Field("kind", kind="text"),
        Field("parameter", kind="text"), Field("loading"), Field("text", kind="text"),
    ])  # fmt: skip
    rows = [
        (k, c.kind, name, load, c.text)
        for k, c in enumerate(fit.found.combinations)
        for name, load in zip(c.names, c.loadings, strict=True)
    ]
    columns = list(zip(*rows, strict=True))
    return table(fields, dict(zip(fields.names, columns, strict=True)))


def _proposal(fit: Fit) -> Result:
    proposal = fit.proposal
    assert proposal is not None
    size = len(proposal.output)
    axis = fit.likelihood.data.axis
    model = fit.likelihood.model
    fields = Schema([
        Field("output", kind="text"),
        *([Field(axis.name.replace(".", "_"), unit=axis.unit)] if axis is not None else []),
        *(Field(name.replace(".", "_"), unit=model.inputs[name].unit) for name in proposal.conditions),
        Field("smallest_eigenvalue", doc="Of the information, this measurement included"),
    ])  # fmt: skip
    values: dict[str, Any] = {
        "output": list(proposal.output),
        "smallest_eigenvalue": proposal.after,
    }
    if axis is not None:
        values[axis.name.replace(".", "_")] = proposal.at
    for name, value in proposal.conditions.items():
        values[name.replace(".", "_")] = np.full(size, value)
    return table(fields, values)


def _profiles(fit: Fit) -> Result:
    fields = Schema([
        Field("parameter", kind="text"), Field("value"),
        Field("ratio", doc="Twice the drop of the log-likelihood"),
    ])  # fmt: skip
    values = {
        "parameter": [p.name for p in fit.profiles for _ in p.points],
        "value": np.concatenate([p.points for p in fit.profiles]),
        "ratio": np.concatenate([p.ratio for p in fit.profiles]),
    }
    return table(fields, values)


def _summary(fit: Fit) -> dict[str, Any]:
    likelihood, data = fit.likelihood, fit.likelihood.data
    k, n = len(likelihood.names), data.size
    flat = [p.name for p in fit.profiles if np.isinf(p.lower[0.90]) and np.isinf(p.upper[0.90])]
    identifiable = fit.found.identifiable and not flat
    summary: dict[str, Any] = {
        "headline": _headline(fit, identifiable, flat),
        "log_likelihood": fit.log_likelihood,
        "log_prior": fit.log_prior,
        "n": n,
        "parameters": k,
        "aic": 2.0 * k - 2.0 * fit.log_likelihood,
        "bic": k * float(np.log(n)) - 2.0 * fit.log_likelihood,
        "rmse": _rmse(fit),
        "noise": {t.noise.output.name: f"{t.noise.name}, {t.noise.density.name}" for t in likelihood.terms},
        "priors": [variable.name for _, variable in fit.target.priors],
        "identifiable": identifiable,
        "combinations": [c.text for c in fit.found.combinations]
        + [f"{name} has no finite interval: its profile stays flat" for name in flat],
        "proposal": fit.proposal.text if fit.proposal is not None else None,
        "proposal_resolves": fit.proposal.resolved if fit.proposal is not None else None,
        "at_bound": [n for n, held in zip(likelihood.names, fit.at_bound, strict=True) if held],
        "twins": [dict(zip(likelihood.names, map(float, t), strict=True)) for t in fit.twins],
        "starts": len(fit.searches.value),
        **fit.basins.to_dict(),
    }  # fmt: skip
    if fit.profiles:
        summary["profiles"] = {p.name: _ends(p) for p in fit.profiles}
    return summary


def _ends(profile: Any) -> dict[str, Any]:
    """Return likelihood-ratio intervals as plain data; open ends are None."""
    out: dict[str, Any] = {}
    for level in profile.lower:
        pair = (profile.lower[level], profile.upper[level])
        out[f"{level:.0%}"] = [v if np.isfinite(v) else None for v in pair]
    return {**out, "ended": list(profile.reason)}


def _headline(fit: Fit, identifiable: bool, flat: list[str]) -> str:
    names = fit.likelihood.names[: fit.likelihood.count]
    shown = ", ".join(f"{n} = {v:.4g}" for n, v in zip(names[:3], fit.theta, strict=False))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    text = f"{shown}{more} from {fit.likelihood.size} measurements; "
    if not identifiable:
        said = [c.text for c in fit.found.combinations] or [f"{flat[0]} has no finite interval"]
        return text + f"not identifiable: {said[0]}"
    return (
        text + f"all determined, {fit.basins.best:.0%} of {len(fit.searches.value)} searches agree"
    )


def _rmse(fit: Fit) -> dict[str, float]:
    data = fit.likelihood.data
    mean = fit.likelihood.predict(fit.theta)[0]
    out = {}
    for index, output in enumerate(data.outputs):
        mine = data.of(index)
        mine = mine[data.kind[mine] == EXACT]
        if len(mine):
            out[output.name] = float(np.sqrt(np.mean((data.value[mine] - mean[mine]) ** 2)))
    return out


def _write(fit: Fit, path: Path) -> None:
    """Write the estimates as JSON that ``model.at`` takes back."""
    variables = fit.likelihood.space.variables
    record = {
        "model": fit.likelihood.source.info.id,
        "parameters": {v.name: float(x) for v, x in zip(variables, fit.theta, strict=True)},
        "units": {v.name: v.unit for v in variables},
        "log_likelihood": fit.log_likelihood,
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
