"""The result folder of a run: what is written, and in which order, so that a crash loses nothing.

A task's rows are written first, its JSON mark second; both through a temporary file, a flush to
disk and a rename. A task counts as finished when its mark exists and names the rows' hash, so a
process killed at any moment leaves either a finished task or none.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from catena.core.errors import StudyError
from catena.study.kind import Piece, Task
from catena.study.table import Table

_TEMPORARY = ".part"


@final
class Folder:
    """A run's folder; ``with`` holds its lock so that two runs never share it.

    Args:
        path: The folder; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks = path / "tasks"
        self._lock: Any = None

    def __enter__(self) -> Self:
        try:
            self.tasks.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise _cannot_write(self.path, error) from None
        _lock(self._lock, self.path)
        for left in [*self.path.glob(f"*{_TEMPORARY}"), *self.tasks.glob(f"*{_TEMPORARY}")]:
            left.unlink(missing_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    def finished(self, task: Task) -> bool:
        """Tell whether a task's result is here and whole."""
        return self._mark(task) is not None

    def save(self, task: Task, piece: Piece, seconds: float) -> None:
        """Keep a task's result: rows first, then the mark that makes it count."""
        rows = self._path(task, "parquet")
        self._write(rows, piece.table.write)
        mark = {
            "task": task.id,
            "key": task.key,
            "rows": len(piece.table),
            "sha256": _sha256(rows),
            "seconds": round(seconds, 3),
            "facts": dict(piece.facts),
        }
        self.write_json(self._path(task, "json"), mark)

    def load(self, task: Task) -> Piece:
        """Return a finished task's result.

        Raises:
            StudyError: it is not here or damaged.
        """
        mark = self._mark(task)
        if mark is None:
            raise StudyError(f"Task {task.id} is not finished", where=str(self.path),
                             why="its result is missing or damaged", fix="run the study again")  # fmt: skip
        return Piece(Table.read(self._path(task, "parquet")), mark["facts"])

    def forget(self) -> None:
        """Remove all task results, so that the run starts afresh."""
        for path in self.tasks.iterdir():
            path.unlink()

    def write_json(self, path: Path, data: Mapping[str, Any]) -> None:
        """Write readable JSON in one step."""
        text = json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)
        self.write_text(path, text + "\n")

    def write_text(self, path: Path, text: str) -> None:
        """Write text in one step."""
        self._write(path, lambda part: part.write_text(text, encoding="utf-8"))

    def write_table(self, path: Path, table: Table) -> None:
        """Write Parquet in one step."""
        self._write(path, table.write)

    def read_json(self, name: str) -> dict[str, Any]:
        """Return a JSON file of the folder, empty when it is missing or broken."""
        try:
            data: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data

    def _write(self, path: Path, write: Callable[[Path], Any]) -> None:
        part = path.with_name(path.name + _TEMPORARY)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(part)
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _cannot_write(path, error) from None

    def _mark(self, task: Task) -> dict[str, Any] | None:
        rows = self._path(task, "parquet")
        try:
            mark: dict[str, Any] = json.loads(self._path(task, "json").read_text(encoding="utf-8"))
            whole = mark["key"] == task.key and mark["sha256"] == _sha256(rows)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return mark if whole else None

    def _path(self, task: Task, suffix: str) -> Path:
        return self.tasks / f"{task.id}-{task.key[:12]}.{suffix}"


def _plain(value: Any) -> Any:
    """Reduce to JSON types, in the given order; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lock(stream: Any, path: Path) -> None:
    """Take an advisory lock that the system drops when the process dies, however it dies."""
    try:
        import fcntl
    except ImportError:  # no advisory locks on this system; runs stay atomic, only not exclusive
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise StudyError(
            "This study is already running",
            where=str(path),
            why="another process holds the run's lock",
            fix="wait for it, or stop it and run again: finished tasks are kept",
        ) from None


def _cannot_write(path: Path, error: OSError) -> StudyError:
    return StudyError(
        "Cannot write the results",
        where=str(path),
        why=error.strerror or str(error),
        fix="free space or choose another folder with --out; finished tasks are kept",
    )
