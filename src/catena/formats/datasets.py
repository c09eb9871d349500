"""Finds the public data sets that models are developed and validated on.

The project ships none of these files. Each set is one row of ``datasets.csv`` beside this module:
its path, SHA-256, public source, licence and a note. ``find`` looks, in this order, in

1. the folder named by the environment variable ``CATENA_DATA``,
2. ``shared/data`` beside the checkout (source checkouts only),
3. the download cache (``CATENA_CACHE`` or the platform's user cache), which is filled from the
   public source unless ``CATENA_OFFLINE`` is set.

A file is used only when its checksum agrees with the row, so a figure always refers to known data.
Many public files are stored compressed; the content checksum then says that the unpacked bytes are
those of the public file, whatever compressor wrote them.
"""

from __future__ import annotations

import csv
import functools
import gzip
import hashlib
import lzma
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from catena.core.errors import DataError, closest

TABLE = Path(__file__).with_name("datasets.csv")
DOWNLOAD_TIMEOUT = 30.0
"""Seconds without an answer from the public source before a download is given up."""
DOWNLOAD_LIMIT = 1 << 29
"""Bytes; a public file larger than this is not one of ours."""

_UNPACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}
_PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda raw: gzip.compress(raw, mtime=0),
    ".xz": lzma.compress,
}
# (path, modification time, size) -> SHA-256 of file; a changed file gets a new key.
_verified: dict[tuple[str, int, int], bool] = {}


@dataclass(frozen=True)
class Dataset:
    """One row of the table of public data sets.

    Attributes:
        path: Relative path with forward slashes, e.g. ``"body/httk/tissue_data.csv"``.
        sha256: Checksum of the file as stored.
        content_sha256: Checksum of the unpacked content; empty when the file is not compressed.
        url: Public address of the same content; empty when the set was derived from its source
            and no public file has these bytes.
        licence: Licence of the source.
        note: What the set holds and where it comes from.
    """

    path: str
    sha256: str
    content_sha256: str
    url: str
    licence: str
    note: str


@functools.cache
def _table(path: Path) -> dict[str, Dataset]:
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["path"]: Dataset(**row) for row in csv.DictReader(handle)}


def datasets() -> tuple[Dataset, ...]:
    """Returns every known data set, in path order."""
    return tuple(_table(TABLE).values())


def info(path: str) -> Dataset:
    """Returns the table row of one data set.

    Args:
        path: Relative path with forward slashes.

    Raises:
        DataError: The path is not in the table.
    """
    name = PurePosixPath(path).as_posix()
    table = _table(TABLE)
    if name not in table:
        near = closest(name, list(table))
        raise DataError(
            f"unknown data set {name!r}",
            where="formats.datasets",
            why="the table of data sets has no such path",
            fix=f"did you mean {', '.join(near)}?" if near else "call datasets() to list them",
        )
    return table[name]


def find(path: str) -> Path:
    """Returns the file of a data set, verified by checksum.

    Args:
        path: Relative path with forward slashes, e.g. ``"body/pbpk/osp_ddi.csv.gz"``.

    Returns:
        Path of a local file whose checksum agrees with the table.

    Raises:
        DataError: The set is unknown, present nowhere and not downloadable, or corrupt.
    """
    entry = info(path)
    places = folders()
    for folder in places:
        candidate = folder / entry.path
        if candidate.is_file():
            _verify(candidate, entry)
            return candidate
    return _download(entry, cache_directory() / entry.path, searched=places)


def cache_directory() -> Path:
    """Returns the folder that holds downloaded data sets (it may not exist yet)."""
    chosen = os.environ.get("CATENA_CACHE")
    if chosen:
        return Path(chosen) / "data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "catena" / "data"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "catena" / "data"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "catena" / "data"


def folders() -> list[Path]:
    """Returns the places where data sets are looked for, in order; they may not exist."""
    return [*_folders(), cache_directory()]


def _folders() -> list[Path]:
    chosen = os.environ.get("CATENA_DATA")
    folders = [Path(chosen).expanduser()] if chosen else []
    root = _checkout()
    if root is not None:
        folders.append(root.parent / "shared" / "data")
    return folders


def _checkout() -> Path | None:
    """Root of the source checkout this module runs from; None when installed as a wheel."""
    source = Path(__file__).resolve().parents[2]
    root = source.parent
    return root if source.name == "src" and (root / "pyproject.toml").is_file() else None


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _verify(file: Path, entry: Dataset) -> None:
    stat = file.stat()
    mark = (str(file), stat.st_mtime_ns, stat.st_size)
    if mark not in _verified:
        _verified[mark] = _matches(file.read_bytes(), entry)
    if not _verified[mark]:
        raise DataError(
            f"data set {entry.path!r} is corrupt or another version",
            where=str(file),
            why=f"its SHA-256 is not {entry.sha256[:12]}... and its content does not match either",
            fix="restore the file from its source"
            + (f" ({entry.url})" if entry.url else "")
            + ", or delete it so that another copy is used",
        )


def _matches(raw: bytes, entry: Dataset) -> bool:
    if _sha256(raw) == entry.sha256:
        return True
    if not entry.content_sha256:
        return False
    try:
        content = _UNPACK[PurePosixPath(entry.path).suffix](raw)
    except (OSError, EOFError, lzma.LZMAError):
        return False
    return _sha256(content) == entry.content_sha256


def _download(entry: Dataset, target: Path, searched: list[Path]) -> Path:
    looked = ", ".join(str(folder) for folder in searched)
    if not entry.url:
        raise DataError(
            f"data set {entry.path!r} is not on this machine",
            where=looked,
            why=f"no public file has exactly this content ({entry.note})",
            fix="set CATENA_DATA to the folder that holds the data sets, or rebuild the file from "
            f"its source so that its SHA-256 is {entry.sha256}",
        )
    if os.environ.get("CATENA_OFFLINE"):
        raise DataError(
            f"data set {entry.path!r} is not on this machine",
            where=looked,
            why="CATENA_OFFLINE forbids downloads",
            fix=f"set CATENA_DATA, unset CATENA_OFFLINE, or fetch {entry.url} yourself",
        )
    content = _fetch(entry)
    expected = entry.content_sha256 or entry.sha256
    if _sha256(content) != expected:
        raise DataError(
            f"the public source of {entry.path!r} holds other content than expected",
            where=entry.url,
            why=f"SHA-256 {_sha256(content)[:12]}... instead of {expected[:12]}...: "
            "the source has changed since this version of Catena",
            fix="set CATENA_DATA to a folder with the original file",
        )
    packed = _PACK[target.suffix](content) if entry.content_sha256 else content
    _write_whole(target, packed)
    return target


def _fetch(entry: Dataset) -> bytes:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(entry.url, timeout=DOWNLOAD_TIMEOUT) as answer:
            content: bytes = answer.read(DOWNLOAD_LIMIT)
    except (URLError, OSError, ValueError) as error:
        raise DataError(
            f"data set {entry.path!r} could not be downloaded",
            where=entry.url,
            why=str(error),
            fix="check the connection, or set CATENA_DATA to a folder that holds the data sets",
        ) from error
    return content


def _write_whole(target: Path, raw: bytes) -> None:
    """Writes a file so that a reader in another process sees all of it or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
        os.replace(name, target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
