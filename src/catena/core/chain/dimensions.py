"""Names of dimensions in a chain: one name where nodes share a dimension, else a name each.

Two nodes may both call something ``time`` and mean different grids. They mean the same one when
an edge or a shared input couples fields along it, or when both name the same positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from catena.core.spec import Field

if TYPE_CHECKING:
    from catena.core.chain.ports import Port, Ports
    from catena.core.chain.wiring import Feed

Axis = tuple[str, str]


def rename_dimensions(
    nodes: Mapping[str, Ports],
    feeds: Mapping[str, tuple[Feed, ...]],
    targets: Mapping[str, tuple[Port, ...]],
) -> Callable[[str, Field], Field]:
    """Return a function that renames a node's field's dimensions to the chain's.

    Args:
        nodes: Nodes by name.
        feeds: Feeds by node.
        targets: Ports each chain input serves.
    """
    axes = {
        (name, dim): field.labels if field.labels and dim == field.shape[0] else ()
        for name, node in nodes.items()
        for field in _unlabelled_first((*node.inputs, *node.outputs))
        if field.kind != "table"
        for dim in field.shape
    }
    groups = _Groups(axes)
    for one, other in _couplings(nodes, feeds, targets):
        groups.join(one, other)
    by_labels: dict[Any, Axis] = {}
    for axis, labels in axes.items():
        if labels:
            groups.join(by_labels.setdefault((axis[1], labels), axis), axis)
    roots: dict[str, set[Axis]] = {}
    for axis in axes:
        roots.setdefault(axis[1], set()).add(groups.root(axis))

    def rename(node: str, field: Field) -> Field:
        if field.kind == "table" or all(len(roots[dim]) == 1 for dim in field.shape):
            return field
        shape = tuple(
            dim if len(roots[dim]) == 1 else ".".join(groups.root((node, dim)))
            for dim in field.shape
        )
        return field.with_(shape=shape)

    return rename


def _couplings(
    nodes: Mapping[str, Ports],
    feeds: Mapping[str, tuple[Feed, ...]],
    targets: Mapping[str, tuple[Port, ...]],
) -> Iterator[tuple[Axis, Axis]]:
    """Yield pairs of axes that an edge or a shared input makes one."""
    for name, incoming in feeds.items():
        for feed in incoming:
            if feed.source.node and feed.link.order is None:
                for dim in nodes[name].inputs[feed.port].shape:
                    yield (feed.source.node, dim), (name, dim)
    for ports in targets.values():
        for port in ports[1:]:
            for dim in nodes[port.node].inputs[port.name].shape:
                yield (ports[0].node, dim), (port.node, dim)


def _unlabelled_first(fields: Iterable[Field]) -> list[Field]:
    # The last field of a dimension decides its labels; let that be one that has some.
    return sorted(fields, key=lambda field: bool(field.labels))


class _Groups:
    """Sets of axes that mean the same dimension (union-find)."""

    def __init__(self, axes: Iterable[Axis]) -> None:
        self._parent = {axis: axis for axis in axes}

    def root(self, axis: Axis) -> Axis:
        while self._parent[axis] != axis:
            axis = self._parent[axis]
        return axis

    def join(self, a: Axis, b: Axis) -> None:
        if a in self._parent and b in self._parent:
            self._parent[self.root(b)] = self.root(a)
