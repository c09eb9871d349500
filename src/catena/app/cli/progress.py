"""Progress bars on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from catena.core.runtime import Progress, SilentProgress, showing

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def progress() -> Progress:
    """Return a bar when a person watches stderr, else a silent sink."""
    return RichProgress() if sys.stderr.isatty() else SilentProgress()


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Show a spinner while one call without steps runs."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    token = showing.set(True)
    try:
        with Console(stderr=True).status(label):
            yield
    finally:
        showing.reset(token)


@final
class RichProgress:
    """Bars with elapsed and remaining time on stderr, one per stage; stages may nest."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._open: list[TaskID] = []

    def start(self, total: int, label: str) -> None:
        """Show a new bar of ``total`` steps."""
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
            showing.set(True)
        self._open.append(self._bars.add_task(label, total=max(total, 1)))

    def advance(self, units: int = 1) -> None:
        """Move the innermost bar."""
        if self._bars is not None and self._open:
            self._bars.advance(self._open[-1], units)

    def finish(self) -> None:
        """Close the innermost bar; the last one ends the display."""
        if self._bars is None or not self._open:
            return
        task = self._open.pop()
        self._bars.update(task, completed=self._bars.tasks[task].total)
        if not self._open:
            self._bars.stop()
            self._bars = None
            showing.set(False)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
