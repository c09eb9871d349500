"""Runs a study task by task; what is finished stays finished."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.errors import CatenaError, InternalError, StudyError
from catena.core.runtime import Executor, Progress, SerialExecutor, SilentProgress
from catena.study.folder import Folder
from catena.study.kind import Answer, KeepsPieces, Piece, Task
from catena.study.planning import RUNS, Plan, plan
from catena.study.schema import Study
from catena.study.versions import versions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Args:
        folder: The result folder.
        status: ``done``, ``partial`` (tasks or rows failed, or the budget ended) or ``failed``
            (more rows failed than the study allows).
        answer: The answer, its rows, figures and tables.
        summary: What ``summary.json`` holds.
        seconds: Time this run took.
        computed: Tasks computed by this run (the others were there already).
        failures: Errors of failed tasks by task id.
    """

    folder: Path
    status: str
    answer: Answer
    summary: Mapping[str, Any]
    seconds: float
    computed: int
    failures: Mapping[str, CatenaError] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """The report, one self-contained HTML file."""
        return self.folder / "report.html"

    def table(self) -> pd.DataFrame:
        """Return the first table of the answer, else its rows."""
        import pandas as pd

        if not self.answer.grids:
            return self.answer.rows.frame()
        grid = self.answer.grids[0]
        return pd.DataFrame(list(grid.rows), columns=list(grid.heads))


def run(
    study: Study | str | Path | Mapping[str, Any],
    *,
    out: str | Path = RUNS,
    progress: Progress | None = None,
    executor: Executor | None = None,
    fresh: bool = False,
) -> Outcome:
    """Run a study, or go on with it where an earlier run stopped.

    Args:
        study: A study, its file, its YAML text or a mapping.
        out: Folder that holds the runs; the run gets a folder of its own in it.
        progress: Where progress goes; nowhere by default.
        executor: Runs the tasks; one after the other in this process by default.
        fresh: Compute every task anew.

    Raises:
        StudyError: the study is wrong, already running, or no task could be computed.
    """
    ready = plan(study, out=out)
    started = time.perf_counter()
    with Folder(ready.folder) as folder:
        if fresh:
            folder.forget()
        _begin(folder, ready)
        progress, executor = progress or SilentProgress(), executor or SerialExecutor()
        if isinstance(ready.job, KeepsPieces):
            ready.job.attach(folder.path, progress, executor)
        todo = [task for task in ready.tasks if not folder.finished(task)]
        failures = _compute(ready, folder, todo, progress, executor)
        pieces = {task.id: folder.load(task) for task in ready.tasks if folder.finished(task)}
        if not pieces:
            raise _nothing(ready, failures, folder)
        return _finish(ready, folder, pieces, failures, len(todo) - len(failures), started)


def _compute(
    ready: Plan, folder: Folder, todo: list[Task], progress: Progress, executor: Executor
) -> dict[str, CatenaError]:
    """Compute the open tasks stage by stage, keeping each as soon as it is finished."""
    failures: dict[str, CatenaError] = {}
    limit = ready.study.budget.minutes
    end = time.monotonic() + limit * 60 if limit else float("inf")
    for stage, group in groupby(todo, key=lambda task: task.stage):
        tasks = list(group)
        progress.start(sum(task.rows for task in tasks), stage)
        for task, result in executor.map(lambda task: (task, _attempt(ready, task, end)), tasks):
            if isinstance(result, CatenaError):
                failures[task.id] = result
            else:
                folder.save(task, *result)
            progress.advance(task.rows)
        progress.finish()
    return failures


def _attempt(ready: Plan, task: Task, end: float) -> tuple[Piece, float] | CatenaError:
    """Compute one task; its failure must not take the other tasks down."""
    started = time.monotonic()
    if started > end:
        return StudyError("Not started", where=f"task {task.id}", why="the study's time budget ended",
                          fix="run the study again; it goes on from here")  # fmt: skip
    try:
        piece = ready.job.execute(task)
    except CatenaError as error:
        return error
    except Exception as error:
        import traceback

        return InternalError(
            f"Task {task.id} broke",
            where=f"study {ready.study.name!r}",
            why=f"{type(error).__name__}: {error}"[:500],
            fix="report this with the study file",
            details={"traceback": traceback.format_exc(limit=20)},
        )
    return piece, time.monotonic() - started


def _begin(folder: Folder, ready: Plan) -> None:
    import yaml

    text = yaml.safe_dump(ready.study.to_dict(), sort_keys=False, allow_unicode=True)
    folder.write_text(folder.path / "study.yaml", text)
    _record(folder, ready, "running")


def _record(folder: Folder, ready: Plan, status: str, **more: Any) -> None:
    """Write run.json: what ran, with what, and how it ended."""
    earlier = folder.read_json("run.json")
    record = {
        "study": ready.study.name,
        "kind": ready.study.study,
        "key": ready.key,
        "status": status,
        "seed": ready.study.seed,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500],
        "started": earlier.get("started") or _now(),
        "changed": _now(),
        "versions": versions(),
        "inputs": dict(getattr(ready.job, "hashes", {})),
        "tasks": len(ready.tasks),
        **more,
    }
    folder.write_json(folder.path / "run.json", record)


def _finish(
    ready: Plan,
    folder: Folder,
    pieces: dict[str, Piece],
    failures: dict[str, CatenaError],
    computed: int,
    started: float,
) -> Outcome:
    from catena.study.report import write_report

    answer = ready.job.answer(pieces)
    failed = float(answer.summary.get("failed_share", 0.0))
    status = "partial" if failures or failed > 0 else "done"
    if failed > ready.study.budget.failed_share:
        status = "failed"
    summary = {
        "study": ready.study.name,
        "kind": ready.study.study,
        "status": status,
        "answer": answer.headline,
        **answer.summary,
        "rows": len(answer.rows),
        "rows_key": answer.rows.key,
        "failures": {name: error.to_dict() for name, error in failures.items()},
    }
    folder.write_table(folder.path / "rows.parquet", answer.rows)
    folder.write_json(folder.path / "summary.json", summary)
    seconds = time.perf_counter() - started
    total = sum(_seconds(folder, ready.tasks))
    record = {"seconds": round(seconds, 2), "task_seconds": round(total, 2), "computed_tasks": computed,
              "failed_tasks": sorted(failures), "rows_key": summary["rows_key"]}  # fmt: skip
    _record(folder, ready, status, **record)
    outcome = Outcome(folder.path, status, answer, summary, seconds, computed, failures)
    write_report(folder, ready, outcome, folder.read_json("run.json"))
    return outcome


def _seconds(folder: Folder, tasks: tuple[Task, ...]) -> Iterator[float]:
    for task in tasks:
        yield float(folder.read_json(f"tasks/{task.id}-{task.key[:12]}.json").get("seconds", 0.0))


def _nothing(ready: Plan, failures: Mapping[str, CatenaError], folder: Folder) -> CatenaError:
    _record(folder, ready, "failed", failed_tasks=sorted(failures))
    first = next(iter(failures.values()), None)
    if first is not None and len(failures) == 1:
        return first
    return StudyError(
        f"None of the {len(ready.tasks)} tasks could be computed",
        where=f"study {ready.study.name!r}",
        why=f"the first says: {first.what}; {first.why}" if first else "there is no task",
        fix=first.fix if first else "give the study rows to compute",
        details={"failures": {name: error.to_dict() for name, error in failures.items()}},
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
