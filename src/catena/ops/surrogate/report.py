"""The result of a training: errors, history, checked points, and how to draw them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.result import answer, table
from catena.ops.surrogate.files import write
from catena.ops.surrogate.fitting import Form, Means
from catena.ops.surrogate.model import SurrogateModel
from catena.ops.surrogate.parent import Parent
from catena.ops.surrogate.training import Trained

if TYPE_CHECKING:
    import plotly.graph_objects as go

_FIELDS = Schema(
    [
        Field("output", kind="text", doc="Output learned"),
        Field("nrmse", doc="Root mean squared error over the standard deviation, on checked rows"),
        Field("nrmse_upper", doc="Upper end of its one-sided 90 % interval"),
        Field("error_over_range", doc="Root mean squared error over the range"),
        Field("half_width", doc="Median half-width of the 90 % intervals, in the output's unit"),
        Field("form", kind="text", doc="What was learned, and by what"),
    ]
)


def report(
    parent: Parent,
    trained: Trained,
    fitted: SurrogateModel,
    means: Means,
    target: float,
    key: int,
) -> Result:
    """Return the result of a surrogate; its model is the surrogate."""
    names = list(trained.judgements)
    judged = [trained.judgements[name] for name in names]
    values: dict[str, Any] = {
        "output": names,
        "nrmse": [judgement.nrmse for judgement in judged],
        "nrmse_upper": [judgement.upper for judgement in judged],
        "error_over_range": [judgement.range_normalised for judgement in judged],
        "half_width": [fitted.training.conformal[name] for name in names],
        "form": [_form(means, trained, name) for name in names],
    }
    return answer(
        parent.source, _FIELDS, values, operation="surrogate", key=key,
        summary=_summary(parent, trained, means, target),
        parts={"history": _history(trained), "checks": _checks(parent, trained)},
        figures=_figures(parent, trained, target),
        artefacts={"surrogate": lambda path: write(fitted, Path(path))},
        new_model=fitted,
        diagnostics=_evaluated(trained),
        warnings=_warnings(trained, target),
    )  # fmt: skip


def _summary(parent: Parent, trained: Trained, means: Means, target: float) -> dict[str, Any]:
    worst, judgement = max(trained.judgements.items(), key=lambda item: item[1].upper)
    reached = "within" if trained.met else "NOT within"
    return {
        "headline": f"{parent.source.info.id} in {len(trained.rows)} + {len(trained.checks)} evaluations: "
        f"NRMSE of {worst} {judgement.nrmse:.2%} (at most {judgement.upper:.2%}), {reached} {target:.2%}",
        "met": trained.met,
        "target_error": target,
        "achieved_error": judgement.nrmse,
        "achieved_error_upper": judgement.upper,
        "evaluations": trained.evaluations,
        "training_rows": len(trained.rows),
        "checked_rows": len(trained.checks),
        "failed_rows": len(trained.rows.failures) + len(trained.checks.failures),
        "method": means,
        "outputs": {name: j.to_dict() for name, j in trained.judgements.items()},
    }


def _evaluated(trained: Trained) -> dict[str, Any]:
    """Return every point the model was asked and what it gave, fitted rows first."""
    rows = trained.rows.joined(trained.checks)
    return {"points": rows.x, "values": rows.values, "failed": rows.failed}


def _warnings(trained: Trained, target: float) -> list[str]:
    failures = trained.rows.failures + trained.checks.failures
    out = [] if trained.met else [f"the error asked for ({target:.2%}) was not reached"]
    if failures:
        out.append(f"{len(failures)} points could not be evaluated, first: {failures[0]}")
    return out


def _form(means: Means, trained: Trained, name: str) -> str:
    """Say in words what was learned."""
    form: Form = trained.forms[name]
    emulator = trained.emulators[name]
    what = "logarithm" if form.log else "value"
    if emulator.reduction.modes.shape[1] > 1 and means != "operator":
        what += f" by {emulator.reduction.size} modes"
    inputs = " of logarithmic inputs" if form.log_inputs else ""
    who = f"{form.kernel} process, {form.trend} trend" if means == "gp" else means
    return f"{what}{inputs}; {who}"


def _history(trained: Trained) -> Result:
    names = list(trained.judgements)
    fields = [Field("evaluations", kind="integer"), Field("rows", kind="integer"),
              *(Field(f"nrmse_{_safe(name)}", doc="Estimated from left-out rows") for name in names)]  # fmt: skip
    columns: dict[str, Any] = {
        "evaluations": [step["evaluations"] for step in trained.history],
        "rows": [step["rows"] for step in trained.history],
    }
    columns |= {f"nrmse_{_safe(n)}": [step[n] for step in trained.history] for n in names}
    return table(Schema(fields), columns)


def _checks(parent: Parent, trained: Trained) -> Result:
    """Return the checked points: what varies, what the model gave and what the surrogate says."""
    space, checks = parent.space, trained.checks
    fields, columns = list(space.schema()), dict(space.table(checks.x))
    for name, emulator in trained.emulators.items():
        if emulator.shape:
            continue
        unit = parent.outputs[name].unit
        value, low, high = emulator.band(checks.x, np.zeros(len(checks)))
        found = {"": checks.values[name], "_surrogate": value, "_lower": low, "_upper": high}
        for ending, column in found.items():
            fields.append(Field(f"{_safe(name)}{ending}", unit=unit))
            columns[f"{_safe(name)}{ending}"] = column
    return table(Schema(fields), columns)


def _safe(name: str) -> str:
    return name.replace(".", "_")


def _figures(parent: Parent, trained: Trained, target: float) -> dict[str, Callable[[], go.Figure]]:
    return {
        "agreement": lambda: _agreement(parent, trained),
        "convergence": lambda: _convergence(trained, target),
    }


def _agreement(parent: Parent, trained: Trained) -> go.Figure:
    """Draw surrogate against model at the checked rows, with intervals (first output)."""
    import plotly.graph_objects as go

    name, emulator = next(iter(trained.emulators.items()))
    checks = trained.checks
    truth = checks.values[name].reshape(len(checks), -1)
    value, low, high = (
        part.reshape(len(checks), -1) for part in emulator.band(checks.x, np.zeros(len(checks)))
    )
    at = truth.shape[1] // 2  # of a curve, its middle
    figure = go.Figure()
    figure.add_scatter(
        x=truth[:, at], y=value[:, at], mode="markers", name="checked rows",
        error_y={"type": "data", "symmetric": False, "array": high[:, at] - value[:, at],
                 "arrayminus": value[:, at] - low[:, at]},
    )  # fmt: skip
    ends = [float(truth[:, at].min()), float(truth[:, at].max())]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="equal")
    label = parent.outputs[name].label
    figure.update_layout(
        template="simple_white", xaxis_title=f"model: {label}", yaxis_title=f"surrogate: {label}"
    )
    return figure


def _convergence(trained: Trained, target: float) -> go.Figure:
    """Draw the estimated error over the evaluations, with the target."""
    import plotly.graph_objects as go

    figure = go.Figure()
    spent = [step["evaluations"] for step in trained.history]
    for name in trained.judgements:
        figure.add_scatter(x=spent, y=[step[name] for step in trained.history], name=name)
    figure.add_hline(y=target, line_dash="dash")
    figure.update_layout(
        template="simple_white", xaxis_title="evaluations of the model", yaxis_title="NRMSE",
        yaxis_type="log",
    )  # fmt: skip
    return figure
