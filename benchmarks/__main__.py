"""Run all benchmarks or the named ones: ``python -m benchmarks [startup] [chain] [main_job] [ode]``.

``python -m benchmarks.ode`` prints the whole comparison of the ODE engine with its peers.
"""

from __future__ import annotations

import importlib
import platform
import sys

from rich.console import Console
from rich.table import Table

NAMES = ("startup", "chain", "main_job", "ode")


def main(names: list[str]) -> None:
    """Print one table per benchmark."""
    console = Console(width=160)
    console.print(
        f"Python {platform.python_version()} on {platform.machine()}, {platform.system()}"
    )
    for name in names or NAMES:
        table = Table("what", "median", "range", "peer (same run)", "ratio", "target", title=name)
        for line in importlib.import_module(f"benchmarks.{name}").run():
            table.add_row(*line.cells())
        console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
