"""Content keys of code: a changed formula or table is a changed model."""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from pathlib import Path


def code_key(kind: type) -> str:
    """Return a hash of the code and tables beside a class: a changed formula is a changed model.

    A topic's folder holds its formulas in several files and its parameters in CSV tables, so
    the whole folder counts; a module that lies outside a package counts alone.
    """
    module = inspect.getmodule(kind)
    path = getattr(module, "__file__", None)
    if path is None:
        return hashlib.sha256(kind.__qualname__.encode()).hexdigest()
    return folder_key(path)


@cache
def folder_key(path: str) -> str:
    """Return a hash of a module file and, in a package, of the Python and CSV files beside it."""
    here = Path(path)
    files = [here]
    if (here.parent / "__init__.py").exists():
        files = sorted(f for f in here.parent.iterdir() if f.suffix in (".py", ".csv"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
