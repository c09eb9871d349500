"""Reads the cells of measured columns, what accompanies them, and which experiment a row is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.ops.likelihood.cells import (
    ABOVE,
    BELOW,
    BETWEEN,
    BadCell,
    Cell,
    read_cell,
    read_censoring,
    read_numbers,
)
from catena.ops.likelihood.source import Columns

Array = np.ndarray[Any, Any]
#: Lower and upper limit of quantification by output.
Limits = Mapping[str, tuple[float | None, float | None]]
#: Row of the table, measured column, and what the cell says.
Found = tuple[int, int, Cell]


def limits_of(found: Columns, limits: Limits) -> list[tuple[float | None, float | None]]:
    """Return the limits of quantification of every measured column.

    Raises:
        InputError: a name is not measured, or limits contradict each other.
    """
    known = {m.head for m in found.measured} | {m.output.name for m in found.measured}
    for name, pair in limits.items():
        if name not in known:
            raise InputError(f"Limits of {name!r}, which is not measured", where="limits",
                             why=f"measured are {', '.join(sorted(known))}", fix="correct the name")  # fmt: skip
        low, high = pair
        if low is not None and high is not None and low >= high:
            raise InputError(f"Contradictory limits of {name!r}", where="limits",
                             why=f"{low:g} is not below {high:g}", fix="give (low, high)")  # fmt: skip
    return [limits.get(m.head, limits.get(m.output.name, (None, None))) for m in found.measured]


def read_cells(found: Columns, limits: Any, faults: list[RowFault]) -> list[Found]:
    """Return what all cells of measured columns say; bad ones are added to ``faults``."""
    cells: list[Found] = []
    for index, measured in enumerate(found.measured):
        column = found.frame[measured.head].tolist()
        side, other = _censoring(found, index, faults)
        for row, value in enumerate(column):
            try:
                cell = read_cell(value, measured.unit, measured.output, limits[index])
                if cell is not None and side is not None and side[row]:
                    end = other[row] if other is not None else np.nan
                    cell = _censored(cell, int(side[row]), float(end))
            except BadCell as error:
                faults.append(RowFault(row, measured.head, str(error)))
                continue
            if cell is not None:
                cells.append((row, index, cell))
    return cells


def _censoring(found: Columns, index: int, faults: list[RowFault]) -> tuple[Any, Any]:
    measured = found.measured[index]
    side = found.companions.get((measured.head, "censoring"))
    other = found.companions.get((measured.head, "limit"))
    return (
        None if side is None else read_censoring(found.frame[side].tolist(), side, faults),
        None if other is None else read_numbers(found.frame[other].tolist(), other, faults, positive=False),
    )  # fmt: skip


def _censored(cell: Cell, side: int, other: float) -> Cell:
    """Return a cell whose number is a limit: below it (side 1) or above it (side -1)."""
    end = cell.high if np.isfinite(cell.high) else cell.low
    if np.isnan(other):
        return Cell(BELOW, -np.inf, end) if side > 0 else Cell(ABOVE, end, np.inf)
    low, high = (other, end) if side > 0 else (end, other)
    if not low < high:
        raise BadCell(f"the limits {low:g} and {high:g} enclose nothing")
    return Cell(BETWEEN, low, high)


def read_companions(found: Columns, faults: list[RowFault]) -> dict[tuple[int, str], Array]:
    """Return sd and weight per table row by measured column."""
    out: dict[tuple[int, str], Array] = {}
    rows = len(found.frame)
    common = np.ones(rows)
    if "weight" in found.frame:
        column = read_numbers(found.frame["weight"].tolist(), "weight", faults, positive=False)
        common = np.where(np.isnan(column), 1.0, column)
    for index, measured in enumerate(found.measured):
        out[index, "weight"] = common.copy()
        out[index, "sd"] = np.full(rows, np.nan)
        for kind in ("sd", "weight"):
            head = found.companions.get((measured.head, kind))
            if head is None:
                continue
            column = read_numbers(found.frame[head].tolist(), head, faults, positive=kind == "sd")
            if kind == "sd":
                from catena.core.units import factor

                unit = found.units.get(head) or measured.unit
                out[index, "sd"] = column * factor(unit, measured.output.unit)
            else:
                out[index, "weight"] *= np.where(np.isnan(column), 1.0, column)
    return out


def read_experiments(
    found: Columns, faults: list[RowFault]
) -> tuple[tuple[str, ...], Array, dict[int, list[int]]]:
    """Return names of experiments, the experiment of every row, and its rows that are doses."""
    frame = found.frame
    if found.experiment is not None:
        labels = [_label(value) for value in frame[found.experiment].tolist()]
        faults += [RowFault(row, found.experiment, "the experiment is missing")
                   for row, label in enumerate(labels) if not label]  # fmt: skip
    elif found.axis is not None:
        distinct = frame[found.conditions].astype(str).agg("|".join, axis=1) if found.conditions else None  # fmt: skip
        labels = ["1"] * len(frame) if distinct is None else _numbered(distinct.tolist())
    else:
        labels = [str(row) for row in range(len(frame))]
    names = tuple(dict.fromkeys(label for label in labels if label))
    group = np.array([names.index(label) if label else -1 for label in labels])
    records: dict[int, list[int]] = {}
    if found.events:
        # A blank `amt` or `evid` is how such tables write a row that is no dose.
        amount = np.nan_to_num(np.asarray(frame["amt"].tolist(), dtype=float))
        kind = (
            np.nan_to_num(np.asarray(frame["evid"].tolist(), dtype=float))
            if "evid" in found.events
            else (amount != 0).astype(float)
        )
        blank = np.isnan(np.asarray(frame["amt"].tolist(), dtype=float))
        faults += [RowFault(int(row), "amt", "the dose has no amount")
                   for row in np.flatnonzero(blank & np.isin(kind, (1, 4)))]  # fmt: skip
        for row in np.flatnonzero(kind > 0):
            records.setdefault(int(group[row]), []).append(int(row))
    return names, group, records


def _label(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return (
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    )


def _numbered(texts: list[str]) -> list[str]:
    order = {text: str(k + 1) for k, text in enumerate(dict.fromkeys(texts))}
    return [order[text] for text in texts]


def bad_rows(faults: list[RowFault]) -> InputError:
    """Sum up bad cells in one error."""
    faults = sorted(faults, key=lambda fault: fault.row)
    shown = "; ".join(f"row {f.row}, {f.field}: {f.why}" for f in faults[:5])
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
    return InputError(f"{len(faults)} bad cells in the data", where="data", rows=faults,
                      why=shown + more,
                      fix='correct them, or pass on_error="skip" to go on with the good rows')  # fmt: skip
