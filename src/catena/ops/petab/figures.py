"""Figures of a calibration of a PEtab problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.plot import PALETTE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.result import Result
    from catena.ops.petab.target import Array

#: 90 % quantile of chi-square with one degree of freedom.
_NINETY = 2.705543454095404


def waterfall(values: Array, reached: float) -> go.Figure:
    """Draw the ends of all searches, best first, above the best (log-posterior; Raue et al. 2013).

    Args:
        values: Negative log-posterior at the ends (n,).
        reached: Difference up to which an end counts as the best.
    """
    import plotly.graph_objects as go

    above = np.sort(values[np.isfinite(values)])
    above = above - above[0] if len(above) else above
    figure = go.Figure(_styled("Ends of the searches"))
    figure.add_scatter(x=np.arange(1, len(above) + 1), y=np.maximum(above, 1e-3), mode="markers")
    figure.add_hline(y=reached, line_dash="dot")
    figure.update_xaxes(title="search, best first")
    figure.update_yaxes(title="log-posterior below the best", type="log")
    return figure


def fit(table: Result) -> go.Figure:
    """Draw simulated against measured values, one colour per observable."""
    import plotly.graph_objects as go

    measured, simulated = np.asarray(table["measured"]), np.asarray(table["simulated"])
    names = np.array([str(name) for name in table["observable"]])
    figure = go.Figure(_styled("Fit"))
    for name in dict.fromkeys(names.tolist()):
        here = names == name
        figure.add_scatter(x=simulated[here], y=measured[here], mode="markers", name=name,
                           error_x={"array": np.asarray(table["sigma"])[here], "thickness": 0.6})  # fmt: skip
    ends = [float(np.nanmin(measured)), float(np.nanmax(measured))]
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": "black", "dash": "dot"},
                       showlegend=False)  # fmt: skip
    figure.update_xaxes(title="simulated, with its noise")
    figure.update_yaxes(title="measured")
    return figure


def correlations(names: tuple[str, ...], correlation: Array) -> go.Figure:
    """Draw correlations of the estimates."""
    import plotly.graph_objects as go

    figure = go.Figure(_styled("Correlations of the estimates"))
    figure.add_heatmap(x=list(names), y=list(names), z=correlation, zmin=-1, zmax=1,
                       colorscale="RdBu")  # fmt: skip
    return figure


def profiles(table: Result) -> go.Figure:
    """Draw profile likelihoods with the level of 90 % intervals."""
    import plotly.graph_objects as go

    figure = go.Figure(_styled("Profile likelihoods"))
    names = np.array([str(name) for name in table["parameter"]])
    for name in dict.fromkeys(names.tolist()):
        here = names == name
        figure.add_scatter(x=np.asarray(table["value"])[here], y=np.asarray(table["ratio"])[here],
                           mode="lines+markers", name=name)  # fmt: skip
    figure.add_hline(y=_NINETY, line_dash="dot")
    figure.update_xaxes(title="value", type="log")
    figure.update_yaxes(title="twice the drop of the log-posterior")
    return figure


def _styled(title: str) -> dict[str, Any]:
    return {"layout": {"template": "simple_white", "colorway": PALETTE, "title": title}}
