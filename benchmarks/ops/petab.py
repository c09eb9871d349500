"""PEtab problems: published likelihoods, exact gradients, speed, and calibration from random starts.

Problems and published likelihoods: the PEtab benchmark collection (Hass et al. 2019,
doi:10.1093/bioinformatics/btz020) and AMICI's own benchmark test, whose time ceilings are quoted.
Peer for the time of a simulation: libroadrunner with its documents loaded, in the same run; it has
no gradients, so the baseline for those is one simulation more than there are parameters.
"""

from __future__ import annotations

import csv
import math
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ops.rows import Row, Store
from catena.core.work import Work
from catena.formats.petab import PetabProblem
from catena.numerics.ode import SolverSettings
from catena.ops.petab.calibration import searched
from catena.ops.petab.target import petab_calibration

#: Raised when a method changes, so that kept cells are computed anew; checks and searches apart.
VERSION, CHECKED, SEARCHED = 1, 2, 2
#: Problem -> (starts, iterations) of its calibration; starts are never nominal values.
STARTS = {
    "Boehm_JProteomeRes2014": (100, 300),
    "Crauste_CellSystems2017": (100, 300),
    "Bruno_JExpBot2016": (40, 200),
    "Fiedler_BMCSystBiol2016": (50, 300),
    "Rahman_MBS2016": (20, 300),
    "Elowitz_Nature2000": (400, 300),
    "Weber_BMC2015": (40, 1500),
    "Zheng_PNAS2012": (20, 300),
    "Sneyd_PNAS2002": (40, 300),
}
#: What ``small`` calibrates and simulates.
SMALL = ("Boehm_JProteomeRes2014", "Bruno_JExpBot2016")
#: Log-likelihood by which a search may miss the published optimum.
CLOSE = 0.5
#: Largest relative error of a published log-likelihood.
SAME = 1e-3
_TIGHT = SolverSettings(rtol=1e-10, atol=1e-13, max_steps=200_000)


def run(size: str, store: Store) -> list[Row]:
    """Return the figures of all problems.

    Args:
        size: ``small`` or ``full``.
        store: Keeps finished cells.
    """
    folder = _data() / "cell" / "petab"
    if not folder.is_dir():
        return [Row("PEtab problems", "no data sets here", note="set CATENA_DATA to their folder")]
    published = _published(folder / "reference_llh_amici.csv")
    here = sorted(path.name.removesuffix(".tar.xz") for path in folder.glob("*.tar.xz"))
    chosen = [name for name in here if size == "full" or name in SMALL]
    rows = _likelihood_rows(folder, [n for n in chosen if n in published], published, store)
    rows += _gradient_rows(folder, chosen, store)
    rows += _speed_rows(folder, [n for n in chosen if n in published], published, store)
    return rows + _search_rows(folder, [n for n in STARTS if n in chosen], size, store)


# Likelihoods --------------------------------------------------------------------------------


def _likelihood_rows(
    folder: Path, names: list[str], published: dict[str, dict[str, float]], store: Store
) -> list[Row]:
    def compute(key: dict[str, Any]) -> float:
        with _problem(folder, key["problem"]) as problem:
            objective = petab_calibration(problem).objective
            return float(objective.log_likelihood(objective.nominal[None])[0])

    keys = [{"what": "likelihood", "problem": name, "version": VERSION} for name in names]
    found = dict(zip(names, store.cells(keys, compute, "likelihoods"), strict=True))
    errors = {n: abs(v / published[n]["llh"] - 1.0) for n, v in found.items()}
    good = sum(error <= SAME for error in errors.values())
    wanted = 14 if len(names) > len(SMALL) else len(names)
    rows = [Row(f"log-likelihood at nominal parameters within {SAME:g} (relative)",
                f"{good} of {len(names)}", good, f">= {wanted}", good >= wanted,
                note="rtol 1e-8, atol 1e-12")]  # fmt: skip
    rows += [
        Row(f"log-likelihood of {name}", f"{value:.6f}", value, f"{published[name]['llh']:.6f}",
            errors[name] <= SAME, note=f"relative error {errors[name]:.1e}")
        for name, value in found.items()
    ]  # fmt: skip
    return rows


# Gradients ----------------------------------------------------------------------------------


def _gradient_rows(folder: Path, names: list[str], store: Store) -> list[Row]:
    def compute(key: dict[str, Any]) -> dict[str, float]:
        with _problem(folder, key["problem"]) as problem:
            return gradient_error(problem)

    keys = [{"what": "gradient", "problem": name, "version": CHECKED} for name in names]
    found = dict(zip(names, store.cells(keys, compute, "gradients"), strict=True))
    return [
        Row(f"gradient of {name} against central differences", f"{one['error']:.1e}", one["error"],
            "<= 1e-4", one["error"] <= 1e-4,
            note=f"{one['parameters']:.0f} parameters; largest error relative to the largest slope, "
            f"{one['off']:g} off nominal on the scales, differences of order 4 at rtol 1e-10")
        for name, one in found.items()
    ]  # fmt: skip


def gradient_error(problem: PetabProblem, step: float = 2e-5) -> dict[str, float]:
    """Return the error of a gradient against central differences of order four.

    Near its optimum one of the models grows without bound in finite time: where the point cannot
    be simulated, the opposite one or one nearer to the nominal values is taken.
    """
    objective = petab_calibration(problem, settings=_TIGHT).objective
    low, high = objective.bounds
    count = len(objective.names)
    direction = np.random.default_rng(1).standard_normal(count)
    for off in (0.05, -0.05, 0.005, -0.005):
        theta = np.clip(objective.nominal + off * direction, low + 3 * step, high - 3 * step)
        moved = np.concatenate([theta + k * step * np.eye(count) for k in (-2, -1, 1, 2)])
        values = objective.log_likelihood(moved).reshape(4, count)
        if np.isfinite(values).all():
            break
    _, gradient = objective.value_and_gradient(theta[None])
    slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    error = np.abs(gradient[0] - slope).max() / np.abs(slope).max()
    return {"error": float(error), "parameters": float(count), "off": off}


# Speed --------------------------------------------------------------------------------------


def _speed_rows(
    folder: Path, names: list[str], published: dict[str, dict[str, float]], store: Store
) -> list[Row]:
    def compute(key: dict[str, Any]) -> dict[str, float]:
        with _problem(folder, key["problem"]) as problem:
            return speeds(problem)

    keys = [{"what": "speed", "problem": name, "version": VERSION} for name in names]
    found = dict(zip(names, store.cells(keys, compute, "speeds"), strict=True))
    rows = []
    for name, one in found.items():
        peer = f"{one['peer']:.2f} ms" if math.isfinite(one.get("peer", math.nan)) else "none"
        told = published[name]
        target = 5.0 if name == "Boehm_JProteomeRes2014" else 1e3 * told["gradient"]
        rows += [
            Row(f"{name}: simulation", f"{one['value']:.2f} ms", one["value"], peer=peer,
                baseline=f"{one['plain']:.1f} ms read one by one",
                note=f"AMICI's ceiling {1e3 * told['simulation']:g} ms; median of 15 processor times"),
            Row(f"{name}: simulation and gradient", f"{one['gradient']:.2f} ms", one["gradient"],
                f"<= {target:g} ms", one["gradient"] <= target,
                baseline=f"{one['value'] * (one['parameters'] + 1):.1f} ms by differences",
                note=f"{one['parameters']:.0f} parameters; fastest wall time {one['wall']:.2f} ms"),
        ]  # fmt: skip
    return rows + _thousand_row(folder, store)


def _thousand_row(folder: Path, store: Store) -> list[Row]:
    """Return the time of a thousand parameter vectors at once."""
    name = "Boehm_JProteomeRes2014"

    def compute() -> float:
        with _problem(folder, name) as problem:
            target = petab_calibration(problem)
            theta = target.starts(1000, key=1)
            return _fastest(lambda: target.objective.log_likelihood(theta), 3) / 1e3

    seconds = store.cell({"what": "thousand", "problem": name, "version": VERSION}, compute)
    return [Row(f"{name}: 1,000 random parameter vectors at once", f"{seconds:.2f} s", seconds,
                "<= 5 s", seconds <= 5.0, note="wall time, all cores")]  # fmt: skip


def speeds(problem: PetabProblem) -> dict[str, float]:
    """Return milliseconds of warm evaluations at nominal parameters, on one thread."""
    from catena.numerics.ode.sbml.petab_simulation import PetabSimulator

    settings = SolverSettings(rtol=1e-8, atol=1e-12, max_steps=20_000, threads=1)
    objective = petab_calibration(problem, settings=settings).objective
    theta = objective.nominal[None]
    plain = PetabSimulator(problem, settings)
    out = {
        "parameters": float(len(objective.names)),
        "value": _median(lambda: objective.log_likelihood(theta)),
        "gradient": _median(lambda: objective.value_and_gradient(theta)),
        "wall": _fastest(lambda: objective.value_and_gradient(theta)),
        "plain": _median(plain.simulate, 5),
    }
    if find_spec("roadrunner") is not None:
        try:
            out["peer"] = _median(_roadrunner(plain))
        except RuntimeError:
            # CVODE cannot step over the jumps in time that some models have.
            out["peer"] = math.nan
    return out


def _roadrunner(simulator: Any) -> Callable[[], Any]:
    """Return what simulates the experiments of a problem with documents already loaded."""
    from benchmarks.ode import petab_peer

    problem, instruments = simulator.problem, simulator.instruments
    values = instruments.parameters(None)
    text = problem.model.read_text(encoding="utf-8")
    ready = []
    times: dict[str, set[float]] = {}
    for m in problem.measurements:
        times.setdefault(m.condition, set()).add(m.time)
    for condition, wanted in times.items():
        own = petab_peer._resolved(simulator, condition, values)
        runner = petab_peer._runner(petab_peer._changed(text, values | own))
        runner.integrator.relative_tolerance = 1e-8
        runner.integrator.absolute_tolerance = 1e-12
        ready.append((runner, sorted({0.0, *wanted})))

    def simulate() -> None:
        for runner, grid in ready:
            runner.reset()
            runner.simulate(times=grid if len(grid) > 1 else [0.0, 1e-9])

    return simulate


def _median(call: Callable[[], Any], times: int = 15) -> float:
    call()
    found = []
    for _ in range(times):
        start = time.process_time()
        call()
        found.append(1e3 * (time.process_time() - start))
    return statistics.median(found)


def _fastest(call: Callable[[], Any], times: int = 15) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(1e3 * (time.perf_counter() - start))
    return min(found)


# Calibration --------------------------------------------------------------------------------


def _search_rows(folder: Path, names: list[str], size: str, store: Store) -> list[Row]:
    def compute(key: dict[str, Any]) -> dict[str, float]:
        with _problem(folder, key["problem"]) as problem:
            return search(problem, key["starts"], key["iterations"], key["seed"])

    keys = []
    for name in names:
        starts, iterations = STARTS[name] if size == "full" else (20, 100)
        keys.append({"what": "search", "problem": name, "starts": starts, "iterations": iterations,
                     "seed": 1, "version": SEARCHED})  # fmt: skip
    found = dict(zip(names, store.cells(keys, compute, "searches"), strict=True))
    good = sum(one["gap"] >= -CLOSE for one in found.values())
    wanted = 7 if size == "full" else 1
    rows = [Row(f"published optimum reached from random starts (within {CLOSE:g})",
                f"{good} of {len(found)}", good, f">= {wanted}", good >= wanted)]  # fmt: skip
    rows += [
        Row(f"{name}: best of {one['starts']:.0f} searches", f"{one['best']:.3f}", one["best"],
            f">= {one['published'] - CLOSE:.3f}", one["gap"] >= -CLOSE,
            baseline=f"{one['drawn']:.4g} at the best random start",
            note=f"{one['gap']:+.2f} from the published; {one['close']:.0f} searches within {CLOSE:g} "
            f"of it, {one['failed']:.0f} starts failed, {one['evaluations']:.0f} gradients, "
            f"{one['seconds']:.0f} s of processor time")
        for name, one in found.items()
    ]  # fmt: skip
    return rows


def search(problem: PetabProblem, starts: int, iterations: int, seed: int) -> dict[str, float]:
    """Return how searches from random starts end, against the published optimum."""
    began = time.process_time()
    target = petab_calibration(problem, priors=False)
    ends = searched(target, starts, 1, iterations, seed, Work())
    objective = target.objective
    published = float(objective.log_likelihood(objective.nominal[None])[0])
    best = -float(ends.value.min())
    return {
        "starts": starts,
        "published": published,
        "best": best,
        "gap": best - published,
        "close": int((-ends.value >= published - CLOSE).sum()),
        "failed": int((~np.isfinite(ends.first)).sum()),
        "drawn": -float(ends.first.min()),
        "evaluations": int(ends.evaluations.sum()),
        "seconds": time.process_time() - began,
    }


# Files --------------------------------------------------------------------------------------


@contextmanager
def _problem(folder: Path, name: str) -> Iterator[PetabProblem]:
    from benchmarks.ode.petab import problem_in

    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(folder / f"{name}.tar.xz") as tar:
            tar.extractall(place, filter="data")
        yield problem_in(Path(place) / name)


def _data() -> Path:
    root = os.environ.get("CATENA_DATA")
    return Path(root) if root else Path(__file__).parents[3] / "shared" / "data"


def _published(path: Path) -> dict[str, dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["problem"]: {
                "llh": float(row["llh_at_nominal_parameters"]),
                "simulation": float(row["amici_t_sim_s_max"] or "nan"),
                "gradient": float(row["amici_t_fwd_sens_s_max"] or "nan"),
            }
            for row in csv.DictReader(file)
        }
