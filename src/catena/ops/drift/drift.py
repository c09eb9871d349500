"""Drift: do the data a model meets, and its errors, still look as when it was judged?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field as Setting

from catena.core.errors import InputError
from catena.core.plot import PALETTE
from catena.core.registry import load
from catena.core.settings import Settings
from catena.core.spec import NUMERIC, Field, Schema
from catena.ops.drift.shift import change_point, column_shift, holm, joint_shift
from catena.ops.operation import Operation
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work

#: Rows below which nothing can be said.
FEWEST = 8


def drift(
    model: Model | str,
    reference: Any,
    current: Any,
    *,
    level: float = 0.01,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Compare the data of today with those a model was judged on.

    Args:
        model: Model, chain or id.
        reference: Table (DataFrame or columns) of inputs, with measured outputs where known.
        current: The same of today, in order of time.
        level: Probability of a false alarm over all columns together.
        key: 64-bit seed of permutations.
        work: Unused; permutations take a moment.

    Returns:
        One row per column: statistic, p value adjusted for their number, stability index, shift.
        ``summary.status`` is ``stable``, ``inputs moved`` (the model is asked other questions),
        ``errors grew`` (its answers are worse) or ``outside`` (it is used outside its domain),
        with what to do. Part ``errors`` compares errors and interval coverage by output.

    Raises:
        InputError: too few rows, or no column in common with the model.
    """
    subject = load(model)
    tables = {
        "reference": _table(subject, reference, "reference"),
        "current": _table(subject, current, "current"),
    }
    inputs = [name for name in subject.inputs.names if all(name in t for t in tables.values())]
    outputs = [name for name in subject.outputs.names if all(name in t for t in tables.values())]
    if not inputs and not outputs:
        raise InputError("Nothing to compare", where=f"model {subject.info.id}",
                         why="the tables share no column with the model",
                         fix=f"name columns {', '.join(subject.inputs.names[:8])}")  # fmt: skip
    names = [*inputs, *outputs]
    shifts = [column_shift(tables["reference"][n], tables["current"][n]) for n in names]
    adjusted = holm(np.array([shift.p for shift in shifts]))
    moved = [bool(p < level) for p in adjusted]
    joint = _joint(tables, inputs, key)
    errors, outside, worse = _errors(subject, tables, inputs, outputs, level)
    some = [name for name, m in zip(names, moved, strict=True) if m and name in inputs]
    status, action = _verdict(some, joint, worse, outside, level)
    fields = Schema([Field("column", kind="text"), Field("statistic"), Field("p_adjusted"),
                     Field("psi"), Field("shift"), Field("moved", kind="boolean")])  # fmt: skip
    return answer(
        subject, fields,
        {"column": names, "statistic": [s.statistic for s in shifts], "p_adjusted": adjusted,
         "psi": [s.psi for s in shifts], "shift": [s.move for s in shifts], "moved": np.array(moved)},
        operation="drift", key=key,
        summary={"headline": f"{status.capitalize()}: {action}", "status": status, "action": action,
                 "moved": some, "joint_distance": joint[0], "joint_p": joint[1],
                 "outside_domain": outside, "worse": worse},
        parts={"errors": errors} if errors is not None else {},
        figures={"shifts": lambda: _figure(names, tables)},
    )  # fmt: skip


def _table(model: Model, given: Any, where: str) -> dict[str, np.ndarray]:
    columns = {str(name): np.asarray(given[name]) for name in given}
    known = {n: c for n, c in columns.items() if n in model.inputs or n in model.outputs}
    out = {}
    for name, column in known.items():
        field = model.inputs[name] if name in model.inputs else model.outputs[name]
        numeric = field.kind in (*NUMERIC, "integer")
        if field.shape:
            continue
        values = column.astype(float) if numeric else column
        if numeric and not np.isfinite(values).all():
            raise InputError(f"Column {name!r} holds missing values", where=where,
                             why=f"{int((~np.isfinite(values)).sum())} rows", fix="leave these rows out")  # fmt: skip
        out[name] = values
    size = len(next(iter(out.values()))) if out else 0
    if out and size < FEWEST:
        raise InputError("Too few rows", where=where, why=f"{size} rows; {FEWEST} are needed at least",
                         fix="collect more before judging")  # fmt: skip
    return out


def _joint(
    tables: Mapping[str, dict[str, np.ndarray]], inputs: list[str], key: int
) -> tuple[float, float]:
    numeric = [n for n in inputs if tables["reference"][n].dtype.kind == "f"]
    if not numeric:
        return 0.0, 1.0
    before, after = (np.stack([t[n] for n in numeric], axis=1) for t in tables.values())
    return joint_shift(before, after, key)


def _errors(
    model: Model,
    tables: Mapping[str, dict[str, np.ndarray]],
    inputs: list[str],
    outputs: list[str],
    level: float,
) -> tuple[Result | None, float | None, list[str]]:
    """Compare errors where outputs were measured; also tell the share used outside the domain."""
    if set(model.inputs.names) - set(inputs) - {f.name for f in model.inputs if not f.required}:
        return None, None, []
    from scipy.stats import binomtest, mannwhitneyu

    results = {label: model.predict({n: t[n] for n in inputs}) for label, t in tables.items()}
    domain = results["current"].in_domain
    outside = None if domain is None else float(1 - np.mean(domain))
    rows: dict[str, list[Any]] = {
        n: []
        for n in ("output", "rmse_before", "rmse_now", "p", "coverage", "coverage_p", "change_at")
    }
    worse = []
    for name in outputs:
        gaps = {
            label: np.asarray(results[label][name], float) - t[name] for label, t in tables.items()
        }
        before, now = gaps["reference"], gaps["current"]
        p = float(mannwhitneyu(np.abs(now), np.abs(before), alternative="greater").pvalue)
        spread = float(before.std()) or 1.0
        start = change_point((now - before.mean()) / spread)
        coverage, coverage_p = np.nan, 1.0
        result = results["current"]
        if name in result.lower and name in result.upper:
            inside = (tables["current"][name] >= result.lower[name]) & (
                tables["current"][name] <= result.upper[name]
            )
            coverage = float(inside.mean())
            coverage_p = float(
                binomtest(int(inside.sum()), len(inside), 0.9, alternative="less").pvalue
            )
        if min(p, coverage_p) < level / max(len(outputs), 1):
            worse.append(name)
        for key, value in zip(rows, (name, _rms(before), _rms(now), p, coverage, coverage_p,
                                     -1 if start is None else start), strict=True):  # fmt: skip
            rows[key].append(value)
    if not outputs:
        return None, outside, worse
    fields = Schema([Field("output", kind="text"), Field("rmse_before"), Field("rmse_now"), Field("p"),
                     Field("coverage"), Field("coverage_p"),
                     Field("change_at", kind="integer", doc="Row at which errors began to shift; -1: none.")])  # fmt: skip
    return table(fields, rows), outside, worse


def _rms(gaps: np.ndarray) -> float:
    return float(np.sqrt(np.mean(gaps**2)))


def _verdict(
    moved: list[str],
    joint: tuple[float, float],
    worse: list[str],
    outside: float | None,
    level: float,
) -> tuple[str, str]:
    if worse:
        return (
            "errors grew",
            f"{', '.join(worse)} is predicted worse than before; recalibrate on recent data.",
        )
    if outside is not None and outside > 0.1:
        return (
            "outside",
            f"{outside:.0%} of the rows lie outside the model's domain; extend it before use.",
        )
    if moved:
        return (
            "inputs moved",
            f"{', '.join(moved)} changed; errors have not grown where they are known; watch them.",
        )
    if joint[1] < level:
        return (
            "inputs moved",
            "the inputs' joint distribution changed, though no single one did; watch the errors.",
        )
    return "stable", "no change beyond chance."


def _figure(names: list[str], tables: Mapping[str, dict[str, np.ndarray]]) -> go.Figure:
    """Draw both distributions of every numeric column, in standard deviations of the reference."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        template="simple_white", boxmode="group", yaxis_title="reference standard deviations"
    )
    for colour, (label, columns) in zip(PALETTE, tables.items(), strict=False):
        x, y = [], []
        for name in names:
            before = tables["reference"][name]
            if before.dtype.kind == "f":
                scaled = (columns[name] - before.mean()) / (before.std() or 1.0)
                x += [name] * len(scaled)
                y += scaled.tolist()
        figure.add_box(x=x, y=y, name=label, marker_color=colour)
    return figure


class DriftSettings(Settings):
    """Settings of ``drift``.

    Args:
        period: Column of the data file that parts reference and current rows.
        reference: Its value for the reference rows; all others are current.
        level: Probability of a false alarm over all columns together.
    """

    period: str = "period"
    reference: str = "reference"
    level: Annotated[float, Setting(gt=0, lt=1)] = 0.01


def run(
    model: Model | None,
    settings: DriftSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Compare the two parts of a study's data file."""
    assert model is not None
    assert data is not None
    if settings.period not in data:
        raise InputError(f"No column {settings.period!r}", where="settings.period",
                         why=f"the columns are {', '.join(map(str, data.columns))}",
                         fix="name the column that parts reference and current rows")  # fmt: skip
    first = data[settings.period].astype(str) == settings.reference
    if first.all() or not first.any():
        raise InputError("Only one period", where=f"column {settings.period!r}",
                         why=f"{'all' if first.all() else 'no'} rows say {settings.reference!r}",
                         fix="give rows of both")  # fmt: skip
    rows = data.drop(columns=settings.period)
    return drift(model, rows[first], rows[~first], level=settings.level, key=key)


OPERATION = Operation(
    "drift", "Compare today's data with the reference", DriftSettings, run, needs_data=True
)
