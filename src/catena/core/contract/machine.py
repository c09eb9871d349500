"""Checks of a model on a machine: worker processes, threads, start-up time, speed, memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from catena.core.contract.report import Failed, NotApplicable
from catena.core.contract.subject import Subject, require_equal
from catena.core.model import Model

#: Processor seconds a model's module may take to import, unless it declares ``import_budget``.
IMPORT_BUDGET = 8.0
_TIMEOUT = 600


def restored(subject: Subject) -> None:
    """C17."""
    twin: Model = pickle.loads(_pickled(subject.model))
    if twin.key != subject.model.key:
        raise Failed("the restored model has another key")
    require_equal(
        twin.predict(subject.inputs.full()).values_, subject.base.values_, 0.0, "restored model"
    )


def _pickled(model: Model) -> bytes:
    try:
        return pickle.dumps(model)
    except Exception as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise NotApplicable(f"it cannot travel to a worker ({why[:120]})") from error


def same_key_elsewhere(subject: Subject) -> None:
    """C18."""
    if _in_worker(subject)["key"] != subject.model.key:
        raise Failed("the key differs in another process")


def worker(subject: Subject) -> None:
    """C21."""
    require_equal(
        _in_worker(subject)["values"], subject.base.values_, 1e-12, "in a spawned process"
    )


def import_time(subject: Subject) -> str:
    """C22."""
    seconds = float(_in_worker(subject)["seconds"])
    budget = float(getattr(subject.model, "import_budget", IMPORT_BUDGET))
    if seconds > budget:
        raise Failed(f"loading takes {seconds:.1f} s of processor time (budget {budget:g} s)")
    return f"{seconds:.2f} s"


def _in_worker(subject: Subject) -> dict[str, Any]:
    return _worker_answer(_reference(subject.model), pickle.dumps(subject.inputs.full()))


def _reference(model: Model) -> bytes:
    """Return how a worker gets the model: by id when it is registered, else pickled."""
    from catena.core.registry import load, sources

    if model.info.id in sources() and load(model.info.id).key == model.key:
        return pickle.dumps(model.info.id)
    if getattr(model, "function", type(model)).__module__ == "__main__":
        raise NotApplicable("it was defined in a session; a worker imports modules")
    return _pickled(model)


@lru_cache(maxsize=4)
def _worker_answer(reference: bytes, values: bytes) -> dict[str, Any]:
    """Start a fresh interpreter that loads the model, predicts and answers."""
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "question"), Path(folder, "answer")
        question.write_bytes(pickle.dumps((sys.path, reference, values)))
        command = [sys.executable, "-m", "catena.core.contract.worker", str(question), str(answer)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"a spawned process did not answer within {_TIMEOUT} s") from None
        if done.returncode != 0:
            raise Failed(
                f"a spawned process failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:300]}"
            )
        data: dict[str, Any] = pickle.loads(answer.read_bytes())
        return data


def threads(subject: Subject) -> None:
    """C20."""
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(subject.model.predict, subject.inputs) for _ in range(4)]
        for run in runs:
            require_equal(run.result().values_, subject.base.values_, 1e-12, "in four threads")


def throughput(subject: Subject) -> str:
    """C23."""
    sizes = (1, 100) if subject.quick else (1, 100, 10_000)
    rates = []
    for size in sizes:
        batch = subject.make(size)
        start = time.perf_counter()
        subject.model.predict(batch)
        first = time.perf_counter() - start
        if first < 10.0:
            start = time.perf_counter()
            subject.model.predict(batch)
            first = time.perf_counter() - start
        rates.append(f"{size / max(first, 1e-9):.3g}")
        if first > 10.0:
            break
    return f"{' / '.join(rates)} rows/s at {' / '.join(str(s) for s in sizes[: len(rates)])} rows"


def memory(subject: Subject) -> str:
    """C24."""
    model, batch = subject.model, subject.inputs
    model.predict(batch)
    tracemalloc.start()
    try:
        model.predict(batch)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            model.predict(batch)
        grown = (tracemalloc.get_traced_memory()[0] - before) / 5.0
    finally:
        tracemalloc.stop()
    allowed = 64_000.0
    if grown > allowed:
        raise Failed(f"every call leaves {grown / 1000:.0f} kB behind")
    return f"{max(grown, 0.0) / 1000:.1f} kB per call"
