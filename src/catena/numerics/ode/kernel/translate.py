"""Translates one language function (Python source) to LLVM text: its statements."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .expressions import Expressions, Scope
from .types import Fault, Kind, Operand, TranslateError, Value
from .writer import Writer, kind_of


@dataclass
class Source:
    """Parsed source of a language function.

    Args:
        function: The Python function.
        tree: Its definition.
        parameters: Parameter names and types.
        result: Result type.
        contract: Whether products and sums may be fused.
        noalias: Whether its pointers never overlap.
    """

    function: Callable[..., Any]
    tree: ast.FunctionDef
    parameters: dict[str, Kind]
    result: Kind | tuple[Kind, ...] | None
    contract: bool
    noalias: bool


def parse(function: Callable[..., Any]) -> Source:
    """Read the source and the annotations of a language function.

    Raises:
        TranslateError: If a parameter or the result is not annotated with a type of the language.
    """
    text = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(text).body[0]
    first = function.__code__.co_firstlineno
    ast.increment_lineno(tree, first - 1)
    if not isinstance(tree, ast.FunctionDef):
        raise _error(function, first, "only functions made with def can be translated")
    try:
        if tree.args.vararg or tree.args.kwarg or tree.args.kwonlyargs or tree.args.defaults:
            raise Fault("parameters are positional, without defaults")
        parameters = {
            argument.arg: _annotated(argument.annotation, argument.arg)
            for argument in tree.args.args
        }
        result = _result(tree.returns)
    except Fault as fault:
        raise _error(function, tree.lineno, str(fault)) from None
    options = getattr(function, "__language__", {})
    return Source(
        function,
        tree,
        parameters,
        result,
        bool(options.get("contract", True)),
        bool(options.get("noalias", False)),
    )


def _annotated(node: ast.expr | None, what: str) -> Kind:
    text = "" if node is None else ast.unparse(node).strip("'\"").rpartition(".")[2]
    if text not in Kind.__members__:
        raise Fault(f"{what} needs one of the annotations {', '.join(Kind.__members__)}")
    return Kind[text]


def _result(node: ast.expr | None) -> Kind | tuple[Kind, ...] | None:
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        return tuple(_annotated(item, "each result") for item in node.slice.elts)
    return _annotated(node, "the result")


def _error(function: Callable[..., Any], line: int, why: str) -> TranslateError:
    file = inspect.getsourcefile(function) or "?"
    return TranslateError(
        f"{function.__name__} cannot be translated to machine code",
        where=f"{function.__module__}.{function.__qualname__}, {file}:{line}",
        why=why,
        fix="write the line with the constructs listed in catena.numerics.ode.kernel.lang",
    )


@dataclass
class _Loop:
    """Where break and continue of the innermost loop go."""

    exit: str
    again: str
    left: bool = False  # some break jumps to exit
    repeated: bool = False  # some continue jumps to again


@dataclass
class Translator:
    """Translates the statements of one function.

    Args:
        source: The parsed function.
        scope: Names it may use.
        out: Collects the text.
    """

    source: Source
    scope: Scope
    out: Writer
    _loops: list[_Loop] = field(default_factory=list)
    _unrolling: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._values = Expressions(self.out, self.scope)

    def run(self) -> None:
        """Translate the whole body.

        Raises:
            TranslateError: Naming the function, the line and the rule it breaks.
        """
        for name, kind in self.source.parameters.items():
            self.scope.slots[name] = self.out.slot(kind, name)
            self.out.write(self.scope.slots[name], Value(kind, f"%{name}"))
        self._block(self.source.tree.body)
        if self.out.open:
            if self.source.result is not None:
                raise self._error(self.source.tree, "a path ends without returning a value")
            self.out.line("ret void")

    def _error(self, node: ast.AST, why: str) -> TranslateError:
        return _error(self.source.function, getattr(node, "lineno", 0), why)

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if not self.out.open:
                return
            handler = getattr(self, f"_{type(statement).__name__.lower()}", None)
            try:
                if handler is None:
                    raise Fault(f"the language has no {type(statement).__name__} statement")
                handler(statement)
            except Fault as fault:
                raise self._error(self._values.at or statement, str(fault)) from None
            self._values.at = None

    # --- assignments ------------------------------------------------------------------------

    def _assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            raise Fault("one target per assignment")
        self._set(node.targets[0], self._values.visit(node.value))

    def _annassign(self, node: ast.AnnAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise Fault("only a variable can be annotated")
        kind = _annotated(node.annotation, node.target.id)
        operand = None if node.value is None else self._values.visit(node.value)
        self._slot(node.target.id, kind)
        if operand is not None:
            self.out.write(self.scope.slots[node.target.id], operand)

    def _augassign(self, node: ast.AugAssign) -> None:
        load = ast.copy_location(_reading(node.target), node)
        value = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        self._set(node.target, self._values.visit(value))

    def _set(self, target: ast.expr, operand: Operand) -> None:
        if isinstance(target, ast.Tuple):
            if not isinstance(operand, tuple) or len(operand) != len(target.elts):
                raise Fault("as many values as targets are needed")
            for item, part in zip(target.elts, operand, strict=True):
                self._set(item, part)
        elif isinstance(target, ast.Subscript):
            self._values.store(target, operand)
        elif isinstance(target, ast.Name):
            self._set_name(target.id, operand)
        else:
            raise Fault("assign to a variable, to p[i] or to a tuple of those")

    def _set_name(self, name: str, operand: Operand) -> None:
        self._release(name)
        if isinstance(operand, tuple):
            if any(isinstance(part, Value) for part in operand):
                raise Fault("several results go to several variables: a, b = f(x)")
            self.scope.names[name] = operand
            return
        if operand is None:
            raise Fault("the call gives no value")
        self._slot(name, kind_of(operand))
        self.out.write(self.scope.slots[name], operand)

    def _release(self, name: str) -> None:
        """Make a name that was a constant a variable again."""
        if name in self._unrolling:
            raise Fault(f"{name} is the constant of an unrolled loop")
        self.scope.names.pop(name, None)

    def _slot(self, name: str, kind: Kind) -> None:
        if name not in self.scope.slots:
            self.scope.slots[name] = self.out.slot(kind, name)

    # --- control ----------------------------------------------------------------------------

    def _expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self._values.visit(node.value)

    def _pass(self, node: ast.Pass) -> None:
        """Nothing happens."""

    def _return(self, node: ast.Return) -> None:
        result = self.source.result
        operand = None if node.value is None else self._values.visit(node.value)
        if result is None:
            if operand is not None:
                raise Fault("the function is annotated to return nothing")
            self.out.line("ret void")
        elif isinstance(result, tuple):
            if not isinstance(operand, tuple) or len(operand) != len(result):
                raise Fault(f"{len(result)} values must be returned")
            parts = [self.out.as_kind(o, k) for o, k in zip(operand, result, strict=True)]
            self._values.return_struct(parts)
        else:
            if operand is None:
                raise Fault(f"a value of type {result.name} must be returned")
            self.out.line(f"ret {self.out.typed(self.out.as_kind(operand, result))}")
        self.out.open = False

    def _if(self, node: ast.If) -> None:
        condition = self._values.condition(node.test)
        if not isinstance(condition, Value):
            self._block(node.body if condition else node.orelse)
            return
        name = self.out.name("if")
        after = f"{name}.end"
        self.out.branch(condition, f"{name}.then", f"{name}.else" if node.orelse else after)
        reached = not node.orelse
        self.out.block(f"{name}.then")
        self._block(node.body)
        reached |= self.out.open
        self.out.jump(after)
        if node.orelse:
            self.out.block(f"{name}.else")
            self._block(node.orelse)
            reached |= self.out.open
            self.out.jump(after)
        if reached:
            self.out.block(after)

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            raise Fault("loops have no else")
        name = self.out.name("while")
        loop = _Loop(f"{name}.end", f"{name}.test")
        self.out.block(loop.again)
        condition = self._values.condition(node.test)
        if isinstance(condition, Value):
            self.out.branch(condition, f"{name}.body", loop.exit)
        else:
            self.out.jump(f"{name}.body" if condition else loop.exit)
        self.out.block(f"{name}.body")
        if not isinstance(condition, Value) and not condition:
            self.out.dead()
        self._loop_body(loop, node.body)
        self.out.jump(loop.again)
        if isinstance(condition, Value) or not condition or loop.left:
            self.out.block(loop.exit)

    def _loop_body(self, loop: _Loop, body: list[ast.stmt]) -> None:
        self._loops.append(loop)
        self._block(body)
        self._loops.pop()

    def _for(self, node: ast.For) -> None:
        if node.orelse:
            raise Fault("loops have no else")
        call = node.iter
        if not (isinstance(node.target, ast.Name) and isinstance(call, ast.Call)):
            raise Fault("loops are: for i in range(a, b, step) or for j in unroll(3)")
        arguments = [self._values.visit(argument) for argument in call.args]
        word = call.func.id if isinstance(call.func, ast.Name) else ""
        if word == "unroll":
            self._unrolled(node, node.target.id, arguments)
        elif word == "range" and 1 <= len(arguments) <= 3:
            self._counted(node, node.target.id, arguments)
        else:
            raise Fault("loops run over range(...) or unroll(...)")

    def _unrolled(self, node: ast.For, name: str, arguments: list[Operand]) -> None:
        if len(arguments) == 1 and isinstance(arguments[0], tuple):
            items: Any = arguments[0]
        elif all(type(argument) is int for argument in arguments):
            items = range(*arguments)
        else:
            raise Fault("unroll needs integers known at translation, or a constant tuple")
        if name in self.scope.slots:
            raise Fault(f"{name} is already a variable")
        self._release(name)
        self._unrolling.add(name)
        stem = self.out.name("unroll")
        loop = _Loop(f"{stem}.end", "")
        for position, item in enumerate(items):
            loop.again, loop.repeated = f"{stem}.{position}", False
            self.scope.names[name] = item
            self._loop_body(loop, node.body)
            if loop.repeated:
                self.out.block(loop.again)
            if not self.out.open:
                break
        self._unrolling.remove(name)
        if loop.left:
            self.out.block(loop.exit)

    def _counted(self, node: ast.For, name: str, arguments: list[Operand]) -> None:
        start, stop = arguments[:2] if len(arguments) > 1 else (0, arguments[0])
        step = arguments[2] if len(arguments) == 3 else 1
        if not isinstance(step, int) or step == 0:
            raise Fault("the step of a range must be a constant other than zero")
        self._release(name)
        stem = self.out.name("for")
        loop = _Loop(f"{stem}.end", f"{stem}.next")
        last = self.out.as_kind(stop, Kind.I)
        counter = self.out.slot(Kind.I, f"{name}.count")
        self._slot(name, Kind.I)
        self.out.write(counter, start)
        self.out.block(f"{stem}.test")
        count = self.out.read(counter)
        order = "slt" if step > 0 else "sgt"
        more = self.out.emit(Kind.B, f"icmp {order} i64 {count.text}, {last.text}")
        self.out.branch(more, f"{stem}.body", loop.exit)
        self.out.block(f"{stem}.body")
        self.out.write(self.scope.slots[name], count)
        self._loop_body(loop, node.body)
        self.out.block(loop.again)
        following = self.out.emit(Kind.I, f"add i64 {self.out.read(counter).text}, {step}")
        self.out.write(counter, following)
        self.out.jump(f"{stem}.test")
        self.out.block(loop.exit)

    def _break(self, node: ast.Break) -> None:
        loop = self._innermost()
        loop.left = True
        self.out.jump(loop.exit)

    def _continue(self, node: ast.Continue) -> None:
        loop = self._innermost()
        loop.repeated = True
        self.out.jump(loop.again)

    def _innermost(self) -> _Loop:
        if not self._loops:
            raise Fault("not inside a loop")
        return self._loops[-1]


def _reading(target: ast.expr) -> ast.expr:
    """Return the expression that reads an assignment's target."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    raise Fault("x += y needs a variable or p[i] on its left")
