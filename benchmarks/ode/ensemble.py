"""1,000 patients of the 30-state model: time at equal error, engine by engine, in turns.

Error of a run: the largest ``|y - reference|`` over times, over the largest ``|reference|`` over
times of that state and patient, then the largest over states and patients. The reference is
LSODA at rtol 1e-12 for every patient, itself compared with Radau (exact Jacobian) on some.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from benchmarks.ode import pbpk30
from benchmarks.ode.peers import ENGINES, OURS, Catena, Engine, Odeint, build, spread
from benchmarks.ode.records import Table
from benchmarks.timing import Row, alternate, row

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
#: Engines too slow for all patients get this share of them; their times are per patient.
SHARE = {"diffrax Kvaerno5": 0.05}


@final
@dataclass(frozen=True)
class Point:
    """One engine at one tolerance: milliseconds per patient (wall and processor) and error."""

    engine: str
    rtol: float
    wall: list[float]
    cpu: list[float]
    error: float

    @property
    def best(self) -> float:
        """The least disturbed run, in ms per patient."""
        return min(self.wall)

    def record(self, patients: int) -> dict[str, Any]:
        """Return the point as a row of the work-precision table."""
        return {"engine": self.engine, "rtol": self.rtol, "error": self.error,
                "ms/patient min": self.best, "median": statistics.median(self.wall),
                "cpu ms/patient": min(self.cpu), "patients": patients}  # fmt: skip


def error_of(amounts: np.ndarray, reference: np.ndarray) -> float:
    """Return the error defined above; failed patients count as infinite."""
    size = np.abs(reference).max(axis=1)
    error = np.abs(amounts - reference).max(axis=1) / size
    return float(np.where(np.isfinite(error), error, np.inf).max())


def reference_of(values: np.ndarray) -> np.ndarray:
    """Return amounts (patients, 49, 30) by LSODA at the tightest tolerance it keeps."""
    try:
        engine = Odeint()
    except ImportError:
        engine = Odeint(compiled=False)
    return engine.solve(values, 1e-12, 1e-13)


def radau(values: np.ndarray) -> np.ndarray:
    """Return amounts by SciPy's Radau with the exact Jacobian, an independent method and code."""
    import jax
    from scipy.integrate import solve_ivp

    from benchmarks.ode.flat_model import flat_slopes
    from benchmarks.ode.transcribed import python_slopes

    slopes = flat_slopes(pbpk30.system())
    jacobian = jax.jit(jax.jacfwd(slopes, argnums=1))
    fill = python_slopes()
    out = []
    for parameters in values:

        def rhs(t: float, y: np.ndarray, p: np.ndarray = parameters) -> np.ndarray:
            filled = np.empty(len(y))
            fill(y, p, filled)
            return filled

        def jac(t: float, y: np.ndarray, p: np.ndarray = parameters) -> np.ndarray:
            return np.asarray(jacobian(t, y, p))

        solution = solve_ivp(
            rhs, (0.0, pbpk30.TIMES[-1]), pbpk30.start(), "Radau", pbpk30.TIMES[1:],
            jac=jac, rtol=1e-10, atol=1e-13,
        )  # fmt: skip
        out.append(np.vstack([pbpk30.start(), solution.y.T]))
    return np.array(out)


def timed(call: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Return wall seconds, processor seconds and the result."""
    wall, cpu = time.perf_counter(), time.process_time()
    out = call()
    return time.perf_counter() - wall, time.process_time() - cpu, out


def work_precision(
    engines: Mapping[str, Engine],
    values: np.ndarray,
    reference: np.ndarray,
    tolerances: tuple[float, ...],
    rounds: int,
) -> list[tuple[Point, int]]:
    """Time all engines in turns, tolerance by tolerance: points with the patients they took."""
    points = []
    for rtol in tolerances:
        atol = rtol * pbpk30.ATOL / pbpk30.RTOL
        counts = {n: max(2, round(SHARE.get(n, 1.0) * len(values))) for n in engines}
        walls: dict[str, list[float]] = {name: [] for name in engines}
        cpus: dict[str, list[float]] = {name: [] for name in engines}
        errors = {}
        for turn in range(rounds + 1):
            for name, engine in engines.items():
                # The first turn compiles: for this size, where an engine compiles per size.
                warm = not turn and not engine.native and name not in SHARE
                rows = values[: min(8, counts[name]) if warm else counts[name]]
                wall, cpu, out = timed(partial(engine.solve, rows, rtol, atol))
                if not turn:
                    continue
                walls[name].append(1e3 * wall / counts[name])
                cpus[name].append(1e3 * cpu / counts[name])
                errors[name] = error_of(out, reference[: counts[name]])
        points += [
            (Point(name, rtol, walls[name], cpus[name], errors[name]), counts[name])
            for name in engines
        ]
    return points


def ratios(points: list[Point]) -> list[dict[str, Any]]:
    """Set every peer's run beside our cheapest run with an equal or smaller error."""
    ours = [point for point in points if point.engine == OURS]
    found = []
    for peer in points:
        if peer.engine == OURS:
            continue
        enough = [point for point in ours if point.error <= peer.error]
        record = {"peer": peer.engine, "peer rtol": peer.rtol, "peer error": peer.error,
                  "peer ms": peer.best}  # fmt: skip
        if enough:
            mine = min(enough, key=lambda point: point.best)
            found.append({**record, "our rtol": mine.rtol, "our error": mine.error,
                          "our ms": mine.best, "times faster": peer.best / mine.best,
                          "by median": statistics.median(peer.wall)
                          / statistics.median(mine.wall)})  # fmt: skip
        else:
            found.append({**record, "our rtol": "none as exact"})
    return found


def two_workers(
    engines: Mapping[str, Engine], values: np.ndarray, rounds: int
) -> list[dict[str, Any]]:
    """Time rtol 1e-6 on one and on two threads (processes where a peer has no threads)."""
    found = []
    for name, engine in engines.items():
        if name in SHARE:
            continue
        with spread(name, engine, 2) as both:

            def one(engine: Engine = engine) -> np.ndarray:
                return engine.solve(values, pbpk30.RTOL, pbpk30.ATOL)

            def two(both: Callable[..., np.ndarray] = both) -> np.ndarray:
                return both(values, pbpk30.RTOL, pbpk30.ATOL)

            singles, doubles = alternate(one, two, rounds)
        found.append(
            {"engine": name, "patients": len(values), "1 thread s": min(singles),
             "median s": statistics.median(singles), "2 threads s": min(doubles),
             "median 2 s": statistics.median(doubles),
             "how": "threads" if engine.native else "processes"}
        )  # fmt: skip
    return found


def report(size: str = "full", method: str = "auto") -> list[Table]:
    """Return work-precision rows, ratios at equal error, and threads.

    Args:
        size: ``small`` takes 24 patients and two tolerances.
        method: Our solver method.
    """
    full = size == "full"
    values = pbpk30.patients(1000 if full else 24)
    reference = reference_of(values)
    few = values[:: max(1, len(values) // (10 if full else 2))]
    agreement = error_of(radau(few), reference[:: max(1, len(values) // (10 if full else 2))])
    built = {name: Catena(method) if name == OURS else build(name) for name in ENGINES}
    missing = {name: why for name, why in built.items() if isinstance(why, str)}
    engines = {name: engine for name, engine in built.items() if not isinstance(engine, str)}
    tolerances = TOLERANCES if full else (1e-4, 1e-6)
    points = work_precision(engines, values, reference, tolerances, 3 if full else 1)
    ours = engines[OURS]
    assert isinstance(ours, Catena)
    ran = {key: ours.diagnostics.get(key) for key in ("backend", "solver", "fallback")}
    curve = [point.record(count) for point, count in points]
    curve += [{"engine": name, "rtol": why} for name, why in missing.items()]
    return [
        Table("30-state ensemble: work and precision (one thread)", curve,
              [f"Catena ran on {ran}", f"reference against Radau on {len(few)} patients: "
               f"{agreement:.2g}"]),
        Table("30-state ensemble: peers against our cheapest run that is at least as exact",
              ratios([point for point, _ in points]) or [{"peer": "none installed"}]),
        Table("30-state ensemble, rtol 1e-6: one and two threads",
              two_workers(engines, values, 5 if full else 1)),
    ]  # fmt: skip


def headline(patients: int = 1000, repeats: int = 5) -> list[Row]:
    """Return ours beside each of the fast peers at rtol 1e-6 on one thread, for ``make bench``.

    Both errors, measured on the first fifty patients, are in the row's name.
    """
    values = pbpk30.patients(patients)
    few, reference = values[:50], reference_of(values[:50])
    ours = Catena()

    def call(engine: Engine, rows: np.ndarray = values) -> Callable[[], np.ndarray]:
        return partial(engine.solve, rows, pbpk30.RTOL, pbpk30.ATOL)

    title = f"{patients} patients, 30 states, 49 times"
    targets = {"libroadrunner": "ratio <= 0.1", "CasADi CVODES": "ratio <= 0.067"}
    rows = []
    for name, target in targets.items():
        peer = build(name)
        if isinstance(peer, str):
            rows.append(Row(f"{title}; {name}: {peer}", 0.0, 0.0, 0.0, target=target))
            continue
        mine, its = alternate(call(ours), call(peer), repeats)
        errors = [error_of(call(engine, few)(), reference) for engine in (ours, peer)]
        text = f"{title}; errors {errors[0]:.1e}, peer {errors[1]:.1e}"
        rows.append(row(text, mine, target, name, its))
    return rows
