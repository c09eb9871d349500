"""What a kind of study is made of: tasks that can be kept, and an answer from their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from catena.core.identity import content_key
from catena.core.runtime import Executor, Progress
from catena.study.schema import Part, Study
from catena.study.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go


@dataclass(frozen=True)
class Task:
    """One piece of work that is finished or not, never half.

    Args:
        id: Short name within the study, e.g. ``people-03``.
        stage: What the progress bar says while it runs.
        rows: Rows computed; the unit of progress and cost.
        work: What to compute, as plain data; with ``base`` it fixes the result.
        base: Content key of everything the tasks share (model, people, inputs, seed).
        seconds: Estimated cost.
    """

    id: str
    stage: str
    rows: int
    work: Mapping[str, Any]
    base: str
    seconds: float = 0.0

    @property
    def key(self) -> str:
        """Content key: equal key, equal result."""
        return content_key(self.base, self.id, self.work)


@dataclass(frozen=True)
class Piece:
    """What a task yields.

    Args:
        table: Its rows.
        facts: Plain data beside the rows (percentile curves, gradients).
    """

    table: Table
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One figure of the report: file name, caption and drawing."""

    name: str
    title: str
    caption: str
    drawing: go.Figure


@dataclass(frozen=True)
class Grid:
    """One small table of the report: heads (with units), cells, caption."""

    title: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Answer:
    """What a study found.

    Args:
        headline: The answer in one or two sentences.
        summary: The answer as plain data (``summary.json``).
        rows: The rows behind it (``rows.parquet``).
        figures: Figures in reading order.
        grids: Tables in reading order; the first is printed by the command line.
        notes: What the reader must know: assumed numbers, failed rows, rules used.
    """

    headline: str
    summary: Mapping[str, Any]
    rows: Table
    figures: Sequence[Figure] = ()
    grids: Sequence[Grid] = ()
    notes: Sequence[str] = ()


class Job(Protocol):
    """A study made ready: model loaded, inputs checked, tasks listed."""

    tasks: Sequence[Task]
    citations: Sequence[str]

    def execute(self, task: Task) -> Piece:
        """Compute one task; pure."""
        ...

    def answer(self, pieces: Mapping[str, Piece]) -> Answer:
        """Sum up the finished tasks, by task id; some may be missing from a partial run."""
        ...


@runtime_checkable
class KeepsPieces(Protocol):
    """A job whose tasks keep finished pieces of their own in the run's folder."""

    def attach(self, folder: Path, progress: Progress, executor: Executor) -> None:
        """Take where to keep pieces, and what shows and runs them; called before any task."""
        ...


class Kind(Protocol):
    """A kind of study."""

    settings: type[Part]

    def prepare(self, study: Study) -> Job:
        """Load the model, check inputs and settings, list the tasks.

        Raises:
            CatenaError: what the study asks for cannot be done; says why.
        """
        ...
