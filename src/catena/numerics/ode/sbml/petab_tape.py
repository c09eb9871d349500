"""Formulas compiled once to tapes: values and exact slopes of whole columns of numbers.

An observable is read at hundreds of measurements for dozens of parameter vectors at once. A tape
is the list of its operations in order; running it calls one NumPy function per operation for all of
them, and running it backwards gives the slopes to everything the formula refers to (reverse
accumulation; Griewank & Walther 2008, doi:10.1137/1.9780898717761).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import DataError
from catena.numerics.ode.sbml.expression import Expr

#: Slot under which a tape finds the time.
TIME = "time of the measurement"

Array = Any
Slopes = Callable[[Array, Sequence[Array]], Sequence[Array]]


@final
@dataclass(frozen=True)
class Step:
    """One operation: what it does, on which earlier steps, and its number or slot."""

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    slot: int = -1


@final
@dataclass(frozen=True)
class Tape:
    """Some formulas over shared slots.

    Args:
        steps: Operations in order; equal ones stand once.
        ends: Step that holds each formula.
        slots: Number of slots.
        moving: Per formula the slots it depends on.
    """

    steps: tuple[Step, ...]
    ends: tuple[int, ...]
    slots: int
    moving: tuple[tuple[int, ...], ...]

    def run(self, leaves: Sequence[Array]) -> list[Array]:
        """Return the value of every step.

        Args:
            leaves: Value of every slot, arrays of one shape.
        """
        known: list[Array] = []
        for step in self.steps:
            if step.op == "slot":
                known.append(leaves[step.slot])
            elif step.op == "number":
                known.append(step.value)
            else:
                known.append(_VALUES[step.op](*(known[k] for k in step.args)))
        return known

    def slopes(self, known: Sequence[Array], which: int) -> dict[int, Array]:
        """Return the slope of one formula to each slot it depends on.

        Args:
            known: What ``run`` returned.
            which: The formula.
        """
        weights: dict[int, Array] = {self.ends[which]: 1.0}
        found: dict[int, Array] = {}
        for place in range(self.ends[which], -1, -1):
            if place not in weights:
                continue
            weight, step = weights.pop(place), self.steps[place]
            if step.op == "slot":
                found[step.slot] = weight
            elif step.op in _SLOPES:
                args = [known[k] for k in step.args]
                for k, part in zip(step.args, _SLOPES[step.op](known[place], args), strict=True):
                    if part is not None and self.steps[k].op != "number":
                        weights[k] = weights[k] + weight * part if k in weights else weight * part
        return found


def taped(trees: Sequence[Expr], slots: Mapping[str, int], where: str) -> Tape:
    """Compile formulas.

    Args:
        trees: The formulas.
        slots: Slot of every symbol, and of ``TIME``.
        where: What the formulas belong to, for messages.

    Raises:
        DataError: an operation has no slope.
    """
    steps: list[Step] = []
    places: dict[Step, int] = {}

    def place(tree: Expr) -> int:
        step = Step(tree.op, tuple(place(arg) for arg in tree.args), tree.value)
        if tree.op in ("symbol", "time"):
            step = Step("slot", slot=slots[TIME if tree.op == "time" else tree.name])
        elif tree.op not in _VALUES and tree.op != "number":
            raise DataError("A formula cannot be differentiated", where=where,
                            why=f"it uses {tree.op!r}",
                            fix="write it with smooth operations")  # fmt: skip
        if step not in places:
            places[step] = len(steps)
            steps.append(step)
        return places[step]

    ends = tuple(place(tree) for tree in trees)
    return Tape(tuple(steps), ends, len(slots), tuple(_moving(steps, end) for end in ends))


def _moving(steps: Sequence[Step], end: int) -> tuple[int, ...]:
    seen, waiting = set[int](), [end]
    while waiting:
        place = waiting.pop()
        if place not in seen:
            seen.add(place)
            waiting.extend(steps[place].args)
    return tuple(sorted({steps[p].slot for p in seen if steps[p].op == "slot"}))


# Operations ---------------------------------------------------------------------------------


def _sum(*terms: Array) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _product(*factors: Array) -> Array:
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def _product_slopes(out: Array, args: Sequence[Array]) -> list[Array]:
    return [_product(1.0, *(other for k, other in enumerate(args) if k != own))
            for own in range(len(args))]  # fmt: skip


def _power(base: Array, exponent: Array) -> Array:
    if isinstance(exponent, float) and exponent.is_integer():
        return np.asarray(base, dtype=float) ** int(exponent)
    return np.power(base, exponent)


def _power_slopes(out: Array, args: Sequence[Array]) -> list[Array]:
    base, exponent = args
    first = exponent * _power(base, exponent - 1.0)
    if isinstance(exponent, float):
        return [first, None]
    positive = np.asarray(base) > 0
    return [first, np.where(positive, out * np.log(np.where(positive, base, 1.0)), 0.0)]


def _root(degree: Array, value: Array) -> Array:
    return np.power(value, 1.0 / degree)


def _root_slopes(out: Array, args: Sequence[Array]) -> list[Array]:
    degree, value = args
    return [-out * np.log(value) / degree**2, out / (degree * value)]


def _log(base: Array, value: Array) -> Array:
    return np.log(value) / np.log(base)


def _log_slopes(out: Array, args: Sequence[Array]) -> list[Array]:
    base, value = args
    return [-out / (base * np.log(base)), 1.0 / (value * np.log(base))]


def _piecewise(*args: Array) -> Array:
    value = args[-1] if len(args) % 2 else math.nan
    for piece, condition in reversed(list(zip(args[0::2], args[1::2], strict=False))):
        value = np.where(condition, piece, value)
    return value


def _piecewise_slopes(out: Array, args: Sequence[Array]) -> list[Array]:
    parts: list[Array] = [None] * len(args)
    free: Array = True
    for k in range(0, len(args) - 1, 2):
        holds = np.asarray(args[k + 1], dtype=bool)
        parts[k] = np.where(free & holds, 1.0, 0.0)
        free = free & ~holds
    if len(args) % 2:
        parts[-1] = np.where(free, 1.0, 0.0)
    return parts


def _all(*args: Array) -> Array:
    return np.logical_and.reduce(np.broadcast_arrays(*args)) if args else True


def _any(*args: Array) -> Array:
    return np.logical_or.reduce(np.broadcast_arrays(*args)) if args else False


def _odd(*args: Array) -> Array:
    return np.logical_xor.reduce(np.broadcast_arrays(*args)) if args else False


_VALUES: dict[str, Callable[..., Array]] = {
    "add": _sum, "mul": _product, "sub": np.subtract, "neg": np.negative, "div": np.divide,
    "pow": _power, "root": _root, "log": _log, "ln": np.log, "exp": np.exp, "abs": np.abs,
    "minimum": np.minimum, "maximum": np.maximum, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arctan": np.arctan,
    "piecewise": _piecewise, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": _all, "or": _any,
    "xor": _odd, "not": np.logical_not, "true": lambda: True, "false": lambda: False,
}  # fmt: skip

#: Slopes to the operands, from the result and the operands; None where there is none.
_SLOPES: dict[str, Slopes] = {
    "add": lambda out, args: [1.0] * len(args),
    "mul": _product_slopes,
    "sub": lambda out, args: [1.0, -1.0],
    "neg": lambda out, args: [-1.0],
    "div": lambda out, args: [1.0 / args[1], -out / args[1]],
    "pow": _power_slopes,
    "root": _root_slopes,
    "log": _log_slopes,
    "ln": lambda out, args: [1.0 / args[0]],
    "exp": lambda out, args: [out],
    "abs": lambda out, args: [np.sign(args[0])],
    "minimum": lambda out, args: [1.0 * (args[0] <= args[1]), 1.0 * (args[0] > args[1])],
    "maximum": lambda out, args: [1.0 * (args[0] >= args[1]), 1.0 * (args[0] < args[1])],
    "sin": lambda out, args: [np.cos(args[0])],
    "cos": lambda out, args: [-np.sin(args[0])],
    "tan": lambda out, args: [1.0 + out**2],
    "sinh": lambda out, args: [np.cosh(args[0])],
    "cosh": lambda out, args: [np.sinh(args[0])],
    "tanh": lambda out, args: [1.0 - out**2],
    "arctan": lambda out, args: [1.0 / (1.0 + args[0] ** 2)],
    "piecewise": _piecewise_slopes,
}
