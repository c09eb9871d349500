"""Measurements laid against a model: which row, output and point each number was measured at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.core.spec import Field
from catena.core.values import Batch, broadcast, rows_of
from catena.ops.likelihood.cells import BETWEEN, EXACT
from catena.ops.likelihood.layout import Layout
from catena.ops.likelihood.reading import (
    Found,
    Limits,
    bad_rows,
    limits_of,
    read_cells,
    read_companions,
    read_experiments,
)
from catena.ops.likelihood.source import Columns, classify, read_table

if TYPE_CHECKING:
    from catena.core.model import Model

Array = np.ndarray[Any, Any]


@final
@dataclass(frozen=True)
class Measurements:
    """k measurements under m conditions (rows of the model).

    Args:
        batch: Checked inputs of the m rows.
        experiments: Names of the experiments.
        experiment: Index of the experiment of each model row (m,).
        outputs: Fields of the measured outputs.
        axis: The input along which outputs are curves, or None.
        output: Index of the output of each measurement (k,).
        row: Model row of each measurement (k,).
        place: Position along the output's dimensions, one tuple per measurement.
        at: Value of the axis (k,), NaN without one.
        kind: Exact, below, above or between (k,).
        low: Lower end (k,); the value when exact.
        high: Upper end (k,).
        sd: Known standard deviation (k,), NaN where unknown.
        weight: Factor of the log-likelihood (k,).
        source: Row of the table (k,).
        skipped: What was wrong with rows that were left out.
    """

    batch: Batch
    experiments: tuple[str, ...]
    experiment: Array
    outputs: tuple[Field, ...]
    axis: Field | None
    output: Array
    row: Array
    place: tuple[tuple[int, ...], ...]
    at: Array
    kind: Array
    low: Array
    high: Array
    sd: Array
    weight: Array
    source: Array
    skipped: tuple[RowFault, ...] = ()

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.output)

    @property
    def value(self) -> Array:
        """Measured values (k,), for censored ones the limit nearest to what was seen."""
        middle = 0.5 * (self.low + self.high)
        ends = np.where(np.isfinite(self.low), self.low, self.high)
        return np.asarray(np.where(self.kind == BETWEEN, middle, ends))

    def of(self, output: int) -> Array:
        """Return the measurements of one output (indices)."""
        return np.flatnonzero(self.output == output)

    def pick(self, keep: Array) -> Measurements:
        """Return some of the measurements (indices); model rows stay."""
        from dataclasses import replace

        names = ("output", "row", "at", "kind", "low", "high", "sd", "weight", "source")
        arrays = {name: getattr(self, name)[keep] for name in names}
        return replace(self, place=tuple(self.place[k] for k in keep), **arrays)


def read_measurements(
    model: Model,
    data: Any,
    free: Mapping[str, Any],
    *,
    given: Mapping[str, Any] | None = None,
    experiment: str | None = None,
    columns: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    limits: Limits | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Measurements:
    """Read a table of conditions and measured outputs, or of time courses, for a model.

    One row holds inputs and outputs of a model without an axis; for outputs that are curves, a
    row is one time of one experiment. Cells may be empty (not measured), ``<0.5`` or ``>9``
    (censored) or ``0.1..0.5`` (known to lie between). ``<output>_sd``, ``<output>_weight``,
    ``<output>_censoring`` (below, above; or 1, -1) and ``<output>_limit`` (the other end of an
    interval) may accompany a measured column, ``weight`` a row. Columns ``amt``, ``cmt``,
    ``rate``, ``ii``, ``addl``, ``ss``, ``evid`` are dose records of their experiment.

    Args:
        model: Model with parameters to be calibrated among its inputs (see ``lift``).
        data: CSV path, DataFrame, mapping of columns or records; heads may carry units.
        free: A value by input that is being calibrated, used while the inputs are checked.
        given: Other inputs: one value for all, or a mapping by experiment.
        experiment: Column that names experiments; ``experiment``, ``id``, ... by itself.
        columns: New heads by head.
        ignore: Columns to leave aside.
        limits: Lower and upper limit of quantification by output.
        on_error: ``skip`` leaves out rows that cannot be read, and tells which.

    Raises:
        InputError: the table does not fit the model, or says nothing.
        DataError: the file cannot be read.
    """
    frame, units = read_table(data, columns)
    found = classify(model, frame, units, experiment=experiment, ignore=ignore)
    faults: list[RowFault] = []
    cells = read_cells(found, limits_of(found, limits or {}), faults)
    companions = read_companions(found, faults)
    names, group, records = read_experiments(found, faults)
    if faults and on_error == "raise":
        raise bad_rows(faults)
    bad = {fault.row for fault in faults}
    cells = [cell for cell in cells if cell[0] not in bad]
    if not cells:
        raise InputError("Nothing was measured", where="data", why="every cell is empty or unreadable",
                         fix="fill in measured outputs")  # fmt: skip
    layout = Layout(model, found, names, group, records, cells)
    batch, row, position, owner = layout.conditions(dict(free), dict(given or {}))
    return _assembled(found, cells, companions, batch, names, row, position, owner, tuple(faults))


def _assembled(
    found: Columns,
    cells: list[Found],
    companions: dict[tuple[int, str], Array],
    batch: Batch,
    names: tuple[str, ...],
    row: Array,
    point: Array,
    owner: Array,
    faults: tuple[RowFault, ...],
) -> Measurements:
    outputs = tuple({m.output.name: m.output for m in found.measured}.values())
    index = [next(k for k, o in enumerate(outputs) if o.name == m.output.name) for m in found.measured]  # fmt: skip
    source = np.array([r for r, _, _ in cells])
    axis = found.axis
    at = np.full(len(cells), np.nan)
    if axis is not None:
        grid = np.asarray(broadcast(batch[axis.name], max(batch.size, rows_of(batch[axis.name]))))
        here = point >= 0
        at[here] = grid[row[here] if len(grid) > 1 else 0, point[here]]
    return Measurements(
        batch=batch, experiments=names, experiment=owner, outputs=outputs, axis=axis,
        output=np.array([index[m] for _, m, _ in cells]), row=row,
        place=tuple(_place(found, m, int(p)) for (_, m, _), p in zip(cells, point, strict=True)),
        at=at,
        kind=np.array([cell.kind for _, _, cell in cells]),
        low=np.array([cell.low for _, _, cell in cells]),
        high=np.array([cell.high for _, _, cell in cells]),
        sd=np.array([companions[m, "sd"][r] for r, m, _ in cells]),
        weight=np.array([companions[m, "weight"][r] for r, m, _ in cells]),
        source=source, skipped=faults,
    )  # fmt: skip


def _place(found: Columns, column: int, point: int) -> tuple[int, ...]:
    """Return the position of a measurement along all dimensions of its output."""
    measured = found.measured[column]
    rest = iter(measured.place)
    out = []
    for dim in measured.output.shape:
        if found.axis is not None and dim == found.axis.shape[0]:
            out.append(point)
            continue
        position = next(rest, None)
        if position is None:
            raise InputError(f"Which {dim} of {measured.output.name!r}?", where="data",
                             why=f"the output has dimensions {', '.join(measured.output.shape)}",
                             fix=f"name the column {measured.output.name}[0]")  # fmt: skip
        out.append(position)
    if next(rest, None) is not None:
        raise InputError(f"Too many positions in {measured.head!r}", where="data",
                         why=f"the output has {len(measured.output.shape)} dimensions", fix="leave some out")  # fmt: skip
    return tuple(out)


def check_informative(measurements: Measurements, parameters: int) -> None:
    """Refuse data that cannot tell anything about the parameters.

    Args:
        measurements: The data.
        parameters: Number of free parameters.

    Raises:
        InputError: an output is constant or always censored, or there are fewer data than
            parameters.
    """
    for index, output in enumerate(measurements.outputs):
        mine = measurements.of(index)
        exact = measurements.value[mine][measurements.kind[mine] == EXACT]
        if len(mine) > 1 and not len(exact) and not (measurements.kind[mine] == BETWEEN).any():
            raise InputError(f"{output.name!r} is censored throughout", where="data",
                             why=f"none of its {len(mine)} measurements is a number",
                             fix="measure some above the limit, or leave the output out")  # fmt: skip
        if len(exact) > 1 and len(exact) == len(mine) and np.ptp(exact) == 0.0:
            raise InputError(f"{output.name!r} is constant", where="data",
                             why=f"all {len(exact)} measurements are {exact[0]:g} {output.unit}".rstrip(),
                             fix="measure under conditions in which it varies, or leave it out")  # fmt: skip
    if measurements.size < parameters:
        raise InputError("More free parameters than measurements", where="data",
                         why=f"{parameters} parameters, {measurements.size} measurements",
                         fix="free fewer parameters or measure more")  # fmt: skip
