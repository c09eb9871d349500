"""Run the benchmarks: ``python -m benchmarks.ops [names] [--size small|full] [--json FILE]``.

Finished cells are kept in ``runs/benchmarks``: a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
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
    parser.add_argument("--fresh", action="store_true", help="forget finished cells")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(NAMES)):
        parser.error(f"no benchmark {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    console = Console(width=180)
    found: dict[str, list[Row]] = {}
    for name in chosen.names or NAMES:
        if find_spec(f"benchmarks.ops.{name}") is None:
            console.print(f"{name}: not part of this installation")
            continue
        started = time.perf_counter()
        store = Store(f"{name}-{chosen.size}", fresh=chosen.fresh)
        found[name] = importlib.import_module(f"benchmarks.ops.{name}").run(chosen.size, store)
        show(console, name, found[name], time.perf_counter() - started)
    if chosen.json:
        rows = {name: [row.to_dict() for row in rows] for name, rows in found.items()}
        chosen.json.write_text(json.dumps(rows, indent=1))
    return found


def show(console: Console, name: str, rows: list[Row], seconds: float) -> None:
    """Print one benchmark's rows."""
    table = Table(title=f"{name} ({seconds:.0f} s)", title_justify="left", box=None)
    for head in ("claim", "figure", "target", "holds", "baseline", "peer", "note"):
        table.add_column(head, overflow="fold")
    for row in rows:
        holds = "" if row.holds is None else "yes" if row.holds else "NO"
        table.add_row(row.claim, row.figure, row.target, holds, row.baseline, row.peer, row.note)
    console.print(table)


if __name__ == "__main__":
    main()
