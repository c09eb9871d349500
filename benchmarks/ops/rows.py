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
        file = self.path / f"{content_key(key)[:24]}.json"
        if file.exists():
            return json.loads(file.read_text())["value"]
        started, cpu = time.perf_counter(), time.process_time()
        value = compute()
        record = {"key": key, "value": value, "seconds": time.perf_counter() - started,
                  "cpu_seconds": time.process_time() - cpu}  # fmt: skip
        fresh = file.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(json.dumps(record))
        fresh.replace(file)
        return value

    def cells(self, keys: Iterable[Any], compute: Callable[[Any], Any], label: str) -> list[Any]:
        """Return the cell of every key, with a line of progress."""
        listed, out = list(keys), []
        started = time.monotonic()
        for index, key in enumerate(listed):
            out.append(self.cell(key, lambda key=key: compute(key)))  # type: ignore[misc]
            if time.monotonic() - started > 2.0:
                print(f"\r{label}: {index + 1} of {len(listed)}", end="", flush=True)
        if time.monotonic() - started > 2.0:
            print()
        return out
