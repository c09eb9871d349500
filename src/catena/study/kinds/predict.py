"""Kind ``predict``: one row in, one row out, for a file or a list of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, final

import numpy as np
from pydantic import Field as Setting

from catena.core.errors import RowFault
from catena.core.identity import content_key, split_key
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.tables import decode
from catena.core.values import broadcast, take
from catena.study.kind import Answer, Grid, Piece, Task
from catena.study.schema import Part, Study
from catena.study.subject import shared_key, subject
from catena.study.table import Table, joined

if TYPE_CHECKING:
    from catena.core.model import Model


class PredictSettings(Part):
    """Settings of ``predict``.

    Args:
        chunk: Rows per task.
        on_error: ``skip`` finishes the good rows and reports the bad ones; ``raise`` refuses the
            study when any row is bad.
    """

    chunk: Annotated[int, Setting(ge=1, le=1_000_000)] = 1000
    on_error: Literal["skip", "raise"] = "skip"


@final
class PredictJob:
    """Rows through a model, in chunks."""

    def __init__(self, study: Study) -> None:
        settings: PredictSettings = study.settings
        ready = subject(study, rows=True)
        self.study, self.model, self.hashes = study, ready.model, ready.hashes
        self.batch = self.model.inputs.validate(
            _given(study), on_error=settings.on_error, where=f"study {study.name!r}"
        )
        # What differs between the rows is written beside the outputs, in every chunk alike.
        self.varying = [
            name for name, value in self.batch.items() if len(value) == self.batch.size > 1
        ]
        self.citations = [self.model.info.citation] if self.model.info.citation else []
        self.hashes["rows"] = self.batch.key
        self.tasks = list(self._tasks(settings.chunk))

    def _tasks(self, chunk: int) -> list[Task]:
        base = shared_key(self.study, self.model.key)
        starts = range(0, self.batch.size, chunk)
        return [
            Task(
                id=f"rows-{start:07d}",
                stage="rows",
                rows=min(chunk, self.batch.size - start),
                work={"start": start, "rows": content_key(self._slice(start, chunk))},
                base=base,
            )
            for start in starts
        ]

    def _slice(self, start: int, length: int) -> dict[str, Any]:
        rows = np.arange(start, min(start + length, self.batch.size))
        return {name: take(value, rows) for name, value in self.batch.items()}

    def execute(self, task: Task) -> Piece:
        """Predict one chunk; rows that fail are kept with their reason."""
        start = int(task.work["start"])
        values = self._slice(start, task.rows)
        rows = self.batch.rows[start : start + task.rows]
        key = split_key(self.study.seed, task.id)
        return Piece(predicted(self.model, values, rows, key, self.varying, self.study.outputs))

    def answer(self, pieces: Mapping[str, Piece]) -> Answer:
        """Put the rows in order, with one line for each row that could not be computed."""
        table = joined([pieces[task.id].table for task in self.tasks if task.id in pieces])
        refused = _refused(self.batch.faults, table)
        table = joined([table, refused]) if len(refused) else table
        order = np.argsort(table["row"], kind="stable")
        table = table.where(order)
        bad = [str(text) for text in table["status"] if text != "ok"]
        share = len(bad) / max(len(table), 1)
        headline = f"{len(table) - len(bad)} of {self.batch.given} rows predicted with {self.model.info.id}."
        notes = [
            f"row {row}: {text}"
            for row, text in zip(table["row"], table["status"], strict=True)
            if text != "ok"
        ]
        summary = {"failed_rows": len(bad), "failed_share": share, "outputs": describe(table)}
        notes = [*notes[:20], *([f"and {len(notes) - 20} more rows failed"] if notes[20:] else [])]
        outside = _outside(table)
        if outside:
            summary["outside_domain"] = len(outside)
            listed = ", ".join(map(str, outside[:10])) + (", ..." if outside[10:] else "")
            notes.append(
                f"outside the model's domain (in_domain false), so extrapolated: rows {listed}"
            )
        return Answer(headline, summary, table, grids=[percentiles(table)], notes=notes)


@final
class Predict:
    """The kind itself."""

    settings = PredictSettings

    def prepare(self, study: Study) -> PredictJob:
        """Load the model, read the rows, list the chunks."""
        return PredictJob(study)


KIND = Predict()


def predicted(
    model: Model,
    values: Mapping[str, Any],
    rows: np.ndarray,
    key: int,
    shown: Sequence[str],
    outputs: Sequence[str] = (),
) -> Table:
    """Predict and return rows; a row that fails keeps its number and reason, NaN as outputs.

    Args:
        model: The model.
        values: Checked inputs of these rows.
        rows: Their numbers.
        key: Random key.
        shown: Scalar inputs to write beside the outputs.
        outputs: Outputs to keep; all by default.
    """
    result = model.predict(values, key=key, on_error="skip")
    status = np.array(
        result.status if len(result.status) == len(rows) else result.status * len(rows),
        dtype=object,
    )
    kept = np.flatnonzero(status == "ok")
    fields = [
        Field("row", kind="integer", doc="Row of the given table"),
        Field("status", kind="text"),
    ]
    columns: dict[str, Any] = {"row": rows.astype(np.int64), "status": status}
    size = len(rows)
    for field in model.inputs:
        if field.name not in shown or field.shape or field.kind == "table":
            continue
        fields.append(
            _named(field, field.name if field.name not in model.outputs else f"{field.name}_in")
        )
        columns[fields[-1].name] = decode(field, broadcast(np.asarray(values[field.name]), size))
    for name in outputs or model.outputs.names:
        field = model.outputs[name]
        if name not in result or field.kind in ("table", "graph") or field.ragged:
            continue
        fields.append(_named(field, name))
        columns[name] = _spread(field, result[name], kept, size)
    if result.in_domain is not None and "in_domain" not in columns:
        inside = Field(
            "in_domain", kind="boolean", doc="Whether the model is used inside its domain"
        )
        fields.append(inside)
        columns["in_domain"] = _spread(
            inside, np.broadcast_to(result.in_domain, len(kept)), kept, size
        )
    return Table(Schema(fields), columns)


def _outside(table: Table) -> list[int]:
    """Return the numbers of the good rows that lie outside the model's domain."""
    if "in_domain" not in table:
        return []
    pairs = zip(table["row"], table["in_domain"], strict=True)
    return [int(row) for row, inside in pairs if inside is not None and not inside]


def describe(table: Table) -> dict[str, Any]:
    """Return percentiles of every numeric scalar column, with unit, over the good rows."""
    good = table.where(table["status"] == "ok")
    found = {}
    for field in table.fields:
        if field.kind not in NUMERIC or field.shape or not len(good):
            continue
        values = np.asarray(good[field.name], dtype=float)
        p = np.percentile(values, [5, 25, 50, 75, 95])
        names = ("p5", "p25", "p50", "p75", "p95")
        found[field.name] = {
            "unit": field.unit,
            "mean": float(values.mean()),
            **dict(zip(names, map(float, p), strict=True)),
        }
    return found


def percentiles(table: Table) -> Grid:
    """Return the percentiles as a table for people."""
    rows = [
        [f"{name} [{d['unit']}]" if d["unit"] else name, d["p5"], d["p50"], d["p95"], d["mean"]]
        for name, d in describe(table).items()
    ]
    return Grid(
        "Percentiles",
        "Over all rows that could be computed.",
        ["quantity", "5 %", "50 %", "95 %", "mean"],
        rows,
    )


def _named(field: Field, name: str) -> Field:
    # Stored values come with a status; bounds and defaults of the port no longer apply.
    kind = field.kind if field.kind in NUMERIC or field.kind in ("integer", "boolean") else "text"
    return Field(
        name, unit=field.unit, kind=kind, shape=field.shape, labels=field.labels, doc=field.doc
    )


def _spread(field: Field, value: Any, kept: np.ndarray, size: int) -> np.ndarray:
    """Put the good rows' values where they belong; the others get NaN or None."""
    array = np.asarray(value)
    if len(kept) == size:
        return array
    if field.kind in NUMERIC:
        out = np.full((size, *array.shape[1:]), np.nan)
    else:
        out = np.full((size, *array.shape[1:]), None, dtype=object)
    out[kept] = array
    return out


def _refused(faults: Sequence[RowFault], like: Table) -> Table:
    """Return one row for each given row that the schema refused."""
    reasons: dict[int, str] = {}
    for fault in faults:
        reasons.setdefault(fault.row, f"{fault.field}: {fault.why}" if fault.field else fault.why)
    size = len(reasons)
    columns: dict[str, Any] = {}
    for field in like.fields:
        shape = (size, *like[field.name].shape[1:])
        columns[field.name] = (
            np.full(shape, np.nan) if field.kind in NUMERIC else np.full(shape, None, dtype=object)
        )
    columns["row"] = np.array(list(reasons), dtype=np.int64)
    columns["status"] = np.array(list(reasons.values()), dtype=object)
    return Table(like.fields, columns)


def _given(study: Study) -> Any:
    """Read the rows of the data file, and lay the study's inputs over them."""
    from catena.study.rows import read_rows

    return {**read_rows(study), **study.inputs}


__all__ = ["KIND", "PredictSettings", "describe", "percentiles", "predicted"]
