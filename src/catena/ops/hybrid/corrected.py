"""A model with a learned correction of its outputs, as a Model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from catena.core.banded import ENDS, Banded
from catena.core.errors import DataError, RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.trainable import TrainingRecord
from catena.core.values import broadcast, rows_of
from catena.learn.gp.bank import ProcessBank
from catena.learn.scaling import Features

#: How far beyond the ranges of training an input may lie, as a share of the range.
_BEYOND = 0.1
_FORMAT = "catena-corrected-1"


@final
@dataclass(frozen=True)
class Correction:
    """Gaussian processes from inputs to what must be added to outputs.

    Args:
        inputs: Inputs they depend on, ``time`` among them for courses.
        outputs: Outputs they correct.
        features: Inputs to features.
        bank: One process per output.
        scale: Size of each correction (outputs,).
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    features: Features
    bank: ProcessBank
    scale: np.ndarray

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return corrections and their standard deviations (m, outputs) at points (m, inputs)."""
        mean, spread = self.bank.mean_and_spread(self.features.forward(points))
        return np.asarray(mean) * self.scale, np.asarray(spread) * self.scale


@final
class CorrectedModel(Banded):
    """A model whose outputs carry a learned correction and 90 % intervals.

    Args:
        base: The model as written.
        correction: What is added.
        training: What is known about the training.
    """

    def __init__(self, base: Model, correction: Correction, training: TrainingRecord) -> None:
        self.base, self.correction, self.training = base, correction, training
        info = base.info
        self.info = ModelInfo(
            id=f"{info.id}.corrected", title=f"{info.title or info.id}, corrected",
            scale=info.scale, backend="numpy", tags=("hybrid",),
            doc=f"{info.id} with a learned correction of {', '.join(correction.outputs[:4])}.",
        )  # fmt: skip
        self.inputs, self.outputs, self.params = base.inputs, base.outputs, base.params
        self.static_fields = base.static_fields
        self.capabilities = Capabilities(dynamic=base.capabilities.dynamic, uncertainty=True,
                                         stochastic=base.capabilities.stochastic)  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``weights.npz`` into a folder; see ``load_corrected``."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "format": _FORMAT, "base": {"id": self.base.info.id, "key": self.base.key},
            "inputs": list(self.correction.inputs), "outputs": list(self.correction.outputs),
            "features": self.correction.features.facts(), "bank": self.correction.bank.facts(),
            "training": self.training.model_dump(mode="json"),
        }  # fmt: skip
        (folder / "model.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        bank: dict[str, Any] = {f"bank/{n}": v for n, v in self.correction.bank.arrays().items()}
        np.savez(folder / "weights.npz", scale=self.correction.scale, **bank)

    # Model's hooks ------------------------------------------------------------------------

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        return self.base._check(batch)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        return self.evaluate(batch, max(rows_of(value) for value in batch.values()), key)

    def evaluate(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks; see ``Model.evaluate``."""
        if size == 0:
            return self.base.evaluate(batch, size, key)
        return {n: v for n, v in self._band(batch, size, key).items() if ":" not in n}

    @property
    def banded(self) -> tuple[str, ...]:
        """Outputs that are corrected."""
        return self.correction.outputs

    def _band(self, batch: Mapping[str, Any], size: int, key: int) -> dict[str, Any]:
        values = dict(self.base.evaluate(batch, size, key))
        for k, name in enumerate(self.correction.outputs):
            written = np.asarray(values[name], float)
            shape = written.shape
            mean, spread = self.correction(self._points(batch, shape))
            value = written + mean[:, k].reshape(shape)
            half = ENDS * spread[:, k].reshape(shape)
            values |= {name: value, f"{name}:lower": value - half, f"{name}:upper": value + half}
        return values

    def _points(self, batch: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
        """Return the correction's inputs (m, inputs) at every number of an output of a shape."""
        columns = []
        for name in self.correction.inputs:
            value = np.asarray(broadcast(batch[name], shape[0]), float)
            if value.ndim == 2 and len(shape) == 1:  # a number at the end of a course
                value = value[:, -1]
            while value.ndim < len(shape):
                value = value[..., None]
            columns.append(np.broadcast_to(value, shape).ravel())
        return np.stack(columns, axis=1)

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        inside = np.ones(getattr(batch, "size", 1), dtype=bool)
        for name, (low, high) in self.training.domain.items():
            value = np.asarray(batch[name], float).reshape(len(batch[name]), -1)
            slack = _BEYOND * (high - low)
            inside = inside & ((value >= low - slack) & (value <= high + slack)).all(axis=1)
        return inside

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "base": self.base.key, "correction":
                [self.correction.bank.facts(), self.correction.bank.arrays()]}  # fmt: skip


def load_corrected(folder: Path, base: Model) -> CorrectedModel:
    """Read a corrected model.

    Args:
        folder: What ``CorrectedModel.save`` wrote.
        base: The model it corrects.

    Raises:
        DataError: the files are missing or broken, or the base is another model.
    """
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        good = facts["format"] == _FORMAT
    except (OSError, ValueError, KeyError) as error:
        raise DataError("Not a saved correction", where=str(folder), why=str(error)[:200],
                        fix="give the folder that the hybrid operation wrote") from None  # fmt: skip
    if not good or facts["base"]["key"] != base.key:
        raise DataError("This correction belongs to another model", where=str(folder),
                        why=f"it was learned for {facts['base']['id']!r}",
                        fix="give the model it was learned for, or learn it again")  # fmt: skip
    bank = {n.removeprefix("bank/"): v for n, v in arrays.items() if n.startswith("bank/")}
    correction = Correction(
        tuple(facts["inputs"]), tuple(facts["outputs"]), Features.restored(facts["features"]),
        ProcessBank.restored(facts["bank"], bank), arrays["scale"],
    )  # fmt: skip
    return CorrectedModel(base, correction, TrainingRecord(**facts["training"]))
