"""Couples the ports of named nodes: checks every edge, reports all faults together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from catena.core.chain.coupling import Mismatch, link
from catena.core.chain.dimensions import rename_dimensions
from catena.core.chain.links import Link
from catena.core.chain.merging import merge
from catena.core.chain.ports import Edge, Port, Ports
from catena.core.errors import CatenaError, ChainError, SchemaError, UnitError, did_you_mean
from catena.core.spec import Field, Schema

_NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PORT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@final
@dataclass(frozen=True)
class Feed:
    """Where one input port of a node gets its value from."""

    port: str
    source: Port
    link: Link


@final
@dataclass(frozen=True)
class Wiring:
    """A checked set of couplings.

    Args:
        feeds: Per node, the feeds of its input ports.
        inputs: The chain's inputs; ``targets`` tells which ports each serves.
        targets: Ports by chain input.
        outputs: The chain's outputs; ``exposed`` tells which port each shows.
        exposed: Port by chain output.
    """

    feeds: Mapping[str, tuple[Feed, ...]]
    inputs: Schema
    targets: Mapping[str, tuple[Port, ...]]
    outputs: Schema
    exposed: Mapping[str, Port]


def wire(
    chain: str,
    nodes: Mapping[str, Ports | None],
    edges: Sequence[Edge],
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    faults: list[CatenaError],
) -> Wiring | None:
    """Check all couplings and name the chain's own ports.

    Args:
        chain: Name of the chain, for messages.
        nodes: Nodes by name; None where the model could not be loaded (already reported).
        edges: Couplings.
        inputs: Ports that share one chain input, by its name.
        outputs: Aliases of node outputs.
        faults: Every fault found is added here.

    Returns:
        The wiring, or None when there is any fault.
    """
    faults += [
        ChainError(f"Bad node name {name[:60]!r}", where=f"chain {chain!r}",
                   why="a node is named by letters, digits and _", fix="rename the node")
        for name in nodes if not _NODE.fullmatch(name)
    ]  # fmt: skip
    work = _Work(chain, nodes, faults)
    for number, edge in enumerate(edges, start=1):
        work.connect(edge, number)
    for name, ports in inputs.items():
        work.share(name, ports)
    work.expose_rest()
    exposed = work.aliases(outputs)
    if faults:
        return None
    return work.finish(exposed)


class _Work:
    """The couplings found so far."""

    def __init__(
        self, chain: str, nodes: Mapping[str, Ports | None], faults: list[CatenaError]
    ) -> None:
        self.chain = chain
        self.nodes = nodes
        self.faults = faults
        self.feeds: dict[str, dict[str, Feed]] = {name: {} for name in nodes}
        self.taken: dict[Port, str] = {}
        self.targets: dict[str, tuple[Port, ...]] = {}
        self.fields: dict[str, Field] = {}

    def connect(self, edge: Edge, number: int) -> None:
        """Check one edge and keep its feed."""
        where = f"chain {self.chain!r}, edge {number}"
        source, target = edge.ports
        left = self.find(source, "outputs", edge, where)
        right = self.find(target, "inputs", edge, where)
        if left is None or right is None or not self.free(target, str(edge), where):
            return
        found = link(left, right)
        if isinstance(found, Mismatch):
            kind = UnitError if found.is_unit else ChainError
            what = f"Cannot connect  {_spell(source, left)}  ->  {_spell(target, right)}"
            self.faults.append(kind(what, where=where, why=found.why, fix=found.fix))
            return
        self.feeds[target.node][target.name] = Feed(target.name, source, found)

    def find(self, port: Port, side: str, about: Edge | str, where: str) -> Field | None:
        """Return a port's field, or report that there is none."""
        what = f"Cannot connect  {about}" if isinstance(about, Edge) else f"Cannot expose  {about}"
        if port.node not in self.nodes:
            self.faults.append(ChainError(
                what, where=where, why=f"there is no node {port.node!r}",
                fix=did_you_mean(port.node, self.nodes, f"nodes are {', '.join(self.nodes)}"),
            ))  # fmt: skip
            return None
        node = self.nodes[port.node]
        if node is None:
            return None
        schema: Schema = getattr(node, side)
        if port.name in schema:
            return schema[port.name]
        other: Schema = node.inputs if side == "outputs" else node.outputs
        why = f"{port.node!r} has no {side[:-1]} {port.name!r}"
        if port.name in other:
            why += f"; {port.name!r} is one of its {'inputs' if side == 'outputs' else 'outputs'}"
        listed = f"its {side} are {', '.join(schema.names[:12]) or 'none'}"
        fix = did_you_mean(port.name, schema.names, listed)
        self.faults.append(ChainError(what, where=where, why=why, fix=fix))
        return None

    def free(self, target: Port, by: str, where: str) -> bool:
        """Claim an input port, or report that something else feeds it already."""
        if target in self.taken:
            self.faults.append(ChainError(
                f"Two sources feed  {target}", where=where,
                why=f"{self.taken[target]} and {by}",
                fix="remove one, or join them in a node of their own",
            ))  # fmt: skip
            return False
        self.taken[target] = by
        return True

    def share(self, name: str, ports: Sequence[str]) -> None:
        """Let one chain input serve several ports."""
        where = f"chain {self.chain!r}, input {name!r}"
        found: list[tuple[Port, Field]] = []
        if not _PORT.fullmatch(name) or not ports:
            self.faults.append(ChainError(f"Bad chain input {name[:60]!r}", where=where,
                                          why="an input has a name and at least one port",
                                          fix='write inputs={"weight": ["pk.weight"]}'))  # fmt: skip
        for text in ports:
            port = Port(*text.split(".", 1)) if "." in text else Port(text, "")
            field = self.find(port, "inputs", text, where)
            if field is not None and self.free(port, f"chain input {name!r}", where):
                found.append((port, field))
        if found:
            self.targets[name] = tuple(port for port, _ in found)
            self.serve(name, found, where)

    def serve(self, name: str, found: Sequence[tuple[Port, Field]], where: str) -> None:
        """Declare a chain input for the given ports and link it to each."""
        merged = merge(name, [field for _, field in found])
        if isinstance(merged, Mismatch):
            pairs = ((other, merge(name, [found[0][1], other[1]])) for other in found[1:])
            culprit = next((o for o, fault in pairs if isinstance(fault, Mismatch)), found[-1])
            self.refuse_sharing(found[0], culprit, merged, where)
            return
        for port, field in found:
            coupling = link(merged, field)
            if isinstance(coupling, Mismatch):
                self.refuse_sharing(found[0], (port, field), coupling, where)
                return
            # A chain input is checked against the merged field at the border.
            self.feeds[port.node][port.name] = Feed(port.name, Port("", name), coupling)
        self.fields[name] = merged

    def refuse_sharing(
        self, first: tuple[Port, Field], second: tuple[Port, Field], fault: Mismatch, where: str
    ) -> None:
        """Report two ports that cannot take one value."""
        what = f"Cannot share one input between  {_spell(*first)}  and  {_spell(*second)}"
        kind = UnitError if fault.is_unit else ChainError
        self.faults.append(kind(what, where=where, why=fault.why, fix=fault.fix))

    def expose_rest(self) -> None:
        """Turn input ports nothing feeds into chain inputs."""
        open_ports = [
            (Port(name, field.name), field)
            for name, node in self.nodes.items()
            if node is not None
            for field in node.inputs
            if Port(name, field.name) not in self.taken
        ]
        names = [port.name for port, _ in open_ports]
        for port, field in open_ports:
            short = names.count(port.name) == 1 and port.name not in self.targets
            name = port.name if short else str(port)
            self.targets[name] = (port,)
            self.serve(name, [(port, field)], f"chain {self.chain!r}, input {name!r}")

    def aliases(self, outputs: Mapping[str, str]) -> dict[str, Port]:
        """Return chain outputs: aliases first, then every ``node.port``."""
        exposed: dict[str, Port] = {}
        full = {
            str(Port(name, field.name)): Port(name, field.name)
            for name, node in self.nodes.items()
            if node is not None
            for field in node.outputs
        }
        for alias, text in outputs.items():
            where = f"chain {self.chain!r}, output {alias!r}"
            port = Port(*text.split(".", 1)) if "." in text else Port(text, "")
            if self.find(port, "outputs", text, where) is None:
                continue
            if not _PORT.fullmatch(alias) or alias in full:
                self.faults.append(ChainError(f"Bad output name {alias[:60]!r}", where=where,
                                              why="it is no name, or already names a port",
                                              fix="choose another name"))  # fmt: skip
                continue
            exposed[alias] = port
        return {**exposed, **full}

    def finish(self, exposed: dict[str, Port]) -> Wiring:
        """Give shared dimensions one name and build the schemas."""
        nodes = {name: node for name, node in self.nodes.items() if node is not None}
        feeds = {name: tuple(by_port.values()) for name, by_port in self.feeds.items()}
        dims = rename_dimensions(nodes, feeds, self.targets)
        inputs = [dims(self.targets[name][0].node, field) for name, field in self.fields.items()]
        outputs = [
            dims(port.node, nodes[port.node].outputs[port.name]).with_(name=name)
            for name, port in exposed.items()
        ]
        try:
            return Wiring(feeds, Schema(inputs), self.targets, Schema(outputs), exposed)
        except SchemaError as error:  # two chain inputs of one name
            raise ChainError(error.what, where=f"chain {self.chain!r}", why=error.why,
                             fix="name the inputs with inputs={...}") from None  # fmt: skip


def _spell(port: Port, field: Field) -> str:
    return f"{port} [{field.unit}]" if field.unit else str(port)
