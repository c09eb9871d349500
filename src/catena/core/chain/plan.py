"""The order in which a chain's nodes run; nodes that feed each other run as one group."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from catena.core.chain.feedback import Feedback
from catena.core.chain.ports import Port, Ports
from catena.core.chain.wiring import Wiring
from catena.core.errors import CatenaError, ChainError, did_you_mean
from catena.core.spec import Field

#: Groups up to this size are cut in the best of all orders; larger ones from every start node.
_EXACT = 6
#: Cutting a port with a dimension costs as much as this many scalar ports.
_SHAPED = 100


@final
@dataclass(frozen=True)
class Tear:
    """A port whose value is guessed, so that a cycle can be run in order.

    Args:
        port: The output whose value is the unknown.
        field: Its declaration.
        readers: Input ports (node, port) that read the unknown instead of a fresh value.
        guess: Where the search starts, in the unit of ``field``.
    """

    port: Port
    field: Field
    readers: frozenset[Port]
    guess: Any


@final
@dataclass(frozen=True)
class Step:
    """One node, or a group of nodes that feed each other.

    Args:
        nodes: Names in order of execution.
        tears: Unknowns of a group; empty for a single node.
        feedback: How the unknowns are found.
    """

    nodes: tuple[str, ...]
    tears: tuple[Tear, ...] = ()
    feedback: Feedback | None = None

    @property
    def name(self) -> str:
        """Nodes joined by "+", as in ``feedback={"a+b": ...}``."""
        return "+".join(self.nodes)


def plan(
    chain: str,
    nodes: Mapping[str, Ports],
    wiring: Wiring,
    feedback: Feedback | Mapping[str, Feedback] | None,
    faults: list[CatenaError],
) -> tuple[Step, ...]:
    """Order the nodes; every fault found is added to ``faults``."""
    arcs = [
        (feed.source.node, name)
        for name, incoming in wiring.feeds.items()
        for feed in incoming
        if feed.source.node
    ]
    groups = components(list(nodes), arcs)
    known = set(_names([g for g in groups if len(g) > 1 or (g[0], g[0]) in arcs]))
    if isinstance(feedback, Mapping):
        faults.extend(
            ChainError(f"No feedback group {name!r}", where=f"chain {chain!r}, feedback",
                       why=f"cycles are {', '.join(sorted(known)) or 'none'}",
                       fix=did_you_mean(name, known, "name a group, or a node of it"))
            for name in feedback if name not in known
        )  # fmt: skip
    steps: list[Step] = []
    for group in groups:
        if len(group) == 1 and (group[0], group[0]) not in arcs:
            steps.append(Step((group[0],)))
            continue
        chosen = _chosen(group, feedback)
        if chosen is None:
            faults.append(_cycle_fault(chain, group, arcs))
            continue
        step = _cut(group, nodes, wiring, chosen)
        if step is None:
            faults.append(ChainError(
                f"Cannot cut the cycle  {' -> '.join((*group, group[0]))}",
                where=f"chain {chain!r}", why="no order of its nodes leaves only real numbers to guess",
                fix="couple the nodes through a port of kind real",
            ))  # fmt: skip
            continue
        steps.append(step)
    return tuple(steps)


def _names(groups: Sequence[Sequence[str]]) -> list[str]:
    return [name for group in groups for name in ("+".join(group), *group)]


def _chosen(
    group: Sequence[str], feedback: Feedback | Mapping[str, Feedback] | None
) -> Feedback | None:
    if not isinstance(feedback, Mapping):
        return feedback
    return next((feedback[name] for name in ("+".join(group), *group) if name in feedback), None)


def _cycle_fault(chain: str, group: Sequence[str], arcs: Sequence[tuple[str, str]]) -> ChainError:
    path = _cycle(group[0], set(group), arcs)
    return ChainError(
        f"Cycle without a solver  {' -> '.join(path)}",
        where=f"chain {chain!r}",
        why="each of these nodes needs the result of another",
        fix='choose feedback="fixed_point" (simple, for weak coupling), "newton" (few iterations, '
        'uses gradients) or "anderson" (few iterations, no gradients), or remove an edge',
    )


def _cycle(start: str, group: set[str], arcs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a shortest way from ``start`` back to itself."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop(0)
        for source, target in arcs:
            if source != path[-1] or target not in group:
                continue
            if target == start:
                return [*path, start]
            if target not in seen:
                seen.add(target)
                paths.append([*path, target])
    return [start]


def components(nodes: Sequence[str], arcs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return strongly connected sets of nodes in order of execution, declared order first."""
    after: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in arcs:
        after[source].append(target)
    reach = {name: _reach(name, after) for name in nodes}
    rank = {name: index for index, name in enumerate(nodes)}
    left = list(nodes)
    ordered: list[list[str]] = []
    while left:
        # A node may run when all it needs is done or needs it in turn.
        ready = next(
            name for name in left
            if all(other in reach[name] for other in left if other != name and name in reach[other])
        )  # fmt: skip
        group = [
            other for other in left
            if other == ready or (other in reach[ready] and ready in reach[other])
        ]  # fmt: skip
        ordered.append(sorted(group, key=rank.__getitem__))
        left = [name for name in left if name not in group]
    return ordered


def _reach(start: str, after: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    stack = list(after[start])
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(after[name])
    return found


def _cut(
    group: Sequence[str], nodes: Mapping[str, Ports], wiring: Wiring, feedback: Feedback
) -> Step | None:
    """Choose the order that leaves the fewest numbers to guess."""
    inner = [
        (feed.source, Port(name, feed.port), feed.link)
        for name in group
        for feed in wiring.feeds[name]
        if feed.source.node in group
    ]
    best: tuple[float, tuple[str, ...]] | None = None
    for order in _orders(group, [(s.node, t.node) for s, t, _ in inner]):
        position = {name: index for index, name in enumerate(order)}
        cost, seen = 0.0, set()
        for source, target, link in inner:
            if position[source.node] < position[target.node]:
                continue
            if not link.differentiable:
                cost = float("inf")
            elif source not in seen:
                seen.add(source)
                cost += _SHAPED if nodes[source.node].outputs[source.name].shape else 1
        if best is None or cost < best[0]:
            best = (cost, order)
    if best is None or best[0] == float("inf"):
        return None
    position = {name: index for index, name in enumerate(best[1])}
    readers: dict[Port, list[Port]] = {}
    for source, target, _ in inner:
        if position[source.node] >= position[target.node]:
            readers.setdefault(source, []).append(target)
    tears = [
        Tear(
            port,
            nodes[port.node].outputs[port.name],
            frozenset(read),
            _guess(port, read, nodes, wiring),
        )
        for port, read in readers.items()
    ]
    return Step(best[1], tuple(tears), feedback)


def _orders(group: Sequence[str], arcs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
    if len(group) <= _EXACT:
        return list(itertools.permutations(group))
    found = []
    for start in group:
        order = [start]
        while len(order) < len(group):
            # Next comes the node that needs least of what has not run yet.
            rest = [name for name in group if name not in order]
            needs = {n: sum(s in rest for s, t in arcs if t == n and s != n) for n in rest}
            order.append(min(rest, key=needs.__getitem__))
        found.append(tuple(order))
    return found


def _guess(port: Port, readers: Sequence[Port], nodes: Mapping[str, Ports], wiring: Wiring) -> Any:
    """Take the default of a reader, else of the port, else the middle of its bounds, else 1."""
    for reader in readers:
        default = nodes[reader.node].inputs[reader.name].default
        feed = next(f for f in wiring.feeds[reader.node] if f.port == reader.name)
        if default is not None and feed.link.order is None:
            return (default - feed.link.offset) / feed.link.scale
    field = nodes[port.node].outputs[port.name]
    if field.default is not None:
        return field.default
    low, high = field.bounds
    if low is not None and high is not None:
        return (low + high) / 2.0
    one = 1.0
    return (
        max(one, low + 1.0)
        if low is not None
        else min(one, high - 1.0)
        if high is not None
        else one
    )
