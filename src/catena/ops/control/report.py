"""What a closed loop did: tables, figures, and the sentence to read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import Field, Schema
from catena.ops.control.loop import Record
from catena.ops.control.stating import Problem
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.model import Model
    from catena.core.result import Result

#: A violation smaller than this share of a limit's size (a tenth of the limit) is below the accuracy
#: of a prediction.
BROKEN = 1e-3


def reported(
    model: Model,
    problem: Problem,
    record: Record,
    *,
    method: str,
    extra: Mapping[str, float],
    key: int,
) -> Result:
    """Put the record of a closed loop into the one result type."""
    dynamics = problem.dynamics
    clock = dynamics.system.time_unit
    names = {**{n: _column(n) for n in dynamics.states}, **{n: _column(n) for n in dynamics.inputs}}
    fields = [Field("time", unit=clock)]
    fields += [Field(names[n], unit=dynamics.units.get(n, ""), title=n) for n in names]
    fields += [Field("status", kind="text"), Field("seconds", unit="s")]
    values: dict[str, Any] = {"time": record.times[:-1]}
    values |= {names[n]: record.states[:-1, k] for k, n in enumerate(dynamics.states)}
    values |= {names[n]: record.inputs[:, k] for k, n in enumerate(dynamics.inputs)}
    values |= {"status": [m.status for m in record.moves], "seconds": record.seconds}
    summary = summarised(problem, record, method, extra)
    return answer(
        model, Schema(fields), values, operation="control", key=key, summary=summary,
        parts={"limits": _limits(problem, record), "alarms": _alarms(record, clock)},
        figures={"states": lambda: _figure(problem, record, True),
                 "inputs": lambda: _figure(problem, record, False)},
        warnings=[f"{summary['alarms']} samples fell back"] if summary["alarms"] else [],
    )  # fmt: skip


def summarised(
    problem: Problem, record: Record, method: str, extra: Mapping[str, float]
) -> dict[str, Any]:
    """Return the figures of a closed loop as plain data."""
    broken = int((record.excess > BROKEN).any(axis=1).sum()) if record.excess.size else 0
    errors = _tracking(problem, record)
    alarms = [move for move in record.moves if move.status == "fallback"]
    seconds = record.seconds[1:] if len(record.moves) > 1 else record.seconds
    told = ", ".join(f"{name} off by {value:.3g} on average" for name, value in errors.items())
    headline = (f"{len(record.moves)} samples under {method}: limits broken in {broken}, "
                f"{len(alarms)} alarms" + (f"; {told}" if told else ""))  # fmt: skip
    return {"headline": headline, "samples": len(record.moves), "broken": broken,
            "alarms": len(alarms), "mean_absolute_error": errors,
            "median_seconds": float(np.median(seconds)),
            "p99_seconds": float(np.quantile(seconds, 0.99)), **extra}  # fmt: skip


def _tracking(problem: Problem, record: Record) -> dict[str, float]:
    from catena.ops.control.stating import named

    out: dict[str, float] = {}
    if not problem.tracked:
        return out
    rows = []
    for t, x, u in zip(record.times[1:], record.states[1:], record.inputs, strict=True):
        values = named(problem.dynamics, t, x, u, problem.dynamics.nominal)
        wanted = problem.reference(float(t))[0]
        rows.append([abs(float(values[n]) - wanted[k]) for k, n in enumerate(problem.tracked)])
    return dict(zip(problem.tracked, np.mean(rows, axis=0).tolist(), strict=True))


def _column(name: str) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name).strip("_")


def _limits(problem: Problem, record: Record) -> Result:
    fields = Schema([Field("limit", kind="text"), Field("broken", kind="integer"), Field("worst")])
    excess = record.excess if record.excess.size else np.zeros((1, len(problem.limits)))
    size = np.array([limit.scale for limit in problem.limits])
    return table(fields, {"limit": [limit.text for limit in problem.limits],
                          "broken": (excess > BROKEN).sum(axis=0),
                          "worst": excess.max(axis=0) * size})  # fmt: skip


def _alarms(record: Record, clock: str) -> Result:
    fields = Schema([Field("time", unit=clock), Field("reason", kind="text"),
                     Field("seconds", unit="s")])  # fmt: skip
    found = [move for move in record.moves if move.status == "fallback"]
    return table(fields, {"time": [m.time for m in found], "reason": [m.alarm for m in found],
                          "seconds": [m.fallback_seconds for m in found]})  # fmt: skip


def _figure(problem: Problem, record: Record, states: bool) -> go.Figure:
    from plotly.subplots import make_subplots

    from catena.core.plot import PALETTE

    dynamics = problem.dynamics
    names = dynamics.states if states else dynamics.inputs
    lines = record.states if states else record.inputs
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True)
    for row, name in enumerate(names, 1):
        times = record.times if states else record.times[:-1]
        figure.add_scatter(x=times, y=lines[:, row - 1], name=name, row=row, col=1,
                           line={"color": PALETTE[0], "shape": "linear" if states else "hv"})  # fmt: skip
        for limit in problem.limits:
            if limit.subject == name:
                figure.add_hline(
                    y=limit.bound, line_dash="dot", line_color=PALETTE[1], row=row, col=1
                )
        if name in problem.tracked:
            place = problem.tracked.index(name)
            wanted = [problem.reference(float(t))[0, place] for t in record.times]
            figure.add_scatter(x=record.times, y=wanted, name=f"{name} wanted", row=row, col=1,
                               line={"color": PALETTE[2], "dash": "dash", "shape": "hv"})  # fmt: skip
        unit = dynamics.units.get(name, "")
        figure.update_yaxes(title_text=f"{name} [{unit}]" if unit else name, row=row, col=1)
    figure.update_xaxes(title_text=f"time [{dynamics.system.time_unit}]", row=len(names), col=1)
    figure.update_layout(template="simple_white", showlegend=False, height=120 + 140 * len(names))
    return figure
