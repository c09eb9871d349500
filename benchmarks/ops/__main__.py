"""Run the benchmarks: ``python -m benchmarks.ops [names] [--size small|full] [--jobs N] [--json FILE]``.

Finished cells are kept in ``runs/benchmarks``: a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.ops.rows import Row, Store

#: Benchmarks in the order in which they run.
NAMES = ("petab", "calibrate", "bayes", "surrogate", "optimise", "sensitivity", "uncertainty",
         "invert", "explain", "estimate", "control", "campaign", "hybrid", "transfer", "federated")  # fmt: skip


def main(arguments: list[str] | None = None) -> dict[str, list[Row]]:
    """Print the rows of the named benchmarks (all by default) and return them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ops", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--size", choices=("small", "full"), default="full",
                        help="small takes a minute or two and checks that everything runs")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    parser.add_argument("--jobs", type=int, default=1,
                        help="processes that share the cells; timings want a core for each")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="forget finished cells")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(NAMES)):
        parser.error(f"no benchmark {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    names = [name for name in chosen.names or NAMES if find_spec(f"benchmarks.ops.{name}")]
    stores = {name: Store(f"{name}-{chosen.size}", fresh=chosen.fresh) for name in names}
    with _helpers(names, chosen.size, chosen.jobs - 1):
        return _all(stores, chosen.size, chosen.json)


def _all(stores: dict[str, Store], size: str, file: Path | None) -> dict[str, list[Row]]:
    console = Console(width=180)
    found: dict[str, list[Row]] = {}
    for name, store in stores.items():
        started = time.perf_counter()
        found[name] = importlib.import_module(f"benchmarks.ops.{name}").run(size, store)
        spent = f"{time.perf_counter() - started:.0f} s"
        show(console, f"{name} ({spent}; {store.processor_minutes():.1f} min of processor time in "
             f"its cells)", found[name])  # fmt: skip
    if file:
        rows = {name: [row.to_dict() for row in rows] for name, rows in found.items()}
        file.write_text(json.dumps(rows, indent=1))
    return found


@contextlib.contextmanager
def _helpers(names: Sequence[str], size: str, count: int) -> Iterator[None]:
    """Run further processes that go through the benchmarks from the end and leave their cells."""
    command = [sys.executable, "-m", "benchmarks.ops", *reversed(names), "--size", size]
    helpers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for helper in helpers:
            helper.terminate()


def show(console: Console, title: str, rows: list[Row]) -> None:
    """Print one benchmark's rows."""
    table = Table(title=title, title_justify="left", box=None)
    for head in ("claim", "figure", "target", "holds", "baseline", "peer", "note"):
        table.add_column(head, overflow="fold")
    for row in rows:
        holds = "" if row.holds is None else "yes" if row.holds else "NO"
        table.add_row(row.claim, row.figure, row.target, holds, row.baseline, row.peer, row.note)
    console.print(table)


if __name__ == "__main__":
    main()
