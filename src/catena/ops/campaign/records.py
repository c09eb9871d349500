"""Results come in: matched to what was asked, checked, and never counted twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catena.core.errors import CatenaError, DataError, did_you_mean
from catena.core.units import conversion
from catena.ops.campaign.state import Experiment, Reading, State
from catena.ops.space import Space

#: Texts of a status column that mean that an experiment gave nothing.
_FAILED = frozenset(("failed", "lost", "contaminated", "void"))


def take_in(
    state: State, space: Space, results: Any, correct: bool
) -> tuple[State, dict[str, Any]]:
    """Return the state with results added, and what was done with each row.

    Rows name an ``experiment`` that was asked, or hold all factors of one that was not. Rows that
    are there already change nothing; results may come late, in parts and in any order.

    Args:
        state: The campaign.
        space: Its space.
        results: A file (CSV, JSON, Parquet), DataFrame, mapping of columns or list of records.
        correct: Replace readings that differ from earlier ones, instead of refusing them.

    Raises:
        DataError: rows name unknown experiments, contradict earlier readings or cannot be read;
            every such row is named, and nothing is recorded.
    """
    frame = _frame(results)
    records = frame.to_dict("records")
    known = {experiment.id: experiment for experiment in state.experiments}
    report: dict[str, Any] = {
        "new": 0,
        "repeated": 0,
        "late": 0,
        "external": 0,
        "failed": 0,
        "corrected": 0,
    }
    units, faults, seen = _units(state, frame), [], dict[str, int]()
    for row, record in enumerate(records):
        try:
            name = _name(record, known, state, space, report)
            known[name.id] = name
            count = seen[name.id] = seen.get(name.id, 0) + 1
            known[name.id] = _with(name, record, count, state, units, correct, report)
        except DataError as error:
            faults.append(f"row {row + 1}: {error.what}; {error.why}")
    if faults:
        raise DataError(f"{len(faults)} of {len(records)} rows cannot be recorded", where="results",
                        why="; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else ""),
                        fix="correct these rows and record the file again: nothing was recorded")  # fmt: skip
    return state.model_copy(update={"experiments": tuple(known.values())}), report


def _frame(results: Any) -> Any:
    import pandas as pd

    if isinstance(results, (str, Path)):
        path = Path(results)
        readers: dict[str, Any] = {".csv": _csv, ".json": pd.read_json, ".parquet": pd.read_parquet}
        reader = readers.get(path.suffix.lower())
        if reader is None or not path.exists():
            raise DataError("Cannot read the results", where=str(path),
                            why="no such file" if reader else f"{path.suffix or 'no'} suffix",
                            fix="give a CSV, JSON or Parquet file")  # fmt: skip
        frame = reader(path)
    else:
        frame = pd.DataFrame(results)
    if not len(frame):
        raise DataError("No results", where="results", why="the table is empty", fix="give rows")
    return frame


def _csv(path: Path) -> Any:
    from catena.formats.csvtable import read_csv

    return read_csv(path)


def _units(state: State, frame: Any) -> dict[str, tuple[str, float, float]]:
    """Return column, scale and offset by objective; a head may carry a unit, ``titre [g/L]``."""
    heads = {str(head).partition("[")[0].strip(): str(head) for head in frame.columns}
    found: dict[str, tuple[str, float, float]] = {}
    for objective in state.objectives:
        if objective.name not in heads:
            continue
        head = heads[objective.name]
        unit = head.partition("[")[2].rstrip("] ")
        try:
            change = conversion(unit, objective.unit) if unit else conversion("", "")
        except CatenaError as error:
            raise DataError(f"Column {head!r} does not fit", where="results",
                            why=f"{error.what}: {error.why}", fix=f"give {objective.unit}") from None  # fmt: skip
        found[objective.name] = (head, change.scale, change.offset)
    if not found:
        names = [objective.name for objective in state.objectives]
        raise DataError("No outcome in the results", where="results",
                        why=f"the columns are {', '.join(map(str, frame.columns))}",
                        fix=did_you_mean(names[0], list(heads), f"name a column {names[0]}"))  # fmt: skip
    return found


def _name(
    record: Mapping[str, Any],
    known: dict[str, Experiment],
    state: State,
    space: Space,
    report: dict[str, Any],
) -> Experiment:
    """Return the experiment a row belongs to; one not asked here becomes an external one."""
    name = record.get("experiment")
    if name is not None and not (isinstance(name, float) and np.isnan(name)):
        if str(name) in known:
            return known[str(name)]
        if not all(factor in record for factor in space.names):
            raise DataError(f"experiment {str(name)[:40]!r} was never asked", where="results",
                            why=did_you_mean(str(name), known, "its factors are not given either"),
                            fix="correct the name, or give the factors")  # fmt: skip
    x = space.matrix({n: [record.get(n)] for n in space.names})[0]
    if not np.isfinite(x).all() or not space.inside(x[None], 1e-6)[0]:
        raise DataError("its factors lie outside the campaign's ranges", where="results",
                        why=f"{', '.join(f'{n}={record.get(n)}' for n in space.names)}"[:200],
                        fix="widen the ranges in a new campaign, or leave the row out")  # fmt: skip
    same = [e for e in known.values() if np.allclose(e.point, x, rtol=1e-9, atol=1e-12)]
    if same:
        return same[-1]
    report["external"] += 1
    new = str(name) if name is not None else f"external-{len(known) + 1}"
    return Experiment(id=new, batch=0, point=tuple(map(float, x)), why="brought from elsewhere")


def _with(
    experiment: Experiment,
    record: Mapping[str, Any],
    count: int,
    state: State,
    units: Mapping[str, tuple[str, float, float]],
    correct: bool,
    report: dict[str, Any],
) -> Experiment:
    """Return the experiment with one row's reading."""
    if str(record.get("status", "")).strip().lower() in _FAILED:
        report["failed"] += 1
        if experiment.readings:
            return experiment
        return experiment.model_copy(update={"status": "failed", "why": str(record["status"])})
    values = {
        name: _value(record[head], head, scale, offset)
        for name, (head, scale, offset) in units.items()
    }
    if all(value is None for value in values.values()):
        return experiment  # not measured yet: it stays pending
    number = int(record["replicate"]) if _given(record.get("replicate")) else count
    reading = Reading(replicate=number, values=values, source=str(record.get("source", "") or ""))
    earlier = {r.replicate: r for r in experiment.readings}
    if number in earlier:
        merged, clash = _merged(earlier[number], reading)
        if clash and not correct:
            raise DataError(f"experiment {experiment.id!r}, replicate {number} contradicts an earlier reading",
                            where="results", why=clash, fix="number replicates, or record with correct=True")  # fmt: skip
        if not clash and merged == earlier[number]:
            report["repeated"] += 1
            return experiment
        report["corrected" if clash else "new"] += 1
        earlier[number] = reading if clash else merged
    else:
        report["new"] += 1
        report["late"] += int(0 < experiment.batch < state.batches)
        earlier[number] = reading
    readings = tuple(earlier[k] for k in sorted(earlier))
    return experiment.model_copy(update={"readings": readings, "status": "done"})


def _merged(old: Reading, new: Reading) -> tuple[Reading, str]:
    """Add outcomes that came later to a reading; return what contradicts."""
    values = dict(old.values)
    clashes = []
    for name, value in new.values.items():
        before = values.get(name)
        if value is None:
            continue
        if before is not None and not np.isclose(before, value, rtol=1e-9, atol=0):
            clashes.append(f"{name} was {before:g} and is {value:g}")
        values[name] = value if before is None else before
    return old.model_copy(update={"values": values}), "; ".join(clashes)


def _value(cell: Any, head: str, scale: float, offset: float) -> float | None:
    if not _given(cell):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        raise DataError(f"{str(cell)[:40]!r} is not a number", where="results", why=f"column {head!r}",
                        fix="leave the cell empty where nothing was measured") from None  # fmt: skip
    if not np.isfinite(value):
        raise DataError("an outcome is infinite", where="results", why=f"column {head!r}",
                        fix="leave the cell empty")  # fmt: skip
    return value * scale + offset


def _given(cell: Any) -> bool:
    missing = cell is None or (isinstance(cell, float) and np.isnan(cell))
    return not missing and str(cell).strip() != ""
