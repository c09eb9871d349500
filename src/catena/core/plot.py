"""One palette and one way to draw results: axes carry names and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError
from catena.core.spec import NUMERIC, Field
from catena.core.tables import decode

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.result import Result

#: Okabe and Ito (2008): distinguishable with every common colour blindness.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
#: More lines than this are drawn as a median with a 5-95 % band.
MAX_LINES = 12


def plot_result(result: Result, name: str | None = None) -> go.Figure:
    """Draw one output: a line per row over its dimension, a band for many rows, or a histogram.

    Args:
        result: What to draw.
        name: Output name; the first numeric one by default.

    Returns:
        A Plotly figure with unit axes.

    Raises:
        InputError: there is no such output, or it cannot be drawn.
    """
    import plotly.graph_objects as go

    drawable = [
        f.name
        for f in result.fields
        if f.kind in NUMERIC and len(f.shape) <= 1 and f.name in result
    ]
    if name is None:
        name = next(
            (n for n in drawable if result.fields[n].shape), drawable[0] if drawable else None
        )
    if name not in drawable:
        raise InputError(f"Cannot draw {name!r}", where=str(result.provenance.get("model", "result")),
                         why="it is not a number or a curve of this result",
                         fix=f"choose among {', '.join(drawable) or 'nothing here'}")  # fmt: skip
    field = result.fields[name]
    figure = go.Figure()
    figure.update_layout(
        template="simple_white", colorway=PALETTE, title=result.provenance.get("model")
    )
    if field.shape:
        _curves(figure, result, field)
    elif result.size > 1:
        figure.add_histogram(x=np.asarray(result[name]), name=name)
        figure.update_layout(xaxis_title=field.label, yaxis_title="rows")
    else:
        figure.add_bar(x=[name], y=np.asarray(result[name]))
        figure.update_layout(yaxis_title=field.label)
    return figure


def _axis(result: Result, field: Field, points: int) -> tuple[Any, str]:
    """Return positions and title of a curve's axis: the input of the same name and shape, if any."""
    dimension = field.shape[0]
    if field.labels:
        return list(field.labels), dimension
    if result.inputs is not None and dimension in result.inputs:
        grid = np.asarray(result.inputs[dimension])
        source = result.inputs.schema[dimension]
        if grid.ndim == 2 and (len(grid) == 1 or np.ptp(grid, axis=0).max() == 0):
            return decode(source, grid[0]), source.label
    return np.arange(points), dimension


def _curves(figure: Any, result: Result, field: Field) -> None:
    values = np.asarray(result[field.name])
    x, title = _axis(result, field, values.shape[1])
    if len(values) <= MAX_LINES:
        for row, curve in enumerate(values):
            figure.add_scatter(x=x, y=curve, mode="lines", name=f"row {row}")
    else:
        low, middle, high = np.percentile(values, [5, 50, 95], axis=0)
        figure.add_scatter(x=x, y=high, mode="lines", line={"width": 0}, showlegend=False)
        figure.add_scatter(
            x=x, y=low, mode="lines", line={"width": 0}, fill="tonexty", name="5-95 % of rows"
        )
        figure.add_scatter(x=x, y=middle, mode="lines", name="median")
    figure.update_layout(xaxis_title=title, yaxis_title=field.label)
