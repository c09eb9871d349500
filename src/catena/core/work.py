"""How operations do long work: spread over an executor, kept by content key, shown by a bar."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, cast, final, overload

from catena.core.errors import CatenaError
from catena.core.identity import content_key
from catena.core.runtime import (
    Cache,
    Executor,
    MemoryCache,
    Progress,
    SerialExecutor,
    SilentProgress,
    showing,
)

T = TypeVar("T")
R = TypeVar("R")

#: Seconds before a bar appears by itself.
PATIENCE = 2.0


@final
class Work:
    """What an operation is given to do its work with.

    Args:
        executor: Runs the pieces; one after the other in this process by default.
        cache: Keeps finished pieces by content key; in memory by default. A study passes a cache
            in its result folder, so that a killed run goes on where it was.
        progress: Where progress goes; a bar on the terminal after two seconds by default.
    """

    def __init__(
        self,
        executor: Executor | None = None,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.executor: Executor = executor if executor is not None else SerialExecutor()
        self.cache: Cache = cache if cache is not None else MemoryCache()
        self.progress: Progress = progress if progress is not None else _progress()

    @overload
    def each(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        label: str,
        key: Any = None,
        keep_errors: Literal[False] = False,
    ) -> list[R]: ...

    @overload
    def each(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        label: str,
        key: Any = None,
        keep_errors: Literal[True],
    ) -> list[R | CatenaError]: ...

    def each(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        label: str,
        key: Any = None,
        keep_errors: bool = False,
    ) -> Any:
        """Compute ``function`` of every item, in order, without doing finished ones again.

        Args:
            function: Pure function of one item.
            items: What to compute; with ``key`` they must have a content key.
            label: What the bar says.
            key: Content key of everything the items share; None computes everything anew.
            keep_errors: Return a ``CatenaError`` in the place of an item that raised it, instead
                of stopping.

        Returns:
            One value per item. Kept values are arrays, numbers, texts, None, and lists, tuples
            and dicts of them.

        Raises:
            CatenaError: an item failed and ``keep_errors`` is not set; what was finished before
                is kept.
        """
        keys = [content_key(key, item) if key is not None else "" for item in items]
        found: dict[int, Any] = {}
        for index, name in enumerate(keys):
            value = self.cache.get(name) if name else None
            if value is not None:
                found[index] = value["value"]
        todo = [index for index in range(len(items)) if index not in found]
        attempt = _Attempt(function, keep_errors)
        with self.bar(len(items), label) as advance:
            advance(len(found))
            results = self.executor.map(attempt, [items[index] for index in todo])
            for index, result in zip(todo, results, strict=False):
                if keys[index] and not isinstance(result, CatenaError):
                    self.cache.put(keys[index], {"value": result})
                found[index] = result
                advance(1)
        return [found[index] for index in range(len(items))]

    def kept(self, key: Any, compute: Callable[[], T]) -> T:
        """Return the value kept under ``key``, computing and keeping it the first time."""
        name = content_key(key)
        value = self.cache.get(name)
        if value is None:
            value = {"value": compute()}
            self.cache.put(name, value)
        return cast(T, value["value"])

    @contextmanager
    def bar(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Show progress of a loop: ``with work.bar(n, "starts") as advance: advance(1)``."""
        self.progress.start(total, label)
        try:
            yield self.progress.advance
        finally:
            self.progress.finish()


@final
class _Attempt:
    """Calls a function; an error of the family comes back as a value where that is wanted."""

    def __init__(self, function: Callable[[Any], Any], keep_errors: bool) -> None:
        self.function, self.keep_errors = function, keep_errors

    def __call__(self, item: Any) -> Any:
        try:
            return self.function(item)
        except CatenaError as error:
            if self.keep_errors:
                return error
            raise


def _progress() -> Progress:
    """Return a bar when a person watches and nothing else shows one."""
    main = threading.current_thread() is threading.main_thread()
    watched = main and sys.stderr.isatty() and not showing.get()
    return LateProgress() if watched else SilentProgress()


@final
class LateProgress:
    """A bar on stderr for the outermost loop, once it has taken two seconds."""

    def __init__(self) -> None:
        self._loops: list[tuple[int, str]] = []
        self._since = 0.0
        self._done = 0
        self._bars: Any = None
        self._task: Any = None

    def start(self, total: int, label: str) -> None:
        """Note a loop; the outermost one is shown."""
        if not self._loops:
            self._since, self._done = time.monotonic(), 0
        self._loops.append((max(total, 1), label))

    def advance(self, units: int = 1) -> None:
        """Move the bar, showing it if it is time."""
        if len(self._loops) != 1:
            return
        self._done += units
        if self._bars is None and time.monotonic() - self._since > PATIENCE:
            self._open()
        if self._bars is not None:
            self._bars.update(self._task, completed=self._done)

    def finish(self) -> None:
        """Close a loop; the outermost one takes the bar away."""
        if self._loops:
            self._loops.pop()
        if not self._loops and self._bars is not None:
            self._bars.stop()
            self._bars = None
            showing.set(False)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bars.start()
        showing.set(True)
        total, label = self._loops[0]
        self._task = self._bars.add_task(label, total=total)
