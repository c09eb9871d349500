"""Puts explanations into the result: contributions, changes, checks, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.plot import PALETTE
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.explain.cases import Case
from catena.ops.explain.counterfactual import Change
from catena.ops.explain.faithful import Faith, stability
from catena.ops.explain.links import Carried
from catena.ops.invert.wanted import Requirement
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from catena.core.model import Model

Floats = NDArray[np.float64]
_RESAMPLES, _DRAWN = 500, 20


@final
@dataclass(frozen=True)
class Told:
    """Contributions of the causes of one case.

    Args:
        rows: By background case (b, d), or one row.
        case: Output of the case.
        reference: Mean output of the background, or output of the baseline.
        missed: What the sum misses, relative.
        points: Points on the way (integrated gradients).
    """

    rows: Floats
    case: float
    reference: float
    missed: float
    points: int

    @property
    def values(self) -> Floats:
        """Contributions (d,)."""
        return np.asarray(self.rows.mean(axis=0))

    def ends(self, key: int) -> tuple[Floats, Floats]:
        """Return 90 % intervals from resampled backgrounds."""
        random = np.random.Generator(np.random.Philox(key=key))
        b = len(self.rows)
        counts = random.multinomial(b, np.full(b, 1.0 / b), size=_RESAMPLES) / b
        low, high = np.quantile(counts @ self.rows, (0.05, 0.95), axis=0)
        return np.asarray(low), np.asarray(high)


def contributions(
    model: Model,
    cases: Sequence[Case],
    method: str,
    told: Sequence[Told],
    curves: Sequence[Faith],
    key: int,
) -> Result:
    """Return one row per case and cause, strongest first."""
    quantity = cases[0].evaluator.quantities[0]
    names = np.array(cases[0].space.names, dtype=object)
    rows: dict[str, list[Any]] = {
        n: [] for n in ("case", "input", "value", "contribution", "low", "high")
    }
    for row, (case, item) in enumerate(zip(cases, told, strict=True)):
        low, high = item.ends(key)
        order = np.argsort(-np.abs(item.values), kind="stable")
        rows["case"] += [row] * len(order)
        rows["input"] += list(names[order])
        rows["value"] += [_shown(case, k) for k in order]
        for name, column in (("contribution", item.values), ("low", low), ("high", high)):
            rows[name] += list(column[order])
    fields = Schema([
        Field("case", kind="integer"), Field("input", kind="text"),
        Field("value", kind="text", doc="Value in the case, with its unit"),
        Field("contribution", unit=quantity.unit,
              doc="Part of the difference between the case and the background"),
    ])  # fmt: skip
    parts = {"cases": _cases(quantity.unit, told, method, key)}
    if curves:
        parts["curves"] = _curves(curves, quantity.unit)
    figures = {"contributions": lambda: _waterfall(quantity.text, cases[0], told[0])}
    if curves:
        figures["curves"] = lambda: _curve_figure(curves[0], quantity)
    summary = _summary(cases, method, told, curves, key)
    sampled = method == "shapley"
    return answer(
        model, fields, rows, operation="explain", key=key, summary=summary, parts=parts,
        figures=figures, warnings=_warnings(method, told),
        lower={"contribution": rows["low"]} if sampled else None,
        upper={"contribution": rows["high"]} if sampled else None,
    )  # fmt: skip


def _shown(case: Case, k: int) -> str:
    variable = case.space.variables[k]
    value = variable.text(float(case.x[k]))
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {variable.unit}".rstrip()


def _cases(unit: str, told: Sequence[Told], method: str, key: int) -> Result:
    fields = [
        Field("case", kind="integer"), Field("output", unit=unit),
        Field("reference", unit=unit, doc="Mean over the background, or at the baseline"),
        Field("missed", doc="What the contributions miss of the difference, relative"),
    ]  # fmt: skip
    values: dict[str, Any] = {
        "case": list(range(len(told))), "output": [item.case for item in told],
        "reference": [item.reference for item in told], "missed": [item.missed for item in told],
    }  # fmt: skip
    if method == "shapley":
        fields.append(Field("stability", doc="Kendall's tau of rankings from other backgrounds"))
        values["stability"] = [stability(item.rows, key) for item in told]
    return table(Schema(fields), values)


def _curves(curves: Sequence[Faith], unit: str) -> Result:
    names = ("share", "deletion", "insertion", "random_deletion", "random_insertion")
    fields = [Field("case", kind="integer"), Field("share", doc="Share of causes exchanged")]
    fields += [Field(name, unit=unit) for name in names[1:]]
    values: dict[str, Any] = {
        "case": [row for row, item in enumerate(curves) for _ in item.share],
        **{name: np.concatenate([getattr(item, name) for item in curves]) for name in names},
    }
    return table(Schema(fields), values)


def _summary(
    cases: Sequence[Case], method: str, told: Sequence[Told], curves: Sequence[Faith], key: int
) -> dict[str, Any]:
    quantity = cases[0].evaluator.quantities[0]
    item, unit = told[0], f" {quantity.unit}" if quantity.unit else ""
    best = int(np.argmax(np.abs(item.values)))
    verb = "raises" if item.values[best] >= 0 else "lowers"
    summary: dict[str, Any] = {
        "headline": f"{quantity.text} is {item.case:.4g}{unit} instead of {item.reference:.4g}{unit}: "
        f"{cases[0].space.names[best]} = {_shown(cases[0], best)} {verb} it most, "
        f"by {abs(item.values[best]):.4g}{unit}",
        "method": method,
        "evaluations": sum(case.evaluator.calls for case in cases),
        "missed": max(item.missed for item in told),
    }
    overall = np.mean([np.abs(item.values) for item in told], axis=0)
    summary["importance"] = {
        cases[0].space.names[k]: float(overall[k]) for k in np.argsort(-overall)[:_DRAWN]
    }
    if curves:
        areas = [curve.areas for curve in curves]
        summary["faithfulness"] = {
            name: float(np.mean([a[name] for a in areas])) for name in areas[0]
        }
    return summary


def _warnings(method: str, told: Sequence[Told]) -> list[str]:
    worst = max(item.missed for item in told)
    if worst > 1e-3:
        return [f"contributions miss {worst:.1%} of the difference"
                + (": the output jumps on the way from the baseline" if method == "gradient" else "")]  # fmt: skip
    return []


def carried(model: Model, cases: Sequence[Case], found: Sequence[Carried], key: int) -> Result:
    """Return one row per case and link, strongest first."""
    quantity = cases[0].evaluator.quantities[0]
    rows: dict[str, list[Any]] = {n: [] for n in ("case", "link", "contribution", "share", "cuts")}
    cuts: dict[str, list[Any]] = {n: [] for n in ("case", "cut", "link", "contribution")}
    for row, item in enumerate(found):
        change = item.case - item.background
        for k in np.argsort(-np.abs(item.values), kind="stable"):
            values = (row, item.links[k], item.values[k], item.values[k] / change if change else np.nan,
                      sum(k in members for members, _ in item.cuts))  # fmt: skip
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
        for cut, (members, parts) in enumerate(item.cuts):
            for k, value in zip(members, parts, strict=True):
                for name, entry in zip(cuts, (row, cut, item.links[k], value), strict=True):
                    cuts[name].append(entry)
    amount = Field("contribution", unit=quantity.unit)
    fields = Schema([
        Field("case", kind="integer"), Field("link", kind="text"), amount,
        Field("share", doc="Of the difference between the case and the background"),
        Field("cuts", kind="integer", doc="Cuts of the chain this link crosses"),
    ])  # fmt: skip
    cut_fields = Schema([
        Field("case", kind="integer"), Field("cut", kind="integer"), Field("link", kind="text"), amount,
    ])  # fmt: skip
    first, unit = found[0], f" {quantity.unit}" if quantity.unit else ""
    text = f"{quantity.text} is {first.case:.4g}{unit} instead of {first.background:.4g}{unit}"
    if len(first.links):
        whole = first.case - first.background
        parted = [k for k, v in enumerate(first.values) if abs(v - whole) > 1e-6 * abs(whole)]
        best = max(parted or range(len(first.links)), key=lambda k: abs(first.values[k]))
        text += f": {first.links[best]} carries {first.values[best]:.4g}{unit} of the difference"
    summary = {
        "headline": text, "method": "links",
        "evaluations": sum(case.evaluator.calls for case in cases),
    }  # fmt: skip
    return answer(
        model, fields, rows, operation="explain", key=key, summary=summary,
        parts={"cuts": table(cut_fields, cuts)},
        figures={"links": lambda: _bars(first.links, first.values, quantity)},
    )  # fmt: skip


def changes(
    model: Model,
    cases: Sequence[Case],
    wanted: Sequence[Requirement],
    found: Sequence[Sequence[Change]],
    key: int,
) -> Result:
    """Return one row per case, proposal and changed cause."""
    names = ("case", "proposal", "input", "from", "to", "change", "distance")
    rows: dict[str, list[Any]] = {name: [] for name in names}
    space = cases[0].space
    for row, (case, several) in enumerate(zip(cases, found, strict=True)):
        for rank, change in enumerate(several):
            for k in map(int, np.flatnonzero(change.changed)):
                other = Case(space, case.evaluator, change.x, case.background, case.given)
                shift = change.x[k] - case.x[k]
                numeric = not space.variables[k].choices
                values = (row, rank, space.names[k], _shown(case, k), _shown(other, k),
                          f"{shift:+.4g} {space.variables[k].unit}".rstrip() if numeric else "other",
                          change.distance)  # fmt: skip
                for name, value in zip(names, values, strict=True):
                    rows[name].append(value)
    fields = Schema([
        Field("case", kind="integer"), Field("proposal", kind="integer"),
        *(Field(name, kind="text") for name in names[2:6]),
        Field("distance", doc="Root of the sum of squared changes, in standard deviations"),
    ])  # fmt: skip
    stated = " and ".join(item.text for item in wanted)
    first = [k for k, rank in enumerate(rows["proposal"]) if rank == 0 and rows["case"][k] == 0]
    steps = ", ".join(f"{rows['input'][k]} {rows['from'][k]} to {rows['to'][k]}" for k in first)
    text = f"{stated}: change {steps}" if steps else f"{stated} holds as it is"
    summary = {
        "headline": text, "method": "counterfactual",
        "nearest": [min((change.distance for change in several), default=0.0) for several in found],
        "proposals": [[{n: float(v) for n, v in zip(space.names, change.x, strict=True)}
                       for change in several] for several in found],
    }  # fmt: skip
    return answer(model, fields, rows, operation="explain", key=key, summary=summary)


def _waterfall(text: str, case: Case, told: Told) -> go.Figure:
    import plotly.graph_objects as go

    order = np.argsort(-np.abs(told.values), kind="stable")
    some, rest = order[:_DRAWN], order[_DRAWN:]
    labels = [f"{case.space.names[k]} = {_shown(case, k)}" for k in some]
    values = [float(told.values[k]) for k in some]
    if len(rest):
        labels.append(f"{len(rest)} others")
        values.append(float(told.values[rest].sum()))
    figure = go.Figure()
    figure.add_waterfall(
        orientation="h", base=told.reference, y=labels, x=values,
        increasing={"marker": {"color": PALETTE[0]}}, decreasing={"marker": {"color": PALETTE[1]}},
    )  # fmt: skip
    unit = case.evaluator.units[0]
    figure.update_layout(template="simple_white", xaxis_title=f"{text} [{unit}]" if unit else text)
    figure.update_yaxes(autorange="reversed")
    return figure


def _bars(names: Sequence[str], values: Floats, quantity: Any) -> go.Figure:
    import plotly.graph_objects as go

    order = np.argsort(np.abs(values))
    figure = go.Figure()
    figure.add_bar(
        y=[names[k] for k in order], x=values[order], orientation="h", marker_color=PALETTE[0]
    )
    unit = f" [{quantity.unit}]" if quantity.unit else ""
    figure.update_layout(
        template="simple_white", xaxis_title=f"difference of {quantity.text}{unit}"
    )
    return figure


def _curve_figure(curve: Faith, quantity: Any) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    for colour, name in zip(PALETTE, ("deletion", "insertion"), strict=False):
        figure.add_scatter(x=curve.share, y=getattr(curve, name), name=name, line_color=colour)
        figure.add_scatter(
            x=curve.share, y=getattr(curve, f"random_{name}"), name=f"{name}, random order",
            line={"color": colour, "dash": "dot"},
        )  # fmt: skip
    unit = f" [{quantity.unit}]" if quantity.unit else ""
    figure.update_layout(template="simple_white", xaxis_title="share of causes exchanged",
                         yaxis_title=f"change of {quantity.text}{unit}")  # fmt: skip
    return figure
