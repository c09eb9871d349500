"""Formulas over names of a model, as text: read once, safe, and differentiable."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from catena.core.errors import InputError, did_you_mean

_FUNCTIONS = ("exp", "log", "sqrt", "abs", "tanh", "maximum", "minimum")
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
#: Longer formulas are refused before they are read.
_LONGEST = 2000

Formula = Callable[[Mapping[str, Any]], Any]


def formula(text: str, names: tuple[str, ...], where: str) -> Formula:
    """Read a formula such as ``(c_b - 0.6)**2 + 0.1 * feed``.

    Args:
        text: Numbers, names, ``+ - * / **``, parentheses and the functions exp, log, sqrt, abs,
            tanh, maximum, minimum.
        names: Names that may occur.
        where: Named in errors.

    Returns:
        A function of values by name; inside a JAX trace it is differentiable.

    Raises:
        InputError: the text is no formula of these names.
    """
    if len(text) > _LONGEST:
        raise _refused(text, where, f"it is longer than {_LONGEST} characters", "split it")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise _refused(text, where, str(error), "write for example (c_b - 0.6)**2") from None
    return _read(tree, names, text, where)


def _read(node: ast.AST, names: tuple[str, ...], text: str, where: str) -> Formula:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        number = float(node.value)  # type: ignore[arg-type]
        return lambda values: number
    if isinstance(node, ast.Name):
        name = node.id
        if name not in names:
            raise _refused(text, where, f"{name!r} is not known here; known are "
                           f"{', '.join(names[:12])}", did_you_mean(name, names, "use one of these"))  # fmt: skip
        return lambda values: values[name]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _read(node.operand, names, text, where)
        return (lambda values: -inner(values)) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        combine = _BINARY[type(node.op)]
        left, right = (_read(side, names, text, where) for side in (node.left, node.right))
        return lambda values: combine(left(values), right(values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node, names, text, where)
    raise _refused(text, where, f"{ast.unparse(node)[:40]!r} is not allowed",
                   f"use numbers, names, + - * / ** and {', '.join(_FUNCTIONS)}")  # fmt: skip


def _call(name: str, node: ast.Call, names: tuple[str, ...], text: str, where: str) -> Formula:
    wanted = 2 if name in ("maximum", "minimum") else 1
    if name not in _FUNCTIONS or len(node.args) != wanted:
        raise _refused(text, where, f"no function {name!r} of {len(node.args)} arguments",
                       did_you_mean(name, _FUNCTIONS, f"functions are {', '.join(_FUNCTIONS)}"))  # fmt: skip
    inner = [_read(argument, names, text, where) for argument in node.args]

    def call(values: Mapping[str, Any]) -> Any:
        import jax.numpy as jnp

        return getattr(jnp, name)(*(part(values) for part in inner))

    return call


def _refused(text: str, where: str, why: str, fix: str) -> InputError:
    return InputError(f"Cannot read the formula {text[:80]!r}", where=where, why=why, fix=fix)
