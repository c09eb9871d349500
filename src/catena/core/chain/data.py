"""Chains as plain data: what a YAML file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.chain.feedback import Feedback
from catena.core.chain.model import Chain
from catena.core.chain.slot import Slot
from catena.core.errors import CatenaError, ChainError, ModelNotFound, did_you_mean
from catena.core.model import Model
from catena.core.spec import Schema
from catena.core.values import Padded

_KEYS = ("id", "title", "version", "doc", "nodes", "edges", "inputs", "outputs", "feedback", "at")


def from_dict(data: Mapping[str, Any], models: Mapping[str, Model]) -> Chain:
    """Build a chain from plain data; see ``Chain.from_dict``."""
    if not isinstance(data, Mapping):
        raise ChainError("Not a chain", where=repr(data)[:80], why=f"got {type(data).__name__}",
                         fix="give a mapping with nodes and edges")  # fmt: skip
    where = f"chain {str(data.get('id', 'chain'))[:60]!r}"
    for name in data:
        if name not in _KEYS:
            raise ChainError(f"Unknown entry {str(name)[:60]!r}", where=where,
                             why=f"entries are {', '.join(_KEYS)}",
                             fix=did_you_mean(str(name), _KEYS, "remove it"))  # fmt: skip
    nodes = data.get("nodes")
    if not isinstance(nodes, Mapping):
        raise ChainError("A chain needs nodes", where=where, why=f"nodes is {type(nodes).__name__}",
                         fix='write nodes: {pk: "body.pbpk"}')  # fmt: skip
    faults: list[CatenaError] = []
    made = {
        str(name): _node(where, str(name), item, models, faults) for name, item in nodes.items()
    }
    if faults:
        raise ChainError(f"{where} cannot be built: {len(faults)} faults", faults=faults, where=where,
                         fix="all of them are listed below")  # fmt: skip
    texts = {n: str(data[n]) for n in ("id", "title", "version", "doc") if n in data}
    chain = Chain(
        made,
        data.get("edges") or (),
        inputs=data.get("inputs"),
        outputs=data.get("outputs"),
        feedback=data.get("feedback"),
        **texts,
    )
    changes = data.get("at") or {}
    return chain.at(**changes) if changes else chain


def _node(
    where: str, name: str, item: Any, models: Mapping[str, Model], faults: list[CatenaError]
) -> Any:
    if isinstance(item, str):
        return models.get(item, item)
    if isinstance(item, (Model, Slot)):
        return item
    try:
        if isinstance(item, Mapping) and "slot" in item:
            return Slot.from_dict(item)
        if isinstance(item, Mapping) and "nodes" in item:
            return from_dict(item, models)
        if isinstance(item, Mapping) and "model" in item and set(item) <= {"model", "at"}:
            return _model(str(item["model"]), models).at(**(item.get("at") or {}))
    except CatenaError as error:
        place = f"{where}, node {name!r}"
        error.where = f"{place} ({error.where})" if error.where else place
        faults.append(error)
        return None
    faults.append(ChainError(f"Not a node: {name!r}", where=f"{where}, node {name!r}",
                             why=f"got {item!r:.80}",
                             fix='write an id, {model: id, at: {...}}, a slot or a chain'))  # fmt: skip
    return None


def _model(name: str, models: Mapping[str, Model]) -> Model:
    from catena.core.registry import load

    return models[name] if name in models else load(name)


def to_dict(chain: Chain, models: Mapping[str, Model]) -> dict[str, Any]:
    """Return plain data of a chain; see ``Chain.to_dict``."""
    info = chain.info
    data: dict[str, Any] = {"id": info.id}
    data |= {name: getattr(info, name) for name in ("title", "doc") if getattr(info, name)}
    data["version"] = info.version
    data["nodes"] = {name: _node_data(node, models) for name, node in chain.nodes.items()}
    data["edges"] = [str(edge) for edge in chain.edges]
    if chain._shared:
        data["inputs"] = {name: list(ports) for name, ports in chain._shared.items()}
    if chain._aliases:
        data["outputs"] = dict(chain._aliases)
    if isinstance(chain.feedback, Feedback):
        data["feedback"] = chain.feedback.to_dict()
    elif chain.feedback:
        data["feedback"] = {name: item.to_dict() for name, item in chain.feedback.items()}
    if chain._defaults:
        data["at"] = {name: _plain(value) for name, value in chain._defaults.items()}
    return data


def _node_data(node: Model | Slot, models: Mapping[str, Model]) -> Any:
    if isinstance(node, Slot):
        return node.to_dict()
    if isinstance(node, Chain):
        return to_dict(node, models)
    try:
        original = _model(node.info.id, models)
    except ModelNotFound:
        return node.info.id
    changes = {
        **_changed(node.inputs, original.inputs),
        **_changed(node.params, original.params),
    }
    return {"model": node.info.id, "at": changes} if changes else node.info.id


def _changed(new: Schema, old: Schema) -> dict[str, Any]:
    return {
        field.name: _plain(field.default)
        for field in new
        if field.name in old
        and field.default is not None
        and _plain(field.default) != _plain(old[field.name].default)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Padded):
        columns = value.columns()
        return {
            name: np.asarray(column)[0][value.mask[0]].tolist() for name, column in columns.items()
        }
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
