"""In-process defaults of the runtime protocols."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.runtime import (
    Cache,
    Executor,
    MemoryCache,
    Progress,
    SerialExecutor,
    SilentProgress,
)


def test_defaults_satisfy_their_protocols() -> None:
    assert isinstance(SerialExecutor(), Executor)
    assert isinstance(MemoryCache(), Cache)
    assert isinstance(SilentProgress(), Progress)


def test_serial_executor_runs_raises_and_cancels() -> None:
    executor = SerialExecutor()
    assert executor.submit(divmod, 7, 2).result() == (3, 1)
    assert list(executor.map(lambda x: x * x, [1, 2, 3])) == [1, 4, 9]
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 / 0).result()
    executor.cancel()
    assert list(executor.map(lambda x: x, [1])) == []
    assert executor.submit(lambda: 1).cancelled()


def test_memory_cache_drops_the_least_recently_used() -> None:
    cache = MemoryCache(max_bytes=3000)
    for name in "abc":
        cache.put(name, {"x": np.zeros(100)})
    assert cache.get("a") is not None
    cache.put("d", np.zeros(100))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    cache.put("big", np.zeros(1000))
    assert cache.get("big") is None
    cache.put("a", np.ones(1))
    assert cache.get("a").tolist() == [1.0]
    cache.put("text", np.array(["x"], object))
    cache.clear()
    assert cache.get("a") is None


def test_silent_progress_accepts_everything() -> None:
    progress = SilentProgress()
    progress.start(3, "people")
    progress.advance(2)
    progress.finish()
