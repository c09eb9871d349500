"""Runs read from a table: one row per sample, columns named after states, controls, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import DataError, InputError, did_you_mean
from catena.core.units import conversion, parse_quantity
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.spec import Field

_WHERE = "hybrid data"


def read_runs(
    slots: Slots, data: pd.DataFrame, run: str, given: Mapping[str, Any]
) -> tuple[list[Run], list[str]]:
    """Return the runs of a table, and what was wrong with rows that were left out.

    Args:
        slots: What is learned from what.
        data: Columns ``time``, the run's name, states (empty cells where not measured), controls
            (the value from that time on, or at that time where the control is linear) and
            parameters (one value per run), in the system's units.
        run: Column that names the runs.
        given: Values of controls and parameters that no column holds.

    Raises:
        DataError: the table lacks what is needed.
    """
    if data is None or not len(data):
        raise DataError("No data to learn from", where=_WHERE, why="the table is empty",
                        fix="give one row per sample")  # fmt: skip
    if "time" not in data:
        raise DataError("No column 'time'", where=_WHERE, why=f"the columns are {_listed(data)}",
                        fix="name the column of sampling times 'time'")  # fmt: skip
    _known(slots, data, run, given)
    times = _numbers(data, "time")
    bad = ~np.isfinite(times)
    notes = [f"row {row + 1} has no time and was left out" for row in np.flatnonzero(bad)]
    labels = data[run].astype(str).to_numpy() if run in data else np.full(len(data), "1")
    found = []
    for name in dict.fromkeys(labels[~bad]):
        rows = np.flatnonzero((labels == name) & ~bad)
        rows = rows[np.argsort(times[rows], kind="stable")]
        found.append(_run(slots, data, str(name), rows, given))
    return found, notes


def _run(
    slots: Slots, data: pd.DataFrame, name: str, rows: np.ndarray, given: Mapping[str, Any]
) -> Run:
    times = _numbers(data, "time")[rows]
    if len(rows) < 2 or (np.diff(times) <= 0).any():
        raise DataError(f"Run {name!r} is not a course over time", where=_WHERE,
                        why="it has fewer than two samples" if len(rows) < 2
                        else "two samples have the same time",
                        fix="give each sample its own time")  # fmt: skip
    system = slots.system
    states = np.full((len(rows), len(system.states)), np.nan)
    for column, state in enumerate(system.states.names):
        if state in data:
            states[:, column] = _numbers(data, state)[rows]
    controls = {f.name: _control(data, f, rows, times, given, name) for f in system.forcing}
    parameters = {f.name: _parameter(data, f, rows, given, name) for f in slots.parameters}
    return Run(name, times, states, parameters, controls)


def _control(
    data: pd.DataFrame, field: Field, rows: np.ndarray, times: np.ndarray,
    given: Mapping[str, Any], run: str,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    if field.name not in data:
        if field.name not in given:
            raise DataError(f"Control {field.name!r} is not known", where=_WHERE,
                            why="neither a column nor a given value holds it",
                            fix=f"add the column, or say given={{{field.name!r}: 0}}")  # fmt: skip
        return times[:1], np.array([_value(given[field.name], field)])
    values = _numbers(data, field.name)[rows]
    known = np.isfinite(values)
    if not known.any():
        raise DataError(f"Control {field.name!r} is empty in run {run!r}", where=_WHERE,
                        why="no row holds a number", fix="fill it in")  # fmt: skip
    return times[known], values[known]


def _parameter(
    data: pd.DataFrame, field: Field, rows: np.ndarray, given: Mapping[str, Any], run: str
) -> float:
    if field.name in data:
        values = np.unique(_numbers(data, field.name)[rows])
        values = values[np.isfinite(values)]
        if len(values) != 1:
            raise DataError(f"Parameter {field.name!r} of run {run!r} has {len(values)} values",
                            where=_WHERE, why="a parameter holds for a whole run",
                            fix="give one value per run")  # fmt: skip
        return float(values[0])
    if field.name in given:
        return _value(given[field.name], field)
    # Initial values that are parameters are read off the first sample, never from here.
    return float("nan") if field.default is None else float(field.default)


def _value(given: Any, field: Field) -> float:
    if isinstance(given, str):
        number, unit = parse_quantity(given, field.unit)
        return float(conversion(unit, field.unit).apply(number))
    return float(given)


def _numbers(data: pd.DataFrame, name: str) -> np.ndarray:
    import pandas as pd

    try:
        return np.asarray(pd.to_numeric(data[name]), dtype=float)
    except (ValueError, TypeError):
        raise DataError(f"Column {name!r} holds texts", where=_WHERE,
                        why="numbers are needed", fix="correct the cells") from None  # fmt: skip


def _known(slots: Slots, data: pd.DataFrame, run: str, given: Mapping[str, Any]) -> None:
    """Refuse columns and given values that are nothing to the system: they are misspelt."""
    system = slots.system
    names = (*system.states.names, *system.forcing.names, *slots.parameters.names)
    for name in (*(str(c) for c in data.columns), *given):
        if name not in names and name not in ("time", run):
            raise InputError(f"{name!r} is nothing to the model", where=_WHERE,
                             why="it is no state, control or parameter that stays",
                             fix=did_you_mean(name, names, "drop the column"))  # fmt: skip


def _listed(data: pd.DataFrame) -> str:
    return ", ".join(str(column) for column in data.columns[:12])


def apart(runs: Sequence[Run], names: Sequence[str]) -> tuple[list[Run], list[Run]]:
    """Return training and validation runs.

    Raises:
        InputError: a name is unknown, or no run is left to train on.
    """
    known = [run.name for run in runs]
    for name in names:
        if name not in known:
            raise InputError(f"No run {name!r}", where=_WHERE, why=f"the runs are {', '.join(known)}",
                             fix=did_you_mean(name, known, "use one of these"))  # fmt: skip
    training = [run for run in runs if run.name not in names]
    if not training:
        raise InputError("No run is left to train on", where=_WHERE,
                         why="all runs are for validation", fix="name fewer")  # fmt: skip
    return training, [run for run in runs if run.name in names]
