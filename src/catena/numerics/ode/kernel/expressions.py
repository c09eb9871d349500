"""Translates the expressions of a language function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import intrinsics, operators
from .types import Extern, Fault, Kind, Operand, Signature, Value, literal
from .writer import Writer

_CONSTANT = (bool, int, float, tuple, Extern)
#: Stands for a name that the constants do not hold.
MISSING = object()


@dataclass
class Scope:
    """The names one function may use.

    Args:
        constants: Compile-time constants given to the unit.
        outer: Globals and closure of the function.
        resolve: Gives the signature of a language function, translating it when needed.
        table: Places a tuple of numbers in the module and returns its address.
        names: Names that are constants inside the function (unrolled indices, tuples).
        slots: Variables.
        used: What each name looked up in ``constants`` gave, so that a translation is shared
            between callers whose constants agree.
    """

    constants: Mapping[str, Any]
    outer: Mapping[str, Any]
    resolve: Callable[[Callable[..., Any]], Signature]
    table: Callable[[tuple[Any, ...]], Value]
    names: dict[str, Any] = field(default_factory=dict)
    slots: dict[str, Value] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)

    def constant(self, name: str) -> Any:
        """Return the constant or function ``name`` stands for."""
        found = self.constants.get(name, MISSING)
        self.used[name] = found
        if found is MISSING:
            found = self.outer.get(name, MISSING)
        if found is MISSING:
            raise Fault(f"{name} is not known here")
        return found


class Expressions:
    """Evaluates expression trees into ``out``.

    Args:
        out: Collects the text.
        scope: Names of the function.
    """

    def __init__(self, out: Writer, scope: Scope) -> None:
        self.out = out
        self.scope = scope
        self.at: ast.AST | None = None  # where a fault happened

    def visit(self, node: ast.expr) -> Operand:
        """Return the value of an expression."""
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        try:
            if handler is None:
                raise Fault(f"the language has no {type(node).__name__} expression")
            return handler(node)
        except Fault:
            self.at = self.at or node
            raise
        except (ArithmeticError, TypeError, ValueError, IndexError) as error:
            self.at = self.at or node
            raise Fault(f"constant expression: {error}") from error

    def _constant(self, node: ast.Constant) -> Operand:
        if not isinstance(node.value, (bool, int, float)):
            raise Fault(f"{node.value!r} is not a number")
        return node.value

    def _name(self, node: ast.Name) -> Operand:
        name = node.id
        if name in self.scope.names:
            return self.scope.names[name]
        if name in self.scope.slots:
            return self.out.read(self.scope.slots[name])
        if name == "W":
            return self.out.lanes
        found = self.scope.constant(name)
        if not isinstance(found, _CONSTANT):
            raise Fault(f"{name} is no constant: {type(found).__name__}")
        return found

    def _tuple(self, node: ast.Tuple) -> Operand:
        return tuple(self.visit(item) for item in node.elts)

    def _binop(self, node: ast.BinOp) -> Operand:
        left, right = self.visit(node.left), self.visit(node.right)
        return operators.binary(self.out, node.op, left, right)

    def _unaryop(self, node: ast.UnaryOp) -> Operand:
        return operators.unary(self.out, node.op, self.visit(node.operand))

    def _compare(self, node: ast.Compare) -> Operand:
        left, result = self.visit(node.left), None
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.visit(comparator)
            each = operators.compare(self.out, op, left, right)
            result = each if result is None else self._both(result, each)
            left = right
        return result

    def _both(self, left: Operand, right: Operand) -> Operand:
        return operators.binary(self.out, ast.BitAnd(), left, right)

    def condition(self, node: ast.expr) -> Operand:
        """Return a truth value for if, while, and, or: a constant or a B."""
        value = self.visit(node)
        if isinstance(value, Value) and value.kind is not Kind.B:
            self.at = self.at or node
            hint = "; use any_ or all_" if value.kind is Kind.M else "; compare it with something"
            raise Fault(f"a condition of type {value.kind.name}{hint}")
        return value

    def _boolop(self, node: ast.BoolOp) -> Operand:
        value, rest = self.condition(node.values[0]), node.values[1:]
        for item in rest:
            value = self._shortcut(value, item, isinstance(node.op, ast.And))
        return value

    def _shortcut(self, left: Operand, right: ast.expr, conjunction: bool) -> Operand:
        """Evaluate ``right`` only where ``left`` does not decide: it may read p[i] out of range."""
        if not isinstance(left, Value):
            return self.condition(right) if bool(left) == conjunction else bool(left)
        name, decided = self.out.name("bool"), "false" if conjunction else "true"
        before, after, other = self.out.label, f"{name}.end", f"{name}.more"
        yes, no = (other, after) if conjunction else (after, other)
        self.out.branch(left, yes, no)
        self.out.block(other)
        value = self.out.as_kind(self.condition(right), Kind.B)
        behind = self.out.label
        self.out.block(after)
        return self.out.emit(
            Kind.B, f"phi i1 [ {decided}, %{before} ], [ {value.text}, %{behind} ]"
        )

    def _ifexp(self, node: ast.IfExp) -> Operand:
        condition = self.condition(node.test)
        if not isinstance(condition, Value):
            return self.visit(node.body if condition else node.orelse)
        name = self.out.name("cond")
        after = f"{name}.end"
        self.out.branch(condition, f"{name}.then", f"{name}.else")
        self.out.block(f"{name}.then")
        yes, yes_end = self.visit(node.body), self.out.label
        mark = len(self.out.lines)
        self.out.jump(after)
        self.out.block(f"{name}.else")
        no = self.visit(node.orelse)
        a, b = self._aligned(yes, no, mark)
        no_end = self.out.label
        self.out.block(after)
        pair = f"[ {a.text}, %{yes_end} ], [ {b.text}, %{no_end} ]"
        return self.out.emit(a.kind, f"phi {self.out.llvm(a.kind)} {pair}")

    def _aligned(self, yes: Operand, no: Operand, mark: int) -> list[Value]:
        """Bring the two arms to one type; a broadcast of the first belongs into its own block."""
        before = len(self.out.lines)
        values = self.out.alike(yes, no)
        if isinstance(yes, Value) and values[0].kind is not yes.kind:
            moved = self.out.lines[before:]
            del self.out.lines[before:]
            self.out.lines[mark:mark] = moved
        return values

    # --- memory and calls -------------------------------------------------------------------

    def _subscript(self, node: ast.Subscript) -> Operand:
        base, index = self.visit(node.value), self.visit(node.slice)
        if isinstance(base, tuple):
            if not isinstance(index, Value):
                return base[index]
            base = self.scope.table(base)
        address = operators.element(self.out, base, index)
        kind = address.kind.pointee
        return self.out.emit(kind, f"load {self.out.llvm(kind)}, ptr {address.text}, align 8")

    def store(self, node: ast.Subscript, operand: Operand) -> None:
        """Assign to p[i]."""
        base, index = self.visit(node.value), self.visit(node.slice)
        if not isinstance(base, Value):
            raise Fault("only memory behind a pointer can be assigned to")
        address = operators.element(self.out, base, index)
        value = self.out.as_kind(operand, address.kind.pointee)
        self.out.line(f"store {self.out.typed(value)}, ptr {address.text}, align 8")

    def _call(self, node: ast.Call) -> Operand:
        if not isinstance(node.func, (ast.Name, ast.Subscript)) or node.keywords:
            raise Fault("calls are f(x, y) or TABLE[k](x, y), with positional arguments")
        name = ast.unparse(node.func)
        arguments = [self.visit(argument) for argument in node.args]
        if isinstance(node.func, ast.Name):
            found = self.scope.constant(name)
        else:
            found = self.visit(node.func)
        if getattr(found, "__builtin__", False):
            return intrinsics.call(self.out, found.__name__, arguments)
        if isinstance(found, Extern):
            signature = found.signature(name)
        elif callable(found):
            signature = self.scope.resolve(found)
        else:
            raise Fault(f"{name} cannot be called")
        return self._invoke(name, signature, arguments)

    def _callee(self, node: ast.expr) -> Any:
        """Return the function a call names: f, or a constant such as ACTIONS[k]."""
        if isinstance(node, ast.Name) and node.id not in self.scope.names:
            return self.scope.constant(node.id)
        return self.visit(node)

    def _invoke(self, name: str, signature: Signature, arguments: list[Operand]) -> Operand:
        if len(arguments) != len(signature.parameters):
            raise Fault(f"{name} takes {len(signature.parameters)} arguments, not {len(arguments)}")
        passed = ", ".join(
            self.out.typed(self._argument(operand, kind))
            for operand, kind in zip(arguments, signature.parameters, strict=True)
        )
        result = signature.result
        called = f"@{signature.symbol}({passed})"
        if result is None:
            self.out.line(f"call void {called}")
            return None
        if isinstance(result, Kind):
            return self.out.emit(result, f"call {self.out.llvm(result)} {called}")
        struct = result_type(self.out.lanes, result)
        whole = self.out.emit(result[0], f"call {struct} {called}").text
        return tuple(
            self.out.emit(kind, f"extractvalue {struct} {whole}, {position}")
            for position, kind in enumerate(result)
        )

    def _argument(self, operand: Operand, kind: Kind) -> Value:
        if isinstance(operand, tuple) and kind.is_pointer:
            operand = self.scope.table(operand)
        return self.out.as_kind(operand, kind)

    def return_struct(self, parts: list[Value]) -> None:
        """Return several values at once."""
        struct = result_type(self.out.lanes, tuple(part.kind for part in parts))
        whole = "poison"
        for position, part in enumerate(parts):
            inserted = f"insertvalue {struct} {whole}, {self.out.typed(part)}, {position}"
            whole = self.out.emit(part.kind, inserted).text
        self.out.line(f"ret {struct} {whole}")


def result_type(lanes: int, result: Kind | tuple[Kind, ...] | None) -> str:
    """Return the LLVM type of a function's result."""
    if result is None:
        return "void"
    if isinstance(result, Kind):
        return result.llvm(lanes)
    return "{ " + ", ".join(kind.llvm(lanes) for kind in result) + " }"


def table_text(symbol: str, numbers: tuple[Any, ...]) -> tuple[Kind, str]:
    """Return pointer type and definition of a constant array of numbers."""
    if not numbers or not all(isinstance(number, (int, float)) for number in numbers):
        raise Fault("only a flat tuple of numbers can be indexed at run time")
    whole = all(isinstance(number, int) for number in numbers)
    kind = Kind.I if whole else Kind.F
    items = ", ".join(f"{kind.value} {literal(kind, number)}" for number in numbers)
    text = f"@{symbol} = private constant [{len(numbers)} x {kind.value}] [{items}], align 8"
    return (Kind.PI if whole else Kind.PF), text
