"""The figures of a dose-finding report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.study.dose.evidence import Profile, profiles
from catena.study.dose.simulate import exposures
from catena.study.figures import (
    OBSERVED,
    PALETTE,
    band,
    bars_figure,
    blank,
    place_labels,
    tinted,
)
from catena.study.kind import Figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.study.dose.answer import DoseAnswer

_NAMES = {"auc": ("AUC", "ug*h/L"), "cmax": ("Cmax", "ug/L")}


def all_figures(found: DoseAnswer) -> list[Figure]:
    """Return every figure the finished tasks allow, in reading order."""
    return [_share(found), *_exposure(found), *_course(found), *_optimum(found), *_drivers(found)]


def _share(found: DoseAnswer) -> Figure:
    best, aim = found.best, found.facts.aim
    figure = blank("oral dose [mg]" if found.facts.study.settings.route != "iv" else "dose [mg]",
                   "people inside the window [%]", log_x=True)  # fmt: skip
    if len(found.by_draw) >= 2:
        curves = np.array([item.curve for item in found.by_draw]) * 100
        low, high = np.percentile(curves, [5, 95], axis=0)
        band(figure, best.grid, low, high, "5-95 % over joint draws", PALETTE[0])
    figure.add_scatter(x=best.grid, y=best.curve * 100, mode="lines", name="all people, best inputs",
                       line={"color": PALETTE[0], "width": 2.5})  # fmt: skip
    figure.add_scatter(x=found.doses, y=best.shares * 100, mode="markers", name="candidate doses",
                       marker={"color": PALETTE[0], "size": 11})  # fmt: skip
    figure.add_scatter(x=[best.dose], y=[best.share * 100], mode="markers", name="recommended",
                       marker={"color": PALETTE[1], "size": 17, "symbol": "circle-open", "line": {"width": 3}})  # fmt: skip
    figure.update_xaxes(tickvals=found.doses, ticktext=[f"{dose:g}" for dose in found.doses])
    figure.update_yaxes(range=[0, 100])
    caption = (
        f"Share of people whose {_NAMES[aim.metric][0]} lies in the window, by dose. Points: candidate doses; line: "
        "interpolated per person; band: 90 % interval over joint draws of the uncertain inputs."
    )
    return Figure("share-in-window", "Who reaches the window", caption, figure)


def _exposure(found: DoseAnswer) -> Iterator[Figure]:
    for name in (found.facts.aim.metric, "auc" if found.facts.aim.metric == "cmax" else "cmax"):
        title, unit = _NAMES[name]
        low, middle, high = found.spread(name) * 1000
        figure = blank("dose [mg]", f"{title} [{unit}]", log_x=True, log_y=True)
        window = found.facts.subject.card.window(name) if found.facts.subject.card else None
        bounds = (
            (found.facts.aim.low, found.facts.aim.high) if name == found.facts.aim.metric else None
        )
        bounds = bounds or (window.bounds() if window is not None else None)
        if bounds is not None:
            figure.add_hrect(y0=bounds[0] * 1000, y1=bounds[1] * 1000, line_width=0,
                             fillcolor=tinted(PALETTE[2], 0.14), annotation_text="window")  # fmt: skip
        band(figure, found.doses, low, high, "5-95 % of people", PALETTE[0])
        figure.add_scatter(
            x=found.doses, y=middle, name="median", mode="lines+markers", line={"color": PALETTE[0]}
        )
        seen = [point for point in found.observed if getattr(point, name) is not None]
        if seen:
            figure.add_scatter(
                x=[point.dose for point in seen], y=[getattr(point, name) * 1000 for point in seen],
                text=[f"{point.study}, n = {point.n}" for point in seen], mode="markers", name="observed means",
                marker={"color": OBSERVED, "size": 10, "symbol": "diamond", "line": {"width": 1, "color": "white"}},
            )  # fmt: skip
        ticks = sorted({*map(float, found.doses)})
        figure.update_xaxes(tickvals=ticks, ticktext=[f"{dose:g}" for dose in ticks])
        place_labels(figure)
        caption = f"{title} over people by dose, with published means of clinical studies (diamonds; not used to predict)."
        yield Figure(f"{name}-by-dose", f"{title} by dose", caption, figure)


def _course(found: DoseAnswer) -> Iterator[Figure]:
    time = found.facts.time
    if "concentration" not in found.table or len(time) != found.table["concentration"].shape[1]:
        return
    from plotly.subplots import make_subplots

    curves = exposures(found.table, "concentration", found.doses) * 1000
    columns = 2 if len(found.doses) > 1 else 1
    lines = -(-len(found.doses) // columns)
    figure: Any = make_subplots(
        lines, columns, subplot_titles=[f"{dose:g} mg" for dose in found.doses], horizontal_spacing=0.1,
        vertical_spacing=0.16 if lines < 3 else 0.08,
    )  # fmt: skip
    figure.update_layout(blank("", "", height=300 * lines).layout)
    grid = figure.layout.xaxis.gridcolor
    seen = _profiles(found)
    last = _end(curves, time)
    for index, dose in enumerate(found.doses):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        _one_course(
            figure, time, curves[:, index], [p for p in seen if p.dose == dose], index == 0, place
        )
        figure.update_xaxes(
            title="time after dose [h]", range=[0, last], gridcolor=grid, zeroline=False, **place
        )
        figure.update_yaxes(
            title="plasma [ug/L]",
            type="log",
            gridcolor=grid,
            zeroline=False,
            exponentformat="none",
            **place,
        )
        top = float(np.percentile(curves[:, index], 95, axis=0).max())
        figure.update_yaxes(range=[np.log10(top) - 2.5, np.log10(top) + 0.35], **place)
    caption = "Plasma concentration after a single dose: median and 5-95 % of people" + (
        f"; dots: {len(seen)} digitised mean profiles of clinical studies without a second drug."
        if seen
        else "."
    )
    yield Figure("time-course", "Concentration over time", caption, figure)


def _one_course(
    figure: go.Figure,
    time: np.ndarray,
    curves: np.ndarray,
    seen: list[Profile],
    legend: bool,
    place: dict[str, int],
) -> None:
    low, middle, high = np.percentile(curves, [5, 50, 95], axis=0)
    shown = time > 0  # a logarithm has no zero
    band(figure, time[shown], low[shown], high[shown], "5-95 % of people", PALETTE[0], showlegend=legend,
         legendgroup="band", **place)  # fmt: skip
    figure.add_scatter(x=time[shown], y=middle[shown], name="median", line={"color": PALETTE[0]}, showlegend=legend,
                       legendgroup="median", **place)  # fmt: skip
    for number, profile in enumerate(seen):
        figure.add_scatter(
            x=profile.time, y=profile.concentration * 1000, mode="markers", name="observed",
            text=[profile.study] * len(profile.time), marker={"color": tinted(OBSERVED, 0.75), "size": 5},
            legendgroup="observed", showlegend=legend and number == 0, **place,
        )  # fmt: skip


def _profiles(found: DoseAnswer) -> list[Profile]:
    card = found.facts.subject.card
    if card is None:
        return []
    return profiles(
        card.name, [float(dose) for dose in found.doses], found.facts.study.settings.route
    )


def _end(curves: np.ndarray, time: np.ndarray) -> float:
    """Return the time up to which the median stays above one per cent of its peak."""
    middle = np.median(curves, axis=(0, 1))
    above = time[middle >= 0.01 * middle.max()]
    return float(max(above[-1] if len(above) else time[-1], time[-1] / 4))


def _optimum(found: DoseAnswer) -> Iterator[Figure]:
    if len(found.by_draw) < 4:
        return
    optima = np.sort(found.optima)
    low, high = np.percentile(optima, [5, 95])
    figure = blank("optimum dose [mg]", "share of joint draws [%]", height=320, log_x=True)
    figure.add_vrect(
        x0=low,
        x1=high,
        fillcolor=tinted(PALETTE[0], 0.12),
        line_width=0,
        annotation_text="90 % interval",
        annotation_position="top left",
    )
    figure.add_scatter(x=optima, y=(np.arange(len(optima)) + 0.5) / len(optima) * 100, mode="lines+markers",
                       line={"color": PALETTE[0], "shape": "hv"}, showlegend=False, name="draws")  # fmt: skip
    figure.add_vline(
        x=found.best.optimum,
        line={"color": PALETTE[1], "dash": "dot"},
        annotation_text="best inputs",
        annotation_position="bottom left",
    )
    ticks = sorted({*map(float, found.doses)})
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{dose:g}" for dose in ticks],
                        range=[np.log10(found.doses[0]) - 0.03, np.log10(found.doses[-1]) + 0.03])  # fmt: skip
    place_labels(figure)
    caption = f"Optimum dose in {len(optima)} joint draws of the uncertain inputs (cumulative share of draws)."
    yield Figure("dose-certainty", "How sure the dose is", caption, figure)


def _drivers(found: DoseAnswer) -> Iterator[Figure]:
    if not found.influence:
        return
    values = {"rank correlation": [item.rank for item in found.influence]}
    if all(item.regression is not None for item in found.influence):
        values["regression on ranks"] = [float(item.regression or 0.0) for item in found.influence]
    figure = bars_figure(
        [item.name for item in found.influence], values, "influence on the optimum dose"
    )
    figure.update_xaxes(range=[-1, 1])
    caption = (
        f"Spearman rank correlation of every drawn input with the optimum dose over {len(found.by_draw)} joint draws"
        + (
            ", and standardised coefficients of the regression on ranks."
            if len(values) > 1
            else "."
        )
    )
    yield Figure("dose-drivers", "What the dose depends on", caption, figure)
