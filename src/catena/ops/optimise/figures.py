"""Figures of an optimisation: how it went, what was found, what it trades off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from catena.ops.optimise.pareto import hypervolume
from catena.ops.optimise.problem import Problem

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.ops.optimise.basins import Basins

_HEIGHT = 420


def _layout(figure: go.Figure, title: str, x: str = "", y: str = "") -> go.Figure:
    figure.update_layout(title=title, xaxis_title=x, yaxis_title=y, height=_HEIGHT,
                         template="simple_white")  # fmt: skip
    return figure


def convergence(problem: Problem, label: str) -> go.Figure:
    """Draw the best value found (or the hypervolume) against evaluations."""
    import plotly.graph_objects as go

    f, violation = problem.record
    kept = np.where(violation <= 0.0, f[:, 0], np.inf)
    steps = np.arange(1, len(kept) + 1)
    if problem.objectives == 1:
        best = np.minimum.accumulate(kept) * problem.signs[0]
        best = np.where(np.isfinite(best), best, np.nan)
        return _layout(go.Figure(go.Scatter(x=steps, y=best, mode="lines")),
                       "Best value found", "evaluations", label)  # fmt: skip
    good = f[violation <= 0.0]
    marks = np.unique(np.geomspace(1, len(f), 60).astype(int))
    reference = good.max(axis=0) if len(good) else np.ones(problem.objectives)
    volume = [
        hypervolume(f[:mark][violation[:mark] <= 0.0], reference) if len(good) else 0.0
        for mark in marks
    ]
    return _layout(go.Figure(go.Scatter(x=marks, y=volume, mode="lines")),
                   "Hypervolume found", "evaluations", "hypervolume")  # fmt: skip


def front(problem: Problem, labels: list[str]) -> go.Figure:
    """Draw the Pareto set in the first two (or three) objectives."""
    import plotly.graph_objects as go

    y = problem.y[:, : problem.objectives]
    rows = problem.front()
    if problem.objectives == 2:
        figure = go.Figure()
        figure.add_scatter(x=y[:, 0], y=y[:, 1], mode="markers", name="evaluated",
                           marker={"size": 4, "color": "#c8ccd0"})  # fmt: skip
        order = rows[np.argsort(y[rows, 0])]
        figure.add_scatter(x=y[order, 0], y=y[order, 1], mode="markers", name="Pareto set")
        return _layout(figure, "Pareto set", labels[0], labels[1])
    figure = go.Figure(go.Scatter3d(x=y[rows, 0], y=y[rows, 1], z=y[rows, 2], mode="markers",
                                    marker={"size": 3}))  # fmt: skip
    return _layout(figure, f"Pareto set: {', '.join(labels[:3])}")


def parallel(problem: Problem, labels: list[str]) -> go.Figure:
    """Draw variables and objectives of the answer (or of the best points) as parallel axes."""
    import plotly.graph_objects as go

    rows = problem.front() if problem.objectives > 1 else problem.best(100)
    x, y = problem.x[rows], problem.y[rows, : problem.objectives]
    axes = []
    for k, variable in enumerate(problem.space.variables):
        axis = {"label": variable.name, "values": x[:, k],
                "range": [variable.low, variable.high]}  # fmt: skip
        if variable.kind in ("category", "boolean"):
            axis |= {"tickvals": list(range(len(variable.choices))),
                     "ticktext": list(variable.choices)}  # fmt: skip
        axes.append(axis)
    axes += [{"label": label, "values": y[:, k]} for k, label in enumerate(labels)]
    figure = go.Figure(go.Parcoords(dimensions=axes, line={"color": y[:, 0], "showscale": True}))
    return _layout(figure, "Variables and objectives")


def optima(found: Basins, sign: float, label: str) -> go.Figure:
    """Draw the distinct optima: value against how many searches ended there."""
    import plotly.graph_objects as go

    bars = go.Bar(x=[f"{value:.6g}" for value in sign * found.values], y=found.counts)
    return _layout(go.Figure(bars), "Optima and how many searches found them", label, "searches")
