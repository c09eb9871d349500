"""Puts a region into the result: ranges, boxes, volumes, checks, figures of pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catena.core.plot import PALETTE
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.invert.boxes import IN, MAYBE, OUT
from catena.ops.invert.region import STATUS, Region
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.model import Model
    from catena.ops.invert.analysis import Found

Floats = NDArray[np.float64]
#: Rows of the table of boxes; points and pairs that are drawn.
_SHOWN, _POINTS, _PAIRS = 20_000, 4096, 10
_COLOURS = {OUT: "#BBBBBB", MAYBE: PALETTE[4], IN: PALETTE[2]}


def report(model: Model, found: Found, region: Region, key: int) -> Result:
    """Return the result of an inversion; its model is the region."""
    space = region.space
    fractions = {STATUS[k]: found.fraction(k) for k in (IN, MAYBE, OUT)}
    low, high = _ranges(found)
    units = [v.unit for v in space.variables]
    one = len(set(units)) == 1
    unit = units[0] if one else ""
    fields = [Field("input", kind="text"), Field("low", unit=unit), Field("high", unit=unit)]
    values: dict[str, Any] = {"input": list(space.names), "low": low, "high": high}
    if not one:
        fields.append(Field("unit", kind="text"))
        values["unit"] = units
    if any(v.choices for v in space.variables):
        fields.append(Field("choice", kind="text", doc="Where the input is a category"))
        values["choice"] = [
            str(v.text(value)) if v.choices and np.isfinite(value) else ""
            for v, value in zip(space.variables, low, strict=True)
        ]
    parts = {"boxes": _boxes(found), "volume": _volume(found), "checks": _checks(found)}
    figures: dict[str, Callable[[], go.Figure]] = {}
    real = [k for k, v in enumerate(space.variables) if v.kind == "real"]
    pairs = [(i, j) for n, i in enumerate(real) for j in real[n + 1 :]][:_PAIRS]
    for i, j in pairs:
        name = f"{space.names[i]} and {space.names[j]}"
        figures[name] = partial(_pair, found, region, i, j)
    return answer(
        model, Schema(fields), values, operation="invert", key=key, new_model=region, parts=parts,
        figures=figures, summary=_summary(found, fractions, space, low, high),
        warnings=_warnings(found, fractions),
    )  # fmt: skip


def _ranges(found: Found) -> tuple[Floats, Floats]:
    """Return the largest box in the variables' units; NaN where nothing is inside."""
    space = found.frame.margin.space
    if found.design is None:
        return np.full(space.dim, np.nan), np.full(space.dim, np.nan)
    combo = np.array([found.design.combo])
    ends = [found.frame.full(combo, side[None]) for side in (found.design.low, found.design.high)]
    low, high = (space.from_unit(end)[0] for end in ends)
    return low, high


def _summary(
    found: Found, fractions: dict[str, float], space: Any, low: Floats, high: Floats
) -> dict[str, Any]:
    wanted = "; ".join(item.text for item in found.requirements)
    if found.design is None:
        text = f"No inputs are sure to give {wanted}"
    else:
        ranges = ", ".join(
            f"{v.name} {v.text(a)}" if v.discrete else f"{v.name} {a:.4g} to {b:.4g} {v.unit}".rstrip()
            for v, a, b in zip(space.variables, low, high, strict=True)
        )  # fmt: skip
        text = f"{ranges} gives {wanted}; {fractions['inside']:.1%} of the searched space does"
    return {
        "headline": text,
        "fractions": fractions,
        "design_volume": 0.0 if found.design is None else found.design.volume,
        "wrong_inside": found.inside.limit,
        "wrong_outside": found.outside.limit,
        "confidence": found.confidence,
        "evaluations": found.frame.margin.evaluator.calls,
        "boxes": len(found.boxes.low),
    }


def _warnings(found: Found, fractions: dict[str, float]) -> list[str]:
    out = []
    if fractions["maybe"] > max(0.05, fractions["inside"]):
        out.append(
            f"{fractions['maybe']:.1%} of the searched space is undecided: raise n, or draws"
        )
    if found.inside.wrong:
        out.append(
            f"{found.inside.wrong} of {found.inside.points} fresh points inside miss what is wanted"
        )
    if found.outside.wrong:
        out.append(
            f"{found.outside.wrong} of {found.outside.points} fresh points outside meet what is wanted"
        )
    return out


def _boxes(found: Found) -> Result:
    """Return the boxes that are inside or undecided, largest first."""
    space, boxes = found.frame.margin.space, found.boxes
    kept = np.flatnonzero(boxes.status != OUT)
    kept = kept[np.lexsort((-boxes.volume[kept], -boxes.status[kept]))][:_SHOWN]
    fields = [Field("status", kind="text"), Field("volume", doc="Fraction of the searched space")]
    values: dict[str, Any] = {
        "status": [STATUS[k] for k in boxes.status[kept]],
        "volume": boxes.volume[kept] / len(found.frame.combos),
    }
    ends = [found.frame.full(boxes.combo[kept], side[kept]) for side in (boxes.low, boxes.high)]
    corners = [space.from_unit(end).reshape(-1, space.dim) for end in ends]
    for k, variable in enumerate(space.variables):
        name = variable.field().name
        if variable.discrete:
            fields.append(Field(name, kind="text"))
            values[name] = [str(variable.text(x)) for x in corners[0][:, k]]
            continue
        for end, corner in zip(("low", "high"), corners, strict=True):
            fields.append(Field(f"{name}_{end}", unit=variable.unit))
            values[f"{name}_{end}"] = corner[:, k]
    return table(Schema(fields), values)


def _volume(found: Found) -> Result:
    """Return the fraction that meets what is wanted: decided, and with all that may."""
    inside, maybe = found.fraction(IN), found.fraction(MAYBE)
    fields = Schema([
        Field("region", kind="text"),
        Field("fraction", doc="Of the searched space; between what is sure and what is possible"),
    ])  # fmt: skip
    best = 0.0 if found.design is None else found.design.volume / len(found.frame.combos)
    surely = inside * (1.0 - found.inside.limit) if found.inside.points else 0.0
    wrong = found.outside.limit if found.outside.points else 0.0
    values = {
        "region": ["all inputs that meet it", "the largest box"],
        "fraction": np.array([inside + maybe / 2.0, best]),
    }
    possible = inside + maybe + wrong * found.fraction(OUT)
    return table(
        fields, values, lower={"fraction": np.array([surely, best])},
        upper={"fraction": np.array([min(possible, 1.0), best])},
    )  # fmt: skip


def _checks(found: Found) -> Result:
    fields = Schema([
        Field("status", kind="text"), Field("points", kind="integer"),
        Field("wrong", kind="integer"),
        Field("limit", doc="Upper confidence limit of the share of the volume that is wrong"),
    ])  # fmt: skip
    both = [("inside", found.inside), ("outside", found.outside)]
    return table(fields, {
        "status": [name for name, _ in both], "points": [check.points for _, check in both],
        "wrong": [check.wrong for _, check in both], "limit": [check.limit for _, check in both],
    })  # fmt: skip


def _pair(found: Found, region: Region, i: int, j: int) -> go.Figure:
    """Draw points of the searched space over two inputs, coloured by their status."""
    import plotly.graph_objects as go

    space = region.space
    x = space.sample(_POINTS, key=1)
    status = region.status(x)
    figure = go.Figure()
    for k in (OUT, MAYBE, IN):
        figure.add_scattergl(
            x=x[status == k, i], y=x[status == k, j], mode="markers", name=STATUS[k],
            marker={"color": _COLOURS[k], "size": 4},
        )  # fmt: skip
    low, high = _ranges(found)
    if np.isfinite(low).all():
        figure.add_shape(
            type="rect", x0=low[i], x1=high[i], y0=low[j], y1=high[j], line_color=PALETTE[1]
        )
    labels = [f"{v.name} [{v.unit}]" if v.unit else v.name for v in space.variables]
    figure.update_layout(template="simple_white", xaxis_title=labels[i], yaxis_title=labels[j])
    for axis, k in (("xaxis", i), ("yaxis", j)):
        if space.variables[k].scale == "log":
            figure.update_layout({f"{axis}_type": "log"})
    return figure
