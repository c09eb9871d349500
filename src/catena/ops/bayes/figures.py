"""Figures of a posterior: traces, marginals with their priors, pairs, and predictive checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.plot import PALETTE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.ops.bayes.predictive import Predictive
    from catena.ops.bayes.prior import Prior
    from catena.ops.bayes.sampling import Draws
    from catena.ops.likelihood.data import Measurements

#: Parameters shown in one figure; the first ones of many.
_MOST = 12
#: Points of a pairs panel.
_POINTS = 1000


def trace(draws: Draws, labels: list[str]) -> go.Figure:
    """Draw every chain along its draws: chains should overlap like caterpillars."""
    shown = min(len(labels), _MOST)
    figure = _grid(shown, 1, labels[:shown])
    for k in range(shown):
        for chain, values in enumerate(draws.values[..., k]):
            figure.add_scatter(y=values, mode="lines", name=f"chain {chain + 1}", row=k + 1, col=1,
                               line={"width": 0.7, "color": PALETTE[chain % len(PALETTE)]},
                               legendgroup=str(chain), showlegend=k == 0)  # fmt: skip
        figure.update_yaxes(title_text=labels[k], row=k + 1, col=1)
    figure.update_xaxes(title_text="draw", row=shown, col=1)
    return figure


def marginals(draws: Draws, labels: list[str], prior: Prior, key: int) -> go.Figure:
    """Draw the distribution of every parameter over its prior."""
    shown = min(len(labels), _MOST)
    columns = min(shown, 3)
    figure = _grid(-(-shown // columns), columns, labels[:shown])
    before = prior.values(prior.draw(4000, key))
    for k in range(shown):
        where = {"row": k // columns + 1, "col": k % columns + 1}
        values = draws.flat[:, k]
        figure.add_histogram(x=_near(before[:, k], values), histnorm="probability density", name="prior",
                             marker_color="#BBBBBB", opacity=0.6, showlegend=k == 0, **where)  # fmt: skip
        figure.add_histogram(x=values, histnorm="probability density", name="posterior",
                             marker_color=PALETTE[0], opacity=0.7, showlegend=k == 0, **where)  # fmt: skip
        figure.update_xaxes(title_text=labels[k], **where)
    figure.update_layout(barmode="overlay")
    return figure


def pairs(draws: Draws, labels: list[str]) -> go.Figure:
    """Draw every pair of parameters: correlations, ridges and modes show here."""
    import plotly.graph_objects as go

    shown = min(len(labels), 6)
    flat = draws.flat
    some = np.linspace(0, len(flat) - 1, min(len(flat), _POINTS)).astype(int)
    figure = go.Figure(
        go.Splom(
            dimensions=[{"label": labels[k], "values": flat[some, k]} for k in range(shown)],
            marker={"size": 3, "opacity": 0.4, "color": PALETTE[0]},
            diagonal={"visible": False},
            showupperhalf=False,
        )
    )
    figure.update_layout(template="simple_white")
    return figure


def predictive(measured: Measurements, found: Predictive) -> go.Figure:
    """Draw measured values over the 90 % intervals of replicated ones."""
    outputs = [output.name for output in measured.outputs]
    figure = _grid(len(outputs), 1, outputs)
    for index, output in enumerate(measured.outputs):
        mine = measured.of(index)
        axis = measured.axis
        here = measured.at[mine]
        curve = axis is not None and bool(np.isfinite(here).all())
        x: Any = here if curve else np.arange(len(mine))
        order = np.argsort(x, kind="stable")
        mine, x = mine[order], np.asarray(x)[order]
        up, down = found.upper[mine] - found.median[mine], found.median[mine] - found.lower[mine]
        figure.add_scatter(x=x, y=found.median[mine], mode="markers", name="replicated, 90 %",
                           error_y={"type": "data", "array": up, "arrayminus": down, "width": 0},
                           marker={"color": PALETTE[5], "size": 5}, showlegend=index == 0,
                           row=index + 1, col=1)  # fmt: skip
        figure.add_scatter(x=x, y=measured.value[mine], mode="markers", name="measured",
                           marker={"color": PALETTE[1], "symbol": "x"}, showlegend=index == 0,
                           row=index + 1, col=1)  # fmt: skip
        title = axis.label if curve and axis is not None else "measurement"
        figure.update_xaxes(title_text=title, row=index + 1, col=1)
        figure.update_yaxes(title_text=output.label, row=index + 1, col=1)
    return figure


def ranks(counts: np.ndarray, bins: int, names: tuple[str, ...]) -> go.Figure:
    """Draw rank histograms of a simulation-based calibration: flat when posteriors are right.

    Args:
        counts: Ranks (replicates, p) from 0 to the number of posterior draws.
        bins: Number of bins.
        names: Names of the numbers (p,).
    """
    from scipy.stats import binom

    columns = min(len(names), 3)
    figure = _grid(-(-len(names) // columns), columns, list(names))
    low, high = binom.ppf([0.05, 0.95], len(counts), 1.0 / bins)
    for k in range(len(names)):
        where = {"row": k // columns + 1, "col": k % columns + 1}
        heights, _ = np.histogram(counts[:, k], bins=bins)
        figure.add_bar(x=np.arange(bins), y=heights, marker_color=PALETTE[0], showlegend=False, **where)  # fmt: skip
        figure.add_hrect(y0=low, y1=high, line_width=0, fillcolor="#999999", opacity=0.3, **where)
        figure.update_xaxes(title_text=f"rank of {names[k]}", **where)
    return figure


def _grid(rows: int, columns: int, titles: list[str]) -> go.Figure:
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=rows, cols=columns, subplot_titles=titles)
    figure.update_layout(template="simple_white", colorway=PALETTE, height=max(350, 220 * rows))
    return figure


def _near(values: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Return the values within three ranges of others, so that these stay visible."""
    low, high = float(np.min(around)), float(np.max(around))
    room = 3.0 * max(high - low, np.finfo(float).tiny)
    return values[(values >= low - room) & (values <= high + room)]
