"""Compiled systems kept on disk between processes.

One file per key: a checksum, then a header (JSON) and the object code. Files appear by an atomic
rename, so a reader never sees half of one. Code from a file is run, so a file or folder that
somebody else owns, or that others may write to, is not read at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

_MAGIC = b"catena kernel 1\n"
_DIGEST = 32
_LENGTH = 8
#: Greatest total size of the folder in bytes; the files not used for longest go first.
LIMIT = 1 << 30


def folder() -> Path:
    """Return the folder of compiled systems (it may not exist yet)."""
    from catena.formats.datasets import cache_directory

    return cache_directory().parent / "kernels"


def fetch(key: str) -> tuple[dict[str, Any], bytes] | None:
    """Return metadata and object code stored under ``key``.

    Args:
        key: Everything the code depends on, or a hash of it.

    Returns:
        None when there is none, or when it is damaged or not to be trusted.
    """
    path = _path(key)
    try:
        raw = _read(path) if _trusted(path.parent.lstat()) else None
    except OSError:
        return None
    entry = None if raw is None else _unpack(raw, key)
    if entry is not None:
        with contextlib.suppress(OSError):
            os.utime(path)  # last use, which eviction goes by
    return entry


def put(key: str, metadata: dict[str, Any], code: bytes, limit: int = LIMIT) -> bool:
    """Store metadata and object code under ``key``.

    Args:
        key: Everything the code depends on, or a hash of it.
        metadata: Plain data that JSON can hold.
        code: Object code.
        limit: Greatest total size of the folder in bytes.

    Returns:
        False when nothing could be stored (a full or read-only disk, or a folder that is not to
        be trusted): a cache that fails costs time, not the result.
    """
    path = _path(key)
    raw = _pack(key, metadata, code)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _trusted(path.parent.lstat()):
            return False
        _write(path, raw)
        _evict(path.parent, limit)
    except OSError:
        return False
    return True


def _path(key: str) -> Path:
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.kernel"


def _read(path: Path) -> bytes | None:
    """Return what a trusted file holds; the file checked is the very one that is read."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as stream:
        return stream.read() if _trusted(os.fstat(handle)) else None


def _trusted(facts: os.stat_result) -> bool:
    """Whether a file or folder is ours and nobody else may write to it."""
    if not hasattr(os, "getuid"):
        return True  # Windows: the user's own profile folder, guarded by its access list
    if stat.S_ISLNK(facts.st_mode):
        return False
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _pack(key: str, metadata: dict[str, Any], code: bytes) -> bytes:
    header = json.dumps({"key": key, "metadata": metadata}).encode()
    body = len(header).to_bytes(_LENGTH, "little") + header + code
    return _MAGIC + hashlib.sha256(body).digest() + body


def _unpack(raw: bytes, key: str) -> tuple[dict[str, Any], bytes] | None:
    start = len(_MAGIC) + _DIGEST
    body = raw[start:]
    if not raw.startswith(_MAGIC) or hashlib.sha256(body).digest() != raw[len(_MAGIC) : start]:
        return None
    end = _LENGTH + int.from_bytes(body[:_LENGTH], "little")
    header = json.loads(body[_LENGTH:end])
    return (header["metadata"], body[end:]) if header["key"] == key else None


def _write(path: Path, raw: bytes) -> None:
    """Write beside the target and rename; of two writers the last one wins, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _evict(place: Path, limit: int) -> None:
    """Delete the files used longest ago until the rest fits."""
    found = []
    for path in place.iterdir():
        with contextlib.suppress(OSError):  # another process may delete it meanwhile
            facts = path.stat()
            found.append((facts.st_mtime_ns, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found)[:-1]:
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
