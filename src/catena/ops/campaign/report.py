"""A campaign as a result: its experiments, the best ones, how the best improved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.plot import PALETTE
from catena.core.spec import Field, Schema
from catena.ops.campaign.progress import allowed, best
from catena.ops.campaign.state import write_state
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.result import Result
    from catena.ops.campaign.campaign import Campaign


def report(campaign: Campaign) -> Result:
    """Return all experiments with means over replicates; the best in the part ``best``."""
    state, space, found = campaign.state, campaign.space, campaign.findings
    rows = {name: row for row, name in enumerate(found.ids)}
    x = np.array([e.point for e in state.experiments]).reshape(-1, space.dim)
    fields = [Field("experiment", kind="text"), Field("batch", kind="integer"),
              Field("status", kind="text"), Field("replicates", kind="integer"), *space.schema()]  # fmt: skip
    columns: dict[str, Any] = {
        "experiment": [e.id for e in state.experiments],
        "batch": np.array([e.batch for e in state.experiments], dtype=int),
        "status": [e.status for e in state.experiments],
        "replicates": np.array([len(e.readings) for e in state.experiments], dtype=int),
        **space.table(x),
    }
    for k, objective in enumerate(state.objectives):
        fields.append(Field(objective.name, unit=objective.unit))
        columns[objective.name] = [
            found.y[rows[e.id], k] if e.id in rows else np.nan for e in state.experiments
        ]
    top = best(state, found)
    names = [found.ids[row] for row in top]
    places = [[e.id for e in state.experiments].index(name) for name in names]
    schema = Schema(fields)
    part = {n: [columns[n][p] for p in places] for n in schema.names}
    stop = campaign.stop
    counts = {
        status: sum(e.status == status for e in state.experiments)
        for status in ("done", "pending", "failed")
    }
    headline = f"{len(state.experiments)} experiments in {state.batches} batches"
    headline += f"; best: {', '.join(names[:5])}" if names else "; nothing usable yet"
    return answer(
        None, schema, columns, operation="campaign", key=state.seed,
        summary={
            "headline": headline + (f". Stop: {stop}." if stop else "."), "stop": stop,
            "batches": state.batches, "best": names, **counts,
            "noise": {o.name: float(n) for o, n in zip(state.objectives, found.noise, strict=True) if np.isfinite(n)},
            "best_point": dict(zip(space.names, map(float, found.x[top[0]]), strict=True)) if top else {},
        },
        parts={"best": table(schema, part)} if names else {},
        figures={"improvement": lambda: _improvement(campaign)},
        artefacts={"campaign.json": lambda path: write_state(path, state)},
    )  # fmt: skip


def _improvement(campaign: Campaign) -> go.Figure:
    """Draw the results in the order of their batches, with the best so far."""
    import plotly.graph_objects as go

    state, found = campaign.state, campaign.findings
    wished = [k for k, o in enumerate(state.objectives) if o.goal != "bounded"]
    figure = go.Figure()
    figure.update_layout(template="simple_white", colorway=PALETTE, xaxis_title="experiment")
    good = allowed(state, found.y)
    for colour, k in zip(PALETTE, wished, strict=False):
        objective, y = state.objectives[k], found.y[:, k]
        label = f"{objective.name} [{objective.unit}]" if objective.unit else objective.name
        figure.add_scatter(x=list(found.ids), y=y, mode="markers", name=label, marker_color=colour,
                           marker_symbol=["circle" if ok else "circle-open" for ok in good])  # fmt: skip
        fold = np.fmax if objective.goal == "maximise" else np.fmin
        figure.add_scatter(x=list(found.ids), y=fold.accumulate(np.where(good, y, np.nan)), mode="lines",
                           name=f"best {objective.name}", line_color=colour, line_shape="hv")  # fmt: skip
    return figure
