"""Simulate: scenarios crossed with people and repeats, as one batch and one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.errors import InputError, RowFault
from catena.core.identity import split_key
from catena.core.registry import load
from catena.core.result import Result
from catena.core.settings import Settings
from catena.core.spec import Field, Schema
from catena.core.values import Batch, take
from catena.ops.operation import Operation
from catena.ops.people import People, people

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.work import Work


def simulate(
    model: Model | str,
    scenarios: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    given: Mapping[str, Any] | None = None,
    who: People | None = None,
    repeats: int = 1,
    key: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
) -> Result:
    """Predict every scenario in every person, as often as asked.

    Args:
        model: Model, chain or id.
        scenarios: Inputs that differ, by the scenario's name: ``{"low": {"dose": "5 mg"}, ...}``;
            one scenario with the defaults when left out.
        given: Inputs all scenarios share.
        who: People (``catena.ops.people.people``); the same in every scenario, so that
            differences between scenarios are not differences between people.
        repeats: Runs per scenario and person, for stochastic models.
        key: 64-bit seed; repeats differ in theirs, scenarios share it (common random numbers).
        on_error: ``skip`` leaves out rows that cannot be computed.

    Returns:
        The outputs, one row per scenario, person and repeat (columns ``scenario``, ``person``,
        ``repeat`` first); ``summary`` compares the scenarios.

    Raises:
        InputError: an input is unknown, given twice or does not fit.
    """
    subject = load(model)
    plans = {str(n): dict(v) for n, v in (scenarios or {"default": {}}).items()}
    if repeats < 1 or not plans:
        raise InputError("Nothing to simulate", where=f"model {subject.info.id}",
                         why=f"{len(plans)} scenarios, {repeats} repeats", fix="ask for one at least")  # fmt: skip
    shared = {**dict(given or {}), **(who.columns if who else {})}
    parts, labels, status, warnings = [], [], [], []
    for name, wish in plans.items():
        for repeat in range(repeats):
            seed = split_key(key, f"repeat {repeat}") if repeat else key
            result = subject.predict({**shared, **wish}, key=seed, on_error=on_error)
            good = np.flatnonzero([text == "ok" for text in result.status])
            parts.append(result)
            labels.append([(name, int(row), repeat) for row in good])
            status += result.status
            warnings += result.warnings
    return _joined(subject, parts, labels, status, key, warnings)


def _joined(
    model: Model,
    parts: Sequence[Result],
    labels: Sequence[Sequence[tuple[str, int, int]]],
    status: list[str],
    key: int,
    warnings: list[str],
) -> Result:
    _same_shapes(model, parts)
    head = Schema([Field("scenario", kind="text"), Field("person", kind="integer"),
                   Field("repeat", kind="integer")])  # fmt: skip
    flat = [label for group in labels for label in group]
    names = np.empty(len(flat), dtype=object)
    names[:] = [label[0] for label in flat]
    values: dict[str, Any] = {
        "scenario": names,
        "person": np.array([label[1] for label in flat], dtype=np.int64),
        "repeat": np.array([label[2] for label in flat], dtype=np.int64),
    }
    values |= {n: np.concatenate([part.values_[n] for part in parts]) for n in parts[0].values_}
    fields = Schema([*head, *(f for f in model.outputs if f.name in values)])
    batch = _inputs(model, parts)
    domain = [part.in_domain for part in parts if part.in_domain is not None]
    result = Result(
        fields, values, len(flat), inputs=batch, status=status, model=model,
        in_domain=np.concatenate(domain) if len(domain) == len(parts) else None,
        provenance={**parts[0].provenance, "operation": "simulate", "seed": key,
                    "warnings": sorted(set(warnings))},
    )  # fmt: skip
    result.summary = _compared(result, parts, labels)
    return result


def _same_shapes(model: Model, parts: Sequence[Result]) -> None:
    for name in parts[0].values_:
        shapes = {np.shape(part.values_[name])[1:] for part in parts if part.size}
        if len(shapes) > 1:
            raise InputError(f"{name!r} differs in length between scenarios", where=f"model {model.info.id}",
                             why=f"{' and '.join(str(s) for s in sorted(shapes))} points",
                             fix="use the same output times in all scenarios")  # fmt: skip


def _inputs(model: Model, parts: Sequence[Result]) -> Batch | None:
    """Stack the checked inputs, where all scenarios have the same ones."""
    batches = [part.inputs for part in parts if part.inputs is not None]
    if len(batches) != len(parts) or len({tuple(b) for b in batches}) != 1:
        return None
    values = {}
    for name in batches[0]:
        columns = [take(b.full()[name], np.arange(b.size)) for b in batches]
        if any(hasattr(c, "mask") or np.shape(c)[1:] != np.shape(columns[0])[1:] for c in columns):
            return None
        values[name] = np.concatenate(columns)
    faults: tuple[RowFault, ...] = ()
    return Batch(model.inputs, values, sum(b.size for b in batches), faults=faults)


def _compared(
    result: Result, parts: Sequence[Result], labels: Sequence[Sequence[tuple[str, int, int]]]
) -> dict[str, Any]:
    scenarios = list(dict.fromkeys(label[0] for group in labels for label in group))
    table: dict[str, dict[str, Any]] = {}
    for field in result.fields:
        if field.kind != "real" or field.shape:
            continue
        column = np.asarray(result[field.name], dtype=float)
        table[field.name] = {
            name: [
                float(q) for q in np.quantile(column[result["scenario"] == name], [0.05, 0.5, 0.95])
            ]
            for name in scenarios
        }
    failed = len(result.status) - result.size
    return {
        "headline": f"{len(scenarios)} scenarios, {result.size:,} rows"
        + (f"; {failed} rows could not be computed" if failed else "") + ".",
        "scenarios": scenarios,
        "failed_rows": failed,
        "failed_share": failed / max(len(result.status), 1),
        "outputs": table,
    }  # fmt: skip


class SimulateSettings(Settings):
    """Settings of ``simulate``.

    Args:
        scenarios: Inputs that differ, by the scenario's name.
        people: Number of virtual people; 0 simulates the model's defaults.
        filters: Passed to the model's own population.
        vary: Distributions by input.
        repeats: Runs per scenario and person.
        on_error: ``skip`` leaves out rows that cannot be computed.
    """

    scenarios: dict[str, dict[str, JsonValue]] = {}
    people: Annotated[int, Setting(ge=0, le=1_000_000)] = 0
    filters: dict[str, JsonValue] = {}
    vary: dict[str, str] = {}
    repeats: Annotated[int, Setting(ge=1, le=100_000)] = 1
    on_error: Literal["skip", "raise"] = "skip"


def run(
    model: Model | None,
    settings: SimulateSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Simulate as a study asks; rows of its data file are real people."""
    assert model is not None
    who = None
    if settings.people or data is not None:
        count = settings.people or len(data if data is not None else [])
        who = people(model, count, key, settings.filters, settings.vary, covariates=data)
    return simulate(
        model, settings.scenarios or None, given=given, who=who, repeats=settings.repeats,
        key=key, on_error=settings.on_error,
    )  # fmt: skip


OPERATION = Operation("simulate", "Predict scenarios in people", SimulateSettings, run)
