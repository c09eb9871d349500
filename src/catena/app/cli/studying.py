"""``catena plan`` and ``catena run``: studies from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.app.cli import terminal
from catena.app.cli.progress import progress, waiting
from catena.core.errors import StudyError

if TYPE_CHECKING:
    from catena.study.schema import Study

#: Rows of a table a person sees; the rest stands in the result folder.
_SHOWN = 40


def show_plan(path: Path, out: Path) -> None:
    """Show the tasks of a study without running any."""
    from catena.study import load_study, plan

    with waiting("planning"):
        planned = plan(load_study(path), out=out)
    data = planned.to_dict()
    if terminal.as_json():
        terminal.emit(data)
        return
    title = (
        f"{data['study']}: {len(data['tasks'])} tasks, about {data['estimated_seconds']:g} s to go"
    )
    terminal.show(_grid(title, planned.table()), f"folder {data['folder']}")


def run_study(path: Path, out: Path, draws: int | None) -> int:
    """Run a study, show its answer and where the report is; return the exit code."""
    from catena.study import load_study

    study = load_study(path)
    if draws is not None:
        study = _with_draws(study, draws, path)
    return show_outcome(study, out)


def show_outcome(study: Study, out: Path) -> int:
    """Run a study that is loaded already, show what came of it, return the exit code."""
    from catena.study import run

    outcome = run(study, out=out, progress=progress())
    if terminal.as_json():
        found = {
            "folder": str(outcome.folder),
            "report": str(outcome.report),
            "status": outcome.status,
        }
        terminal.emit({**_plain(outcome.summary), **found})
    else:
        terminal.show(_grid(f"{study.name}: {outcome.status}", outcome.table()))
        if outcome.answer.headline:
            terminal.show(outcome.answer.headline, "")
        terminal.show(f"report {outcome.report}")
    if outcome.status != "done" or "outside_domain" in outcome.summary:
        for text in outcome.answer.notes[:5]:
            terminal.note(text)
    for task, error in outcome.failures.items():
        terminal.note(f"task {task} failed: {error}")
    return StudyError.exit_code if outcome.status == "failed" else 0


def _grid(title: str, frame: Any) -> Any:
    rows = [[_cell(cell) for cell in row] for row in frame.head(_SHOWN).itertuples(index=False)]
    return terminal.grid(title, map(str, frame.columns), rows)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_draws(study: Any, draws: int, path: Path) -> Any:
    if study.uncertainty is None:
        raise StudyError("No draws to override", where=str(path),
                         why="the study asks for no uncertainty",
                         fix="leave --draws out, or add: uncertainty: {draws: 32}")  # fmt: skip
    return study.model_copy(
        update={"uncertainty": study.uncertainty.model_copy(update={"draws": draws})}
    )


def _plain(summary: Any) -> dict[str, Any]:
    import json

    from catena.core.identity import canonical

    data: dict[str, Any] = json.loads(canonical(summary))
    return data
