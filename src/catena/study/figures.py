"""Figures of reports: one quiet style, one colour-blind safe palette, units on every axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import Field

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Okabe and Ito (2008), colour-blind safe; readable on light and dark ground.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
OBSERVED = "#D55E00"
_GRID = "rgba(128,128,128,0.22)"
_INK = "#7a7f87"  # replaced by the page's own ink, see the report template


def blank(
    x: str, y: str, *, height: int = 380, log_x: bool = False, log_y: bool = False
) -> go.Figure:
    """Return an empty figure in the house style.

    Args:
        x: Title of the horizontal axis, with unit.
        y: Title of the vertical axis, with unit.
        height: Height in pixels.
        log_x: Logarithmic horizontal axis.
        log_y: Logarithmic vertical axis.
    """
    import plotly.graph_objects as go

    axis = {
        "gridcolor": _GRID,
        "zeroline": False,
        "linecolor": _GRID,
        "ticks": "outside",
        "tickcolor": _GRID,
    }
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 20, "t": 40, "b": 56},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": _INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
    )
    figure.update_xaxes(title=x, type="log" if log_x else "linear", **axis)
    figure.update_yaxes(title=y, type="log" if log_y else "linear", **axis)
    return figure


def place_labels(figure: go.Figure) -> None:
    """Move the labels of lines and bands to where they belong on logarithmic axes.

    Plotly takes shapes on a log axis by value but annotations by exponent; a label left at 104
    would stretch the axis to 1e104.
    """
    for label in figure.layout.annotations:
        for side in ("x", "y"):
            if label[f"{side}ref"] == side and figure.layout[f"{side}axis"].type == "log":
                label[side] = float(np.log10(label[side]))


def tinted(colour: str, alpha: float) -> str:
    """Return a palette colour with an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def band(
    figure: go.Figure, x: Any, low: Any, high: Any, name: str, colour: str, **place: Any
) -> None:
    """Add a shaded band between two curves."""
    figure.add_scatter(
        x=np.concatenate([x, np.asarray(x)[::-1]]),
        y=np.concatenate([high, np.asarray(low)[::-1]]),
        fill="toself",
        fillcolor=tinted(colour, 0.18),
        line={"width": 0},
        hoverinfo="skip",
        name=name,
        **place,
    )


def distribution_figure(field: Field, values: np.ndarray) -> go.Figure:
    """Return a histogram of one quantity with its 5, 50 and 95 % lines.

    A curve (a field with one dimension) is drawn as percentile bands instead.
    """
    good = np.asarray(values, dtype=float)
    good = good[np.isfinite(good.reshape(len(good), -1)).all(axis=1)]
    if field.shape:
        return curve_figure(field, good)
    figure = blank(field.label, "people", height=320)
    counts, edges = np.histogram(good, bins=min(60, max(8, len(good) // 20)))
    middles = (edges[1:] + edges[:-1]) / 2
    figure.add_bar(x=middles, y=counts, width=np.diff(edges), marker={"color": tinted(PALETTE[0], 0.55)},
                   name=field.name, showlegend=False)  # fmt: skip
    for value, text in zip(np.percentile(good, [5, 50, 95]), ("5 %", "50 %", "95 %"), strict=True):
        figure.add_vline(x=value, line={"color": PALETTE[1], "dash": "dot"}, annotation_text=text)
    return figure


def curve_figure(field: Field, values: np.ndarray) -> go.Figure:
    """Return the 5-95 % band and median of curves (rows, points)."""
    low, middle, high = np.percentile(values, [5, 50, 95], axis=0)
    x = np.arange(len(middle))
    figure = blank(f"point along {field.shape[0]}", field.label)
    band(figure, x, low, high, "5-95 %", PALETTE[0])
    figure.add_scatter(x=x, y=middle, name="median", line={"color": PALETTE[0]})
    return figure


def bars_figure(names: Sequence[str], values: Mapping[str, Sequence[float]], x: str) -> go.Figure:
    """Return horizontal bars, one group per name, the longest on top.

    Args:
        names: What is compared, longest bar first.
        values: One number per name, by series.
        x: Title of the horizontal axis, with unit.
    """
    figure = blank(x, "", height=120 + 34 * max(len(names), 1))
    for colour, (series, numbers) in zip(PALETTE, values.items(), strict=False):
        figure.add_bar(
            x=list(numbers)[::-1], y=list(names)[::-1], name=series, orientation="h",
            marker={"color": tinted(colour, 0.8)},
        )  # fmt: skip
    figure.update_layout(barmode="group", margin={"l": 160, "r": 20, "t": 16, "b": 56})
    figure.update_yaxes(type="category")
    return figure
