"""The report: one HTML file that needs nothing from outside, for people who decide.

Order of the evidence follows ICH M15: question, context of use, answer, figures, tables, what must
be known, provenance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.study.folder import Folder
from catena.study.kind import Figure
from catena.study.planning import Plan

if TYPE_CHECKING:
    from jinja2 import Template

    from catena.study.runner import Outcome

_TEMPLATES = Path(__file__).with_name("templates")
_STATUS = {
    "done": "complete",
    "partial": "partial: some rows or tasks are missing",
    "failed": "failed: more rows failed than the study allows",
}


def write_report(folder: Folder, ready: Plan, outcome: Outcome, record: Mapping[str, Any]) -> None:
    """Write ``report.html`` and the figures as Plotly JSON into the run's folder.

    Args:
        folder: The run's folder.
        ready: The plan that was run.
        outcome: What came of it.
        record: What ``run.json`` holds.
    """
    figures = [(figure, _json(figure)) for figure in outcome.answer.figures]
    for figure, text in figures:
        folder.write_text(folder.path / "figures" / f"{figure.name}.json", text)
    page = _template().render(
        study=ready.study,
        yaml=(folder.path / "study.yaml").read_text(encoding="utf-8"),
        answer=outcome.answer,
        status=_STATUS.get(outcome.status, outcome.status),
        complete=outcome.status == "done",
        figures=[(figure, _inline(text)) for figure, text in figures],
        facts=_facts(ready, record),
        versions=record.get("versions", {}),
        inputs=record.get("inputs", {}),
        citations=ready.job.citations,
        failures=outcome.failures,
        plotly=_plotly() if figures else "",
    )
    folder.write_text(folder.path / "report.html", page)


def _facts(ready: Plan, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what identifies the run, as label and text."""
    computed = timedelta(seconds=round(float(record.get("task_seconds", 0.0))))
    return [
        ("Study", f"{ready.study.name} ({ready.study.study})"),
        ("Key", ready.key[:16]),
        ("Seed", str(ready.study.seed)),
        ("Started", str(record.get("started", ""))),
        ("Finished", str(record.get("changed", ""))),
        ("Computing time", str(computed)),
        ("Tasks", f"{record.get('tasks', 0)}, {len(record.get('failed_tasks', []))} failed"),
        ("Command", str(record.get("command", ""))),
        ("Hash of the rows", str(record.get("rows_key", ""))[:16]),
    ]


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("report.html.j2")


def _cell(value: Any) -> str:
    """Write a table cell: numbers with four digits, the rest as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _json(figure: Figure) -> str:
    return str(figure.drawing.to_json(remove_uids=True, engine="json"))


def _inline(text: str) -> str:
    """Return JSON that cannot end the script element it stands in."""
    json.loads(text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
