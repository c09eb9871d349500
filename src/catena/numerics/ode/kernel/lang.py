"""The mini language: typed Python functions that become machine code.

A language function is ordinary Python source, annotated with the types below, that is never run
by Python: :class:`Unit` translates it to LLVM. It works on scalars and on vectors of ``W`` lanes,
one lane per trajectory. See :class:`.types.Kind` for the types; scalars mixed with vectors fill
every lane and integer literals become floats where needed.

* Variables take the type of their first assignment; ``x: F = 0`` states it. ``a, b = f(x)``.
* ``+ - * /`` on floats; ``+ - * // % << >> & | ^ ~`` on integers (``//`` and ``%`` floor as in
  Python); comparisons (chained too), ``& | ~`` on masks, ``and or not`` on truth values (the right
  side is evaluated only when needed), ``x if c else y``.
* Memory: ``p[i]``, ``p + i`` (in elements), and ``load``/``store``/``mask_store`` of whole vectors.
* ``if``, ``while``, ``for i in range(...)``, ``break``, ``continue``, ``return``; ``for j in
  unroll(...)`` is unrolled, ``j`` being a constant, and so is a loop over a constant tuple.
* Numbers, tuples and functions found in ``constants``, in the closure or among the globals are
  known at translation; an ``if`` on such a condition keeps one branch. Indexing a constant tuple
  with a run-time integer reads a table in the module.
* Calls of other language functions and of ``Extern`` declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .types import Extern, Kind, TranslateError
from .unit import Unit

if TYPE_CHECKING:
    # Operators between these are checked by the translator, which knows the widths.
    B: TypeAlias = Any
    F: TypeAlias = Any
    I: TypeAlias = Any  # noqa: E741
    M: TypeAlias = Any
    PF: TypeAlias = Any
    PI: TypeAlias = Any
    V: TypeAlias = Any
    VI: TypeAlias = Any
else:
    B, F, I, M = Kind.B, Kind.F, Kind.I, Kind.M  # noqa: E741
    PF, PI, V, VI = Kind.PF, Kind.PI, Kind.V, Kind.VI

Function = TypeVar("Function", bound=Callable[..., Any])

#: Lanes of a vector, inside a language function.
W: int = 0


def function(
    *, noalias: bool = False, contract: bool = True, inline: str = "auto"
) -> Callable[[Function], Function]:
    """Return a decorator that sets the options of a language function.

    Args:
        noalias: Its pointer parameters never overlap.
        contract: Let a product and a sum become one fused instruction. False keeps every rounding
            where it is written, which error-free transformations rely on.
        inline: ``auto``, ``always`` or ``never``, when other language functions call it.
    """

    def mark(target: Function) -> Function:
        vars(target)["__language__"] = {
            "noalias": noalias,
            "contract": contract,
            "inline": inline,
        }
        return target

    return mark


kernel = function()


def _builtin(target: Function) -> Function:
    vars(target)["__builtin__"] = True
    return target


def _outside(name: str) -> TypeError:
    return TypeError(f"{name} belongs to the mini language; translate the function with Unit.add")


@_builtin
def load(pointer: PF | PI, index: I = 0) -> Any:
    """Return the vector at ``pointer + index * W``."""
    raise _outside("load")


@_builtin
def store(pointer: PF | PI, *arguments: Any) -> None:
    """``store(p, v)`` or ``store(p, i, v)``: write the vector at ``p + i * W``."""
    raise _outside("store")


@_builtin
def mask_store(pointer: PF | PI, *arguments: Any) -> None:
    """``mask_store(p, v, m)`` or ``mask_store(p, i, v, m)``: write the lanes where ``m`` holds."""
    raise _outside("mask_store")


@_builtin
def atomic_add(pointer: PI, index: I, amount: I) -> Any:
    """Add to ``pointer[index]`` in one indivisible step; return what was there."""
    raise _outside("atomic_add")


@_builtin
def floats(address: I) -> Any:
    """Return the pointer to doubles that an integer holds."""
    raise _outside("floats")


@_builtin
def ints(address: I) -> Any:
    """Return the pointer to integers that an integer holds."""
    raise _outside("ints")


@_builtin
def lane(vector: V | VI | M, index: I) -> Any:
    """Return one lane."""
    raise _outside("lane")


@_builtin
def put(vector: V | VI | M, index: I, value: F | I | B) -> Any:
    """Return the vector with one lane replaced."""
    raise _outside("put")


@_builtin
def splat(value: F | I | B) -> Any:
    """Return a vector with the same value in every lane."""
    raise _outside("splat")


@_builtin
def lanes() -> Any:
    """Return 0, 1, ..., W - 1."""
    raise _outside("lanes")


@_builtin
def mask(count: I) -> Any:
    """Return the mask of the lanes below ``count``."""
    raise _outside("mask")


@_builtin
def any_(mask: M) -> Any:
    """Whether any lane holds."""
    raise _outside("any_")


@_builtin
def all_(mask: M) -> Any:
    """Whether all lanes hold."""
    raise _outside("all_")


@_builtin
def select(condition: M | B, yes: Any, no: Any) -> Any:
    """Return ``yes`` where the condition holds, else ``no``; both are computed."""
    raise _outside("select")


@_builtin
def sqrt(x: F | V) -> Any:
    """Square root, correctly rounded."""
    raise _outside("sqrt")


@_builtin
def fabs(x: F | V) -> Any:
    """Absolute value."""
    raise _outside("fabs")


@_builtin
def floor(x: F | V) -> Any:
    """Round towards minus infinity."""
    raise _outside("floor")


@_builtin
def ceil(x: F | V) -> Any:
    """Round towards plus infinity."""
    raise _outside("ceil")


@_builtin
def trunc(x: F | V) -> Any:
    """Round towards zero."""
    raise _outside("trunc")


@_builtin
def rint(x: F | V) -> Any:
    """Round to the nearest integer, halves to even."""
    raise _outside("rint")


@_builtin
def copysign(x: F | V, y: F | V) -> Any:
    """Return ``x`` with the sign of ``y``."""
    raise _outside("copysign")


@_builtin
def fma(x: F | V, y: F | V, z: F | V) -> Any:
    """Return x * y + z with one rounding."""
    raise _outside("fma")


@_builtin
def c_sin(x: F | V) -> Any:
    """Sine by the C library, lane by lane."""
    raise _outside("c_sin")


@_builtin
def c_cos(x: F | V) -> Any:
    """Cosine by the C library, lane by lane."""
    raise _outside("c_cos")


@_builtin
def c_tan(x: F | V) -> Any:
    """Tangent by the C library, lane by lane."""
    raise _outside("c_tan")


@_builtin
def c_fmod(x: F | V, y: F | V) -> Any:
    """Remainder with the sign of x by the C library, lane by lane."""
    raise _outside("c_fmod")


@_builtin
def fmax(x: F | V, y: F | V) -> Any:
    """Return the larger; ``y`` when either is NaN."""
    raise _outside("fmax")


@_builtin
def fmin(x: F | V, y: F | V) -> Any:
    """Return the smaller; ``y`` when either is NaN."""
    raise _outside("fmin")


@_builtin
def isnan(x: F | V) -> Any:
    """Whether the value is NaN."""
    raise _outside("isnan")


@_builtin
def bits(x: F | V) -> Any:
    """Return the bit pattern as an integer."""
    raise _outside("bits")


@_builtin
def from_bits(x: I | VI) -> Any:
    """Return the double of a bit pattern."""
    raise _outside("from_bits")


@_builtin
def to_float(x: I | VI) -> Any:
    """Convert an integer to a double."""
    raise _outside("to_float")


@_builtin
def to_int(x: F | V) -> Any:
    """Convert a double to an integer, truncating; it must fit."""
    raise _outside("to_int")


@_builtin
def shift_right(x: I | VI, count: I) -> Any:
    """Shift right, zeros moving in."""
    raise _outside("shift_right")


def unroll(*bounds: Any) -> range:
    """Let a for loop repeat its body at translation, like range or over a constant tuple."""
    raise _outside("unroll")


__all__ = [
    "PF",
    "PI",
    "VI",
    "B",
    "Extern",
    "F",
    "I",
    "Kind",
    "M",
    "TranslateError",
    "Unit",
    "V",
    "W",
    "all_",
    "any_",
    "atomic_add",
    "bits",
    "c_cos",
    "c_fmod",
    "c_sin",
    "c_tan",
    "ceil",
    "copysign",
    "fabs",
    "floats",
    "floor",
    "fma",
    "fmax",
    "fmin",
    "from_bits",
    "function",
    "ints",
    "isnan",
    "kernel",
    "lane",
    "lanes",
    "load",
    "mask",
    "mask_store",
    "put",
    "rint",
    "select",
    "shift_right",
    "splat",
    "sqrt",
    "store",
    "to_float",
    "to_int",
    "trunc",
    "unroll",
]
