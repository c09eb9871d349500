"""Builds a chain: loads its nodes, wires them, orders them; all faults come out together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from catena.core.backend import differentiable
from catena.core.chain.feedback import Feedback
from catena.core.chain.plan import Step, plan
from catena.core.chain.ports import Edge, Ports
from catena.core.chain.slot import Slot
from catena.core.chain.wiring import Wiring, wire
from catena.core.errors import CatenaError, ChainError, did_you_mean
from catena.core.model import Backend, Capabilities, Model
from catena.core.spec import NUMERIC, Field, Schema


@final
@dataclass(frozen=True)
class Built:
    """A chain without faults."""

    nodes: dict[str, Model | Slot]
    edges: tuple[Edge, ...]
    wiring: Wiring
    steps: tuple[Step, ...]
    feedback: Feedback | Mapping[str, Feedback] | None

    @property
    def backend(self) -> Backend:
        """The back end all models share; a mixed chain runs on NumPy arrays."""
        used = {node.info.backend for node in self.nodes.values() if isinstance(node, Model)}
        return used.pop() if len(used) == 1 else "numpy"


def build(
    chain: str,
    nodes: Mapping[str, Any],
    edges: Sequence[Any],
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    feedback: Any,
) -> Built:
    """Check everything about a chain.

    Raises:
        ChainError: with every fault found.
    """
    faults: list[CatenaError] = []
    loaded = {str(name): _load(chain, str(name), node, faults) for name, node in nodes.items()}
    if not nodes:
        faults.append(ChainError(f"Chain {chain!r} has no nodes", where=f"chain {chain!r}",
                                 why="a chain couples models", fix='Chain(pk="body.pbpk")'))  # fmt: skip
    read = _edges(chain, edges, faults)
    solver = _feedback(feedback, faults)
    wiring = wire(chain, loaded, read, inputs, outputs, faults)
    sound = {name: node for name, node in loaded.items() if node is not None}
    steps: tuple[Step, ...] = ()
    if wiring is not None:
        steps = plan(chain, sound, wiring, solver, faults)
    if faults or wiring is None:
        count = f"{len(faults)} faults" if len(faults) != 1 else "1 fault"
        raise ChainError(
            f"Chain {chain!r} cannot be built: {count}",
            faults=faults,
            where=f"chain {chain!r}",
            fix="all of them are listed below",
        )
    return Built(sound, tuple(read), wiring, steps, solver)


def _load(chain: str, name: str, node: Any, faults: list[CatenaError]) -> Model | Slot | None:
    if isinstance(node, (Model, Slot)):
        return node
    where = f"chain {chain!r}, node {name!r}"
    if not isinstance(node, str):
        faults.append(ChainError(f"Node {name!r} is no model", where=where, why=f"got {node!r:.80}",
                                 fix="give a Model, a model id or a Slot"))  # fmt: skip
        return None
    from catena.core.registry import load

    try:
        return load(node)
    except CatenaError as error:
        error.where = f"{where} ({error.where})" if error.where else where
        faults.append(error)
        return None


def _edges(chain: str, edges: Sequence[Any], faults: list[CatenaError]) -> list[Edge]:
    read: list[Edge] = []
    for number, given in enumerate([edges] if isinstance(edges, str) else edges, start=1):
        try:
            read.append(Edge.parse(given))
        except ChainError as error:
            error.where = f"chain {chain!r}, edge {number}"
            faults.append(error)
    return read


def _feedback(given: Any, faults: list[CatenaError]) -> Feedback | dict[str, Feedback] | None:
    try:
        return Feedback.parse(given)
    except ChainError as error:
        faults.append(error)
        return None


def own_fields(
    nodes: Mapping[str, Ports], wiring: Wiring
) -> tuple[Schema, tuple[str, ...], Capabilities]:
    """Return what a chain declares because of its nodes: parameters, static inputs, flags."""
    models = {name: node for name, node in nodes.items() if isinstance(node, Model)}
    params: list[Field] = [
        field.with_(name=f"{name}.{field.name}")
        for name, model in models.items()
        for field in model.params
    ]
    static = tuple(
        own
        for own, ports in wiring.targets.items()
        if any(p.node in models and p.name in models[p.node].static_fields for p in ports)
    )
    flags = [model.capabilities for model in models.values()]
    return (
        Schema(params),
        static,
        Capabilities(
            gradient=all(m.capabilities.gradient or not _derivable(m) for m in models.values()),
            stochastic=any(flag.stochastic for flag in flags),
            dynamic=any(flag.dynamic for flag in flags),
            uncertainty=any(flag.uncertainty for flag in flags),
            gpu=any(flag.gpu for flag in flags),
        ),
    )


def _derivable(model: Model) -> bool:
    inputs = differentiable(model, dict.fromkeys(model.inputs.names))
    return bool(inputs) and any(field.kind in NUMERIC for field in model.outputs)


def fitting(
    chain: str,
    nodes: Mapping[str, Model | Slot],
    edges: Sequence[Edge],
    inputs: Mapping[str, Sequence[str]],
    models: Mapping[str, Model | str],
) -> tuple[dict[str, Model | Slot], list[Edge], dict[str, list[str]]]:
    """Put models into slots; edges into ports a model does not use are left out.

    Raises:
        ChainError: with every reason why a model does not fit.
    """
    faults: list[CatenaError] = []
    filled = dict(nodes)
    unused: set[str] = set()
    for name, given in models.items():
        where = f"chain {chain!r}, slot {name!r}"
        slot = nodes.get(name)
        if not isinstance(slot, Slot):
            open_slots = [n for n, node in nodes.items() if isinstance(node, Slot)]
            why = f"open slots are {', '.join(open_slots) or 'none'}"
            fix = did_you_mean(name, open_slots, "use replace() for a node that holds a model")
            faults.append(
                ChainError(f"No slot {name!r}", where=f"chain {chain!r}", why=why, fix=fix)
            )
            continue
        model = _load(chain, name, given, faults)
        if not isinstance(model, Model):
            continue
        faults += slot.misfits(model, where)
        filled[name] = model
        unused |= {f"{name}.{port}" for port in slot.inputs.names if port not in model.inputs}
    if faults:
        raise ChainError(f"Chain {chain!r} cannot be filled: {len(faults)} faults", faults=faults,
                         where=f"chain {chain!r}", fix="all of them are listed below")  # fmt: skip
    kept = [edge for edge in edges if edge.target not in unused]
    shared = {
        name: [port for port in ports if port not in unused] for name, ports in inputs.items()
    }
    return filled, kept, {name: ports for name, ports in shared.items() if ports}
