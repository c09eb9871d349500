"""What a study will do, shown before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.identity import content_key
from catena.study.folder import Folder
from catena.study.kind import Job, Task
from catena.study.kinds import kind
from catena.study.schema import Study, load_study

if TYPE_CHECKING:
    import pandas as pd

#: Where runs go unless told otherwise.
RUNS = Path("runs")


@dataclass(frozen=True)
class Plan:
    """The tasks of a study and which of them are done.

    Args:
        study: The study.
        job: The study made ready to run.
        tasks: Tasks in the order they run.
        done: Ids of tasks whose results lie in ``folder``.
        folder: Where the run's results are, or will be.
        key: Content key of the study's result; equal key, equal result.
    """

    study: Study
    job: Job
    tasks: tuple[Task, ...]
    done: frozenset[str]
    folder: Path
    key: str

    @property
    def open(self) -> tuple[Task, ...]:
        """The tasks still to be computed."""
        return tuple(task for task in self.tasks if task.id not in self.done)

    @property
    def seconds(self) -> float:
        """Estimated time of the open tasks."""
        return sum(task.seconds for task in self.open)

    def table(self) -> pd.DataFrame:
        """Return one row per task: id, stage, rows, estimated seconds, done."""
        import pandas as pd

        return pd.DataFrame(
            {
                "task": [task.id for task in self.tasks],
                "stage": [task.stage for task in self.tasks],
                "rows": [task.rows for task in self.tasks],
                "estimate [s]": [round(task.seconds, 1) for task in self.tasks],
                "done": [task.id in self.done for task in self.tasks],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "study": self.study.name,
            "kind": self.study.study,
            "key": self.key,
            "folder": str(self.folder),
            "rows": sum(task.rows for task in self.tasks),
            "estimated_seconds": round(self.seconds, 1),
            "tasks": [
                {
                    "id": task.id,
                    "stage": task.stage,
                    "rows": task.rows,
                    "estimated_seconds": round(task.seconds, 1),
                    "done": task.id in self.done,
                    "key": task.key,
                }
                for task in self.tasks
            ],
        }


def plan(study: Study | str | Path | Mapping[str, Any], *, out: str | Path = RUNS) -> Plan:
    """Load the model, check inputs and settings, and list the tasks; computes nothing.

    Args:
        study: A study, its file, its YAML text or a mapping.
        out: Folder that holds the runs.

    Raises:
        CatenaError: the study cannot be run; says why.
    """
    sound = study if isinstance(study, Study) else load_study(study)
    job = kind(sound.study).prepare(sound)
    tasks = tuple(job.tasks)
    key = content_key(sound.study, [task.key for task in tasks])
    folder = Folder(Path(out) / f"{_slug(sound.name)}-{key[:10]}")
    done = frozenset(task.id for task in tasks if folder.finished(task))
    return Plan(sound, job, tasks, done, folder.path, key)


def _slug(name: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    return "-".join(words)[:60]
