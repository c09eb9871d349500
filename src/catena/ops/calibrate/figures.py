"""Figures of a calibration: fit and data, waterfall, correlations, profiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.plot import PALETTE
from catena.core.values import Batch, take
from catena.ops.calibrate.band import predicted_band
from catena.ops.calibrate.experiment import grid
from catena.ops.likelihood.cells import EXACT
from catena.ops.likelihood.predict import Predictor

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.ops.calibrate.fit import Fit

Array = np.ndarray[Any, Any]
#: Experiments drawn as curves; more are drawn as measured against predicted.
_CURVES = 8
_POINTS = 120


def figures_of(fit: Fit) -> dict[str, Callable[[], go.Figure]]:
    """Return the figures by name; nothing is drawn yet."""
    out: dict[str, Callable[[], go.Figure]] = {}
    outputs = fit.likelihood.data.outputs
    out["fit"] = partial(fit_figure, fit, 0)
    if len(outputs) > 1:
        out |= {f"fit {one.name}": partial(fit_figure, fit, k) for k, one in enumerate(outputs)}
    out["waterfall"] = partial(waterfall_figure, fit)
    out["correlation"] = partial(correlation_figure, fit)
    if fit.profiles:
        out["profiles"] = partial(profile_figure, fit)
    return out


def fit_figure(fit: Fit, index: int) -> go.Figure:
    """Draw data and predictions of one output: curves over the axis, else one against the other."""
    data = fit.likelihood.data
    output = data.outputs[index]
    figure = _figure()
    curve = data.axis is not None and output.shape == data.axis.shape
    if curve and data.batch.size <= _CURVES:
        _curves(figure, fit, index)
    else:
        _against(figure, fit, index)
    return figure


def _figure() -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(template="simple_white", colorway=PALETTE)
    return figure


def _curves(figure: Any, fit: Fit, index: int) -> None:
    """Add a curve with its 90 % band, and the measurements, for every experiment."""
    likelihood, data = fit.likelihood, fit.likelihood.data
    axis, output = data.axis, data.outputs[index]
    assert axis is not None
    seen = data.at[data.of(index)]
    times = np.linspace(min(0.0, float(seen.min())), float(seen.max()), _POINTS)
    times = np.unique(np.concatenate([times, np.unique(seen)]))
    for row in range(data.batch.size):
        values = {n: take(v, np.array([row])) for n, v in data.batch.items()}
        imagined = grid(data, Batch(data.batch.schema, values, 1), (output,), times)
        owners = tuple(
            o._replace(entries=o.entries[row : row + 1]) for o in likelihood.predictor.owners
        )
        predictor = Predictor(likelihood.model, imagined, owners, likelihood.count, likelihood.key)
        given = likelihood.noises[index].name == "given"
        mean, low, high = predicted_band(fit, imagined, noise=not given, predictor=predictor)
        colour = PALETTE[row % len(PALETTE)]
        name = data.experiments[int(data.experiment[row])]
        figure.add_scatter(x=[*times, *times[::-1]], y=[*high, *low[::-1]], fill="toself", opacity=0.2,
                           line={"width": 0, "color": colour}, hoverinfo="skip", showlegend=False)  # fmt: skip
        figure.add_scatter(x=times, y=mean, mode="lines", name=name, line={"color": colour})
        mine = data.of(index)
        mine = mine[data.row[mine] == row]
        _points(figure, data.at[mine], data.value[mine], data.kind[mine] == EXACT, colour)
    figure.update_layout(xaxis_title=axis.label, yaxis_title=output.label,
                         title="Data and fit, 90 % band of new measurements")  # fmt: skip


def _points(figure: Any, x: Array, y: Array, exact: Array, colour: str) -> None:
    marker = {"color": colour, "symbol": ["circle" if e else "triangle-down-open" for e in exact]}
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, showlegend=False)


def _against(figure: Any, fit: Fit, index: int) -> None:
    """Add measured against predicted, with the line on which they agree."""
    data = fit.likelihood.data
    output = data.outputs[index]
    mine = data.of(index)
    mean, low, high = predicted_band(fit, data)
    exact = data.kind[mine] == EXACT
    ends = [float(np.nanmin([mean[mine].min(), data.value[mine].min()])),
            float(np.nanmax([mean[mine].max(), data.value[mine].max()]))]  # fmt: skip
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": "#888888", "dash": "dot"}, showlegend=False)  # fmt: skip
    figure.add_scatter(
        x=data.value[mine], y=mean[mine], mode="markers", showlegend=False,
        error_y={"type": "data", "array": high[mine] - mean[mine], "arrayminus": mean[mine] - low[mine]},
        marker={"color": PALETTE[0], "symbol": ["circle" if e else "triangle-down-open" for e in exact]},
    )  # fmt: skip
    figure.update_layout(xaxis_title=f"measured {output.label}", yaxis_title=f"predicted {output.label}",
                         title="Measured and predicted, 90 % intervals")  # fmt: skip


def waterfall_figure(fit: Fit) -> go.Figure:
    """Draw the values at which the searches ended, best first."""
    figure = _figure()
    order = fit.searches.order
    value = fit.searches.value[order]
    above = value - value[0]
    good = np.isfinite(value)
    colours = [PALETTE[0] if fit.searches.converged[k] else PALETTE[1] for k in order[good]]
    figure.add_scatter(x=np.arange(1, good.sum() + 1), y=above[good] + 1e-6, mode="lines+markers",
                       line={"color": "#888888"}, marker={"color": colours}, name="searches")  # fmt: skip
    figure.update_layout(
        xaxis_title="search, best first", yaxis_title="log-likelihood below the best", yaxis_type="log",
        title=f"{fit.basins.best:.0%} of the searches reached the best optimum",
    )  # fmt: skip
    return figure


def correlation_figure(fit: Fit) -> go.Figure:
    """Draw the correlation matrix of the estimates."""
    figure = _figure()
    names = list(fit.likelihood.names)
    figure.add_heatmap(
        z=fit.found.correlation, x=names, y=names, zmin=-1, zmax=1, colorscale="RdBu"
    )
    figure.update_layout(title="Correlation of estimates", yaxis_autorange="reversed")
    return figure


def profile_figure(fit: Fit) -> go.Figure:
    """Draw the profile likelihoods with the thresholds of the 90 % and 95 % intervals."""
    from plotly.subplots import make_subplots

    count = len(fit.profiles)
    columns = min(3, count)
    figure = make_subplots(rows=-(-count // columns), cols=columns, shared_yaxes=True,
                           subplot_titles=[p.name for p in fit.profiles])  # fmt: skip
    for k, profile in enumerate(fit.profiles):
        row, column = k // columns + 1, k % columns + 1
        figure.add_scatter(x=profile.points, y=profile.ratio, mode="lines+markers", showlegend=False,
                           line={"color": PALETTE[0]}, row=row, col=column)  # fmt: skip
        if fit.target.log[k]:
            figure.update_xaxes(type="log", row=row, col=column)
    for level, quantile in ((90, 2.7055), (95, 3.8415)):
        figure.add_hline(
            y=quantile, line={"dash": "dot", "color": PALETTE[1]}, annotation_text=f"{level} %"
        )
    figure.update_layout(template="simple_white", title="Profile likelihoods")
    figure.update_yaxes(title="2 x drop of log-likelihood", range=[0, 6], col=1)
    return figure
