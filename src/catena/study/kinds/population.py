"""Kind ``population``: a model in many virtual people, and how its outputs spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, final

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.identity import split_key
from catena.ops.people import people
from catena.study.figures import distribution_figure
from catena.study.kind import Answer, Figure, Piece, Task
from catena.study.kinds.predict import describe, percentiles, predicted
from catena.study.schema import Part, PortName, Study, Text
from catena.study.subject import shared_key, subject
from catena.study.table import joined


class PopulationSettings(Part):
    """Settings of ``population``.

    Args:
        people: Number of virtual people.
        filters: Passed to the model's own population, e.g. ``age: [18, 65]``.
        vary: Distributions by input, e.g. ``clearance: "lognormal(12 L/h, 30 %)"``.
        chunk: People per task.
    """

    people: Annotated[int, Setting(ge=1, le=1_000_000)] = 1000
    filters: dict[PortName, JsonValue] = {}
    vary: dict[PortName, Text] = {}
    chunk: Annotated[int, Setting(ge=1, le=100_000)] = 250


@final
class PopulationJob:
    """People through a model, in chunks."""

    def __init__(self, study: Study) -> None:
        self.settings: PopulationSettings = study.settings
        ready = subject(study)
        self.study, self.model = study, ready.model
        self.crowd = people(
            self.model, self.settings.people, study.seed, self.settings.filters, self.settings.vary
        )
        self.citations = [self.model.info.citation] if self.model.info.citation else []
        self.hashes = {**ready.hashes, "people": self.crowd.key}
        base = shared_key(study, self.model.key, self.crowd.key)
        self.tasks = [
            Task(
                id=f"people-{start:07d}",
                stage=f"{self.settings.people:,} people",
                rows=min(self.settings.chunk, self.crowd.size - start),
                work={"start": start, "outputs": list(study.outputs)},
                base=base,
            )
            for start in range(0, self.crowd.size, self.settings.chunk)
        ]

    def execute(self, task: Task) -> Piece:
        """Compute one chunk of people."""
        start = int(task.work["start"])
        who = np.arange(start, start + task.rows)
        key = split_key(self.study.seed, task.id)
        return Piece(
            predicted(
                self.model,
                self.crowd.take(who),
                who,
                key,
                list(self.crowd.columns),
                self.study.outputs,
            )
        )

    def answer(self, pieces: Mapping[str, Piece]) -> Answer:
        """Sum up every output over the people."""
        table = joined([pieces[task.id].table for task in self.tasks if task.id in pieces])
        failed = int(np.sum(table["status"] != "ok"))
        spread = describe(table)
        summary = {
            "people": len(table),
            "failed_rows": failed,
            "failed_share": failed / max(len(table), 1),
            "source": self.crowd.source,
            "outputs": spread,
        }
        outputs = [f.name for f in self.model.outputs if f.name in spread]
        figures = [
            Figure(
                name.replace(".", "-"),
                name,
                f"{name} over {len(table) - failed} people; lines: 5, 50 and 95 %.",
                distribution_figure(table.fields[name], table[name]),
            )
            for name in (self.study.outputs or outputs)[:8]
            if name in spread
        ]
        headline = f"{self.model.info.title or self.model.info.id} in {len(table) - failed} virtual people."
        notes = (
            [f"{failed} people could not be computed; rows.parquet names the reason."]
            if failed
            else []
        )
        return Answer(headline, summary, table, figures, [percentiles(table)], notes)


@final
class Population:
    """The kind itself."""

    settings = PopulationSettings

    def prepare(self, study: Study) -> PopulationJob:
        """Load the model, draw the people, list the chunks."""
        return PopulationJob(study)


KIND = Population()
