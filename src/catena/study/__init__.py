"""Studies: from a YAML file to an answer with its report.

``load_study`` reads, ``plan`` shows what would be done, ``run`` does it and resumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catena.study.kind import Answer, Figure, Grid, Piece, Task
    from catena.study.planning import Plan, plan
    from catena.study.runner import Outcome, run
    from catena.study.schema import Study, load_study
    from catena.study.table import Table

__all__ = [
    "Answer", "Figure", "Grid", "Outcome", "Piece", "Plan", "Study", "Table", "Task",
    "load_study", "plan", "run",
]  # fmt: skip

_HOMES = {
    "Answer": "kind", "Figure": "kind", "Grid": "kind", "Outcome": "runner", "Piece": "kind",
    "Plan": "planning", "Study": "schema", "Table": "table", "Task": "kind",
    "load_study": "schema", "plan": "planning", "run": "runner",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import on first use: reading a study must not load the report's plotting library."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
