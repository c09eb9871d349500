"""Kind ``dose_finding``: from a molecule to a dose, with what is known and what is not.

Three things are kept apart: how people differ (5-95 % ranges over people), how sure the dose is
(90 % interval over joint draws of the uncertain inputs, the same people in each draw), and which
input the dose depends on (rank correlations over the draws, exact local gradients).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np

from catena.core.identity import content_key, split_key
from catena.core.spec import Field, Schema
from catena.ops.people import people
from catena.study.dose.answer import DoseAnswer, DoseFacts
from catena.study.dose.draws import joint_draws, uncertain
from catena.study.dose.local import local_sensitivity
from catena.study.dose.settings import DoseFindingSettings, aim, check_ports, doses
from catena.study.dose.simulate import covariates, simulate
from catena.study.kind import Answer, Piece, Task
from catena.study.schema import Study
from catena.study.subject import shared_key, subject
from catena.study.table import Table

#: Measured cost of one row of the oral chain [s]; only for the estimate a plan shows.
SECONDS_PER_ROW = 0.006
#: Rough cost of the first call of a variant, when its program is compiled [s]; about 23 to 26 s
#: were seen on two busy cores, 39 s for the gradients.
SECONDS_TO_COMPILE = 15.0


@final
class DoseFindingJob:
    """A dose-finding study made ready."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.settings: DoseFindingSettings = study.settings
        self.subject = subject(study)
        self.model = self.subject.model
        check_ports(study, self.model)
        self.aim = aim(study, self.subject.card)
        self.doses = doses(study, self.subject.card)
        self.crowd = people(
            self.model, self.settings.people, study.seed, self.settings.filters, self.settings.vary
        )
        laws = uncertain(study, self.subject)
        self.draws = (
            joint_draws(laws, study.uncertainty.draws, study.seed, self.model)
            if study.uncertainty and laws
            else {}
        )
        self.laws = laws
        self.loose = _loosened(self.model, study.uncertainty.rtol if study.uncertainty else None)
        self.citations = _citations(self.model)
        self.hashes = {**self.subject.hashes, "people": self.crowd.key}
        self.tasks = [*self._people_tasks(), *self._draw_tasks(), *self._gradient_task()]

    def execute(self, task: Task) -> Piece:
        """Compute one task: a group of people, one joint draw, or the gradients."""
        what = task.work["what"]
        if what == "gradient":
            return self._gradients()
        first, last = task.work["people"]
        who = np.arange(first, last)
        constants = (
            {name: values[task.work["draw"]] for name, values in self.draws.items()}
            if what == "draw"
            else {}
        )
        table = simulate(
            self.loose if what == "draw" else self.model,
            who,
            self.crowd.take(who),
            self.doses,
            self.settings.route,
            self.settings.ports,
            constants=constants,
            curves=what == "people",
            key=split_key(self.study.seed, task.id),
        )
        return Piece(table, {"drawn": {name: float(value) for name, value in constants.items()}})

    def answer(self, pieces: Mapping[str, Piece]) -> Answer:
        """Recommend a dose and say how sure that is."""
        facts = DoseFacts(
            study=self.study,
            subject=self.subject,
            aim=self.aim,
            doses=self.doses,
            laws=self.laws,
            time=np.asarray(self._time()),
            people=covariates(self.crowd.columns, self.model, np.arange(self.crowd.size)),
            source=self.crowd.source,
        )
        return DoseAnswer(facts, pieces).build()

    def _people_tasks(self) -> Iterator[Task]:
        base = self._base(self.model.key)
        chunk = self.settings.chunk
        for first in range(0, self.crowd.size, chunk):
            last = min(first + chunk, self.crowd.size)
            rows = (last - first) * len(self.doses)
            yield Task(
                id=f"people-{first:06d}",
                stage=f"{self.crowd.size:,} people, {len(self.doses)} doses",
                rows=rows,
                work={"what": "people", "people": [first, last], "who": self._who(first, last)},
                base=base,
                seconds=rows * SECONDS_PER_ROW + (SECONDS_TO_COMPILE if first == 0 else 0.0),
            )

    def _draw_tasks(self) -> Iterator[Task]:
        if not self.draws or self.study.uncertainty is None:
            return
        count = min(self.study.uncertainty.people, self.crowd.size)
        base = self._base(self.loose.key, {n: v for n, v in self.draws.items()})
        rows, who = count * len(self.doses), self._who(0, count)
        other = SECONDS_TO_COMPILE if self.loose is not self.model else 0.0
        for draw in range(self.study.uncertainty.draws):
            yield Task(
                id=f"draw-{draw:05d}",
                stage=f"{self.study.uncertainty.draws} joint draws of {len(self.draws)} inputs, {count} people each",
                rows=rows,
                work={"what": "draw", "draw": draw, "people": [0, count], "who": who},
                base=base,
                seconds=rows * SECONDS_PER_ROW + (other if draw == 0 else 0.0),
            )

    def _gradient_task(self) -> Iterator[Task]:
        if self.laws and self.settings.gradients:
            yield Task(
                id="gradients",
                stage="local gradients",
                rows=2 * (len(self.laws) + 1) * len(self.doses),
                work={"what": "gradient", "over": list(self.laws)},
                base=self._base(self.model.key, self.crowd.key),
                seconds=2 * SECONDS_TO_COMPILE,
            )

    def _base(self, model_key: str, *more: Any) -> str:
        settings = self.settings.model_dump(mode="json", exclude={"chunk", "window", "people"})
        window = [self.aim.low, self.aim.high, self.aim.metric]
        return shared_key(self.study, model_key, settings, window, self.doses, *more)

    def _who(self, first: int, last: int) -> str:
        return content_key(self.crowd.take(np.arange(first, last)))

    def _gradients(self) -> Piece:
        found = local_sensitivity(
            self.model,
            self.crowd.columns,
            self.doses,
            self.settings.route,
            self.settings.ports,
            list(self.laws),
        )
        fields = Schema([Field("input", kind="text"), Field("dose", unit="mg"),
                         Field("cmax", doc="elasticity of the peak"), Field("auc", doc="elasticity of the area")])  # fmt: skip
        return Piece(Table(fields, found.columns), {"method": found.method})

    def _time(self) -> np.ndarray:
        """Return the output times [h]."""
        name = next((n for n in ("time", "pbpk.time") if n in self.model.inputs), None)
        default = self.model.inputs[name].default if name is not None else None
        return np.asarray([] if default is None else default, dtype=float)


@final
class DoseFinding:
    """The kind itself."""

    settings = DoseFindingSettings

    def prepare(self, study: Study) -> DoseFindingJob:
        """Load the chain, resolve window and doses, draw people and inputs, list the tasks."""
        return DoseFindingJob(study)


KIND = DoseFinding()


def _loosened(model: Any, rtol: float | None) -> Any:
    """Return the model with every solver in it at a given relative tolerance."""
    if rtol is None:
        return model
    if hasattr(model, "solved_with"):
        return model.solved_with(rtol=rtol)
    nodes = {
        name: node
        for name, node in (getattr(model, "nodes", None) or {}).items()
        if hasattr(node, "solved_with")
    }
    changed = {name: node.solved_with(rtol=rtol) for name, node in nodes.items()}
    return model.replace(**changed) if changed else model


def _citations(model: Any) -> list[str]:
    """Return the sources of a model and of its nodes, each once."""
    found = [model.info.citation]
    for node in (getattr(model, "nodes", None) or {}).values():
        found += [part.strip() for part in getattr(node.info, "citation", "").split(";")]
    return list(dict.fromkeys(text for text in found if text))
