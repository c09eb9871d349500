"""Local searches that run side by side, so that the model sees their points as one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

import numpy as np

#: A local search: given a function it calls with one point, it returns what it found.
Search = Callable[[Callable[[np.ndarray], Any]], Any]


class _Stopped(Exception):
    """The batch could not be evaluated; every search ends."""


@final
class Together:
    """Runs searches in threads that wait for each other at every evaluation.

    Args:
        evaluate: Function of points (n, d) that returns one answer per point. It runs in the
            calling thread only.
    """

    def __init__(self, evaluate: Callable[[np.ndarray], list[Any]]) -> None:
        self._evaluate = evaluate
        self._turn = threading.Condition()
        self._asked: dict[int, np.ndarray] = {}
        self._answers: dict[int, Any] = {}
        self._running: set[int] = set()
        self._stopped = False

    def run(self, searches: list[Search]) -> list[Any]:
        """Run all searches; return what each found, None where it was stopped.

        Raises:
            Exception: whatever ``evaluate`` raised, after all searches have ended.
        """
        results: list[Any] = [None] * len(searches)
        faults: list[BaseException] = []
        self._running = set(range(len(searches)))
        threads = [
            threading.Thread(target=self._follow, args=(k, search, results, faults), daemon=True)
            for k, search in enumerate(searches)
        ]
        for thread in threads:
            thread.start()
        raised = self._serve()
        for thread in threads:
            thread.join()
        if raised is not None:
            raise raised
        if faults:
            raise faults[0]
        return results

    def _follow(
        self, k: int, search: Search, results: list[Any], faults: list[BaseException]
    ) -> None:
        try:
            results[k] = search(lambda point: self._ask(k, point))
        except _Stopped:
            pass
        except BaseException as error:
            faults.append(error)
        finally:
            with self._turn:
                self._running.discard(k)
                self._turn.notify_all()

    def _ask(self, k: int, point: np.ndarray) -> Any:
        with self._turn:
            if self._stopped:
                raise _Stopped
            self._asked[k] = np.array(point, dtype=float)
            self._turn.notify_all()
            self._turn.wait_for(lambda: k in self._answers or self._stopped)
            if k not in self._answers:
                raise _Stopped
            return self._answers.pop(k)

    def _serve(self) -> Exception | None:
        """Answer whenever every search waits; return what the evaluation raised."""
        while True:
            with self._turn:
                self._turn.wait_for(lambda: set(self._asked) >= self._running)
                if not self._asked:
                    return None
                order = sorted(self._asked)
                points = np.array([self._asked[k] for k in order])
                self._asked.clear()
            try:
                answers = self._evaluate(points)
            except Exception as error:
                with self._turn:
                    self._stopped = True
                    self._turn.notify_all()
                return error
            with self._turn:
                self._answers.update(zip(order, answers, strict=True))
                self._turn.notify_all()
