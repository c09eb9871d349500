"""Content keys: equal content gives an equal key in every process and on every machine."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

_MASK = (1 << 64) - 1


def content_key(*objects: Any) -> str:
    """Return the SHA-256 key (hex) of the given objects' content.

    Arrays count by dtype, shape and bytes; mappings by sorted keys; objects by their
    ``to_dict`` or ``key``.

    Raises:
        TypeError: an object has no canonical form (a function, an open file).
    """
    digest = hashlib.sha256()
    for item in objects:
        _feed(digest, item)
    return digest.hexdigest()


def canonical(obj: Any) -> bytes:
    """Return canonical JSON of plain data: sorted keys, no spaces, shortest floats."""
    return json.dumps(
        _plain(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def split_key(key: int, path: str) -> int:
    """Derive the 64-bit random key of a node from its parent's key and the node's path.

    Hashing instead of counting makes the result independent of the order of evaluation.
    """
    digest = hashlib.blake2b(path.encode(), key=(int(key) & _MASK).to_bytes(8, "little"))
    return int.from_bytes(digest.digest()[:8], "little")


def _feed(digest: Any, obj: Any) -> None:
    """Feed one object to the hash, with a type tag so that 1, 1.0 and "1" differ."""
    if isinstance(obj, np.ndarray):
        _feed_array(digest, obj)
    elif isinstance(obj, np.generic):
        _feed(digest, obj.item())
    elif isinstance(obj, Mapping):
        digest.update(b"{%d" % len(obj))
        for name in sorted(obj, key=str):
            _feed(digest, str(name))
            _feed(digest, obj[name])
    elif isinstance(obj, (str, bytes)):
        raw = obj.encode() if isinstance(obj, str) else obj
        digest.update(b"s%d:" % len(raw))
        digest.update(raw)
    elif isinstance(obj, Sequence):
        digest.update(b"[%d" % len(obj))
        for item in obj:
            _feed(digest, item)
    elif obj is None or isinstance(obj, (bool, int, float)):
        digest.update(f"{type(obj).__name__}:{obj!r};".encode())
    else:
        _feed_object(digest, obj)


def _feed_object(digest: Any, obj: Any) -> None:
    if isinstance(obj, Set):
        _feed(digest, sorted(content_key(item) for item in obj))
    elif hasattr(obj, "model_dump"):
        _feed(digest, obj.model_dump())
    elif hasattr(obj, "to_dict"):
        _feed(digest, obj.to_dict())
    elif hasattr(obj, "__array__"):
        _feed_array(digest, np.asarray(obj))
    else:
        raise TypeError(f"no canonical form for {type(obj).__name__}")


def _feed_array(digest: Any, array: np.ndarray) -> None:
    if array.dtype == object:
        digest.update(f"o{array.shape}".encode())
        for item in array.ravel():
            _feed(digest, item)
        return
    digest.update(f"a{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)


def _plain(obj: Any) -> Any:
    """Reduce an object to JSON types; non-finite floats become strings so JSON stays standard."""
    if isinstance(obj, np.ndarray):
        return _plain(obj.tolist())
    if isinstance(obj, np.generic):
        return _plain(obj.item())
    if isinstance(obj, float) and not math.isfinite(obj):
        return repr(obj)
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, Mapping):
        return {str(name): _plain(value) for name, value in obj.items()}
    if isinstance(obj, Set):
        return sorted((_plain(item) for item in obj), key=repr)
    if isinstance(obj, Sequence):
        return [_plain(item) for item in obj]
    if hasattr(obj, "model_dump"):
        return _plain(obj.model_dump())
    if hasattr(obj, "to_dict"):
        return _plain(obj.to_dict())
    if hasattr(obj, "__array__"):
        return _plain(np.asarray(obj))
    raise TypeError(f"no canonical form for {type(obj).__name__}")
