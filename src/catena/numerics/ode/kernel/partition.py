"""Cut a graph where its inputs change at different rates, so that nothing is computed twice.

What depends only on parameters and on the present segment is computed when a lane is loaded, not in
every stage of every step; what a linearisation needs is computed once, not for every direction.
Both are the same cut: nodes of *early* inputs that a later node uses become inputs themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from catena.numerics.ode.kernel.graph import Graph, order


@final
@dataclass(frozen=True)
class Cut:
    """A graph cut in two.

    Args:
        early: Nodes to compute first; the k-th becomes input k of the new group.
        late: The wanted nodes, in terms of the new group and the inputs that are not early.
    """

    early: tuple[int, ...]
    late: tuple[int, ...]


def cut(graph: Graph, outputs: Sequence[int], early_groups: frozenset[str], group: str) -> Cut:
    """Cut at the last nodes that depend on early groups only.

    Args:
        graph: Operations; the late half is added to it.
        outputs: Wanted nodes.
        early_groups: Input groups that are known first.
        group: Name of the input group that carries early values to the late half.

    A division by an early value becomes a multiplication by its inverse, computed early: a
    division costs as much as ten multiplications. The result differs by one rounding.
    """
    needed = order(graph, outputs)
    late = _late(graph, needed, early_groups)
    frontier: dict[int, int] = {}
    new: dict[int, int] = {}

    def carried(node: int) -> int:
        if graph.ops[node] in ("const", "true", "false"):
            return node
        if graph.is_boolean(node):
            # Truth is carried as one or zero.
            truth = graph.apply("select", node, graph.const(1.0), graph.const(0.0))
            return graph.apply("ne", carried(truth), graph.const(0.0))
        place = frontier.setdefault(node, len(frontier))
        return graph.input(group, place)

    for node in needed:
        if node not in late:
            continue
        op, args = graph.ops[node], graph.args[node]
        if op == "input":
            new[node] = node
        elif op == "div" and args[1] not in late:
            new[node] = _scaled(graph, new[args[0]], args[1], carried)
        else:
            new[node] = graph.apply(op, *(new[a] if a in late else carried(a) for a in args))
    wanted = tuple(new[node] if node in late else carried(node) for node in outputs)
    return Cut(tuple(frontier), wanted)


def _scaled(graph: Graph, numerator: int, divisor: int, carried: Callable[[int], int]) -> int:
    inverse = graph.apply("div", graph.const(1.0), divisor)
    if graph.ops[inverse] == "const" and not np.isfinite(graph.values[inverse]):
        return graph.apply("div", numerator, carried(divisor))
    return graph.apply("mul", numerator, carried(inverse))


def _late(graph: Graph, needed: Sequence[int], early_groups: frozenset[str]) -> set[int]:
    late: set[int] = set()
    for node in needed:
        op, args = graph.ops[node], graph.args[node]
        if (op == "input" and graph.slots[node][0] not in early_groups) or any(
            a in late for a in args
        ):
            late.add(node)
    return late
