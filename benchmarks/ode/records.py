"""What a report gives back: tables of records, for the eye and for citation."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

PACKAGES = ("catena", "numpy", "scipy", "jax", "diffrax", "llvmlite", "numba", "libroadrunner",
            "casadi", "scikit-sundae", "myokit")  # fmt: skip


@final
@dataclass(frozen=True)
class Table:
    """One printed table.

    Args:
        title: What was measured, on what.
        records: One mapping per row; the first row's names are the columns.
        notes: Sentences printed below.
    """

    title: str
    records: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print the table."""
        names: list[str] = []
        for record in self.records:
            names += [name for name in record if name not in names]
        table = RichTable(*names, title=self.title)
        for record in self.records:
            table.add_row(*(_text(record.get(name, "")) for name in names))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}")


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "NO"
    if isinstance(value, (float, np.floating)):
        return f"{value:.3g}"
    return str(value)


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, load and package versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_json(path: Path, reports: Mapping[str, list[Table]]) -> None:
    """Write all records with the machine they were measured on."""
    data = {
        "machine": machine(),
        "reports": {
            name: [{"title": t.title, "records": t.records, "notes": t.notes} for t in tables]
            for name, tables in reports.items()
        },
    }
    path.write_text(json.dumps(data, indent=1, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)
