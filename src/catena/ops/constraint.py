"""Constraints as people write them: linear ones between variables, limits on outputs."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from catena.core.errors import CatenaError, Infeasible, InputError, did_you_mean
from catena.core.units import conversion, parse_quantity
from catena.ops.quantity import Quantity

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.ops.space import Space

_COMPARE = re.compile(r"(<=|>=|==|<|>|=)")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*(?:\[\d+\])?")
_TRAILING_UNIT = re.compile(r"^(\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s+([A-Za-z%].*)$")


@final
@dataclass(frozen=True)
class LinearConstraint:
    """``weights . x <= bound`` (or ``== bound``) in the variables' own units.

    Args:
        text: As written.
        weights: One number per variable of the space (d,).
        bound: Right side.
        equal: Whether it is an equation.
    """

    text: str
    weights: tuple[float, ...]
    bound: float
    equal: bool = False

    def slack(self, x: np.ndarray) -> np.ndarray:
        """Return per point (n,) how far it is on the allowed side; negative when broken."""
        gap = self.bound - np.asarray(x) @ np.asarray(self.weights)
        return np.asarray(-np.abs(gap) if self.equal else gap)

    def holds(self, x: np.ndarray, tolerance: float = 1e-9) -> np.ndarray:
        """Return per point (n,) whether it is satisfied."""
        size = np.abs(np.asarray(x)) @ np.abs(np.asarray(self.weights)) + abs(self.bound)
        return np.asarray(self.slack(x) >= -tolerance * np.maximum(size, 1e-300))


@final
@dataclass(frozen=True)
class OutputConstraint:
    """A limit on what a model gives: ``cmax <= 5 mg/L``.

    Args:
        text: As written.
        quantity: The limited number.
        low: Lower limit in its unit, or -inf.
        high: Upper limit, or inf.
    """

    text: str
    quantity: Quantity
    low: float
    high: float

    def violation(self, y: np.ndarray) -> np.ndarray:
        """Return per row (n,) by how much it is broken, in the quantity's unit; 0 when kept."""
        y = np.asarray(y, dtype=float)
        return np.maximum(np.maximum(self.low - y, y - self.high), 0.0)


def parse_constraints(
    texts: Sequence[str], space: Space, model: Model
) -> tuple[list[LinearConstraint], list[OutputConstraint]]:
    """Sort constraints into those between variables and those on outputs.

    Args:
        texts: ``"dose + 2 * interval <= 100"``, ``"cmax <= 5 mg/L"``, ``"0.5 <= cmax <= 5 mg/L"``.
        space: The variables.
        model: The model whose outputs may be limited.

    Raises:
        InputError: a text is no constraint, or names neither variables nor outputs.
    """
    linear, outputs = [], []
    for text in [texts] if isinstance(texts, str) else texts:
        names = set(_NAME.findall(_sides(text)[0][0])) | set(_NAME.findall(_sides(text)[0][1]))
        if names & set(space.names):
            linear.append(parse_linear(text, space))
        else:
            outputs.append(parse_output(text, model))
    return linear, outputs


def parse_linear(text: str, space: Space) -> LinearConstraint:
    """Read a linear constraint; plain numbers are in the variables' own units.

    Raises:
        InputError: it is not linear, names no variable, or its unit does not fit.
    """
    parts, signs = _sides(text)
    if len(signs) != 1:
        raise _bad(text, "a linear constraint has one comparison", "split it in two")
    unit, right = "", parts[1]
    if found := _TRAILING_UNIT.match(right):
        right, unit = found.group(1), found.group(2).strip()
    weights: dict[str, float] = {}
    constant = 0.0
    for side, sign in ((parts[0], 1.0), (right, -1.0)):
        terms, number = _linear(text, side, space)
        constant += sign * number
        for name, weight in terms.items():
            weights[name] = weights.get(name, 0.0) + sign * weight
    if not any(weights.values()):
        raise _bad(text, "it holds no variable", f"use {', '.join(space.names)}")
    row = np.array([weights.get(name, 0.0) for name in space.names])
    if unit:
        row = row * [_factor(text, v.unit, unit) if w else 1.0
                     for v, w in zip(space.variables, row, strict=True)]  # fmt: skip
    flip = -1.0 if signs[0] in (">", ">=") else 1.0
    return LinearConstraint(text, tuple(flip * row), -flip * constant, signs[0] in ("=", "=="))


def parse_output(text: str, model: Model) -> OutputConstraint:
    """Read a limit on one output of a model.

    Raises:
        InputError: the output is unknown, the unit does not fit, or the limits contradict.
    """
    parts, signs = _sides(text)
    if any(sign in ("=", "==") for sign in signs):
        raise _bad(text, "an output cannot be held at exactly one value", "give a range")
    low, high = -np.inf, np.inf
    if len(signs) == 2:
        quantity = Quantity.of(model, parts[1].strip())
        edges = [(parts[0], signs[0], True), (parts[2], signs[1], False)]
    else:
        first = not re.match(r"\s*[-+]?[\d.]", parts[0])
        quantity = Quantity.of(model, parts[0 if first else 1].strip())
        edges = [(parts[1 if first else 0], signs[0], not first)]
    written = next((u for p, *_ in edges if (u := _unit_of(p))), quantity.unit)
    for part, sign, left in edges:
        value = _value(text, part, quantity.unit, written)
        if (sign in ("<", "<=")) != left:
            high = min(high, value)
        else:
            low = max(low, value)
    if low > high:
        raise Infeasible("The constraint contradicts itself", where=text, conflicts=[text],
                         why=f"nothing lies between {low:g} and {high:g} {quantity.unit}",
                         fix="exchange or move the limits")  # fmt: skip
    return OutputConstraint(text, quantity, low, high)


def _sides(text: str) -> tuple[list[str], list[str]]:
    pieces = _COMPARE.split(str(text))
    parts, signs = pieces[::2], pieces[1::2]
    if len(signs) not in (1, 2) or any(not part.strip() for part in parts):
        raise _bad(str(text), "it holds no comparison", 'write "cmax <= 5 mg/L"')
    return parts, signs


def _linear(text: str, side: str, space: Space) -> tuple[dict[str, float], float]:
    """Return weights by variable and the constant of one side."""
    names: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        names.setdefault(f"v{len(names)}_", found.group(0))
        return next(k for k, v in names.items() if v == found.group(0))

    source = _NAME.sub(stand_in, side)
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError:
        raise _bad(text, f"cannot read {side.strip()!r}", 'write "a + 2 * b <= 3"') from None
    return _terms(text, tree, names, space)


def _terms(
    text: str, node: ast.expr, names: Mapping[str, str], space: Space
) -> tuple[dict[str, float], float]:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return {}, float(node.value)
    if isinstance(node, ast.Name):
        name = names.get(node.id, node.id)
        if name not in space.names:
            raise _bad(text, f"{name!r} is not varied",
                       did_you_mean(name, space.names, f"use {', '.join(space.names)}"))  # fmt: skip
        return {name: 1.0}, 0.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        terms, number = _terms(text, node.operand, names, space)
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return {n: sign * w for n, w in terms.items()}, sign * number
    if isinstance(node, ast.BinOp):
        return _combined(text, node, names, space)
    raise _bad(text, "it is not linear in the variables", 'write "a + 2 * b <= 3"')


def _combined(
    text: str, node: ast.BinOp, names: Mapping[str, str], space: Space
) -> tuple[dict[str, float], float]:
    left, a = _terms(text, node.left, names, space)
    right, b = _terms(text, node.right, names, space)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        sign = 1.0 if isinstance(node.op, ast.Add) else -1.0
        merged = {n: left.get(n, 0.0) + sign * right.get(n, 0.0) for n in {**left, **right}}
        return merged, a + sign * b
    if isinstance(node.op, ast.Mult) and not (left and right):
        terms, scale = (left, b) if left else (right, a)
        return {n: w * scale for n, w in terms.items()}, a * b
    if isinstance(node.op, ast.Div) and not right and b != 0:
        return {n: w / b for n, w in left.items()}, a / b
    raise _bad(text, "it is not linear in the variables", "multiply variables by numbers only")


def _factor(text: str, source: str, target: str) -> float:
    try:
        return float(conversion(source, target).scale)
    except CatenaError as error:
        raise _bad(text, f"{error.what}: {error.why}", "use the variables' dimension") from None


def _unit_of(part: str) -> str:
    found = _TRAILING_UNIT.match(part.strip())
    return found.group(2).strip() if found else ""


def _value(text: str, part: str, unit: str, written: str) -> float:
    try:
        value, given = parse_quantity(part.strip(), written)
        return float(conversion(given, unit).apply(value))
    except CatenaError as error:
        raise _bad(
            text, f"{error.what}: {error.why}", error.fix or 'write "cmax <= 5 mg/L"'
        ) from None


def _bad(text: str, why: str, fix: str) -> InputError:
    return InputError(f"Not a constraint: {text[:80]!r}", where="subject_to", why=why, fix=fix)


__all__ = [
    "LinearConstraint",
    "OutputConstraint",
    "parse_constraints",
    "parse_linear",
    "parse_output",
]
