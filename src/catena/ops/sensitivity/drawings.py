"""Figures of a sensitivity analysis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.plot import PALETTE
from catena.ops.sensitivity.sobol import pairs

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.result import Result
    from catena.ops.sensitivity.tables import Shares
    from catena.ops.uncertainty.question import Question


def figures(
    asked: Question, found: Shares, links: Result | None
) -> dict[str, Callable[[], go.Figure]]:
    """Return what can be drawn, by name."""
    out: dict[str, Callable[[], go.Figure]] = {}
    for row, output in enumerate(asked.outputs):
        end = f" of {output}" if len(asked.outputs) > 1 else ""
        if "sigma" in found.columns:
            out[f"screening{end}"] = partial(_screening, asked, found, row)
        out[f"shares{end}"] = partial(_bars, asked, found, row)
        if found.second is not None:
            out[f"pairs{end}"] = partial(_pairs, asked, found, row)
    if links is not None and links.size:
        out["links"] = lambda: _links(links)
    return out


def _bars(asked: Question, found: Shares, row: int) -> go.Figure:
    import plotly.graph_objects as go

    names = [name for name in found.columns if name in ("first", "total", found.leading)]
    order = np.argsort(found.columns[found.leading][row, 0])
    figure = go.Figure()
    for colour, name in zip(PALETTE, names, strict=False):
        value, low, high = found.columns[name][row][:, order]
        figure.add_bar(
            y=[asked.names[k] for k in order], x=value, orientation="h", name=name,
            marker_color=colour,
            error_x={"type": "data", "array": high - value, "arrayminus": value - low},
        )  # fmt: skip
    measured = found.leading == "mu_star"
    title = f"mean absolute effect [{asked.units[row]}]" if measured else "share of the variance"
    return _dressed(figure, asked.outputs[row], title, "")


def _screening(asked: Question, found: Shares, row: int) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=found.columns["mu_star"][row, 0], y=found.columns["sigma"][row, 0],
        text=list(asked.names), mode="markers+text", textposition="top center",
        marker_color=PALETTE[0],
    )  # fmt: skip
    unit = f" [{asked.units[row]}]" if asked.units[row] else ""
    return _dressed(
        figure, asked.outputs[row], f"mean absolute effect{unit}", f"spread of the effect{unit}"
    )


def _pairs(asked: Question, found: Shares, row: int) -> go.Figure:
    import plotly.graph_objects as go

    assert found.second is not None
    names = list(asked.names)
    matrix = np.full((len(names), len(names)), np.nan)
    for value, (i, j) in zip(found.second[row, 0], pairs(len(names)), strict=True):
        matrix[i, j] = matrix[j, i] = value
    figure = go.Figure()
    figure.add_heatmap(
        z=matrix, x=names, y=names, colorscale="Viridis", colorbar={"title": "share"}
    )
    return _dressed(figure, f"{asked.outputs[row]}: interactions of pairs", "", "")


def _links(links: Any) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    for colour, name in zip(PALETTE, ("alone", "total"), strict=False):
        figure.add_bar(
            y=[f"{out}: {link}" for out, link in zip(links["output"], links["link"], strict=True)],
            x=links[name], orientation="h", name=name, marker_color=colour,
        )  # fmt: skip
    return _dressed(figure, "Links of the chain", "share of the variance", "")


def _dressed(figure: go.Figure, title: str, x: str, y: str) -> go.Figure:
    figure.update_layout(
        template="simple_white", title=title, xaxis_title=x, yaxis_title=y, barmode="group"
    )
    return figure
