"""A learned correction of a model's outputs, with intervals that widen away from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.border import input_error
from catena.core.errors import DataError, InputError, RowFault, did_you_mean
from catena.core.identity import content_key
from catena.core.result import Result
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.trainable import TrainingRecord
from catena.core.values import Batch
from catena.core.work import Work
from catena.learn.gp.bank import ProcessBank
from catena.learn.scaling import Column, Features
from catena.ops.hybrid.corrected import CorrectedModel, Correction
from catena.ops.hybrid.settings import HybridSettings
from catena.ops.result import answer

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model

_WHERE = "hybrid data"
#: Fewest rows a correction is learned from.
_FEWEST = 4


def learn_residual(
    model: Model,
    data: pd.DataFrame,
    settings: HybridSettings,
    given: Mapping[str, Any],
    key: int,
    work: Work,
) -> Result:
    """Return the model with corrected outputs, and the errors before and after, left out one by one.

    Curves over time are corrected where the data hold a column ``time`` and one row per sample.
    """
    outputs = _outputs(model, data, settings)
    batch, rows, faults = _inputs(model, data, outputs, settings, given)
    measured = np.stack([_column(data, name)[rows] for name in outputs], axis=1)
    written = _written(model, batch, outputs)
    good = np.isfinite(measured).all(axis=1) & np.isfinite(written).all(axis=1)
    if good.sum() < _FEWEST:
        raise DataError(f"{int(good.sum())} usable rows", where=_WHERE,
                        why=f"a correction needs at least {_FEWEST}", fix="measure more")  # fmt: skip
    names = _features(model, data, settings)
    x = _points(batch, names, len(rows))[good]
    gap = (measured - written)[good]
    scale = np.where(gap.std(axis=0) > 0, gap.std(axis=0), 1.0)
    features = Features(tuple(_range(x[:, k], n) for k, n in enumerate(names)))
    with work.bar(1, "correction") as advance:
        bank = ProcessBank.fit(features.forward(x), gap / scale, kernel="matern",
                               trend="constant", key=key)  # fmt: skip
        advance(1)
    record = TrainingRecord(
        data_key=content_key([x, measured[good]]), rows=len(x), seed=key,
        scaling={n: (0.0, float(s)) for n, s in zip(outputs, scale, strict=True)},
        domain={n: (float(x[:, k].min()), float(x[:, k].max())) for k, n in enumerate(names)},
    )  # fmt: skip
    corrected = CorrectedModel(model, Correction(names, outputs, features, bank, scale), record)
    before = np.sqrt((gap**2).mean(axis=0))
    after = np.sqrt(((bank.residuals * scale) ** 2).mean(axis=0))
    return _answer(model, corrected, outputs, before, after, faults, key)


def _answer(
    model: Model, corrected: CorrectedModel, outputs: tuple[str, ...], before: np.ndarray,
    after: np.ndarray, faults: list[RowFault], key: int,
) -> Result:  # fmt: skip
    share = float(np.sqrt((after**2 / np.where(before > 0, before, 1.0) ** 2).mean()))
    notes = [f"row {fault.row + 1} was left out: {fault.field}: {fault.why}" for fault in faults]
    if share >= 1.0:
        notes.append(
            "the correction does not predict rows it did not see better than the model alone"
        )
    return answer(
        model,
        Schema([Field("output", kind="text"), Field("unit", kind="text"),
                Field("written", doc="Root mean square error of the model as written"),
                Field("hybrid", doc="The same with the correction, each row left out in turn")]),
        {"output": list(outputs), "unit": [model.outputs[n].unit for n in outputs],
         "written": before, "hybrid": after},
        operation="hybrid", key=key,
        summary={
            "headline": f"The correction leaves {100 * share:.0f} % of the error on rows left out",
            "remaining_share": share, "outputs": list(outputs), "rows": corrected.training.rows,
        },
        artefacts={"model": corrected.save}, new_model=corrected, warnings=notes,
    )  # fmt: skip


def _outputs(model: Model, data: pd.DataFrame, settings: HybridSettings) -> tuple[str, ...]:
    """Return the outputs to correct: numbers, or curves over time, that the data hold."""
    chosen = settings.outputs or [n for n in model.outputs.names if n in data]
    for name in chosen:
        if name not in model.outputs or name not in data:
            raise InputError(f"No output {name!r} to correct", where=f"model {model.info.id}",
                             why="it is not among the model's outputs and the data's columns",
                             fix=did_you_mean(name, model.outputs.names, "measure one of these"))  # fmt: skip
        field = model.outputs[name]
        if field.kind not in NUMERIC or field.shape not in ((), ("time",)):
            raise InputError(f"{name!r} cannot be corrected", where=f"model {model.info.id}",
                             why="only numbers and courses over time can",
                             fix="name other outputs")  # fmt: skip
    if not chosen:
        raise DataError("No measured output", where=_WHERE,
                        why=f"none of {', '.join(model.outputs.names[:8])} is a column",
                        fix="name the columns after the model's outputs")  # fmt: skip
    return tuple(chosen)


def _inputs(
    model: Model, data: pd.DataFrame, outputs: tuple[str, ...], settings: HybridSettings,
    given: Mapping[str, Any],
) -> tuple[Batch, np.ndarray, list[RowFault]]:  # fmt: skip
    """Return checked inputs, one row per sample, which rows of the table they are, and the rest."""
    known: dict[str, Any] = dict(given)
    for column in (str(c) for c in data.columns):
        if column in model.inputs:
            values = data[column].to_numpy()
            known[column] = values[:, None] if model.inputs[column].shape == ("time",) else values
        elif column not in outputs and column not in model.outputs and column != settings.run:
            raise InputError(f"{column!r} is nothing to the model", where=_WHERE,
                             why="it is neither an input nor an output",
                             fix=did_you_mean(column, model.inputs.names, "drop the column"))  # fmt: skip
    batch = model.inputs.validate(known, on_error="skip", where=_WHERE)
    faults = list(batch.faults) + model._check(batch)
    if not batch.size or any(fault.row < 0 for fault in faults):
        raise input_error(faults, _WHERE)
    return batch, batch.rows if batch.size > 1 else np.arange(len(data)), faults


def _written(model: Model, batch: Batch, outputs: tuple[str, ...]) -> np.ndarray:
    """Return what the model says for every row (n, outputs); rows that fail are NaN."""
    values = model.evaluate(batch.values_, batch.size)
    return np.stack(
        [np.asarray(values[n], float).reshape(batch.size, -1)[:, -1] for n in outputs], axis=1
    )


def _features(model: Model, data: pd.DataFrame, settings: HybridSettings) -> tuple[str, ...]:
    """Return the inputs the correction depends on: the real ones that vary in the data."""
    fits = [f.name for f in model.inputs
            if f.kind in NUMERIC and (not f.shape or f.name == "time") and f.name in data]  # fmt: skip
    for name in settings.of:
        if name not in fits:
            raise InputError(f"The correction cannot see {name!r}", where=_WHERE,
                             why="it is no real input that the data hold",
                             fix=did_you_mean(name, fits, "use a column that is an input"))  # fmt: skip
    chosen = settings.of or [
        n for n in fits if np.ptp(_column(data, n)[np.isfinite(_column(data, n))]) > 0
    ]
    if not chosen:
        raise DataError("Nothing varies", where=_WHERE, why="all inputs are the same in all rows",
                        fix="measure under different conditions")  # fmt: skip
    return tuple(chosen)


def _column(data: pd.DataFrame, name: str) -> np.ndarray:
    import pandas as pd

    return np.asarray(pd.to_numeric(data[name], errors="coerce"), dtype=float)


def _points(batch: Batch, names: tuple[str, ...], rows: int) -> np.ndarray:
    columns = [np.asarray(batch[n], float).reshape(-1) for n in names]
    return np.stack([np.broadcast_to(column, (rows,)) for column in columns], axis=1)


def _range(values: np.ndarray, name: str) -> Column:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise DataError(f"Input {name!r} does not vary", where=_WHERE,
                        why="all usable rows have the same value", fix="leave it out of `of`")  # fmt: skip
    return Column(low, high)
