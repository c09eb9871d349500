"""Types, operands and errors of the mini language (see :mod:`.lang`)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Any

from catena.core.errors import InternalError


class Kind(enum.Enum):
    """Type of a value in the mini language.

    ``F`` double, ``I`` 64-bit integer, ``B`` truth value; ``V``, ``VI`` and ``M`` are the same for
    the ``W`` lanes of a vector; ``PF`` and ``PI`` point to doubles and 64-bit integers.
    """

    F = "double"
    I = "i64"  # noqa: E741
    B = "i1"
    V = "<{W} x double>"
    VI = "<{W} x i64>"
    M = "<{W} x i1>"
    PF = "ptr"
    PI = "ptr "  # the same LLVM type; the blank keeps the two members apart

    def llvm(self, lanes: int) -> str:
        """Return the LLVM type for vectors of ``lanes`` lanes."""
        return self.value.strip().replace("{W}", str(lanes))

    @property
    def vector(self) -> Kind:
        """The vector type whose lanes hold this scalar type (itself for a vector)."""
        return _VECTOR.get(self, self)

    @property
    def scalar(self) -> Kind:
        """The type of one lane (itself for a scalar)."""
        return _SCALAR.get(self, self)

    @property
    def is_vector(self) -> bool:
        """Whether the type has lanes."""
        return self in _SCALAR

    @property
    def is_pointer(self) -> bool:
        """Whether the type is an address."""
        return self in _POINTEE

    @property
    def pointee(self) -> Kind:
        """What an address of this type points to."""
        return _POINTEE[self]


_VECTOR = {Kind.F: Kind.V, Kind.I: Kind.VI, Kind.B: Kind.M}
_SCALAR = {vector: scalar for scalar, vector in _VECTOR.items()}
_POINTEE = {Kind.PF: Kind.F, Kind.PI: Kind.I}


@dataclass(frozen=True, slots=True)
class Value:
    """A run-time value: its type and its name (or literal) in the LLVM text."""

    kind: Kind
    text: str


#: What an expression gives: a run-time value, a constant known at translation, or a tuple of those.
Operand = Any


class Fault(Exception):
    """A rule of the language is broken; the translator adds function and line."""


class TranslateError(InternalError):
    """A language function cannot be translated; ``where`` names function, file and line."""


@dataclass(frozen=True)
class Signature:
    """A function of the LLVM module: symbol, parameter types and result.

    Args:
        symbol: Name in the module.
        parameters: Parameter types.
        result: None, one type, or a tuple of types.
    """

    symbol: str
    parameters: tuple[Kind, ...]
    result: Kind | tuple[Kind, ...] | None = None


class Extern:
    """Declares a function emitted elsewhere into the same module, for ``constants``.

    Args:
        *parameters: Parameter types (``Kind`` members or their names).
        result: Result type, None for none.
        symbol: Name in the module; the name it is called by when not given.
    """

    def __init__(
        self, *parameters: Kind | str, result: Kind | str | None = None, symbol: str | None = None
    ) -> None:
        self.parameters = tuple(as_kind(parameter) for parameter in parameters)
        self.result = None if result is None else as_kind(result)
        self.symbol = symbol

    def signature(self, name: str) -> Signature:
        """Return the declaration for a function called ``name`` in the source."""
        return Signature(self.symbol or name, self.parameters, self.result)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extern) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.parameters, self.result, self.symbol))


def as_kind(kind: Kind | str) -> Kind:
    """Return the type of that name."""
    return kind if isinstance(kind, Kind) else Kind[kind]


def literal(kind: Kind, value: float) -> str:
    """Return the LLVM literal of a constant of scalar or vector type."""
    scalar = kind.scalar
    if scalar is Kind.F:
        text = f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    elif scalar is Kind.B:
        text = "true" if value else "false"
    else:
        text = str(((int(value) + 2**63) % 2**64) - 2**63)
    return f"splat ({scalar.value} {text})" if kind.is_vector else text
