"""Published signalling and pathway models: simulated data as stored, and as libroadrunner gives it.

The problems are those of the PEtab benchmark collection (Hass et al. 2019,
doi:10.1093/bioinformatics/btz020). Every measurement is simulated at nominal parameters; errors
are relative to the largest simulated value of the observable.
"""

from __future__ import annotations

import csv
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ode.records import Table
from catena.core.errors import CatenaError
from catena.formats.petab import (
    Measurement,
    Parameter,
    PetabProblem,
    read_measurements,
    read_petab,
)
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml.petab_simulation import PetabSimulator
from catena.numerics.ode.sbml.structure import sort_out

#: Error up to which two simulations count as the same.
SAME = 1e-4
#: The problems that the ``small`` size simulates.
SMALL = ("Boehm_JProteomeRes2014", "Zheng_PNAS2012")
#: Conditions that a table of simulated values calls by each other's names (libroadrunner agrees).
_SWAPPED = {
    "Sneyd_PNAS2002": {
        "Ca_dose_response__5": "Ca_dose_response__6",
        "Ca_dose_response__6": "Ca_dose_response__5",
    }
}
#: Tight, because small errors grow a thousandfold in some of the models.
_SETTINGS = SolverSettings(rtol=1e-10, atol=1e-14, max_steps=200_000)
#: Tables of measurements that a problem keeps for tests; their simulation is stored, too.
_TESTS = {"Zhao_QuantBiol2020": "measurementData_test_Zhao_QuantBiol2020.tsv"}
#: Scaling factors that the stored parameter table of a problem lacks, from a later version of the
#: collection (Benchmarking-Initiative/Benchmark-Models-PEtab at 000333af609f).
_ADDED = {
    "Smith_BMCSystBiol2013": {
        "sc_PI3K": 1.6607492397638188,
        "sc_GLUT_2B": 0.005003654843537889,
        "sc_BINS": 0.001627712376345442,
        "sc_PIRS": 0.005656559423442325,
        "sc_PTP": 0.16,
    }
}


def report(size: str = "full") -> list[Table]:
    """Simulate the problems and compare them with stored data and libroadrunner."""
    folder = _data() / "cell" / "petab"
    archives = sorted(folder.glob("*.tar.xz")) if folder.is_dir() else []
    if not archives:
        return [Table("PEtab problems", [], ["no data sets here: set CATENA_DATA to their folder"])]
    likelihoods = _likelihoods(folder / "reference_llh_amici.csv")
    records = []
    for archive in archives:
        name = archive.name.removesuffix(".tar.xz")
        if size == "full" or name in SMALL:
            with tempfile.TemporaryDirectory() as place:
                with tarfile.open(archive) as tar:
                    tar.extractall(place, filter="data")
                records.append(compared(Path(place) / name, likelihoods.get(name)))
    return [Table("PEtab problems at nominal parameters", records, _notes(records))]


def compared(folder: Path, likelihood: float | None) -> dict[str, Any]:
    """Return the record of one problem."""
    name = folder.name
    problem = problem_in(folder)
    record: dict[str, Any] = {"problem": name, "measurements": len(problem.measurements)}
    try:
        simulator = PetabSimulator(problem, _SETTINGS)
        ours, first = _timed(simulator.simulate)
        ours, again = _timed(simulator.simulate)
    except CatenaError as error:
        return {**record, "fault": f"{error.what}: {error.why}"}
    record |= {"states": _states(simulator), "first (s)": first, "again (s)": again}
    record["back end"] = ", ".join(
        sorted({str(d.get("backend", "")) for d in ours.diagnostics} - {""})
    )
    stored = stored_values(problem, next(folder.glob("simulatedData*.tsv")))
    record["compared"] = int(np.isfinite(stored).sum())
    record["stored error"] = error_of(problem, ours.values, stored)
    record["as stored"] = record["stored error"] <= SAME
    if _repeats(problem, stored):
        record["as stored"] = "measurements stored"
    if find_spec("roadrunner") is not None:
        from benchmarks.ode.petab_peer import simulated_by_roadrunner

        peer, seconds = _timed(lambda: simulated_by_roadrunner(simulator))
        record["peer error"] = error_of(problem, ours.values, peer)
        record["as peer"] = record["peer error"] <= SAME
        record["peer stored error"] = error_of(problem, peer, stored)
        record["peer (s)"] = seconds
    if likelihood is not None:
        own = simulator.log_likelihood(ours)
        record["llh"] = own
        record["llh error"] = abs(own - likelihood) / abs(likelihood)
    return record


def problem_in(folder: Path) -> PetabProblem:
    """Read the problem in a folder, and add what its tables lack."""
    problem = read_petab(folder / f"{folder.name}.yaml")
    measurements = problem.measurements
    if folder.name in _TESTS:
        measurements += read_measurements(folder / _TESTS[folder.name])
    added = _ADDED.get(folder.name, {})
    more = {name: Parameter(name, "log10", value) for name, value in added.items()}
    return replace(problem, parameters={**more, **problem.parameters}, measurements=measurements)


def error_of(problem: PetabProblem, ours: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference, relative to the scale of each observable."""
    names = np.array([m.observable for m in problem.measurements])
    known = np.isfinite(other)
    worst = 0.0 if known.any() else np.nan
    for name in np.unique(names[known]):
        here = known & (names == name)
        scale = np.abs(other[here]).max() or 1.0
        worst = max(worst, float(np.abs(ours[here] - other[here]).max() / scale))
    return worst


def stored_values(problem: PetabProblem, path: Path) -> np.ndarray:
    """Return the stored simulation of every measurement (NaN where the table lacks it).

    Tables keep the order of the measurements, or name observable, conditions and time; some add
    further ids to the observable's, after two underscores.
    """
    swapped = _SWAPPED.get(problem.name, {})
    rows = [replace(r, condition=swapped.get(r.condition, r.condition)) for r in _simulated(path)]
    same_names = {row.condition for row in rows} <= set(problem.conditions)
    ordered = len(rows) == len(problem.measurements) and all(
        abs(row.time - m.time) <= 1e-6 * (1 + abs(m.time))
        and (row.condition == m.condition or not same_names)
        for row, m in zip(rows, problem.measurements, strict=True)
    )
    if ordered:
        return np.array([row.value for row in rows])
    table = {_key(row): row.value for row in rows}
    return np.array([table.get(_key(m), np.nan) for m in problem.measurements])


def _repeats(problem: PetabProblem, stored: np.ndarray) -> bool:
    """Whether a table of simulated values holds the measurements instead."""
    measured = np.array([m.value for m in problem.measurements])
    return bool(np.allclose(stored, measured, rtol=1e-6, equal_nan=True))


def _key(m: Measurement) -> tuple[Any, ...]:
    return (m.observable.split("__")[0], m.before, m.condition, m.time, m.observable_parameters)


def _simulated(path: Path) -> tuple[Measurement, ...]:
    """Read the table of simulated values; one of them spells two heads its own way."""
    with path.open(encoding="utf-8", newline="") as file:
        heads = next(csv.reader(file, delimiter="\t"))
    if "simulationConditionId" in heads:
        return read_measurements(path, "simulation")
    text = path.read_text(encoding="utf-8").replace("Condition\t", "ConditionId\t")
    path.write_text(text, encoding="utf-8")
    return read_measurements(path, "simulation")


def _states(simulator: PetabSimulator) -> int:
    return len(sort_out(simulator.model).states)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def _data() -> Path:
    root = os.environ.get("CATENA_DATA")
    return Path(root) if root else Path(__file__).parents[3] / "shared" / "data"


def _likelihoods(path: Path) -> dict[str, float]:
    def rows() -> Iterator[dict[str, str]]:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    return {row["problem"]: float(row["llh_at_nominal_parameters"]) for row in rows()}


def _notes(records: list[dict[str, Any]]) -> list[str]:
    total = len(records)
    corrected = [r["problem"] for r in records if r["problem"] in {**_ADDED, **_SWAPPED}]
    notes = [
        f"{sum(r.get('as stored') is True for r in records)} of {total} as stored, "
        f"{sum(bool(r.get('as peer')) for r in records)} of {total} as libroadrunner "
        f"(largest difference relative to each observable's scale <= {SAME:g})"
    ]
    if corrected:
        notes.append(f"stored files corrected before the comparison, see _ADDED and _SWAPPED: "
                     f"{', '.join(corrected)}")  # fmt: skip
    if find_spec("roadrunner") is None:
        notes.append("libroadrunner: not installed")
    else:
        notes.append("libroadrunner's seconds include loading one document per experiment")
    return notes + [f"{r['problem']}: {r['fault']}" for r in records if "fault" in r]
