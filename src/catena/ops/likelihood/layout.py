"""Turns rows of a table into rows of a model and points along its axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.core.values import Batch, Padded, broadcast, take
from catena.ops.likelihood.reading import Found
from catena.ops.likelihood.source import Columns

if TYPE_CHECKING:
    from catena.core.model import Model

Array = np.ndarray[Any, Any]


@final
class Layout:
    """Turns rows of the table into rows of the model and points along the axis."""

    def __init__(self, model: Model, found: Columns, names: tuple[str, ...], group: Array,
                 records: dict[int, list[int]], cells: list[Found]) -> None:  # fmt: skip
        self.model, self.found, self.names, self.group = model, found, names, group
        self.records, self.cells = records, cells

    def conditions(
        self, free: dict[str, Any], given: dict[str, Any]
    ) -> tuple[Batch, Array, Array, Array]:
        """Return inputs (m rows), and per measurement model row, point, and experiment of rows."""
        used = sorted({int(self.group[row]) for row, _, _ in self.cells})
        first = {e: [r for r in range(len(self.group)) if self.group[r] == e] for e in used}
        values: dict[str, Any] = {**free}
        for name in self.found.conditions:
            unit = self.found.units.get(name)
            column = [self._same(name, first[e]) for e in used]
            values[name] = column if unit is None else (np.asarray(column, dtype=float), unit)
        clash = sorted((set(values) & set(given)) | (set(free) & set(self.found.conditions)))
        if clash:
            raise InputError(f"{clash[0]!r} is said twice", where="data",
                             why="an input is calibrated, given, or a column of the data",
                             fix="say it once")  # fmt: skip
        for name, value in given.items():
            values[name] = self._by_experiment(name, value, used)
        if self.records:
            values["events"] = [self._doses(e) for e in used]
        point = np.full(len(self.cells), -1)
        if self.found.axis is not None:
            values[self.found.axis.name], point = self._times(used)
        batch = self.model.inputs.validate(values, where=f"data for model {self.model.info.id}")
        self._checked(batch)
        row = np.array([used.index(int(self.group[r])) for r, _, _ in self.cells])
        if batch.size == 1 and len(used) > 1:  # nothing differs between the experiments
            if not self.model.capabilities.stochastic:
                return batch, np.zeros_like(row), point, np.array([0])
            batch = Batch(
                batch.schema,
                {n: broadcast(v, len(used)) for n, v in batch.items()},
                len(used),
            )
        return self._distinct(batch, row, point, np.array(used))

    def _checked(self, batch: Batch) -> None:
        from catena.core.border import input_error

        faults = self.model._check(batch)
        if faults:
            raise input_error(faults, f"data for model {self.model.info.id}")

    def _same(self, name: str, rows: list[int]) -> Any:
        """Return the one value a condition has in an experiment."""
        column = self.found.frame[name]
        values = [v for v in (column.iloc[r] for r in rows) if not _empty(v)]
        if not values:
            field = self.model.inputs[name]
            if field.default is None:
                raise InputError(f"{name!r} is empty in experiment {self.names[self.group[rows[0]]]!r}",
                                 where=f"data, row {rows[0]}", why="a value is required", fix="fill it in")  # fmt: skip
            return None
        if any(value != values[0] for value in values):
            row = next(
                r for r in rows if not _empty(column.iloc[r]) and column.iloc[r] != values[0]
            )
            raise InputError(f"{name!r} changes within experiment {self.names[self.group[rows[0]]]!r}",
                             where=f"data, row {row}", why=f"{values[0]} there, {column.iloc[row]} here",
                             fix="an experiment has one value of a condition; name experiments in a column")  # fmt: skip
        value = values[0]
        return value.item() if hasattr(value, "item") else value

    def _by_experiment(self, name: str, value: Any, used: list[int]) -> Any:
        """Return a given input for the experiments used: one value, or one per experiment."""
        if isinstance(value, Mapping) and {str(key) for key in value} & set(self.names):
            by = {str(key): item for key, item in value.items()}
            lost = [self.names[e] for e in used if self.names[e] not in by]
            if lost:
                raise InputError(f"No {name!r} for experiment {lost[0]!r}", where="given",
                                 why=f"there are values for {', '.join(list(by)[:8])}", fix="add it")  # fmt: skip
            return [by[self.names[e]] for e in used]
        return value

    def _doses(self, experiment: int) -> dict[str, list[Any]]:
        rows = self.records.get(experiment, [])
        names = [n for n in self.model.inputs["events"].columns.names  # type: ignore[union-attr]
                 if n in self.found.events or (self.found.axis and n == self.found.axis.name)]  # fmt: skip
        columns = {n: [self.found.frame[n].iloc[r] for r in rows] for n in names}
        schema = self.model.inputs["events"].columns
        assert schema is not None
        out: dict[str, list[Any]] = {}
        for name, cells in columns.items():
            whole = schema[name].kind == "integer"
            filled = [schema[name].default if _empty(cell) else cell for cell in cells]
            out[name] = [int(cell) if whole else cell for cell in filled]
        return out

    def _times(self, used: list[int]) -> tuple[Any, Array]:
        """Return the axis of every experiment (m, t), padded by its last value, and the points."""
        from catena.core.units import conversion

        axis = self.found.axis
        assert axis is not None
        unit = self.found.units.get(axis.name)
        raw = np.asarray(
            [np.nan if _empty(v) else v for v in self.found.frame[axis.name].tolist()], dtype=float
        )
        raw = np.asarray(conversion(axis.unit if unit is None else unit, axis.unit).apply(raw))
        along = [axis.shape[0] in self.found.measured[m].output.shape for _, m, _ in self.cells]
        lost = [r for (r, _, _), curve in zip(self.cells, along, strict=True) if curve and np.isnan(raw[r])]  # fmt: skip
        if lost:
            raise InputError(f"{axis.name!r} is missing", where=f"data, row {lost[0]}",
                             rows=[RowFault(r, axis.name, "a value is required") for r in lost],
                             why="a measured curve needs it", fix="fill it in")  # fmt: skip
        grids = []
        for e in used:
            mine = [raw[r] for (r, _, _), curve in zip(self.cells, along, strict=True)
                    if curve and self.group[r] == e]  # fmt: skip
            grids.append(np.unique(mine) if mine else np.zeros(1))
        longest = max(len(grid) for grid in grids)
        table = np.stack([np.pad(g, (0, longest - len(g)), mode="edge") for g in grids])
        if len(used) > 1 and all(np.array_equal(grid, grids[0]) for grid in grids):
            table = table[:1]
        point = np.array([
            int(np.searchsorted(grids[used.index(int(self.group[r]))], raw[r])) if curve else -1
            for (r, _, _), curve in zip(self.cells, along, strict=True)
        ])  # fmt: skip
        return table, point

    def _distinct(
        self, batch: Batch, row: Array, point: Array, owner: Array
    ) -> tuple[Batch, Array, Array, Array]:
        """Merge rows of a model without an axis that are equal: replicates cost nothing."""
        if self.found.axis is not None or batch.size <= 1 or self.model.capabilities.stochastic:
            return batch, row, point, owner
        keys = [tuple(_hashed(v, r) for v in batch.full().values()) for r in range(batch.size)]
        first: dict[Any, int] = {}
        new = np.array([first.setdefault(key, len(first)) for key in keys])
        if len(first) == batch.size:
            return batch, row, point, owner
        keep = np.array([keys.index(key) for key in first])
        values = {n: take(v, keep) for n, v in batch.items()}
        return Batch(batch.schema, values, len(keep)), new[row], point, owner[keep]


def _hashed(value: Any, row: int) -> Any:
    if isinstance(value, Padded):
        parts = value.columns() or {"": value.values}
        mask = np.asarray(value.mask)[row].tobytes()
        return (mask, *((n, np.asarray(v)[row].tobytes()) for n, v in parts.items()))
    item = np.asarray(value)[row]
    return item.tobytes() if item.dtype != object else str(item)


def _empty(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))
