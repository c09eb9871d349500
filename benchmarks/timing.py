"""How benchmarks measure: alternating runs, median and range, one row per figure."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: The installed command, run by the interpreter the benchmarks run in.
COMMAND = Path(sys.executable).with_name("catena")


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Args:
        name: What was timed.
        value: Median.
        low: Smallest run.
        high: Largest run.
        unit: Unit of the three.
        peer: What it was compared with in the same run.
        peer_value: The peer's median.
        target: What the figure should be, as text.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str = "s"
    peer: str = ""
    peer_value: float | None = None
    target: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the row as text for a table."""
        ratio = f"{self.value / self.peer_value:.4g}" if self.peer_value else ""
        peer = f"{self.peer}: {self.peer_value:.4g}" if self.peer_value else self.peer
        spread = f"{self.low:.4g} - {self.high:.4g}"
        return (self.name, f"{self.value:.4g} {self.unit}", spread, peer, ratio, self.target)


def times(function: Callable[[], object], repeats: int) -> list[float]:
    """Time a call several times, after one call to warm up."""
    function()
    return [_time(function) for _ in range(repeats)]


def alternate(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int
) -> tuple[list[float], list[float]]:
    """Time two calls in turns, so that a busy moment hits both."""
    ours()
    peer()
    pairs = [(_time(ours), _time(peer)) for _ in range(repeats)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def process_times(arguments: list[str], repeats: int = 7) -> list[float]:
    """Time a whole Python process (the first, which fills the file cache, is dropped)."""

    def call() -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    return times(call, repeats)


def row(
    name: str,
    seconds: list[float],
    target: str = "",
    peer: str = "",
    peer_seconds: list[float] | None = None,
) -> Row:
    """Sum up runs in one row."""
    return Row(
        name,
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        peer=peer,
        peer_value=statistics.median(peer_seconds) if peer_seconds else None,
        target=target,
    )


def _time(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
