"""Content MathML to expressions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, final

from catena.core.errors import DataError, did_you_mean
from catena.numerics.ode.cellml.document import Element
from catena.numerics.ode.cellml.expression import OPERATORS, Call, Expression, Name, Number

MATHML = "http://www.w3.org/1998/Math/MathML"

_CONSTANTS = {
    "pi": math.pi,
    "exponentiale": math.e,
    "notanumber": math.nan,
    "infinity": math.inf,
    "true": 1.0,
    "false": 0.0,
}
#: Fewest and most arguments; what is not listed takes any number from one up.
_ARITY = {
    "minus": (1, 2), "divide": (2, 2), "power": (2, 2), "rem": (2, 2), "not": (1, 1),
    "root": (1, 2), "log": (1, 2), "plus": (0, 10**6), "times": (0, 10**6),
    **dict.fromkeys(("eq", "neq", "lt", "leq", "gt", "geq"), (2, 10**6)),
}  # fmt: skip
_MANY = frozenset({"and", "or", "xor", "min", "max"})


@final
@dataclass(frozen=True)
class Rate:
    """The left side of a differential equation: d ``of`` / d ``by``."""

    of: str
    by: str


@final
@dataclass(frozen=True)
class Equation:
    """``target = value`` as written in one component, in its own names; ``place`` for errors."""

    component: str
    target: str | Rate
    value: Expression
    place: str


@final
@dataclass(frozen=True)
class MathReader:
    """Reads the equations of one component.

    Args:
        component: Its name, for errors and names.
        check_units: Called with the units of every number and its place.
    """

    component: str
    check_units: Callable[[str, str], object]

    def equations(self, math_element: Element) -> list[Equation]:
        """Return the equations of one ``math`` element.

        Raises:
            DataError: an element is unknown, or an equation is not solved for one variable.
        """
        return [self._equation(element) for element in math_element.children]

    def _equation(self, element: Element) -> Equation:
        parts = element.children
        if element.tag != "apply" or len(parts) != 3 or parts[0].tag != "eq":
            self._refuse(element, f"<{element.tag}> is not an equation with two sides",
                         "write <apply><eq/> left right </apply>")  # fmt: skip
        left = parts[1]
        if left.tag == "ci":
            target: str | Rate = left.text
        elif _head(left) == "diff":
            target = self._rate(left)
        else:
            found = _head(left) or left.tag
            self._refuse(left, f"the left side is <{found}>, not a variable or its derivative",
                         "solve the equation for one variable")  # fmt: skip
        return Equation(self.component, target, self.expression(parts[2]), element.place)

    def _rate(self, element: Element) -> Rate:
        parts = element.children
        bound = [part for part in parts if part.tag == "bvar"]
        if len(parts) != 3 or len(bound) != 1 or parts[2].tag != "ci":
            self._refuse(element, "a derivative needs one variable and one <bvar>",
                         "write <diff/><bvar><ci>time</ci></bvar><ci>x</ci>")  # fmt: skip
        by = [part for part in bound[0].children if part.tag == "ci"]
        degree = [part for part in bound[0].children if part.tag == "degree"]
        if len(by) != 1 or (degree and self.expression(degree[0].children[0]) != Number(1.0)):
            self._refuse(element, "only first derivatives in one variable can be read",
                         "write a higher order as several first-order equations")  # fmt: skip
        return Rate(parts[2].text, by[0].text)

    def expression(self, element: Element) -> Expression:
        """Return the expression below one MathML element.

        Raises:
            DataError: an element is unknown or has the wrong number of arguments.
        """
        if element.tag == "ci":
            return Name(element.text)
        if element.tag == "cn":
            return Number(self._number(element))
        if element.tag == "piecewise":
            return self._piecewise(element)
        if element.tag == "apply" and element.children:
            return self._apply(element)
        if element.tag in ("semantics", "degree", "logbase") and element.children:
            return self.expression(element.children[0])
        if element.tag in _CONSTANTS:
            return Number(_CONSTANTS[element.tag])
        self._unknown(element)

    def _apply(self, element: Element) -> Expression:
        head, *rest = element.children
        op = head.tag
        if op == "diff":
            rate = self._rate(element)
            return Name(f"{rate.of}'{rate.by}")
        if op not in OPERATORS or op in ("piecewise", "bernoulli"):
            self._unknown(head)
        qualifier = {"root": "degree", "log": "logbase"}.get(op)
        rest.sort(key=lambda part: part.tag == qualifier)
        arguments = tuple(self.expression(part) for part in rest)
        low, high = _ARITY.get(op, (1, 10**6 if op in _MANY else 1))
        if not low <= len(arguments) <= high:
            self._refuse(head, f"<{op}> has {len(arguments)} arguments",
                         f"give it {low if low == high else f'{low} or more'}")  # fmt: skip
        if op == "minus" and len(arguments) == 1 and isinstance(arguments[0], Number):
            return Number(-arguments[0].value)
        return Call(op, arguments)

    def _piecewise(self, element: Element) -> Expression:
        arguments: list[Expression] = []
        otherwise: Expression = Number(math.nan)
        for part in element.children:
            if part.tag == "piece" and len(part.children) == 2:
                value, condition = part.children
                arguments += [self.expression(condition), self.expression(value)]
            elif part.tag == "otherwise" and len(part.children) == 1:
                otherwise = self.expression(part.children[0])
            else:
                self._unknown(part)
        return Call("piecewise", (*arguments, otherwise))

    def _number(self, element: Element) -> float:
        units = element.get("units")
        if units is not None:
            self.check_units(units, element.place)
        kind = element.get("type") or "real"
        if (element.get("base") or "10") == "10":
            try:
                if kind in ("real", "integer") and not element.children:
                    return float(element.text)
                first, last = (piece.strip() for piece in element.pieces)
                if kind == "e-notation":
                    return float(f"{first}e{last}")
                if kind == "rational":
                    return float(first) / float(last)
            except (ValueError, ZeroDivisionError):
                pass
        self._refuse(element, f"the {kind} number {' '.join(element.pieces).strip()!r} is not one",
                     "write a decimal number, or type e-notation with <sep/>")  # fmt: skip

    def _unknown(self, element: Element) -> NoReturn:
        known = [*OPERATORS, *_CONSTANTS, "piecewise", "diff"]
        self._refuse(element, f"the MathML element <{element.tag}> is not supported here",
                     did_you_mean(element.tag, known, "use content MathML as in CellML"))  # fmt: skip

    def _refuse(self, element: Element, why: str, fix: str) -> NoReturn:
        raise DataError("An equation cannot be read", why=why, fix=fix,
                        where=f"{element.place}, component {self.component!r}")  # fmt: skip


def _head(element: Element) -> str:
    return element.children[0].tag if element.tag == "apply" and element.children else ""
