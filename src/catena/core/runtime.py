"""What sits low but needs what sits high: protocols for running, caching and reporting.

``study`` and ``store`` implement these and pass them down; every protocol has a default that
works inside one process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, final, runtime_checkable

import numpy as np

T = TypeVar("T")
R = TypeVar("R")


@runtime_checkable
class Executor(Protocol):
    """Runs pure functions somewhere: here, in worker processes, on a cluster."""

    def submit(self, function: Callable[..., R], /, *args: Any) -> Future[R]:
        """Start one call and return its future."""
        ...

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield results in the order of ``items``."""
        ...

    def cancel(self) -> None:
        """Drop what has not started."""
        ...


@runtime_checkable
class Cache(Protocol):
    """Keeps values by content key."""

    def get(self, key: str) -> Any | None:
        """Return the value, or None."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        ...


@runtime_checkable
class Progress(Protocol):
    """A sink of progress events; a bar on a terminal, a stream to a page."""

    def start(self, total: int, label: str) -> None:
        """Announce ``total`` units of work."""
        ...

    def advance(self, units: int = 1) -> None:
        """Report units done."""
        ...

    def finish(self) -> None:
        """Report the end."""
        ...


@final
class SerialExecutor:
    """Runs every call at once in this thread."""

    def __init__(self) -> None:
        self._cancelled = False

    def submit(self, function: Callable[..., R], /, *args: Any) -> Future[R]:
        """Run the call now and return a finished future."""
        future: Future[R] = Future()
        if self._cancelled:
            future.cancel()
            return future
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield results one by one; stops when cancelled."""
        for item in items:
            if self._cancelled:
                return
            yield function(item)

    def cancel(self) -> None:
        """Run nothing further."""
        self._cancelled = True


@final
class MemoryCache:
    """Least-recently-used values up to a number of bytes, safe between threads.

    Args:
        max_bytes: Budget; a value larger than half of it is not kept.
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._max = max_bytes
        self._used = 0
        self._items: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Any | None:
        """Return the value and mark it as used, or None."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][1]

    def put(self, key: str, value: Any) -> None:
        """Keep a value, dropping the least recently used ones to stay in budget."""
        size = _bytes(value)
        if size > self._max // 2:
            return
        with self._lock:
            self._used += size - self._items.pop(key, (0, None))[0]
            self._items[key] = (size, value)
            while self._used > self._max:
                self._used -= self._items.popitem(last=False)[1][0]

    def __reduce__(self) -> tuple[type[MemoryCache], tuple[int]]:
        # What is kept stays in this process; a copy elsewhere starts empty.
        return (MemoryCache, (self._max,))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._used = 0


def _bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes) if value.dtype != object else 64 * value.size
    if isinstance(value, dict):
        return sum(_bytes(item) for item in value.values())
    return int(getattr(value, "nbytes", 64))


#: Whether a bar is on the terminal already; whoever shows one sets it, others then stay silent.
showing: ContextVar[bool] = ContextVar("showing", default=False)


@final
class SilentProgress:
    """Reports nothing."""

    def start(self, total: int, label: str) -> None:
        """Ignore."""

    def advance(self, units: int = 1) -> None:
        """Ignore."""

    def finish(self) -> None:
        """Ignore."""
