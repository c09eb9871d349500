"""Puts shares of variance into the result: tables, one sentence, figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.result import answer, table
from catena.ops.sensitivity import drawings
from catena.ops.sensitivity.sobol import pairs
from catena.ops.uncertainty.question import Question

Floats = NDArray[np.float64]
_DOC = {
    "first": "Share of the output's variance due to this input alone",
    "total": "Share due to this input with all its interactions",
    "share": "Share of the variance, interactions and dependence divided evenly",
    "bound": "The total index is at most this",
    "slope": "Root mean square slope of the output over the level of the input",
    "mu_star": "Mean absolute change of the output over the full range of the input",
    "mu": "Mean change of the output over the full range",
    "sigma": "Standard deviation of that change: curvature and interactions",
}
#: Columns in the unit of the output.
_MEASURED = ("slope", "mu_star", "mu", "sigma")
#: A share this large is the whole.
_EVERYTHING = 0.98


@final
@dataclass(frozen=True)
class Shares:
    """What a method found.

    Args:
        columns: Value, lower and upper end (m, 3, d) by column.
        leading: Column that ranks the inputs.
        second: Second order (m, 3, pairs), or None.
    """

    columns: dict[str, Floats]
    leading: str
    second: Floats | None = None


def report(asked: Question, method: str, n: int, found: Shares, links: Result | None) -> Result:
    """Return the result of a sensitivity analysis."""
    outputs, inputs = asked.outputs, asked.names
    m, d = len(outputs), len(inputs)
    one = len(set(asked.units)) == 1
    fields = [Field("output", kind="text"), Field("input", kind="text")]
    values: dict[str, Any] = {
        "output": [name for name in outputs for _ in range(d)],
        "input": list(inputs) * m,
    }
    lower, upper = {}, {}
    for name, column in found.columns.items():
        unit = asked.units[0] if name in _MEASURED and one else ""
        fields.append(Field(name, unit=unit, doc=_DOC[name]))
        values[name] = column[:, 0].ravel()
        if not np.array_equal(column[:, 1], column[:, 2]):
            lower[name], upper[name] = column[:, 1].ravel(), column[:, 2].ravel()
    if not one and any(name in _MEASURED for name in found.columns):
        fields.append(Field("unit", kind="text", doc="Unit of the output"))
        values["unit"] = [unit for unit in asked.units for _ in range(d)]
    parts = {}
    if found.second is not None:
        parts["second_order"] = _pairs(asked, found.second)
    if links is not None:
        parts["links"] = links
    return answer(
        asked.model, Schema(fields), values, operation="sensitivity", key=asked.key,
        lower=lower, upper=upper, summary=_summary(asked, method, n, found, links), parts=parts,
        figures=drawings.figures(asked, found, links), warnings=asked.warnings,
    )  # fmt: skip


def _pairs(asked: Question, second: Floats) -> Result:
    names = asked.names
    both = pairs(len(names))
    m = len(asked.outputs)
    fields = Schema([
        Field("output", kind="text"), Field("input", kind="text"), Field("other", kind="text"),
        Field("second", doc="Share of the variance due to the interaction of this pair alone"),
    ])  # fmt: skip
    values = {
        "output": [name for name in asked.outputs for _ in both],
        "input": [names[i] for i, _ in both] * m,
        "other": [names[j] for _, j in both] * m,
        "second": second[:, 0].ravel(),
    }
    return table(
        fields,
        values,
        lower={"second": second[:, 1].ravel()},
        upper={"second": second[:, 2].ravel()},
    )


def _summary(
    asked: Question, method: str, n: int, found: Shares, links: Result | None
) -> dict[str, Any]:
    leading = found.columns[found.leading][:, 0]
    first = int(np.argmax(np.abs(leading[0])))
    size = leading[0, first]
    text = {
        "total": f"{asked.names[first]} explains {size:.0%} of the variance of {asked.outputs[0]}, interactions included",
        "share": f"{asked.names[first]} carries {size:.0%} of the variance of {asked.outputs[0]}",
        "bound": f"{asked.names[first]} may explain up to {min(size, 1.0):.0%} of the variance of {asked.outputs[0]}",
        "mu_star": f"{asked.names[first]} moves {asked.outputs[0]} most: by {size:.3g} {asked.units[0]}".rstrip() + " over its range",
    }[found.leading]  # fmt: skip
    ranking = {
        output: [asked.names[k] for k in np.argsort(-np.abs(leading[row]))]
        for row, output in enumerate(asked.outputs)
    }
    summary: dict[str, Any] = {
        "headline": text, "method": method, "n": n, "evaluations": asked.evaluator.calls,
        "left_out": asked.lost, "ranking": ranking,
    }  # fmt: skip
    if "first" in found.columns:
        sums = found.columns["first"][:, 0].sum(axis=1)
        summary["additive_share"] = dict(zip(asked.outputs, map(float, sums), strict=True))
    if links is not None and links.size:
        # A link through which everything passes tells nothing; the largest of the others does.
        total = np.where(links["total"] < _EVERYTHING, links["total"], -1.0)
        best = int(np.argmax(total if total.max() > 0 else links["total"]))
        summary["leading_link"] = str(links["link"][best])
    return summary
