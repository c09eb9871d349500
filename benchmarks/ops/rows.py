"""Rows and resumable cells of the operations' benchmarks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catena.core.identity import content_key


@dataclass(frozen=True)
class Row:
    """One figure of a benchmark.

    Args:
        claim: The acceptance line in a few words.
        figure: What was reached, as text.
        value: The figure as a number, where there is one.
        target: What was asked, as text (">= 19 of 20").
        holds: Whether it was reached; None where there is no target.
        baseline: A naive method's figure, as text.
        peer: The peer's figure in the same run, as text.
        note: What the reader must know.
    """

    claim: str
    figure: str
    value: float | None = None
    target: str = ""
    holds: bool | None = None
    baseline: str = ""
    peer: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


class Store:
    """Finished cells of a benchmark, so that a killed run goes on where it was.

    Args:
        name: Name of the benchmark.
        folder: Where cells are kept; ``runs/benchmarks`` by default.
        fresh: Forget what is there.
    """

    def __init__(self, name: str, folder: Path | None = None, fresh: bool = False) -> None:
        self.path = (folder or Path("runs/benchmarks")) / name
        self.path.mkdir(parents=True, exist_ok=True)
        if fresh:
            for file in self.path.glob("*.json"):
                file.unlink()

    def cell(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return one cell (JSON-able data), computing and keeping it the first time.

        Args:
            key: Plain data that fixes the cell: problem, seed, settings, and a ``version`` that
                its author changes whenever the method changes.
            compute: Computes it.
        """
        return self.cells([key], lambda _: compute(), "")[0]

    def cells(self, keys: Iterable[Any], compute: Callable[[Any], Any], label: str) -> list[Any]:
        """Return the cell of every key, with a line of progress.

        Cells another process is at are left to it and waited for.
        """
        listed = list(keys)
        out: dict[int, Any] = {}
        started, shown = time.monotonic(), False
        while len(out) < len(listed):
            before = len(out)
            for index, key in enumerate(listed):
                if index in out:
                    continue
                file = self.path / f"{content_key(key)[:24]}.json"
                if not file.exists():
                    self._try(file, key, compute)
                if file.exists():
                    out[index] = json.loads(file.read_text())["value"]
                    if label and time.monotonic() - started > 2.0:
                        print(f"\r{label}: {len(out)} of {len(listed)}", end="", flush=True)
                        shown = True
            if len(out) == before:
                time.sleep(1.0)
        if shown:
            print()
        return [out[index] for index in range(len(listed))]

    def processor_minutes(self) -> float:
        """Return the processor time of all cells kept here."""
        spent = (json.loads(file.read_text())["cpu_seconds"] for file in self.path.glob("*.json"))
        return sum(spent) / 60.0

    def _try(self, file: Path, key: Any, compute: Callable[[Any], Any]) -> None:
        """Compute and keep a cell, unless another process is at it."""
        lock = file.with_suffix(".lock")
        if not _taken(lock):
            return
        try:
            if file.exists():
                return
            started, cpu = time.perf_counter(), time.process_time()
            value = compute(key)
            record = {"key": key, "value": value, "seconds": time.perf_counter() - started,
                      "cpu_seconds": time.process_time() - cpu}  # fmt: skip
            fresh = file.with_suffix(f".{os.getpid()}.tmp")
            fresh.write_text(json.dumps(record))
            fresh.replace(file)
        finally:
            lock.unlink()


def _taken(lock: Path) -> bool:
    """Take a lock; that of a process that has ended counts for nothing."""
    try:
        with lock.open("x") as file:
            file.write(str(os.getpid()))
        return True
    except FileExistsError:
        text = lock.read_text() if lock.exists() else ""
    if text.isdigit():
        try:
            os.kill(int(text), 0)
        except ProcessLookupError:
            lock.unlink(missing_ok=True)
    return False
