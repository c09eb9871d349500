"""Puts uncertainty into the result: statistics, sources, probabilities, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catena.core.banded import ENDS
from catena.core.plot import PALETTE
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.constraint import OutputConstraint
from catena.ops.result import answer, table
from catena.ops.uncertainty.draws import REPLICATES, Draws, Linear
from catena.ops.uncertainty.question import Question
from catena.ops.uncertainty.sources import own_error, shares

if TYPE_CHECKING:
    import plotly.graph_objects as go

Floats = NDArray[np.float64]
Members = Mapping[str, NDArray[np.bool_]]
_QUANTILES = (0.05, 0.5, 0.95)
#: Rows of the draws and of the failures that are kept in the result.
_SHOWN = 20_000


def report(
    asked: Question,
    method: str,
    drawn: Draws,
    members: Members,
    statements: Sequence[OutputConstraint],
) -> Result:
    """Return the result of a sampling method."""
    extra = own_error(asked, drawn)
    y = _with_error(asked, drawn, extra)
    mean = np.array([_mean(values, drawn) for values in y])
    quantiles = np.quantile(y, _QUANTILES, axis=1)
    varies = [float(np.std(v)) > 1e-12 * max(float(np.abs(v).max()), 1e-300) for v in drawn.y]
    sources = [
        shares(asked, drawn, output, members, extra[output]) if varies[output] else None
        for output in range(len(y))
    ]
    asked.warnings += [
        f"{asked.outputs[k]} does not vary: it has no sources"
        for k, v in enumerate(varies)
        if not v
    ]
    parts = {"sources": _sources(asked, sources, y.std(axis=1))}
    if statements:
        parts["exceedance"] = _exceedance(asked, drawn, y, statements)
    parts["draws"] = _draws(asked, drawn, y)
    if drawn.failures:
        parts["failures"] = _failures(drawn)
    figures: dict[str, Any] = {
        f"histogram of {name}": partial(_histogram, asked, y, row)
        for row, name in enumerate(asked.outputs)
    }
    figures["sources"] = lambda: _bars(parts["sources"])
    summary = _summary(asked, method, mean[:, 0], quantiles, sources)
    summary["draws"] = int(y.shape[1])
    if drawn.fits:
        summary["polynomial"] = {
            name: {"error": fit.error, "degree": fit.degree, "terms": len(fit.terms)}
            for name, fit in zip(asked.outputs, drawn.fits, strict=True)
        }
    return _answer(asked, mean, y.std(axis=1, ddof=1), quantiles, summary, parts, figures)


def report_linear(
    asked: Question, found: Linear, members: Members, statements: Sequence[OutputConstraint]
) -> Result:
    """Return the result of first-order propagation."""
    from scipy.special import ndtr

    spread = found.spread
    for output in range(len(spread)):
        if spread[output] == 0.0:
            asked.warnings.append(
                f"{asked.outputs[output]} has no slope at the mean inputs: it is not linear there"
            )
    if not spread.any():
        asked.check_varies(found.y[:1], 0)
    carried = found.slopes * (found.slopes @ found.covariance)
    sources: list[dict[str, float] | None] = [
        {name: float(carried[k, mask].sum()) / spread[k] ** 2 for name, mask in members.items()}
        if spread[k] > 0
        else None
        for k in range(len(spread))
    ]
    quantiles = found.y + np.array([-ENDS, 0.0, ENDS])[:, None] * spread
    parts = {"sources": _sources(asked, sources, spread)}
    if statements:
        index = [asked.outputs.index(item.quantity.text) for item in statements]
        edges = np.array([[item.low, item.high] for item in statements])
        with np.errstate(divide="ignore", invalid="ignore"):
            levels = ndtr((edges - found.y[index][:, None]) / spread[index][:, None])
        parts["exceedance"] = table(
            _STATED, {"statement": [item.text for item in statements],
                      "probability": levels[:, 1] - levels[:, 0]},
        )  # fmt: skip
    mean = np.repeat(found.y[:, None], 3, axis=1)
    summary = _summary(asked, "linearised", found.y, quantiles, sources)
    figures = {"sources": lambda: _bars(parts["sources"])}
    return _answer(asked, mean, spread, quantiles, summary, parts, figures)


def _with_error(asked: Question, drawn: Draws, extra: list[dict[str, float]]) -> Floats:
    """Add the model's own error to the draws, as normal noise of its size."""
    y = drawn.y.copy()
    random = np.random.Generator(np.random.Philox(key=asked.key + 1))
    for output, sizes in enumerate(extra):
        if sizes.get("model error"):
            noise = random.standard_normal(y.shape[1])
            y[output] += np.sqrt(sizes["model error"]) * noise
    return y


def _mean(values: Floats, drawn: Draws) -> tuple[float, float, float]:
    """Return a mean with its 90 % interval, from the replicates where there are some."""
    from scipy.stats import t

    mean = float(values.mean())
    if drawn.fits:
        return mean, mean, mean
    if drawn.replicate.any():
        means = np.array([values[drawn.replicate == k].mean() for k in range(REPLICATES)])
        error, freedom = float(means.std(ddof=1)) / np.sqrt(REPLICATES), REPLICATES - 1
    else:
        error, freedom = float(values.std(ddof=1)) / np.sqrt(len(values)), len(values) - 1
    half = float(t.ppf(_QUANTILES[2], freedom)) * error
    return mean, mean - half, mean + half


_STATED = Schema([
    Field("statement", kind="text"),
    Field("probability", doc="Probability that the statement holds"),
])  # fmt: skip


def _exceedance(
    asked: Question, drawn: Draws, y: Floats, statements: Sequence[OutputConstraint]
) -> Result:
    from scipy.stats import beta

    found = []
    for item in statements:
        values = y[asked.outputs.index(item.quantity.text)]
        held = (values >= item.low) & (values <= item.high)
        p, n = float(held.mean()), len(held)
        if drawn.replicate.any() and 0.0 < p < 1.0:
            found.append(np.clip(_mean(held.astype(float), drawn), 0.0, 1.0))
            continue
        k = int(held.sum())
        low = float(beta.ppf(0.05, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(0.95, k + 1, n - k)) if k < n else 1.0
        found.append(np.array([p, low, high]))
    all_of_it = np.array(found)
    return table(
        _STATED, {"statement": [item.text for item in statements], "probability": all_of_it[:, 0]},
        lower={"probability": all_of_it[:, 1]}, upper={"probability": all_of_it[:, 2]},
    )  # fmt: skip


def _sources(
    asked: Question, sources: Sequence[Mapping[str, float] | None], spread: Floats
) -> Result:
    rows = [
        (asked.outputs[output], name, share)
        for output, found in enumerate(sources)
        for name, share in sorted((found or {}).items(), key=lambda item: -item[1])
    ]
    fields = Schema([
        Field("output", kind="text"), Field("source", kind="text"),
        Field("share", doc="Share of the variance; all of an output's add up to one"),
    ])  # fmt: skip
    columns: list[list[Any]] = [[row[k] for row in rows] for k in range(3)]
    return table(fields, dict(zip(fields.names, columns, strict=True)))


def _draws(asked: Question, drawn: Draws, y: Floats) -> Result:
    inputs = asked.space.schema()
    fields = [*inputs]
    values: dict[str, Any] = dict(asked.space.table(drawn.x[:_SHOWN]))
    for row, quantity in enumerate(asked.evaluator.quantities):
        name = _column_name(quantity.text)
        name = f"output_{name}" if name in values else name
        fields.append(Field(name, unit=quantity.unit, title=quantity.text))
        values[name] = y[row, :_SHOWN]
    return table(Schema(fields), values)


def _column_name(text: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in text)
    return kept.strip("_.") or "output"


def _failures(drawn: Draws) -> Result:
    fields = Schema([Field("row", kind="integer"), Field("reason", kind="text")])
    some = drawn.failures[:_SHOWN]
    return table(fields, {"row": [row for row, _ in some], "reason": [why for _, why in some]})


def _summary(
    asked: Question, method: str, mean: Floats, quantiles: Floats, sources: Sequence[Any]
) -> dict[str, Any]:
    unit = f" {asked.units[0]}" if asked.units[0] else ""
    text = (
        f"{asked.outputs[0]} is {quantiles[1, 0]:.4g}{unit} "
        f"(90 %: {quantiles[0, 0]:.4g} to {quantiles[2, 0]:.4g}{unit})"
    )
    if sources[0]:
        best = max(sources[0], key=lambda name: sources[0][name])
        text += f"; {sources[0][best]:.0%} of the variance comes from {best}"
    return {
        "headline": text, "method": method, "evaluations": asked.evaluator.calls,
        "left_out": asked.lost, "mean": dict(zip(asked.outputs, map(float, mean), strict=True)),
        "sources": {name: found for name, found in zip(asked.outputs, sources, strict=True) if found},
    }  # fmt: skip


def _answer(
    asked: Question,
    mean: Floats,
    spread: Floats,
    quantiles: Floats,
    summary: dict[str, Any],
    parts: dict[str, Result],
    figures: dict[str, Any],
) -> Result:
    one = len(set(asked.units)) == 1
    unit = asked.units[0] if one else ""
    fields = [
        Field("output", kind="text"), Field("mean", unit=unit), Field("sd", unit=unit),
        Field("q05", unit=unit, title="5 %"), Field("median", unit=unit),
        Field("q95", unit=unit, title="95 %"),
    ]  # fmt: skip
    values: dict[str, Any] = {
        "output": list(asked.outputs), "mean": mean[:, 0], "sd": spread,
        "q05": quantiles[0], "median": quantiles[1], "q95": quantiles[2],
    }  # fmt: skip
    if not one:
        fields.append(Field("unit", kind="text"))
        values["unit"] = list(asked.units)
    known = not np.array_equal(mean[:, 1], mean[:, 2])
    return answer(
        asked.model, Schema(fields), values, operation="uncertainty", key=asked.key,
        summary=summary, parts=parts, figures=figures, warnings=asked.warnings,
        lower={"mean": mean[:, 1]} if known else None, upper={"mean": mean[:, 2]} if known else None,
    )  # fmt: skip


def _histogram(asked: Question, y: Floats, row: int) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_histogram(x=y[row], histnorm="probability density", marker_color=PALETTE[0])
    for level in np.quantile(y[row], _QUANTILES):
        figure.add_vline(x=float(level), line_dash="dash", line_color=PALETTE[1])
    unit = f" [{asked.units[row]}]" if asked.units[row] else ""
    figure.update_layout(template="simple_white", xaxis_title=f"{asked.outputs[row]}{unit}",
                         yaxis_title="density")  # fmt: skip
    return figure


def _bars(sources: Result) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    outputs = np.array(list(sources["output"]))
    for colour, output in zip(PALETTE, dict.fromkeys(outputs), strict=False):
        rows = np.flatnonzero(outputs == output)[::-1]
        figure.add_bar(
            y=[sources["source"][k] for k in rows], x=np.asarray(sources["share"])[rows],
            orientation="h", name=output, marker_color=colour,
        )  # fmt: skip
    figure.update_layout(template="simple_white", xaxis_title="share of the variance",
                         barmode="group")  # fmt: skip
    return figure
