"""Which software computed a run."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("numpy", "scipy", "jax", "diffrax", "pandas", "pyarrow", "rdkit", "torch")


def versions() -> dict[str, str]:
    """Return the versions of Python, Catena and the packages whose numbers it relies on."""
    found = {"python": platform.python_version(), "catena": _version("catena")}
    found |= {name: _version(name) for name in _PACKAGES}
    return {name: text for name, text in found.items() if text} | {"machine": platform.machine()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
