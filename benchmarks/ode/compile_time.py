"""From a JAX right-hand side to machine code: the first time, and from a warm cache.

Every figure is one fresh process that has imported jax and the engine and has solved a one-state
system before, so that only the work on the 30-state model counts: the first call for one patient
less a second, equal one. The first process finds an empty cache folder, the next find its work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.ode.records import Table

ROOT = Path(__file__).parents[2]


def child(method: str) -> dict[str, Any]:
    """Measure in this process, which must be a fresh one."""
    import time

    import jax.numpy as jnp

    from benchmarks.ode import pbpk30
    from catena.core.jaxconfig import enable_x64
    from catena.core.model import ModelInfo
    from catena.numerics.ode import OdeSystem

    enable_x64()
    jnp.zeros(1).block_until_ready()
    tiny = OdeSystem(
        ModelInfo(id="bench.tiny", backend="jax"), "x = 1", "k = 1",
        lambda t, y, p, u: {"x": -p["k"] * y["x"]}, "x (time)", lambda t, y, p, u: {"x": y["x"]},
    )  # fmt: skip
    values = pbpk30.inputs(pbpk30.patients(1))
    seconds = []
    start = time.perf_counter()
    tiny.solved_with(method=method).predict(time=[1.0])
    seconds.append(time.perf_counter() - start)
    model = pbpk30.system(method=method)
    for _ in range(2):
        start = time.perf_counter()
        result = model.predict(values)
        seconds.append(time.perf_counter() - start)
    engine = {key: result.diagnostics.get(key) for key in ("backend", "fallback")}
    return {"tiny": seconds[0], "build": seconds[1] - seconds[2], "call": seconds[2], **engine}


def measure(cache: Path, method: str) -> dict[str, Any]:
    """Start a fresh process with a cache folder and return its figures."""
    place = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks.ode.compile_time", method],
        env={**os.environ, "CATENA_CACHE": str(cache), "PYTHONPATH": place},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return figures


def report(size: str = "full", method: str = "auto") -> list[Table]:
    """Return the time to a callable model with an empty and with a warm cache."""
    runs = {"empty cache": [], "warm cache": []}  # type: dict[str, list[dict[str, Any]]]
    for _ in range(3 if size == "full" else 1):
        with TemporaryDirectory() as folder:
            for kind in runs:
                runs[kind].append(measure(Path(folder), method))
    target = {"empty cache": "<= 1.5 s", "warm cache": "<= 0.05 s"}
    records = [
        {"what": f"30-state model, {kind}", "median s": statistics.median(builds),
         "min s": min(builds), "max s": max(builds), "target": target[kind],
         "first model of the process s": statistics.median(run["tiny"] for run in found),
         "call s": statistics.median(run["call"] for run in found),
         "ran on": found[0]["backend"]}
        for kind, found in runs.items()
        for builds in [[run["build"] for run in found]]
    ]  # fmt: skip
    return [Table("make_jaxpr to callable", records)]


if __name__ == "__main__":
    print(json.dumps(child(sys.argv[1])))
