"""Finished pieces of an operation's work, kept in the run's folder by content key."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any, final

import numpy as np


@final
class PieceCache:
    """A ``Cache`` of arrays, numbers, texts, and lists, tuples and dicts of them, as ``.npz`` files.

    A file appears in one step, so a killed run leaves whole pieces only; nothing in it can run.

    Args:
        folder: Where the files lie; made when the first piece is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Any | None:
        """Return a kept value, or None when it is missing or damaged."""
        try:
            with np.load(self._path(key), allow_pickle=False) as file:
                tree = json.loads(str(file["tree"]))
                return _decoded(tree, file)
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def put(self, key: str, value: Any) -> None:
        """Keep a value; one that holds anything else than plain data is not kept."""
        arrays: dict[str, np.ndarray] = {}
        try:
            tree = _encoded(value, arrays)
        except TypeError:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        stream = io.BytesIO()
        np.savez(stream, tree=np.array(json.dumps(tree)), **arrays)  # type: ignore[arg-type]
        part = self._path(key).with_suffix(f".{os.getpid()}.part")
        part.write_bytes(stream.getvalue())
        part.replace(self._path(key))

    def forget(self) -> None:
        """Remove all pieces."""
        for file in self.folder.glob("*.npz"):
            file.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def _encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return {"o": [_encoded(item, arrays) for item in value.ravel()], "s": list(value.shape)}
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"a": name}
    if isinstance(value, (list, tuple)):
        items = [_encoded(item, arrays) for item in value]
        return {"t" if isinstance(value, tuple) else "l": items}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"d": {name: _encoded(item, arrays) for name, item in value.items()}}
    raise TypeError(type(value).__name__)


def _decoded(tree: Any, arrays: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "a" in tree:
        return arrays[tree["a"]]
    if "o" in tree:
        out = np.empty(len(tree["o"]), dtype=object)
        out[:] = [_decoded(item, arrays) for item in tree["o"]]
        return out.reshape(tree["s"])
    if "d" in tree:
        return {name: _decoded(item, arrays) for name, item in tree["d"].items()}
    items = [_decoded(item, arrays) for item in tree["t" if "t" in tree else "l"]]
    return tuple(items) if "t" in tree else items
