"""Where a command writes: people's tables and one JSON document on stdout, the rest on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@dataclass(frozen=True)
class Terminal:
    """The streams of one command."""

    out: TextIO
    as_json: bool


_current: ContextVar[Terminal | None] = ContextVar("terminal", default=None)


@contextlib.contextmanager
def session(as_json: bool) -> Iterator[None]:
    """Set up the streams of one command.

    With ``as_json``, whatever models print goes to stderr, so that stdout holds one document.
    """
    token = _current.set(Terminal(sys.stdout, as_json))
    try:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            yield
    finally:
        _current.reset(token)


def as_json() -> bool:
    """Tell whether the command was called with ``--json``."""
    terminal = _current.get()
    return terminal is not None and terminal.as_json


def emit(data: Any) -> None:
    """Write the one JSON document of this command."""
    terminal = _current.get()
    out = sys.stdout if terminal is None else terminal.out
    out.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    out.flush()


def show(*parts: Any) -> None:
    """Print tables and texts for people; nothing in JSON mode."""
    if as_json():
        return
    console = _console()
    for part in parts:
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def note(text: str) -> None:
    """Print a remark on stderr, so that piped output stays clean."""
    sys.stderr.write(text + "\n")


def grid(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Return a table of plain texts (units in brackets are no markup)."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(heads)
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
                  min_width=min(len(title), 100), show_header=any(names))  # fmt: skip
    for number, head in enumerate(names):
        # The first column names things people copy, so it is never broken.
        first = number == 0
        table.add_column(
            Text(head), overflow="fold", style="cyan" if first else None, no_wrap=first
        )
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table


def is_narrow() -> bool:
    """Tell whether a wide table would have to be folded."""
    return bool(_console().width < 120)


def _console() -> Console:
    from rich.console import Console

    console = Console(file=sys.stdout)
    # A file or a pipe has no width: wide enough that no cell is folded.
    return console if console.is_terminal else Console(file=sys.stdout, width=200)
