"""Tables of two groups learned together: rows of the source help where they tell about the target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.banded import ENDS, Banded
from catena.core.errors import DataError, InputError, did_you_mean
from catena.core.identity import content_key
from catena.core.model import Capabilities, ModelInfo
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.core.trainable import TrainingRecord
from catena.core.values import Batch, rows_of
from catena.core.work import Work
from catena.learn.transfer.shift import shift
from catena.learn.transfer.tasks import TaskProcess
from catena.ops.result import answer
from catena.ops.transfer.settings import TransferSettings

if TYPE_CHECKING:
    import pandas as pd

_WHERE = "transfer data"
_GROUPS = ("source", "target")
_FORMAT = "catena-tasks-1"


def share_tasks(
    source: pd.DataFrame | None,
    target: pd.DataFrame,
    settings: TransferSettings,
    key: int,
    work: Work,
) -> Result:
    """Return a model of both groups; errors on target rows left out, with and without the source."""
    if source is None:
        raise DataError("No source data", where=_WHERE, why="there is nothing to share",
                        fix="give rows of the source")  # fmt: skip
    for name, chosen in (("inputs", settings.inputs), ("outputs", settings.outputs)):
        if not chosen:
            raise InputError(f"Which {name}?", where="transfer settings", why=f"{name} is empty",
                             fix=f"name columns: {', '.join(map(str, target.columns[:8]))}")  # fmt: skip
    x, y, group = _rows(source, target, settings)
    low, high = x.min(axis=0), x.max(axis=0)
    z = (x - low) / np.where(high > low, high - low, 1.0)
    ours = group == 1
    processes, together, alone, likeness = [], [], [], []
    with work.bar(len(settings.outputs), "shared tasks") as advance:
        for k in range(len(settings.outputs)):
            process = TaskProcess.fit(z, group, y[:, k], 2, key + k)
            own = TaskProcess.fit(z[ours], np.zeros(int(ours.sum()), int), y[ours, k], 1, key + k)
            processes.append(process)
            together.append(_rms(process.left_out()[ours]))
            alone.append(_rms(own.left_out()))
            likeness.append(process.likeness(0, 1))
            advance(1)
    record = TrainingRecord(
        data_key=content_key([x, y, group]), rows=len(x), seed=key,
        domain={n: (float(a), float(b)) for n, a, b in zip(settings.inputs, low, high, strict=True)},
    )  # fmt: skip
    model = TaskModel(tuple(settings.inputs), tuple(settings.outputs), tuple(processes), record)
    moved = shift(x[~ours], x[ours], key, settings.permutations)
    worse = [n for n, a, b in zip(settings.outputs, together, alone, strict=True) if a > b]
    notes = (
        [f"negative transfer: {', '.join(worse)} is better learned from the target alone"]
        if worse
        else []
    )
    share = _rms(np.array(together) / np.where(np.array(alone) > 0, alone, 1.0))
    return answer(
        None,
        Schema([Field("output", kind="text"), Field("shared"), Field("alone"), Field("likeness")]),
        {"output": settings.outputs, "shared": together, "alone": alone, "likeness": likeness},
        operation="transfer", key=key,
        summary={
            "headline": f"With the source, the error on target rows left out is {100 * share:.0f} % of "
            "that without it",
            "share_of_scratch": share, "negative_transfer": bool(worse),
            "shift": {"p_discrepancy": moved.p_discrepancy, "p_classifier": moved.p_accuracy},
        },
        artefacts={"model": model.save}, new_model=model, warnings=notes,
    )  # fmt: skip


def _rows(
    source: pd.DataFrame, target: pd.DataFrame, settings: TransferSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs (n, p), outputs (n, k) and groups (n,) of complete rows."""
    import pandas as pd

    names = [*settings.inputs, *settings.outputs]
    parts = []
    for label, frame in zip(_GROUPS, (source, target), strict=True):
        for name in names:
            if name not in frame:
                raise DataError(f"No column {name!r} in the {label} data", where=_WHERE,
                                why=f"the columns are {', '.join(map(str, frame.columns[:10]))}",
                                fix=did_you_mean(name, [str(c) for c in frame.columns], "add it"))  # fmt: skip
        numbers = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        numbers = numbers[np.isfinite(numbers).all(axis=1)]
        if len(numbers) < 2:
            raise DataError(f"{len(numbers)} complete rows of the {label}", where=_WHERE,
                            why="at least two are needed", fix="measure more")  # fmt: skip
        parts.append(numbers)
    rows = np.concatenate(parts)
    group = np.repeat([0, 1], [len(part) for part in parts])
    for k, name in enumerate(settings.outputs):
        column = rows[:, len(settings.inputs) + k]
        if np.ptp(column) == 0 or np.ptp(column[group == 1]) == 0:
            raise DataError(f"Output {name!r} is constant", where=_WHERE,
                            why="there is nothing to learn", fix="leave it out")  # fmt: skip
    return rows[:, : len(settings.inputs)], rows[:, len(settings.inputs) :], group


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


@final
class TaskModel(Banded):
    """A model of several groups; ``group`` chooses one, the target by default.

    Args:
        names: Inputs.
        wanted: Outputs.
        processes: One per output.
        training: What is known about the training.
    """

    capabilities = Capabilities(uncertainty=True)

    def __init__(
        self, names: tuple[str, ...], wanted: tuple[str, ...], processes: tuple[TaskProcess, ...],
        training: TrainingRecord,
    ) -> None:  # fmt: skip
        self.names, self.processes, self.training = names, processes, training
        self.info = ModelInfo(id="transfer.tasks", title="Shared tasks", backend="numpy",
                              doc="Outputs of source and target, learned together.")  # fmt: skip
        group = Field("group", kind="category", choices=_GROUPS, default="target")
        self.inputs = Schema([*(Field(n) for n in names), group])
        self.outputs = Schema([Field(n) for n in wanted])

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, np.ndarray]:
        rows = max(rows_of(value) for value in batch.values())
        found = self._band(batch, rows, 0)
        return {name: found[name] for name in self.outputs.names}

    def _band(self, batch: Mapping[str, Any], size: int, key: int) -> dict[str, np.ndarray]:
        x = np.stack(
            [np.broadcast_to(np.asarray(batch[n], float), (size,)) for n in self.names], axis=1
        )
        ends = np.array([self.training.domain[n] for n in self.names])
        span = ends[:, 1] - ends[:, 0]
        z = (x - ends[:, 0]) / np.where(span > 0, span, 1.0)
        group = np.broadcast_to(np.asarray(batch["group"], int), (size,))
        values: dict[str, np.ndarray] = {}
        for name, process in zip(self.outputs.names, self.processes, strict=True):
            mean, spread = process.mean_and_spread(z, group)
            values |= {name: mean, f"{name}:lower": mean - ENDS * spread,
                       f"{name}:upper": mean + ENDS * spread}  # fmt: skip
        return values

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        size = batch.size if isinstance(batch, Batch) else 1
        inside = np.ones(size, dtype=bool)
        for name, (low, high) in self.training.domain.items():
            value, slack = np.asarray(batch[name], float), 0.1 * (high - low)
            inside = inside & (value >= low - slack) & (value <= high + slack)
        return inside

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "processes": [p.arrays() for p in self.processes]}

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``weights.npz`` into a folder; see ``load_tasks``."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"format": _FORMAT, "inputs": list(self.names), "outputs": list(self.outputs.names),
                 "training": self.training.model_dump(mode="json")}  # fmt: skip
        (folder / "model.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        arrays: dict[str, Any] = {}
        for k, process in enumerate(self.processes):
            arrays |= {f"{k}/{name}": value for name, value in process.arrays().items()}
        np.savez(folder / "weights.npz", **arrays)


def load_tasks(folder: Path) -> TaskModel:
    """Read a model that ``TaskModel.save`` wrote.

    Raises:
        DataError: the files are missing or broken.
    """
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if facts["format"] != _FORMAT:
            raise ValueError(f"its format is {facts['format']!r}")
    except (OSError, ValueError, KeyError) as error:
        raise DataError("Not a saved model of shared tasks", where=str(folder), why=str(error)[:200],
                        fix="give the folder that the transfer operation wrote") from None  # fmt: skip
    processes = tuple(
        TaskProcess.restored(
            {n.split("/", 1)[1]: v for n, v in arrays.items() if n.startswith(f"{k}/")}
        )
        for k in range(len(facts["outputs"]))
    )
    record = TrainingRecord(**facts["training"])
    return TaskModel(tuple(facts["inputs"]), tuple(facts["outputs"]), processes, record)
