"""Heart cells from CellML: derivatives, pacing and the CiPA drug set, against Myokit.

The cell is the CiPA version of O'Hara-Rudy (Dutta et al. 2017, doi:10.3389/fphys.2017.00616;
Li et al. 2019, doi:10.1002/cpt.1184) in its protocol: endocardial, cycle length 2,000 ms,
stimulus -80 uA/uF for 0.5 ms, 28 drugs at 1-4 times their therapeutic concentration.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ode.records import Table
from catena.numerics.ode import OdeSystem
from catena.numerics.ode.cellml import load_cellml

CYCLE = 2000.0
CIPA = "ohara_rudy_cipa_v1_2017"
STIMULUS = {"start": 0.0, "period": CYCLE, "duration": 0.5, "amplitude": -80.0}
_CHASTE = {"start": "membrane.i_Stim_Start", "period": "membrane.i_Stim_Period",
           "duration": "membrane.i_Stim_PulseDuration",
           "amplitude": "membrane.i_Stim_Amplitude"}  # fmt: skip
#: Membrane potential, stimulus current and the constants that describe it, by model.
MODELS = {
    CIPA: ("membrane.v", "membrane.Istim", _CHASTE),
    "ohara_rudy_2011_endo": ("membrane.v", "membrane.Istim", _CHASTE),
    "ToRORd_dynCl_endo": ("membrane.v", "membrane.Istim", _CHASTE),
    "grandi_pasqualini_bers_2010_ss_endo": (
        "membrane_potential.V_m", "membrane_potential.i_Stim",
        {part: f"membrane_potential.stim_{part}" for part in STIMULUS},
    ),
}  # fmt: skip
#: Conductance that each measured current scales; the hERG channel binds drugs dynamically.
CONDUCTANCES = {"INa": "INa.GNa", "INaL": "INaL.GNaL_b", "ICaL": "ICaL.PCa_b",
                "IKs": "IKs.GKs_b", "IK1": "IK1.GK1_b", "Ito": "Ito.Gto_b"}  # fmt: skip
BINDING = ("Kmax", "Ku", "n", "halfmax", "Vhalf", "Kt", "D")
#: Trapping rate of all drugs, 1/ms (Li et al. 2017, doi:10.1161/CIRCEP.116.004628).
TRAPPING = 3.5e-5
SOTALOL = "cipa_published_fixed_sotalol_metrics.csv"
#: What errors are measured on, and when: every millisecond of the last beat.
TRACES = ("membrane.v", "intracellular_ions.cai")
TIMES = np.arange(0.0, CYCLE)
RTOLS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
#: Currents whose integral over a beat is the net charge, qNet.
NET = ("INaL.INaL", "ICaL.ICaL", "IKr.IKr", "Ito.Ito", "IKs.IKs", "IK1.IK1")


def data_folder() -> Path:
    """Return the folder of the cardiac data sets; it may not exist."""
    root = os.environ.get("CATENA_DATA")
    base = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    return base / "body" / "cardiac"


def model_path(name: str) -> Path:
    """Return the file of a cell model."""
    return data_folder() / f"{name}.cellml.xz"


# Our side ------------------------------------------------------------------------------------


@cache
def cell() -> OdeSystem:
    """Return the CiPA cell paced as in the protocol, with the drug parameters as inputs."""
    return load_cellml(
        model_path(CIPA),
        parameters=[*CONDUCTANCES.values(), *(f"IKr.{name}" for name in BINDING)],
        outputs=[*TRACES, *NET],
        stimulus={"membrane.Istim": STIMULUS},
        initial=paced_states(),
    )


def paced_states() -> dict[str, float]:
    """Return the states of the cell paced to its limit without drug."""
    lines = (data_folder() / "newordherg_states_CL2000.txt").read_text().splitlines()
    values = {name: float(value) for name, value in (line.split() for line in lines if line)}
    states = load_cellml(model_path(CIPA), parameters=[]).states
    return {field.doc.split()[0]: values[field.name] for field in states}


def drug_rows() -> dict[str, Any]:
    """Return one row per drug and dose: names, doses and the inputs of ``cell``."""
    folder = data_folder()
    cmax = {r["drug"]: float(r["therapeutic"]) for r in _table(folder / "cipa28_drugs_newCiPA.csv")}
    hill = {r["drug"]: r for r in _table(folder / "cipa28_hill_optimal.csv")
            if r["lab"] == "chantest"}  # fmt: skip
    doses = (1.0, 2.0, 3.0, 4.0)
    parts = [dosed(drug, hill[drug["drug"]], doses, cmax[drug["drug"]])
             for drug in _table(folder / "cipa28_herg_dynamic_pars.csv")]  # fmt: skip
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def sotalol_rows() -> dict[str, Any]:
    """Return the rows of the published sotalol run, from its own (2017) parameters."""
    folder = data_folder()
    (binding,) = (r for r in _table(folder / "herg_dynamic_pars.csv") if r["drug"] == "sotalol")
    (hill,) = (r for r in _table(folder / "hill_optimal.csv") if r["drug"] == "sotalol")
    doses = [float(r["dose"]) for r in _table(folder / SOTALOL)]
    cmax = {r["drug"]: float(r["therapeutic"]) for r in _table(folder / "cipa28_drugs_newCiPA.csv")}
    return dosed(binding, hill, doses, cmax["sotalol"])


def dosed(
    binding: Mapping[str, str], hill: Mapping[str, str], doses: Sequence[float], cmax: float
) -> dict[str, Any]:
    """Return rows of one drug at multiples of its therapeutic concentration (nM)."""
    columns = _columns()
    out: dict[str, list[Any]] = {"drug": [binding["drug"]] * len(doses), "dose": list(doses)}
    for name in BINDING[:5]:
        out[columns[name]] = [float(binding[name])] * len(doses)
    out[columns["Kt"]] = [TRAPPING] * len(doses)
    out[columns["D"]] = [dose * cmax for dose in doses]
    for current in CONDUCTANCES:
        whole = cell().parameters[columns[current]].default
        out[columns[current]] = [whole * unblocked(hill, current, dose * cmax) for dose in doses]
    return out


def unblocked(hill: Mapping[str, str], current: str, concentration: float) -> float:
    """Return the share of a current left at a concentration; 1 where nothing was measured."""
    if not hill[f"{current}_IC50"]:
        return 1.0
    ratio = concentration / float(hill[f"{current}_IC50"])
    return 1.0 / (1.0 + ratio ** float(hill[f"{current}_h"]))


def _columns() -> dict[str, str]:
    """Return the input of ``cell`` for each current and binding parameter."""
    by_path = {field.doc.split()[0]: field.name for field in cell().parameters}
    return {**{current: by_path[path] for current, path in CONDUCTANCES.items()},
            **{name: by_path[f"IKr.{name}"] for name in BINDING}}  # fmt: skip


def inputs(rows: Mapping[str, Any], some: slice = slice(None)) -> dict[str, np.ndarray]:
    """Return the inputs of some rows."""
    return {n: np.array(v[some]) for n, v in rows.items() if n in cell().parameters}


def paced(rows: Mapping[str, Any], beats: int, rtol: float, **settings: Any) -> Any:
    """Pace rows of ``cell`` and return the outputs on the last beat."""
    system = cell().solved_with(rtol=rtol, atol=1e-3 * rtol, max_steps=10**8, **settings)
    return system.predict({**rows, "time": (beats - 1) * CYCLE + TIMES})


def net_charge(result: Any) -> np.ndarray:
    """Return qNet (rows,) in nC/uF: the integral of the net currents over the beat."""
    total = sum(np.asarray(result[path.partition(".")[2]]) for path in NET)
    return np.trapezoid(total, TIMES, axis=1)


def apd90(v: np.ndarray, times: np.ndarray) -> float:
    """Return the action potential's duration (upstroke to 90 % repolarised) in ms."""
    peak, rest = int(np.argmax(v)), float(v[-1])
    upstroke = int(np.argmax(np.diff(v[: peak + 1]))) if peak else 0
    late = v[peak:] < v[peak] - 0.9 * (v[peak] - rest)
    return float(times[peak + int(np.argmax(late))] - times[upstroke])


# Tables --------------------------------------------------------------------------------------


def report(size: str = "full") -> list[Table]:
    """Measure loading, compiling, derivatives, work and precision, and the drug set."""
    if not model_path(CIPA).is_file():
        return [Table("Heart cells", [], ["no data sets here: set CATENA_DATA to their folder"])]
    full = size == "full"
    return [
        Table("Heart cells from CellML", [loaded(name) for name in MODELS]),
        work_precision(30 if full else 2, RTOLS if full else RTOLS[:2]),
        drug_set(1000 if full else 2, slice(None) if full else slice(0, 4)),
        sotalol(1000 if full else 2),
    ]


def loaded(name: str) -> dict[str, Any]:
    """Return the record of one model: loading, compiling, derivatives, ten beats."""
    potential, current, pulse = MODELS[name]
    system, load = _timed(lambda: load_cellml(model_path(name), outputs=[potential],
                                              stimulus={current: pulse}))  # fmt: skip
    times = np.arange(0.0, 1000.0, 0.5)
    call = partial(system.predict, {"time": 9000.0 + times})
    first, (result, beats) = _timed(call)[1], _timed(call)
    v = np.asarray(result[system.outputs.names[0]])[0]
    record = {"model": name, "states": len(system.states), "load (s)": load,
              "compile (s)": first - beats, "per beat (s)": beats / 10.0,
              "APD90 of beat 10 (ms)": apd90(v, times),
              "back end": result.diagnostics["backend"]}  # fmt: skip
    if find_spec("myokit") is None:
        return {**record, "derivative error": "myokit is not installed"}
    from benchmarks.ode.cardiac_peer import derivatives

    ours, theirs = initial_rates(name), derivatives(model_path(name))
    worst = max(abs(ours[p] - d) / abs(d) if d else abs(ours[p]) for p, d in theirs.items())
    return {**record, "derivative error": worst}


def initial_rates(name: str) -> dict[str, float]:
    """Return our derivatives at the file's initial values by full name of the state."""
    system = load_cellml(model_path(name), parameters=[])
    p = system.derive({}) if system.derive else {}
    rates = system.rhs(0.0, {field.name: field.default for field in system.states}, p, {})
    return {field.doc.split()[0]: float(rates[field.name]) for field in system.states}


def work_precision(beats: int, tolerances: tuple[float, ...]) -> Table:
    """Return time and errors of one cell, engine by engine in turns, tolerance by tolerance."""
    rows = drug_rows()
    k = rows["drug"].index("dofetilide") + 3
    row = inputs(rows, slice(k, k + 1))
    engines = {"catena": lambda rtol: _traces(paced(row, beats, rtol))}
    notes = [f"{beats} beats from the states paced without drug; error: largest difference on the "
             "last beat from our run at rtol 1e-9, over the range; time: best of three"]  # fmt: skip
    if find_spec("myokit") is None:
        notes.append("Myokit is not installed")
    else:
        from benchmarks.ode.cardiac_peer import MyokitCell

        peer = MyokitCell(model_path(CIPA), "membrane.Istim", STIMULUS, paced_states(), TRACES)
        constants = {f.doc.split()[0]: float(row[f.name][0]) for f in cell().parameters}
        engines["Myokit"] = lambda rtol: peer.run(constants, beats, TIMES, rtol, 1e-2 * rtol)
        notes.append(f"Myokit compiled for {peer.built:.1f} s and keeps atol at rtol / 100")
    reference = engines["catena"](1e-9)
    span = np.ptp(reference, axis=0)
    records = []
    for rtol in tolerances:
        turns = [{name: _timed(partial(run, rtol)) for name, run in engines.items()}
                 for _ in range(3)]  # fmt: skip
        for name in engines:
            error = np.abs(turns[0][name][0] - reference).max(axis=0) / span
            seconds = min(turn[name][1] for turn in turns)
            records.append({"engine": name, "rtol": rtol, "error V": error[0],
                            "error Cai": error[1], "s per 1,000 beats": 1e3 * seconds / beats})  # fmt: skip
    return Table("One cell, dofetilide at 4 x Cmax: work and precision", records, notes)


def drug_set(beats: int, some: slice, rtol: float = 1e-4) -> Table:
    """Return the drug set: time for all rows, and qNet beside the published means."""
    rows = drug_rows()
    row = inputs(rows, some)
    paced({name: value[:1] for name, value in row.items()}, 1, rtol)  # compiles
    spent = time.process_time()
    result, seconds = _timed(lambda: paced(row, beats, rtol))
    spent = time.process_time() - spent
    charge = net_charge(result)
    published = {
        (r["drug"], float(r["dose_xCmax"])): float(r["qNet_mean"])
        for r in _table(data_folder() / "cipa28_published_qNet_summary.csv")
    }
    records: dict[str, dict[str, Any]] = {}
    for name, dose, value in zip(rows["drug"][some], rows["dose"][some], charge, strict=True):
        record = records.setdefault(name, {"drug": name})
        record[f"qNet {dose:g}x"] = value
        if (name, dose) in published:
            record[f"published {dose:g}x"] = published[name, dose]
    count, success = len(charge), np.asarray(result.diagnostics["success"])
    notes = [
        f"{count} rows x {beats} beats at rtol {rtol:g} in {seconds:.1f} s "
        f"({spent:.1f} s of processor time): "
        f"{1000.0 * seconds / count / beats:.4g} s per 1,000 beats of one row, "
        f"{int(success.sum())} rows succeeded, {int(result.diagnostics['steps'].sum())} steps",
        "published: means over 2,000 parameter samples, this run takes the best-fit parameters "
        "(chantest) and the last beat",
    ]
    return Table("CiPA drugs: qNet of the last beat, nC/uF", list(records.values()), notes)


def sotalol(beats: int, rtol: float = 1e-4) -> Table:
    """Return charge and duration of the action potential beside the published reference run."""
    rows = sotalol_rows()
    result = paced(inputs(rows), beats, rtol)
    published = _table(data_folder() / SOTALOL)
    records = [
        {"dose": dose, "qNet": charge, "published qNet": float(line["qNet"]),
         "difference": charge / float(line["qNet"]) - 1.0, "APD90 (ms)": apd90(v, TIMES),
         "published APD90": float(line["APD90"])}
        for dose, charge, v, line in zip(rows["dose"], net_charge(result), np.asarray(result["v"]),
                                         published, strict=True)
    ]  # fmt: skip
    return Table("Sotalol against the published run, nC/uF", records,
                 [f"beat {beats}; the published beat is the one of steepest repolarisation among "
                  "the last 250"])  # fmt: skip


def _traces(result: Any) -> np.ndarray:
    return np.stack([np.asarray(result[name])[0] for name in ("v", "cai")], axis=1)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    out = call()
    return out, time.perf_counter() - start


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
