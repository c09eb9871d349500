"""Hybrid models as files: one JSON of facts and one ``.npz`` of arrays, nothing pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from catena.core.errors import DataError
from catena.core.model import ModelInfo
from catena.core.trainable import TrainingRecord
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.fit import Trained
from catena.learn.hybrid.model import HybridModel
from catena.learn.hybrid.network import TermNetwork
from catena.learn.hybrid.training import History
from catena.numerics.ode import OdeSystem

_FORMAT = "catena-hybrid-1"


def save_hybrid(model: HybridModel, folder: Path) -> None:
    """Write ``model.json`` and ``weights.npz`` into a folder.

    Args:
        model: The model.
        folder: Made if it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "format": _FORMAT,
        "system": {"id": model.slots.system.info.id, "key": model.slots.system.key},
        "terms": list(model.slots.terms),
        "features": list(model.slots.features),
        "network": model.trained.network.facts(),
        "history": model.trained.history.stages,
        "training": model.training.model_dump(mode="json"),
        "info": model.info.model_dump(mode="json"),
    }
    (folder / "model.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    network = model.trained.network.arrays()
    arrays: dict[str, Any] = {f"network/{name}": value for name, value in network.items()}
    arrays |= {"weights": model.trained.weights, "scale": model.trained.scale}
    np.savez(folder / "weights.npz", **arrays)


def load_hybrid(folder: Path, system: OdeSystem) -> HybridModel:
    """Read a hybrid model; the written equations come from code, so they must be given.

    Args:
        folder: What ``save_hybrid`` wrote.
        system: The system the model was made from.

    Raises:
        DataError: the files are missing or broken, or the system is another one.
    """
    facts, arrays = _read(folder)
    if facts["system"]["key"] != system.key:
        raise DataError("This hybrid model was made from another system", where=str(folder),
                        why=f"it was made from {facts['system']['id']!r}, whose equations differ",
                        fix="give the system it was made from, or train it again")  # fmt: skip
    network = {n.removeprefix("network/"): v for n, v in arrays.items() if n.startswith("network/")}
    trained = Trained(TermNetwork.restored(facts["network"], network), arrays["weights"],
                      History(list(facts["history"])), arrays["scale"])  # fmt: skip
    slots = Slots.of(system, tuple(facts["terms"]), tuple(facts["features"]))
    return HybridModel(
        slots, trained, TrainingRecord(**facts["training"]), ModelInfo(**facts["info"])
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise DataError("Not a saved hybrid model", where=str(folder), why=str(error)[:200],
                        fix="give the folder that save_hybrid wrote") from None  # fmt: skip
    if facts.get("format") != _FORMAT:
        raise DataError("Not a saved hybrid model", where=str(folder / "model.json"),
                        why=f"its format is {facts.get('format')!r}, not {_FORMAT!r}",
                        fix="save it again with this version")  # fmt: skip
    return facts, arrays
