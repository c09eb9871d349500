"""What an estimation found: tables, consistency, figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.spec import Field, Schema
from catena.ops.estimate.smoothing import smoothed
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.ops.estimate.estimator import Estimate, Estimator
    from catena.ops.estimate.samples import Samples


@final
@dataclass(frozen=True)
class Followed:
    """A finished run of an estimator over a record.

    Args:
        estimator: The estimator, with all its nodes.
        samples: What it was given.
        estimates: What was known at every moment.
    """

    estimator: Estimator
    samples: Samples
    estimates: list[Estimate]


def reported(model: Model, followed: Followed, *, smooth: bool, key: int) -> Result:
    """Put a finished run into the one result type."""
    estimator, found = followed.estimator, followed.estimates
    names, view = estimator.model.names, estimator.model.dynamics
    fields = Schema([Field("time", unit=view.system.time_unit),
                     *(Field(_column(n), unit=view.units.get(n, ""), title=n) for n in names),
                     Field("flags", kind="text")])  # fmt: skip
    values: dict[str, Any] = {
        "time": [e.time for e in found],
        "flags": ["; ".join(e.flags) for e in found],
    }
    values |= {_column(n): [e.mean[n] for e in found] for n in names}
    ends = [{_column(n): np.array([getattr(e, side)[n] for e in found]) for n in names}
            for side in ("lower", "upper")]  # fmt: skip
    parts = {"innovations": _innovations(followed), "revised": _revised(followed, False)}
    if smooth:
        parts["smoothed"] = _revised(followed, True)
    consistency = _consistency(followed)
    warnings = [f"assumed: {', '.join(estimator.model.assumed)}"] if estimator.model.assumed else []
    warnings += list(followed.samples.refused)
    return answer(
        model, fields, values, operation="estimate", key=key, lower=ends[0], upper=ends[1],
        summary={"headline": _headline(followed, consistency), **consistency},
        parts=parts, warnings=warnings,
        figures={_column(n): partial(_figure, followed, n) for n in names},
        artefacts={"state.json": lambda path: _written(path, estimator.state())},
    )  # fmt: skip


def _written(path: Path, state: Any) -> None:
    path.write_text(json.dumps(state))


def _column(name: str) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name).strip("_")


def _revised(followed: Followed, smooth: bool) -> Result:
    """Return the path at every moment, once late samples are in; smoothed given all samples."""
    estimator = followed.estimator
    nodes, names = estimator.nodes, estimator.model.names
    beliefs = smoothed(nodes) if smooth else [(n.belief["mean"], n.belief["cov"]) for n in nodes]
    means = np.array([estimator.model.natural(mean) for mean, _ in beliefs])
    ends = [estimator.ends(mean, cov) for mean, cov in beliefs]
    units = estimator.model.dynamics.units
    fields = Schema([Field("time", unit=estimator.model.dynamics.system.time_unit),
                     *(Field(_column(n), unit=units.get(n, ""), title=n) for n in names)])  # fmt: skip
    columns = {_column(n): means[:, k] for k, n in enumerate(names)}
    sides = [{_column(n): np.array([e[side][k] for e in ends]) for k, n in enumerate(names)}
             for side in (0, 1)]  # fmt: skip
    return table(
        fields, {"time": [n.time for n in nodes], **columns}, lower=sides[0], upper=sides[1]
    )


def _innovations(followed: Followed) -> Result:
    rows = []
    model = followed.estimator.model
    for node in followed.estimator.nodes:
        if node.verdict is None:
            continue
        for k, (place, value, _, arrived) in enumerate(node.samples):
            spread = node.verdict.expected_sd[k]
            rows.append((node.time, model.outputs[place], value, node.verdict.innovation[k], spread,
                         bool(node.verdict.used[k]), arrived - node.time))  # fmt: skip
    names = ("time", "output", "value", "innovation", "expected_sd", "used", "delay")
    clock = model.dynamics.system.time_unit
    fields = Schema([Field("time", unit=clock), Field("output", kind="text"), Field("value"),
                     Field("innovation"), Field("expected_sd"), Field("used", kind="boolean"),
                     Field("delay", unit=clock)])  # fmt: skip
    return table(fields, dict(zip(names, (list(c) for c in zip(*rows, strict=True)), strict=True)))


def _consistency(followed: Followed) -> dict[str, Any]:
    """Return whether innovations are as large as the filter expects (chi-squared test)."""
    from scipy.special import chdtri

    verdicts = [n.verdict for n in followed.estimator.nodes if n.verdict is not None]
    count = int(sum(v.used.sum() for v in verdicts))
    total = float(sum(v.nis for v in verdicts))
    ends = [float(chdtri(count, p)) / max(count, 1) for p in (0.95, 0.05)] if count else [0.0, 0.0]
    mean = total / max(count, 1)
    return {
        "samples": count,
        "nis": mean,
        "nis_90": ends,
        "consistent": bool(ends[0] <= mean <= ends[1]),
        "outliers": int(sum((~v.used).sum() for v in verdicts)),
        "missing": followed.samples.missing,
        "late": int(sum(any("late" in f for f in e.flags) for e in followed.estimates)),
        "log_likelihood": float(sum(v.log_likelihood for v in verdicts)),
    }


def _headline(followed: Followed, consistency: dict[str, Any]) -> str:
    verdict = "as large as expected" if consistency["consistent"] else (
        "larger than expected" if consistency["nis"] > 1 else "smaller than expected")  # fmt: skip
    return (f"{consistency['samples']} samples followed by {followed.estimator.method}; innovations "
            f"are {verdict} (mean square {consistency['nis']:.2f})")  # fmt: skip


def _figure(followed: Followed, name: str) -> go.Figure:
    import plotly.graph_objects as go

    from catena.core.plot import PALETTE

    found, model = followed.estimates, followed.estimator.model
    times = [e.time for e in found]
    figure = go.Figure()
    band = [e.lower[name] for e in found] + [e.upper[name] for e in reversed(found)]
    figure.add_scatter(x=times + times[::-1], y=band, fill="toself", line={"width": 0},
                       fillcolor="rgba(0,114,178,0.2)", name="90 % interval")  # fmt: skip
    figure.add_scatter(
        x=times, y=[e.mean[name] for e in found], name=name, line={"color": PALETTE[0]}
    )
    own = [r for r in followed.samples.records if r["output"] == name]
    if own:
        figure.add_scatter(x=[r["time"] for r in own], y=[r["value"] for r in own], mode="markers",
                           name="measured", marker={"color": PALETTE[1]})  # fmt: skip
    unit = model.dynamics.units.get(name, "")
    figure.update_layout(template="simple_white",
                         xaxis_title=f"time [{model.dynamics.system.time_unit}]",
                         yaxis_title=f"{name} [{unit}]" if unit else name)  # fmt: skip
    return figure
