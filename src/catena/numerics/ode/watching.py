"""A bar on the terminal for integrations that take longer than a moment."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any, Self, final

from catena.core.runtime import showing

#: Seconds before a bar appears.
PATIENCE = 2.0


def watched() -> bool:
    """Whether a person watches stderr and nothing else shows a bar there."""
    main = threading.current_thread() is threading.main_thread()
    return main and sys.stderr.isatty() and not showing.get()


@final
class RowBar:
    """Shows how many rows of a call have begun, once it has taken two seconds.

    Args:
        label: What is computed.
        rows: Rows of the call.
    """

    def __init__(self, label: str, rows: int) -> None:
        self.label, self.rows = label, rows
        self._since = time.monotonic()
        self._bars: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, begun: int) -> None:
        """Take note of the number of rows begun."""
        if self._bars is None:
            if time.monotonic() - self._since < PATIENCE:
                return
            self._open()
        self._bars.update(self._task, completed=begun)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
        from rich.progress import TextColumn as Text

        self._bars = Progress(
            Text("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bars.start()
        self._task = self._bars.add_task(self.label, total=self.rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
