"""Every operation as a kind of study: its settings, its data, one result folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena import ops
from catena.core.errors import StudyError
from catena.core.identity import content_key
from catena.core.runtime import Executor, Progress
from catena.core.settings import Settings
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.units import conversion
from catena.core.work import Work
from catena.study.kind import Answer, Figure, Grid, Piece, Task
from catena.study.pieces import PieceCache
from catena.study.rows import read_rows
from catena.study.schema import Study
from catena.study.subject import shared_key, subject
from catena.study.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result

#: Rows of a part that the report shows; the whole part lies beside it.
_SHOWN = 200


@final
class OperationJob:
    """One operation on one model, made ready; its pieces resume, its answer is one result."""

    def __init__(self, study: Study) -> None:
        self.study, self.operation = study, ops.find(study.study)
        self.model: Model | None = None
        self.hashes: dict[str, str] = {}
        if study.model is not None or study.chain is not None:
            ready = subject(study)
            self.model, self.hashes = ready.model, ready.hashes
        elif self.operation.needs_model:
            raise StudyError("Which model?", where=f"study {study.name!r}",
                             why=f"{study.study} works on a model or chain", fix="name one")  # fmt: skip
        self.data = _data(study, self.model)
        if self.data is None and self.operation.needs_data:
            raise StudyError("Which data?", where=f"study {study.name!r}",
                             why=f"{study.study} needs rows to learn from",
                             fix="write data: {file: rows.csv}")  # fmt: skip
        if self.data is not None:
            self.hashes["data"] = content_key({n: self.data[n].to_numpy() for n in self.data})
        citation = self.model.info.citation if self.model is not None else ""
        self.citations: Sequence[str] = [citation] if citation else []
        self._folder = Path()
        self._work = Work()
        base = shared_key(study, self.hashes, list(study.outputs))
        self.tasks: Sequence[Task] = [
            Task(
                id=study.study,
                stage=self.operation.title,
                rows=1,
                work={"settings": study.settings.model_dump(mode="json")},
                base=base,
            )
        ]

    def attach(self, folder: Path, progress: Progress, executor: Executor) -> None:
        """Take where pieces are kept, where progress goes and what runs the pieces."""
        self._folder = folder
        self._work = Work(executor, PieceCache(folder / "pieces"), progress)

    def execute(self, task: Task) -> Piece:
        """Do the operation; artefacts go into the run's folder."""
        result = self.operation.run(
            self.model,
            self.study.settings,
            data=self.data,
            key=self.study.seed,
            work=self._work,
        )
        for name, write in result.artefacts.items():
            target = self._folder / "artefacts" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target)
        for name, part in result.parts.items():
            _table(part).write(_made(self._folder / "parts") / f"{name}.parquet")
        return Piece(_table(result), _facts(result))

    def answer(self, pieces: Mapping[str, Piece]) -> Answer:
        """Arrange what the operation found."""
        import plotly.graph_objects as go

        piece = pieces[self.tasks[0].id]
        facts = piece.facts
        summary = {k: v for k, v in facts["summary"].items() if k != "headline"}
        summary |= {"artefacts": facts["artefacts"], "warnings": facts["warnings"]}
        grids = [_grid(self.operation.title, piece.table)]
        grids += [
            _grid(name.replace("_", " ").capitalize(), Table.read(self._folder / "parts" / f"{name}.parquet"))
            for name in facts["parts"]
            if (self._folder / "parts" / f"{name}.parquet").exists()
        ]  # fmt: skip
        figures = [
            Figure(name, name.replace("_", " ").capitalize(), "", go.Figure(drawing))
            for name, drawing in facts["figures"].items()
        ]
        headline = str(facts["summary"].get("headline", f"{self.operation.title}: done."))
        return Answer(headline, summary, piece.table, figures, grids, facts["warnings"])


@final
class OperationKind:
    """An operation as a kind of study.

    Args:
        name: The operation.
    """

    def __init__(self, name: str) -> None:
        self.settings: type[Settings] = ops.find(name).settings

    def prepare(self, study: Study) -> OperationJob:
        """Load the model, read the data; computes nothing."""
        return OperationJob(study)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _data(study: Study, model: Model | None) -> pd.DataFrame | None:
    """Return the rows of the study's data file, named and measured as the model's ports."""
    import pandas as pd

    columns = read_rows(study)
    if not columns:
        return None
    out: dict[str, Any] = {}
    for head, value in columns.items():
        values, unit = value if isinstance(value, tuple) else (value, None)
        name, _, rest = head.partition("[")
        if rest.rstrip().endswith("]"):
            head, unit = name.strip(), rest.rstrip()[:-1].strip()
        port = _port(model, head)
        if unit is not None and port is not None:
            values = conversion(unit, port.unit).apply(np.asarray(values))
        out[head] = values
    return pd.DataFrame(out)


def _port(model: Model | None, name: str) -> Field | None:
    if model is None:
        return None
    for schema in (model.outputs, model.inputs, model.params):
        if name in schema:
            return schema[name]
    return None


def _table(result: Result) -> Table:
    """Return a result's columns with the ends of their intervals beside them."""
    fields: list[Field] = []
    columns: dict[str, Any] = {}
    for name in result:
        field = result.fields[name]
        if field.kind == "table" or (field.shape and field.kind not in NUMERIC):
            continue
        plain = (
            field.with_(default=None, kind="text", choices=())
            if field.kind == "category"
            else field
        )
        fields.append(plain.with_(bounds=(None, None), default=None))
        columns[name] = result[name]
        for label, ends in (("lower", result.lower), ("upper", result.upper)):
            if name in ends:
                fields.append(Field(f"{name}_{label}", unit=field.unit, shape=field.shape))
                columns[f"{name}_{label}"] = ends[name]
    if result.in_domain is not None:
        fields.append(Field("in_domain", kind="boolean"))
        columns["in_domain"] = np.asarray(result.in_domain, dtype=bool)
    return Table(Schema(fields), columns)


def _facts(result: Result) -> dict[str, Any]:
    import json

    from catena.core.identity import canonical

    def plain(value: Any) -> Any:
        return json.loads(canonical(value))

    return {
        "summary": plain(result.summary),
        "warnings": list(result.warnings),
        "parts": list(result.parts),
        "artefacts": list(result.artefacts),
        "figures": {
            name: json.loads(draw().to_json(remove_uids=True, engine="json"))
            for name, draw in result.figures.items()
        },
    }


def _grid(title: str, table: Table) -> Grid:
    frame = table.frame()
    rows = [[_cell(value) for value in row] for row in frame.head(_SHOWN).itertuples(index=False)]
    more = f"first {_SHOWN} of {len(frame)} rows" if len(frame) > _SHOWN else ""
    return Grid(title, more, list(frame.columns), rows)


def _cell(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
