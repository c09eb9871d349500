"""What a compiled system consists of: straight-line functions of lane vectors, as graph nodes.

Every part reads and writes arrays of lane vectors. Groups: ``t`` time, ``y`` states, ``p``
parameters, ``s`` segment values, ``a`` amount of an action, ``q`` what parameters and segment alone
determine; a ``d`` before the name is the derivative in one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.numerics.ode.kernel import sparse
from catena.numerics.ode.kernel.derivative import jacobian, pushforward
from catena.numerics.ode.kernel.graph import Graph
from catena.numerics.ode.kernel.partition import cut
from catena.numerics.ode.kernel.primitives import lower

if TYPE_CHECKING:
    from catena.numerics.ode.flat import Flat

Nodes = list[int]
#: Known when a lane is loaded or passes to another segment.
EARLY = frozenset({"p", "s"})


@final
@dataclass(frozen=True)
class Part:
    """One straight-line function.

    Args:
        name: Its name in the machine code.
        inputs: Groups it reads; the pointer parameter of each has the group's name.
        outputs: Pointer parameter -> nodes stored there in order.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: dict[str, Nodes]

    @property
    def parameters(self) -> list[str]:
        """Pointer parameters in order: what is read, then what is written."""
        return [*self.inputs, *self.outputs]

    def stores(self) -> list[tuple[str, int, int]]:
        """Return (pointer, slot, node) of everything it writes."""
        return [
            (name, k, node) for name, nodes in self.outputs.items() for k, node in enumerate(nodes)
        ]


@final
@dataclass
class Parts:
    """All functions of a system in one graph, and the lengths of the arrays they exchange."""

    graph: Graph
    parts: list[Part] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)

    def add(self, name: str, inputs: tuple[str, ...], **outputs: Nodes) -> None:
        """Append a part."""
        self.parts.append(Part(name, inputs, outputs))


def build_parts(flat: Flat, jaxprs: dict[str, Any], tangents: bool) -> Parts:
    """Lower the traced functions of a system and derive everything a step needs.

    Args:
        flat: The system.
        jaxprs: Closed jaxprs by name: rhs, outputs, initial, crossings (when there are any) and
            action0, action1, ...
        tangents: Also build what the derivative of the discrete solution needs.

    Raises:
        KernelUnsupported: a function holds something that has no scalar form.
        SolverError: the step's matrix is structurally singular.
    """
    graph = Graph()
    t = np.asarray(graph.input("t", 0))
    y, p, s = (
        _inputs(graph, g, size) for g, size in (("y", flat.n), ("p", flat.np), ("s", flat.ns))
    )
    a = np.asarray(graph.input("a", 0))

    def nodes(name: str, *arguments: np.ndarray) -> Nodes:
        return [int(k) for k in np.ravel(lower(jaxprs[name], graph, list(arguments))[0])]

    rhs, outputs = nodes("rhs", t, y, p, s), nodes("outputs", t, y, p, s)
    initial = nodes("initial", p)
    crossings = nodes("crossings", t, y, p, s) if flat.crossings is not None else []
    actions = [nodes(f"action{k}", t, y, p, s, a) for k in range(len(flat.actions))]
    entries = jacobian(graph, rhs, list(map(int, y)))
    drift = _drift(graph, rhs, int(t))

    late = cut(graph, [*rhs, *outputs, *crossings, *chain(*actions), *entries.values(), *drift],
               EARLY, "q")  # fmt: skip
    take = iter(late.late)
    rhs, outputs, crossings = ([next(take) for _ in group] for group in (rhs, outputs, crossings))
    actions = [[next(take) for _ in group] for group in actions]
    entries = {place: next(take) for place in entries}
    drift = [next(take) for _ in drift]

    made = Parts(graph)
    made.flags = {"timed": bool(drift)}
    made.sizes = {"n": flat.n, "np": flat.np, "ns": flat.ns, "no": flat.no, "nc": len(crossings),
                  "nq": len(late.early), "actions": len(actions)}  # fmt: skip
    made.add("prepare", ("p", "s"), q=list(late.early))
    made.add("initial", ("p",), x=initial)
    made.add("rhs", ("t", "y", "q"), f=rhs)
    made.add("outputs", ("t", "y", "q"), o=outputs)
    if crossings:
        made.add("crossings", ("t", "y", "q"), g=crossings)
    for k, action in enumerate(actions):
        made.add(f"action{k}", ("t", "y", "q", "a"), x=action)
    _add_solver(made, flat, entries, drift)
    if tangents:
        _add_tangents(made, flat, _Late(initial, list(late.early), rhs, outputs, crossings, actions,
                                        entries, drift))  # fmt: skip
    return made


def _inputs(graph: Graph, group: str, size: int) -> np.ndarray:
    return np.array([graph.input(group, k) for k in range(size)], dtype=np.int64)


def _drift(graph: Graph, rhs: Nodes, t: int) -> Nodes:
    """Return the derivative of the right-hand side to time, or nothing when there is none."""
    slopes = pushforward(graph, rhs, {t: graph.const(1.0)})
    return slopes if any(slope != graph.const(0.0) for slope in slopes) else []


def _add_solver(made: Parts, flat: Flat, entries: dict[sparse.Entry, int], drift: Nodes) -> None:
    """Add the factorisation of M / (h gamma) - J, the solve with it, and the mass product."""
    graph, n = made.graph, flat.n
    mass = np.eye(n) if flat.mass is None else np.asarray(flat.mass, dtype=float)
    over = graph.input("ihg", 0)
    matrix = {place: graph.apply("neg", node) for place, node in entries.items()}
    for i, j in zip(*np.nonzero(mass), strict=True):
        scaled = graph.apply("mul", graph.const(float(mass[i, j])), over)
        slope_there = entries.get((int(i), int(j)))
        matrix[int(i), int(j)] = (
            scaled if slope_there is None else graph.apply("sub", scaled, slope_there)
        )
    plan = sparse.eliminate(matrix, n, flat.labels)
    factors = sparse.factor(graph, matrix, plan)
    made.sizes["nlu"] = len(factors)
    timed = {"ft": drift} if drift else {}
    made.add("factor", ("t", "y", "q", "ihg"), lu=factors, **timed)
    held = [graph.input("lu", k) for k in range(len(factors))]
    slope, drag = ([graph.input(group, k) for k in range(n)] for group in ("f", "b"))
    inverse = graph.input("ih", 0)
    right = [graph.apply("add", f, graph.apply("mul", inverse, b))
             for f, b in zip(slope, drag, strict=True)]  # fmt: skip
    made.add("solve", ("lu", "f", "b", "ih"), x=sparse.solve(graph, held, right, plan))
    made.flags["mass"] = flat.mass is not None
    if flat.mass is not None:
        made.add("weigh", ("b",), x=_product(graph, {
            (int(i), int(j)): graph.const(float(mass[i, j]))
            for i, j in zip(*np.nonzero(mass), strict=True)}, drag, n))  # fmt: skip


def _product(graph: Graph, matrix: dict[sparse.Entry, int], vector: Nodes, n: int) -> Nodes:
    """Return the nodes of a sparse matrix times a vector."""
    out = [graph.const(0.0)] * n
    for (i, j), node in sorted(matrix.items()):
        out[i] = graph.apply("add", out[i], graph.apply("mul", node, vector[j]))
    return out


@final
@dataclass(frozen=True)
class _Late:
    initial: Nodes
    early: Nodes
    rhs: Nodes
    outputs: Nodes
    crossings: Nodes
    actions: list[Nodes]
    entries: dict[sparse.Entry, int]
    drift: Nodes


def _add_tangents(made: Parts, flat: Flat, late: _Late) -> None:
    """Add the derivative, in one direction, of every part."""
    graph = made.graph

    def pairs(*groups: str) -> dict[int, int]:
        lengths = {"y": flat.n, "p": flat.np, "s": flat.ns, "a": 1, "t": 1, "q": made.sizes["nq"]}
        return {
            graph.input(g, k): graph.input("d" + g, k) for g in groups for k in range(lengths[g])
        }

    def push(nodes: Sequence[int], *groups: str) -> Nodes:
        return list(pushforward(graph, list(nodes), pairs(*groups)))

    def linear(name: str, **outputs: Nodes) -> None:
        """Split a tangent into what is computed once and what every direction costs."""
        flat_nodes = list(chain(*outputs.values()))
        two = cut(graph, flat_nodes, frozenset({"t", "y", "q"}), "w")
        made.add(f"linearise_{name}", ("t", "y", "q"), w=list(two.early))
        made.sizes[f"w_{name}"] = len(two.early)
        take = iter(two.late)
        made.add(f"push_{name}", ("w", "dy", "dq"),
                 **{key: [next(take) for _ in nodes] for key, nodes in outputs.items()})  # fmt: skip

    made.add("prepare_tangent", ("p", "s", "dp", "ds"), dq=push(late.early, "p", "s"))
    made.add("initial_tangent", ("p", "dp"), dx=push(late.initial, "p"))
    linear("rhs", df=push(late.rhs, "y", "q"))
    timed = {"dft": push(late.drift, "y", "q")} if late.drift else {}
    places = sorted(late.entries)
    linear("jacobian", dj=push([late.entries[e] for e in places], "y", "q"), **timed)
    linear("outputs", do=push(late.outputs, "y", "q"))
    made.sizes["ndj"] = len(places)
    held = {place: graph.input("dj", k) for k, place in enumerate(places)}
    vector = [graph.input("b", k) for k in range(flat.n)]
    made.add("bend", ("dj", "b"), x=_product(graph, held, vector, flat.n))
    along = {**pairs("y"), graph.input("t", 0): graph.const(1.0)}
    made.add(
        "outputs_rate", ("t", "y", "q", "dy"), do=list(pushforward(graph, late.outputs, along))
    )
    if late.crossings:
        made.add("crossings_tangent", ("t", "y", "q", "dy", "dq", "dt"),
                 dg=push(late.crossings, "y", "q", "t"))  # fmt: skip
    for k, action in enumerate(late.actions):
        made.add(f"action{k}_tangent", ("t", "y", "q", "a", "dy", "dq", "da", "dt"),
                 dx=push(action, "y", "q", "a", "t"))  # fmt: skip
