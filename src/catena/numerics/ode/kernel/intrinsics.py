"""Built-in functions of the mini language: memory, lanes, masks and elementary mathematics."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .operators import binary, choose, compare, element
from .types import Fault, Kind, Operand, Value
from .writer import Writer

#: Takes the writer, a function that declares an LLVM function, and the arguments.
Builtin = Callable[..., Operand]

BUILTINS: dict[str, Builtin] = {}


def _builtin(name: str) -> Callable[[Builtin], Builtin]:
    def register(function: Builtin) -> Builtin:
        BUILTINS[name] = function
        return function

    return register


def _value(out: Writer, operand: Operand, scalar: Kind | None = None) -> Value:
    """Return a run-time value; of scalar type ``scalar`` or its vector where given."""
    if isinstance(operand, Value):
        if scalar is not None and operand.kind.scalar is not scalar:
            raise Fault(
                f"a value of type {operand.kind.name} where {scalar.name} or "
                f"{scalar.vector.name} is needed"
            )
        return operand
    return out.as_value(operand) if scalar is None else out.as_kind(operand, scalar)


# --- memory ---------------------------------------------------------------------------------


def _row(out: Writer, pointer: Operand, index: Operand) -> tuple[Value, Kind]:
    if not (isinstance(pointer, Value) and pointer.kind.is_pointer):
        raise Fault("the first argument must be a pointer (PF or PI)")
    offset = binary(out, ast.Mult(), index, out.lanes)
    address = pointer if offset == 0 else element(out, pointer, offset)
    return address, pointer.kind.pointee.vector


@_builtin("load")
def _load(out: Writer, pointer: Operand, index: Operand = 0) -> Operand:
    address, kind = _row(out, pointer, index)
    return out.emit(kind, f"load {out.llvm(kind)}, ptr {address.text}, align 8")


def _arrange(arguments: tuple[Operand, ...], without_index: int) -> tuple[Operand, ...]:
    """Put in the index 0 where a store was called without one."""
    if len(arguments) == without_index:
        return (arguments[0], 0, *arguments[1:])
    return arguments


@_builtin("store")
def _store(out: Writer, *arguments: Operand) -> None:
    pointer, index, operand = _arrange(arguments, 2)
    address, kind = _row(out, pointer, index)
    out.line(f"store {out.typed(out.as_kind(operand, kind))}, ptr {address.text}, align 8")


@_builtin("mask_store")
def _mask_store(out: Writer, *arguments: Operand) -> None:
    # Select and store: a true masked store is slower and no row is shared between threads.
    pointer, index, operand, mask = _arrange(arguments, 3)
    address, kind = _row(out, pointer, index)
    old = _load(out, address)
    new = choose(out, mask, out.as_kind(operand, kind), old)
    out.line(f"store {out.typed(new)}, ptr {address.text}, align 8")


@_builtin("atomic_add")
def _atomic_add(out: Writer, pointer: Operand, index: Operand, amount: Operand) -> Operand:
    if not (isinstance(pointer, Value) and pointer.kind is Kind.PI):
        raise Fault("atomic_add needs a pointer to integers")
    address = element(out, pointer, index)
    added = out.as_kind(amount, Kind.I)
    return out.emit(Kind.I, f"atomicrmw add ptr {address.text}, {out.typed(added)} seq_cst")


def _address(name: str, target: Kind) -> None:
    def function(out: Writer, operand: Operand) -> Operand:
        address = out.as_kind(operand, Kind.I)
        return out.emit(target, f"inttoptr {out.typed(address)} to ptr")

    BUILTINS[name] = function


_address("floats", Kind.PF)
_address("ints", Kind.PI)


# --- lanes and masks ------------------------------------------------------------------------


@_builtin("lane")
def _lane(out: Writer, vector: Operand, index: Operand) -> Operand:
    if not (isinstance(vector, Value) and vector.kind.is_vector):
        raise Fault("lane needs a vector")
    position = out.as_kind(index, Kind.I)
    return out.emit(
        vector.kind.scalar, f"extractelement {out.typed(vector)}, {out.typed(position)}"
    )


@_builtin("put")
def _put(out: Writer, vector: Operand, index: Operand, operand: Operand) -> Operand:
    if not (isinstance(vector, Value) and vector.kind.is_vector):
        raise Fault("put needs a vector")
    value = out.as_kind(operand, vector.kind.scalar)
    position = out.as_kind(index, Kind.I)
    return out.emit(
        vector.kind,
        f"insertelement {out.typed(vector)}, {out.typed(value)}, {out.typed(position)}",
    )


@_builtin("splat")
def _splat(out: Writer, operand: Operand) -> Operand:
    value = _value(out, operand)
    return out.as_kind(value, value.kind.vector)


@_builtin("lanes")
def _lanes(out: Writer) -> Operand:
    return Value(Kind.VI, "<" + ", ".join(f"i64 {lane}" for lane in range(out.lanes)) + ">")


@_builtin("mask")
def _mask(out: Writer, count: Operand) -> Operand:
    return compare(out, ast.Lt(), _lanes(out), count)


def _reduced(out: Writer, mask: Operand, condition: str) -> Value:
    value = _value(out, mask, Kind.B)
    if not value.kind.is_vector:
        return value
    bits = out.emit(Kind.I, f"bitcast {out.typed(value)} to i{out.lanes}")
    return out.emit(Kind.B, f"icmp {condition.format(bits=bits.text, type=f'i{out.lanes}')}")


@_builtin("any_")
def _any(out: Writer, mask: Operand) -> Operand:
    return _reduced(out, mask, "ne {type} {bits}, 0")


@_builtin("all_")
def _all(out: Writer, mask: Operand) -> Operand:
    return _reduced(out, mask, "eq {type} {bits}, -1")


BUILTINS["select"] = choose


# --- mathematics ----------------------------------------------------------------------------


def _elementary(name: str, intrinsic: str, arity: int) -> None:
    def function(out: Writer, *operands: Operand) -> Operand:
        if len(operands) != arity:
            raise Fault(f"{name} takes {arity} arguments")
        values = [_value(out, operand, Kind.F) for operand in operands]
        kind = Kind.V if any(value.kind is Kind.V for value in values) else Kind.F
        values = [out.as_kind(value, kind) for value in values]
        suffix = f"v{out.lanes}f64" if kind is Kind.V else "f64"
        symbol = f"llvm.{intrinsic}.{suffix}"
        type_ = out.llvm(kind)
        out.declarations.add(f"declare {type_} @{symbol}({', '.join([type_] * arity)})")
        listed = ", ".join(out.typed(value) for value in values)
        return out.emit(kind, f"call {type_} @{symbol}({listed})")

    BUILTINS[name] = function


for _name in ("sqrt", "fabs", "floor", "ceil", "trunc", "rint"):
    _elementary(_name, _name, 1)
_elementary("copysign", "copysign", 2)
_elementary("fma", "fma", 3)
# One call of the C library per lane: slow, for arguments far out of the usual range.
for _name in ("sin", "cos", "tan"):
    _elementary(f"c_{_name}", _name, 1)


@_builtin("c_fmod")
def _c_fmod(out: Writer, left: Operand, right: Operand) -> Operand:
    a, b = out.alike(_value(out, left, Kind.F), _value(out, right, Kind.F))
    return out.emit(a.kind, f"frem {out.typed(a)}, {b.text}")


@_builtin("fmax")
def _fmax(out: Writer, left: Operand, right: Operand) -> Operand:
    # One instruction; the second argument when either is NaN.
    a, b = out.alike(_value(out, left, Kind.F), _value(out, right, Kind.F))
    return choose(out, compare(out, ast.Gt(), a, b), a, b)


@_builtin("fmin")
def _fmin(out: Writer, left: Operand, right: Operand) -> Operand:
    a, b = out.alike(_value(out, left, Kind.F), _value(out, right, Kind.F))
    return choose(out, compare(out, ast.Lt(), a, b), a, b)


@_builtin("isnan")
def _isnan(out: Writer, operand: Operand) -> Operand:
    value = _value(out, operand, Kind.F)
    return compare(out, ast.NotEq(), value, value)


def _convert(name: str, source: Kind, instruction: str, target: Kind) -> None:
    def function(out: Writer, operand: Operand) -> Operand:
        value = _value(out, operand, source)
        kind = target.vector if value.kind.is_vector else target
        return out.emit(kind, f"{instruction} {out.typed(value)} to {out.llvm(kind)}")

    BUILTINS[name] = function


_convert("bits", Kind.F, "bitcast", Kind.I)
_convert("from_bits", Kind.I, "bitcast", Kind.F)
_convert("to_float", Kind.I, "sitofp", Kind.F)
_convert("to_int", Kind.F, "fptosi", Kind.I)


@_builtin("shift_right")
def _shift_right(out: Writer, operand: Operand, count: Operand) -> Operand:
    # Logical: zeros move in. On AVX2 far cheaper per lane than the arithmetic >>.
    a, b = out.alike(_value(out, operand, Kind.I), _value(out, count, Kind.I))
    return out.emit(a.kind, f"lshr {out.typed(a)}, {b.text}")


def call(out: Writer, name: str, arguments: list[Operand]) -> Operand:
    """Apply the built-in ``name``."""
    try:
        return BUILTINS[name](out, *arguments)
    except (TypeError, ValueError) as error:
        raise Fault(f"{name} does not take these {len(arguments)} arguments") from error


__all__ = ["BUILTINS", "call"]
