"""``catena doctor``: what this machine and installation offer."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from catena.app.cli import terminal

_BASE = ("numpy", "scipy", "jax", "jaxlib", "diffrax", "equinox", "pydantic", "pint", "pandas",
         "pyarrow", "xarray", "typer", "rich", "plotly")  # fmt: skip
_OPTIONAL = ("rdkit", "torch", "llvmlite", "scikit-learn", "openmm", "cobra", "ray", "duckdb")


def show_doctor() -> None:
    """Show versions, processor, data sets, optional packages, caches and broken models."""
    found = examine()
    if terminal.as_json():
        terminal.emit(found)
        return
    for part, facts in found.items():
        rows = [(name, _text(value)) for name, value in facts.items()]
        terminal.show(terminal.grid(part, ["", ""], rows))


def examine() -> dict[str, dict[str, Any]]:
    """Return the facts as plain data; heavy packages are looked up, not imported."""
    return {
        "catena": {
            "version": _version("catena"),
            "python": platform.python_version(),
            "executable": sys.executable,
            **_models(),
        },
        "machine": _machine(),
        "packages": {name: _version(name) for name in _BASE},
        "optional packages": {name: _version(name) for name in _OPTIONAL},
        "data": _data(),
        "settings": {
            name: os.environ.get(name) for name in ("CATENA_DATA", "CATENA_CACHE", "CATENA_OFFLINE")
        },
    }


def _models() -> dict[str, Any]:
    from catena.core import registry

    broken = [entry.id for entry in registry.broken()]
    return {"models": len(registry.models()), "broken models": broken or "none"}


def _machine() -> dict[str, Any]:
    facts: dict[str, Any] = {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        facts["processor"] = lines.get("model name\t", facts["processor"]).strip()
        flags = lines.get("flags\t\t", "").split()
        facts["vector units"] = [
            f for f in ("sse4_2", "avx", "avx2", "fma", "avx512f") if f in flags
        ]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        facts["memory [GiB]"] = round(
            os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1
        )
    return facts


def _data() -> dict[str, Any]:
    from catena.formats import datasets

    known = datasets.datasets()
    places = datasets.folders()
    missing = [item.path for item in known if not any((p / item.path).is_file() for p in places)]
    return {
        "folders": [str(place) for place in places if place.is_dir()] or "none",
        "data sets found": f"{len(known) - len(missing)} of {len(known)}",
        "missing": missing[:5] + (["..."] if len(missing) > 5 else []) or "none",
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
