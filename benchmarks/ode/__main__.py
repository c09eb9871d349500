"""Run the reports: ``python -m benchmarks.ode [names] [--size small|full] [--json FILE]``."""

from __future__ import annotations

import argparse
import importlib
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from benchmarks.ode.records import Table, machine, write_json

#: Reports in the order in which they run; some compare with files of the shared data sets.
NAMES = ("ensemble", "compile_time", "sensitivities", "derivatives", "accuracy", "random_systems", "large",
         "cardiac", "petab")  # fmt: skip


def main(arguments: list[str] | None = None) -> dict[str, list[Table]]:
    """Print the tables of the named reports (all by default) and return them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ode", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--size", choices=("small", "full"), default="full",
                        help="small takes a minute or two and checks that everything runs")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the records to this file, too")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(NAMES)):
        parser.error(f"no report {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    console = Console(width=160)
    here = machine()
    versions = ", ".join(f"{name} {text}" for name, text in here.pop("versions").items())
    console.print(*(f"{name}: {value};" for name, value in here.items()), versions)
    reports: dict[str, list[Table]] = {}
    for name in chosen.names or NAMES:
        if find_spec(f"benchmarks.ode.{name}") is None:
            console.print(f"{name}: not part of this installation")
            continue
        reports[name] = run_report(name, chosen.size)
        for table in reports[name]:
            table.show(console)
    if chosen.json:
        write_json(chosen.json, reports)
    return reports


def run_report(name: str, size: str) -> list[Table]:
    """Run one report at a size."""
    tables: list[Table] = importlib.import_module(f"benchmarks.ode.{name}").report(size=size)
    return tables


if __name__ == "__main__":
    main()
