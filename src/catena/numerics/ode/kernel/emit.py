"""Straight-line machine code of a scalar graph: one vector instruction or call per node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import mathlib
from .types import Kind, literal
from .unit import Unit

if TYPE_CHECKING:
    from .graph import Graph

#: Nodes per LLVM function. Compilation of one basic block is superlinear in its length, so longer
#: code is cut into functions that pass values through an array on the stack.
PART = 250

#: Where to write a node: pointer parameter, slot (in vectors), node.
Output = tuple[str, int, int]

_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "round": "rint"}
_COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_BITS = {"and": "and", "or": "or", "xor": "xor"}
_LEAVES = frozenset({"const", "input", "true", "false"})


def emit_function(
    unit: Unit,
    name: str,
    graph: Graph,
    outputs: Sequence[Output],
    inputs: Mapping[str, str],
    parameters: Sequence[str],
) -> None:
    """Add ``void name(double* ...)`` to the unit, computing nodes of a graph for W lanes.

    Args:
        unit: The module.
        name: Symbol.
        graph: Scalar graph.
        outputs: (parameter, slot, node) to write, each as a vector at ``slot * W``.
        inputs: Parameter that holds each input group; entry k is the vector at ``k * W``.
        parameters: Names of all pointer parameters in order. What is written must not overlap
            what is read.

    Raises:
        ValueError: If a parameter is both read and written, or a name is unknown.
    """
    written = {parameter for parameter, _, _ in outputs}
    if written & set(inputs.values()) or (written | set(inputs.values())) - set(parameters):
        raise ValueError(f"{name}: parameters are listed once and are read or written, not both")
    ordered = schedule(graph, [node for _, _, node in outputs])
    if len(ordered) <= PART:
        parts = [_Part(name, ordered)]
    else:
        parts = _cut(name, graph, ordered)
        _emit_caller(unit, name, parts, parameters)
    home = {node: part for part in parts for node in part.nodes}
    for output in outputs:
        home.get(output[2], parts[0]).outputs.append(output)
    for part in parts:
        _Emitter(unit, graph, inputs, part).run(parameters)


def schedule(graph: Graph, outputs: Iterable[int]) -> list[int]:
    """Order the operations depth first, so that a value is used soon after it is computed.

    Args:
        graph: Scalar graph.
        outputs: Nodes wanted, in the order in which they should appear.

    Returns:
        Nodes that need an instruction (neither constants nor inputs), arguments first.
    """
    need: dict[int, int] = {}
    done: set[int] = set()
    result: list[int] = []
    ops, args = graph.ops, graph.args
    outputs = [int(node) for node in outputs]
    for node in _needed(graph, outputs):
        # Sethi and Ullman: the argument that needs most registers is computed first.
        needs = sorted((need.get(arg, 1) for arg in args[node]), reverse=True)
        need[node] = max((k + each for k, each in enumerate(needs)), default=1)
    for output in outputs:
        stack = [output]
        while stack:
            node = stack[-1]
            if node in done or ops[node] in _LEAVES:
                stack.pop()
                continue
            missing = [a for a in args[node] if a not in done and ops[a] not in _LEAVES]
            if missing:
                stack.append(max(missing, key=need.__getitem__))
            else:
                stack.pop()
                done.add(node)
                result.append(node)
    return result


def _needed(graph: Graph, outputs: Iterable[int]) -> list[int]:
    found: set[int] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(graph.args[node])
    return sorted(found)  # arguments have smaller numbers


@dataclass
class _Part:
    """One LLVM function of the straight-line code.

    Args:
        symbol: Its name.
        nodes: Operations it performs, in order.
        split: Whether it is one of several and shares scratch memory with the others.
        loads: Scratch slot of each value computed by an earlier part.
        saves: Scratch slot of each value that a later part needs.
        outputs: What it writes.
    """

    symbol: str
    nodes: list[int]
    split: bool = False
    loads: dict[int, int] = field(default_factory=dict)
    saves: dict[int, int] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)


def _cut(name: str, graph: Graph, ordered: list[int]) -> list[_Part]:
    """Cut the order into parts and give every value that crosses a cut a slot."""
    parts = [
        _Part(f"{name}.{start // PART}", ordered[start : start + PART], split=True)
        for start in range(0, len(ordered), PART)
    ]
    home = {node: k for k, part in enumerate(parts) for node in part.nodes}
    final: dict[int, int] = {}  # last part that reads each crossing value
    readers: list[dict[int, None]] = [{} for _ in parts]
    for k, part in enumerate(parts):
        for node in part.nodes:
            for arg in graph.args[node]:
                if home.get(arg, k) != k:
                    final[arg] = k
                    readers[k][arg] = None
    free: list[int] = []
    slots: dict[int, int] = {}
    size = 0
    for k, part in enumerate(parts):
        part.loads = {node: slots[node] for node in readers[k]}
        # A slot is free again behind its last reader, not inside it: loads come lazily.
        for node in part.nodes:
            if node in final:
                if not free:
                    free.append(size)
                    size += 1
                slots[node] = part.saves[node] = free.pop()
        free.extend(slots[node] for node in readers[k] if final[node] == k)
    return parts


def _emit_caller(unit: Unit, name: str, parts: Sequence[_Part], parameters: Sequence[str]) -> None:
    slots = 1 + max((slot for part in parts for slot in part.saves.values()), default=0)
    listed = ", ".join(f"ptr %{parameter}" for parameter in parameters)
    lines = [f"define void @{name}({listed}) nounwind {{"]
    lines.append(f"  %scratch = alloca [{slots * unit.W} x double], align 64")
    lines += [f"  call void @{part.symbol}({listed}, ptr %scratch)" for part in parts]
    unit.append("\n".join([*lines, "  ret void", "}", ""]))


class _Emitter:
    """Writes the text of one part."""

    def __init__(self, unit: Unit, graph: Graph, inputs: Mapping[str, str], part: _Part) -> None:
        self._unit = unit
        self._graph = graph
        self._inputs = inputs
        self._part = part
        self._names: dict[int, str] = {}
        self._lines: list[str] = []
        self._count = 0
        self._real = Kind.V.llvm(unit.W)
        self._whole = Kind.VI.llvm(unit.W)
        self._mask = Kind.M.llvm(unit.W)
        self._declarations: set[str] = set()

    def run(self, parameters: Sequence[str]) -> None:
        """Emit the operations, the values for later parts and the outputs of this part."""
        wanted: dict[int, list[Output]] = {}
        for output in self._part.outputs:
            wanted.setdefault(output[2], []).append(output)
        for node in self._part.nodes:
            self._names[node] = self._operation(node)
            if node in self._part.saves:
                self._save(node)
            for parameter, slot, _ in wanted.pop(node, ()):
                self._store(self._names[node], parameter, slot)
        for node, places in wanted.items():  # constants, inputs, values of earlier parts
            for parameter, slot, _ in places:
                self._store(self._value(node), parameter, slot)
        split = self._part.split
        names = [*parameters, "scratch"] if split else list(parameters)
        listed = ", ".join(f"ptr noalias %{name}" for name in names)
        head = "define internal void" if split else "define void"
        attributes = "noinline nounwind" if split else "nounwind"
        text = [f"{head} @{self._part.symbol}({listed}) {attributes} {{", *self._lines]
        self._unit.append("\n".join([*text, "  ret void", "}", ""]), self._declarations)

    def _emit(self, text: str) -> str:
        self._count += 1
        self._lines.append(f"  %v{self._count} = {text}")
        return f"%v{self._count}"

    def _address(self, parameter: str, slot: int) -> str:
        if slot == 0:
            return f"%{parameter}"
        return self._emit(
            f"getelementptr inbounds double, ptr %{parameter}, i64 {slot * self._unit.W}"
        )

    def _store(self, value: str, parameter: str, slot: int) -> None:
        address = self._address(parameter, slot)
        self._lines.append(f"  store {self._real} {value}, ptr {address}, align 8")

    def _save(self, node: int) -> None:
        value = self._names[node]
        address = self._address("scratch", self._part.saves[node])
        if self._graph.is_boolean(node):
            wide = self._emit(f"sext {self._mask} {value} to {self._whole}")
            self._lines.append(f"  store {self._whole} {wide}, ptr {address}, align 8")
        else:
            self._lines.append(f"  store {self._real} {value}, ptr {address}, align 8")

    def _value(self, node: int) -> str:
        """Return the text of a node's value, loading an input or an earlier value on first use."""
        name = self._names.get(node)
        if name is not None:
            return name
        op = self._graph.ops[node]
        if op == "const":
            name = literal(Kind.V, self._graph.values[node])
        elif op in ("true", "false"):
            name = literal(Kind.M, op == "true")
        elif op == "input":
            group, index = self._graph.slots[node]
            address = self._address(self._inputs[group], index)
            name = self._emit(f"load {self._real}, ptr {address}, align 8")
        else:
            name = self._restore(node)
        self._names[node] = name
        return name

    def _restore(self, node: int) -> str:
        address = self._address("scratch", self._part.loads[node])
        if not self._graph.is_boolean(node):
            return self._emit(f"load {self._real}, ptr {address}, align 8")
        wide = self._emit(f"load {self._whole}, ptr {address}, align 8")
        return self._emit(f"icmp slt {self._whole} {wide}, zeroinitializer")

    def _operation(self, node: int) -> str:
        """Emit one operation and return the name of its result."""
        op = self._graph.ops[node]
        args = [self._value(arg) for arg in self._graph.args[node]]
        real, mask = self._real, self._mask
        if op in _ARITHMETIC:
            return self._emit(f"{_ARITHMETIC[op]} contract {real} {args[0]}, {args[1]}")
        if op == "neg":
            return self._emit(f"fneg {real} {args[0]}")
        if op in _COMPARE:
            if self._graph.is_boolean(self._graph.args[node][0]):
                return self._emit(f"icmp {op} {mask} {args[0]}, {args[1]}")
            return self._emit(f"fcmp {_COMPARE[op]} {real} {args[0]}, {args[1]}")
        if op in _BITS:
            return self._emit(f"{_BITS[op]} {mask} {args[0]}, {args[1]}")
        if op == "not":
            return self._emit(f"xor {mask} {args[0]}, {literal(Kind.M, True)}")
        if op == "select":
            return self._select(args[0], args[1], args[2])
        if op in ("max", "min"):
            return self._extreme(op, args[0], args[1])
        if op == "sign":
            return self._sign(args[0])
        return self._call(op, args)

    def _select(self, mask: str, yes: str, no: str) -> str:
        return self._emit(f"select {self._mask} {mask}, {self._real} {yes}, {self._real} {no}")

    def _compare(self, order: str, left: str, right: str) -> str:
        return self._emit(f"fcmp {order} {self._real} {left}, {right}")

    def _extreme(self, op: str, left: str, right: str) -> str:
        # The hardware's maximum gives its second operand when either is NaN; JAX gives NaN.
        order = "ogt" if op == "max" else "olt"
        best = self._select(self._compare(order, left, right), left, right)
        return self._select(self._compare("uno", left, left), left, best)

    def _sign(self, value: str) -> str:
        zero = literal(Kind.V, 0.0)
        below = self._select(self._compare("olt", value, zero), literal(Kind.V, -1.0), value)
        return self._select(self._compare("ogt", value, zero), literal(Kind.V, 1.0), below)

    def _call(self, op: str, args: list[str]) -> str:
        passed = ", ".join(f"{self._real} {arg}" for arg in args)
        if op in _INTRINSIC:
            symbol = f"llvm.{_INTRINSIC[op]}.v{self._unit.W}f64"
            types = ", ".join([self._real] * len(args))
            self._declarations.add(f"declare {self._real} @{symbol}({types})")
        else:
            symbol = self._unit.use(mathlib.FUNCTIONS[op]).symbol
        return self._emit(f"call {self._real} @{symbol}({passed})")
