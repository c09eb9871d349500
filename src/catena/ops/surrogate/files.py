"""A surrogate as a folder: ``surrogate.json`` (what it is) and ``arrays.npz`` (what it learned).

Nothing is pickled: reading a file never runs code from it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from catena.core.errors import CatenaError, DataError
from catena.core.model import ModelInfo
from catena.core.spec import Schema
from catena.core.trainable import TrainingRecord
from catena.learn.domain import Domain
from catena.learn.emulator import Emulator
from catena.learn.regressor import prefixed, under
from catena.learn.scaling import Features
from catena.ops.surrogate.model import SurrogateModel
from catena.ops.surrogate.reading import Reading

_FORMAT = 1


def write(fitted: SurrogateModel, folder: Path) -> None:
    """Write a surrogate into a folder.

    Raises:
        DataError: a default of its inputs is not plain data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = prefixed(fitted.domain_of.arrays(), "domain")
    for name, emulator in fitted.emulators.items():
        arrays |= prefixed(emulator.arrays(), f"output/{name}")
    numbers = {n: v for n, v in fitted.fixed.items() if isinstance(v, np.ndarray)}
    arrays |= prefixed(numbers, "fixed")
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    facts = {
        "format": _FORMAT,
        "info": fitted.info.model_dump(mode="json"),
        "inputs": fitted.inputs.to_dict(),
        "outputs": fitted.outputs.to_dict(),
        "where": [reading.to_dict() for reading in fitted.where],
        "features": fitted.features.facts(),
        "emulators": {name: emulator.facts() for name, emulator in fitted.emulators.items()},
        "contents": {n: v for n, v in fitted.fixed.items() if isinstance(v, str)},
        "training": fitted.training.model_dump(mode="json"),
        "sha256": _sha256(folder / "arrays.npz"),
    }
    try:
        text = json.dumps(facts, indent=1, default=_plain)
    except TypeError as error:
        raise DataError("The surrogate cannot be written", where=str(folder), why=str(error),
                        fix="give fixed tables as a list of records") from None  # fmt: skip
    (folder / "surrogate.json").write_text(text + "\n", encoding="utf-8")


def load_surrogate(path: str | Path) -> SurrogateModel:
    """Read a surrogate from the folder it was written into.

    Raises:
        DataError: files are missing, changed, or of another version.
    """
    folder = Path(path)
    facts = _facts(folder)
    if facts.get("format") != _FORMAT:
        raise _unreadable(folder, f"its format is {facts.get('format')!r}, known is {_FORMAT}")
    if _sha256(folder / "arrays.npz") != facts.get("sha256"):
        raise _unreadable(folder, "arrays.npz is not the file that was written")
    with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    try:
        return _restored(facts, arrays)
    except (KeyError, TypeError, ValueError, CatenaError) as error:
        raise _unreadable(folder, f"{type(error).__name__}: {error}") from None


def _restored(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> SurrogateModel:
    outputs = Schema.from_dict(facts["outputs"])
    emulators = {
        name: Emulator.restored(facts["emulators"][name], under(arrays, f"output/{name}"))
        for name in outputs.names
    }
    where = [
        Reading(item["name"], item["port"], item["position"], tuple(item["places"]))
        for item in facts["where"]
    ]
    return SurrogateModel(
        info=ModelInfo(**{**facts["info"], "tags": tuple(facts["info"]["tags"])}),
        inputs=Schema.from_dict(facts["inputs"]),
        outputs=outputs,
        where=where,
        emulators=emulators,
        features=Features.restored(facts["features"]),
        domain=Domain.restored(under(arrays, "domain")),
        fixed={**under(arrays, "fixed"), **facts["contents"]},
        training=TrainingRecord(**facts["training"]),
    )


def _facts(folder: Path) -> dict[str, Any]:
    for name in ("surrogate.json", "arrays.npz"):
        if not (folder / name).is_file():
            raise _unreadable(folder, f"{name} is missing")
    try:
        facts = json.loads((folder / "surrogate.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise _unreadable(folder, str(error)) from None
    if not isinstance(facts, dict):
        raise _unreadable(folder, "surrogate.json holds no mapping")
    return facts


def _unreadable(folder: Path, why: str) -> DataError:
    return DataError("Not a surrogate that can be read", where=str(folder), why=why,
                     fix="write it again with the artefact of its result")  # fmt: skip


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not plain data")
