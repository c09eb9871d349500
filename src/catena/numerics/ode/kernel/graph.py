"""A right-hand side as a graph of scalar operations, every distinct value computed once.

A node is a plain number: its place in the order of creation, so arguments always come before
the nodes that use them. Two applications of one operation to the same arguments are the same
node (hash-consing), which removes common sub-expressions while the graph is being built.
Whole arrays of nodes are NumPy integer arrays; reshaping or slicing a value of the traced
function is then the same NumPy operation on its node numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from catena.numerics.ode.kernel.simplify import COMMUTATIVE, NUMPY, SIMPLIFY

#: Operations whose result is a truth value.
BOOLEAN = frozenset({"true", "false", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not",
                     "xor"})  # fmt: skip


@final
class Graph:
    """A growing graph of scalar operations on float64 values and truth values.

    Attributes:
        ops: Operation of each node: ``const``, ``input``, ``true``, ``false`` or a name in
            ``simplify.NUMPY``.
        args: Argument nodes of each node.
        values: Value of each ``const`` node, NaN for all others.
        constants: Value by ``const`` node, for quick look-up.
        slots: (group, index) by ``input`` node.
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[int, ...]] = []
        self.values: list[float] = []
        self.constants: dict[int, float] = {}
        self.slots: dict[int, tuple[str, int]] = {}
        self._known: dict[tuple[Any, ...], int] = {}
        self.false = self.intern("false", ())
        self.true = self.intern("true", ())
        self.zero = self.const(0.0)
        self.one = self.const(1.0)

    def __len__(self) -> int:
        return len(self.ops)

    def const(self, x: float) -> int:
        """Return the node of a constant; 0.0 and -0.0 are different nodes, all NaN the same."""
        x = float(x)
        # Zero and NaN need their text: -0.0 == 0.0, and NaN is not even equal to itself.
        key = ("const", x if x == x and x != 0.0 else repr(x))
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = self._append("const", (), x)
            self.constants[node] = x
        return node

    def truth(self, x: bool) -> int:
        """Return the node of a constant truth value."""
        return self.true if x else self.false

    def input(self, group: str, index: int) -> int:
        """Return the node of entry ``index`` of the input vector called ``group``."""
        key = ("input", group, index)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = self._append("input", (), np.nan)
            self.slots[node] = (group, index)
        return node

    def inputs(self, group: str, size: int) -> np.ndarray:
        """Return the nodes (size,) of a whole input vector."""
        return np.array([self.input(group, k) for k in range(size)], dtype=np.int64)

    def apply(self, op: str, *args: int) -> int:
        """Return the node of an operation: folded, simplified, or an equal node if there is one.

        Args:
            op: Name of a real or boolean operation, a key of ``simplify.NUMPY``.
            args: Argument nodes.
        """
        rule = SIMPLIFY.get(op)
        if rule is not None:
            node = rule(self, *args)
            if node is not None:
                return node
        elif all(arg in self.constants for arg in args):
            return self.fold(op, *args)
        return self.intern(op, args)

    def fold(self, op: str, *args: int) -> int:
        """Return the constant that an operation on constants gives."""
        with np.errstate(all="ignore"):
            value = NUMPY[op](*(np.float64(self.constants[arg]) for arg in args))
        return self.truth(bool(value)) if op in BOOLEAN else self.const(float(value))

    def intern(self, op: str, args: tuple[int, ...]) -> int:
        """Return the node of exactly this operation, without simplification."""
        if op in COMMUTATIVE and args[0] > args[1]:
            args = (args[1], args[0])
        key = (op, args)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = self._append(op, args, np.nan)
        return node

    def is_boolean(self, node: int) -> bool:
        """Say whether a node is a truth value."""
        return self.ops[node] in BOOLEAN

    def _append(self, op: str, args: tuple[int, ...], value: float) -> int:
        self.ops.append(op)
        self.args.append(args)
        self.values.append(value)
        return len(self.ops) - 1


def order(graph: Graph, outputs: Iterable[int]) -> list[int]:
    """Return the nodes that the outputs need, themselves included, arguments first."""
    needed: set[int] = set()
    stack = [int(node) for node in outputs]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack.extend(graph.args[node])
    return sorted(needed)


def dependencies(graph: Graph, outputs: Iterable[int]) -> dict[int, frozenset[str]]:
    """Return, for every needed node, the groups of inputs that its value depends on."""
    found: dict[int, frozenset[str]] = {}
    nothing: frozenset[str] = frozenset()
    for node in order(graph, outputs):
        if node in graph.slots:
            found[node] = frozenset({graph.slots[node][0]})
        else:
            found[node] = nothing.union(*(found[arg] for arg in graph.args[node]))
    return found


def evaluate(
    graph: Graph, nodes: Sequence[int], inputs: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """Compute nodes with NumPy: the reference that machine code is tested against.

    Args:
        graph: The graph.
        nodes: Nodes wanted.
        inputs: Values of each input group, (size, *batch); all groups share the batch axes.

    Returns:
        One float64 or bool array (*batch) per node; constants are scalars.
    """
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for node in order(graph, nodes):
            op = graph.ops[node]
            if op == "const":
                values[node] = np.float64(graph.values[node])
            elif op == "input":
                group, index = graph.slots[node]
                values[node] = np.asarray(inputs[group], dtype=np.float64)[index]
            else:
                values[node] = NUMPY[op](*(values[arg] for arg in graph.args[node]))
    return [np.asarray(values[int(node)]) for node in nodes]
