"""Arithmetic, comparison and bit operators of the mini language."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from .types import Fault, Kind, Operand, Value
from .writer import Writer, kind_of

_FOLD: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_FLOAT = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_INTEGER = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.LShift: "shl",
    ast.RShift: "ashr",
}
_BITS = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
# For doubles, for integers. Only != holds when an argument is NaN, as in Python.
_COMPARE: dict[type[ast.AST], tuple[str, str]] = {
    ast.Eq: ("oeq", "eq"),
    ast.NotEq: ("une", "ne"),
    ast.Lt: ("olt", "slt"),
    ast.LtE: ("ole", "sle"),
    ast.Gt: ("ogt", "sgt"),
    ast.GtE: ("oge", "sge"),
}


def binary(out: Writer, op: ast.AST, left: Operand, right: Operand) -> Operand:
    """Apply a binary operator; constants fold with Python's own meaning."""
    kind = type(op)
    if not isinstance(left, Value) and not isinstance(right, Value):
        return _FOLD[kind](left, right)
    if kind is ast.Pow:
        raise Fault("powers are not part of the language: multiply, or call pow of mathlib")
    if isinstance(left, Value) and left.kind.is_pointer:
        return _offset(out, kind, left, right)
    a, b = out.alike(left, right)
    if a.kind.is_pointer:
        raise Fault("an offset is added to the right of its pointer: p + i")
    scalar = a.kind.scalar
    if scalar is Kind.F and kind in _FLOAT:
        return out.emit(a.kind, f"{_FLOAT[kind]} {out.float_flags}{out.typed(a)}, {b.text}")
    if scalar is Kind.I and kind in _INTEGER:
        return out.emit(a.kind, f"{_INTEGER[kind]} {out.typed(a)}, {b.text}")
    if scalar is not Kind.F and kind in _BITS:
        return out.emit(a.kind, f"{_BITS[kind]} {out.typed(a)}, {b.text}")
    if scalar is Kind.I and kind in (ast.FloorDiv, ast.Mod):
        return _floored(out, kind, a, b)
    raise Fault(f"{kind.__name__} is not defined for {a.kind.name} and {b.kind.name}")


def _offset(out: Writer, kind: type[ast.AST], pointer: Value, count: Operand) -> Value:
    if kind not in (ast.Add, ast.Sub):
        raise Fault("a pointer only moves: p + i or p - i")
    step = out.as_kind(unary(out, ast.USub(), count) if kind is ast.Sub else count, Kind.I)
    return element(out, pointer, step)


def element(out: Writer, pointer: Value, index: Operand) -> Value:
    """Return the address of element ``index``."""
    if not pointer.kind.is_pointer:
        raise Fault(f"a value of type {pointer.kind.name} where a pointer is needed")
    position = out.as_kind(index, Kind.I)
    pointee = out.llvm(pointer.kind.pointee)
    return out.emit(
        pointer.kind, f"getelementptr inbounds {pointee}, ptr {pointer.text}, i64 {position.text}"
    )


def _floored(out: Writer, kind: type[ast.AST], a: Value, b: Value) -> Value:
    # Hardware truncates towards zero; Python's // and % round towards minus infinity.
    type_ = out.llvm(a.kind)
    quotient = out.emit(a.kind, f"sdiv {type_} {a.text}, {b.text}")
    back = out.emit(a.kind, f"mul {type_} {quotient.text}, {b.text}")
    rest = out.emit(a.kind, f"sub {type_} {a.text}, {back.text}")
    signs = out.emit(a.kind, f"xor {type_} {rest.text}, {b.text}")
    inexact = compare(out, ast.NotEq(), rest, 0)
    apart = compare(out, ast.Lt(), signs, 0)
    adjust = binary(out, ast.BitAnd(), inexact, apart)
    if kind is ast.Mod:
        return choose(out, adjust, binary(out, ast.Add(), rest, b), rest)
    return choose(out, adjust, binary(out, ast.Sub(), quotient, 1), quotient)


def compare(out: Writer, op: ast.AST, left: Operand, right: Operand) -> Operand:
    """Compare two operands; the result is a truth value per lane."""
    if not isinstance(left, Value) and not isinstance(right, Value):
        return _FOLD[type(op)](left, right)
    if type(op) not in _COMPARE:
        raise Fault(f"{type(op).__name__} is not a comparison of the language")
    a, b = out.alike(left, right)
    of_float, of_integer = _COMPARE[type(op)]
    if a.kind.scalar is Kind.B and type(op) not in (ast.Eq, ast.NotEq):
        raise Fault("truth values have no order")
    result = Kind.M if a.kind.is_vector else Kind.B
    if a.kind.scalar is Kind.F:
        return out.emit(result, f"fcmp {of_float} {out.typed(a)}, {b.text}")
    return out.emit(result, f"icmp {of_integer} {out.typed(a)}, {b.text}")


def unary(out: Writer, op: ast.AST, operand: Operand) -> Operand:
    """Apply a unary operator."""
    kind = type(op)
    if not isinstance(operand, Value):
        return _FOLD[kind](operand)
    scalar = operand.kind.scalar
    if kind is ast.UAdd and scalar in (Kind.F, Kind.I):
        return operand
    if kind is ast.USub and scalar is Kind.F:
        return out.emit(operand.kind, f"fneg {out.typed(operand)}")
    if kind is ast.USub and scalar is Kind.I:
        return binary(out, ast.Sub(), 0, operand)
    if kind is ast.Invert and scalar is Kind.I:
        return binary(out, ast.BitXor(), operand, -1)
    if (kind is ast.Not and operand.kind is Kind.B) or (kind is ast.Invert and scalar is Kind.B):
        return binary(out, ast.BitXor(), operand, True)
    hint = "; use ~ on a mask" if kind is ast.Not else ""
    raise Fault(f"{kind.__name__} is not defined for {operand.kind.name}{hint}")


def choose(out: Writer, condition: Operand, yes: Operand, no: Operand) -> Operand:
    """Return ``yes`` where the condition holds and ``no`` elsewhere; both are computed."""
    if not isinstance(condition, Value):
        return yes if condition else no
    if condition.kind not in (Kind.B, Kind.M):
        raise Fault(f"a condition of type {condition.kind.name}; compare it with something")
    a, b = out.alike(yes, no)
    if condition.kind is Kind.M and not a.kind.is_vector:
        wide = a.kind.vector
        if wide is a.kind:
            raise Fault("a mask cannot choose between pointers")
        a, b = out.as_kind(a, wide), out.as_kind(b, wide)
    return out.emit(a.kind, f"select {out.typed(condition)}, {out.typed(a)}, {out.typed(b)}")


def natural(operand: Operand) -> str:
    """Return the name of an operand's type, for messages."""
    return "tuple" if isinstance(operand, tuple) else kind_of(operand).name
