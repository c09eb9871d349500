"""From libSBML's trees of mathematics, or from text, to formulas.

Function definitions are put in place of their calls and the local parameters of a kinetic law
get their full names, so that what comes out refers to quantities of the model only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from catena.core.errors import DataError
from catena.numerics.ode.sbml.expression import Expr, number, substitute, symbol

_UNARY = {
    "ABS": "abs", "CEILING": "ceil", "FLOOR": "floor", "EXP": "exp", "LN": "ln",
    "FACTORIAL": "factorial", "SIN": "sin", "COS": "cos", "TAN": "tan", "SEC": "sec",
    "CSC": "csc", "COT": "cot", "SINH": "sinh", "COSH": "cosh", "TANH": "tanh",
    "SECH": "sech", "CSCH": "csch", "COTH": "coth", "ARCSIN": "arcsin", "ARCCOS": "arccos",
    "ARCTAN": "arctan", "ARCSEC": "arcsec", "ARCCSC": "arccsc", "ARCCOT": "arccot",
    "ARCSINH": "arcsinh", "ARCCOSH": "arccosh", "ARCTANH": "arctanh", "ARCSECH": "arcsech",
    "ARCCSCH": "arccsch", "ARCCOTH": "arccoth",
}  # fmt: skip
_COMPARED = {"LT": "lt", "LEQ": "le", "GT": "gt", "GEQ": "ge", "EQ": "eq", "NEQ": "ne"}
_LOGIC = {"AND": "and", "OR": "or", "XOR": "xor", "NOT": "not"}
#: What ``and``, ``or`` and the like of no operands stand for.
_EMPTY = {"AST_PLUS": number(0.0), "AST_TIMES": number(1.0), "AST_LOGICAL_AND": Expr("true"),
          "AST_LOGICAL_OR": Expr("false"), "AST_LOGICAL_XOR": Expr("false")}  # fmt: skip

_names: dict[int, str] = {}


class Translator:
    """Turns libSBML trees into formulas.

    Args:
        functions: Function definitions: argument names and body.
        document: Named in errors.
    """

    def __init__(
        self,
        functions: Mapping[str, tuple[tuple[str, ...], Expr]] | None = None,
        document: str = "",
    ) -> None:
        self.functions = dict(functions or {})
        self.document = document

    def formula(self, ast: Any, element: Any, local: Mapping[str, str] | None = None) -> Expr:
        """Translate one tree.

        Args:
            ast: A libSBML ``ASTNode``.
            element: The SBML element that holds it, for errors (or a text).
            local: Full names of local parameters.

        Raises:
            DataError: there is no formula, or it holds something that is not supported.
        """
        if ast is None:
            raise refused(element, self.document, "it has no formula", "give it a math element")
        tree = self._node(ast, element)
        return substitute(tree, {old: symbol(new) for old, new in (local or {}).items()})

    def define(self, name: str, ast: Any, element: Any) -> None:
        """Add a function definition (a lambda) that later formulas may call."""
        count = ast.getNumChildren()
        arguments = tuple(ast.getChild(k).getName() for k in range(count - 1))
        self.functions[name] = (arguments, self.formula(ast.getChild(count - 1), element))

    def _node(self, ast: Any, element: Any) -> Expr:
        name = _type_name(ast)
        leaf = _leaf(ast, name)
        if leaf is not None:
            return leaf
        if name == "AST_FUNCTION_DELAY":
            raise refused(element, self.document, "it uses delay(), the value of a past moment",
                          "write the delay as a chain of states")  # fmt: skip
        if name == "AST_FUNCTION_RATE_OF":
            return Expr("rate", name=ast.getChild(0).getName())
        args = tuple(self._node(ast.getChild(k), element) for k in range(ast.getNumChildren()))
        if name == "AST_FUNCTION":
            return self._call(ast.getName(), args, element)
        tree = _operation(name, args)
        if tree is None:
            what = ast.getName() or name.removeprefix("AST_").lower()
            raise refused(element, self.document, f"its formula uses {what!r}, which is not supported",
                          "write it with other functions")  # fmt: skip
        return tree

    def _call(self, name: str, args: tuple[Expr, ...], element: Any) -> Expr:
        if name not in self.functions:
            raise refused(element, self.document, f"it calls {name!r}, which is not defined",
                          "add the function definition")  # fmt: skip
        arguments, body = self.functions[name]
        if len(arguments) != len(args):
            raise refused(
                element,
                self.document,
                f"it calls {name!r} with {len(args)} arguments; it takes {len(arguments)}",
                "give as many arguments as its definition has",
            )
        return substitute(body, dict(zip(arguments, args, strict=True)))


def from_text(text: str, where: str = "formula") -> Expr:
    """Read a formula such as ``scale * (A + 2 * B) ^ 2``; ``log`` is the natural logarithm.

    Raises:
        DataError: the text is not a formula.
    """
    import libsbml

    settings = libsbml.L3ParserSettings()
    settings.setParseLog(libsbml.L3P_PARSE_LOG_AS_LN)
    settings.setComparisonCaseSensitivity(True)  # Pi may well be phosphate
    ast = libsbml.parseL3FormulaWithSettings(text.replace("**", "^"), settings)
    if ast is None:
        why = libsbml.getLastParseL3Error().strip().splitlines()
        raise DataError("Unreadable formula", where=f"{where}: {text[:120]}",
                        why=why[0] if why else "it does not parse", fix="correct the formula")  # fmt: skip
    return Translator(document=where).formula(ast, where)


def refused(element: Any, document: str, why: str, fix: str) -> DataError:
    """Return the error that names an SBML element, its id and its line."""
    if isinstance(element, str):
        place = element
    else:
        named = element.getId() or element.getIdAttribute() or element.getMetaId()
        place = f"{element.getElementName()} {named!r}, line {element.getLine()}"
    return DataError("This SBML model cannot be simulated", where=f"{document}: {place}".lstrip(": "),
                     why=why, fix=fix)  # fmt: skip


def _type_name(ast: Any) -> str:
    import libsbml

    if not _names:
        _names.update(
            {
                getattr(libsbml, name): name
                for name in dir(libsbml)
                if name.startswith("AST_") and isinstance(getattr(libsbml, name), int)
            }
        )
    return _names.get(ast.getType(), "AST_UNKNOWN")


def _leaf(ast: Any, name: str) -> Expr | None:
    if name == "AST_NAME":
        return symbol(ast.getName())
    if name in ("AST_INTEGER", "AST_REAL", "AST_REAL_E", "AST_RATIONAL"):
        return number(ast.getInteger() if name == "AST_INTEGER" else ast.getReal())
    plain: dict[str, Callable[[], Expr]] = {
        "AST_NAME_TIME": lambda: Expr("time"),
        "AST_NAME_AVOGADRO": lambda: number(ast.getReal()),
        "AST_CONSTANT_E": lambda: number(math.e),
        "AST_CONSTANT_PI": lambda: number(math.pi),
        "AST_CONSTANT_TRUE": lambda: Expr("true"),
        "AST_CONSTANT_FALSE": lambda: Expr("false"),
    }
    return plain[name]() if name in plain else None


def _operation(name: str, args: tuple[Expr, ...]) -> Expr | None:
    """Return the formula of an operation on translated operands, or None if it is unknown."""
    if not args:
        return _EMPTY.get(name)
    if name in ("AST_PLUS", "AST_TIMES"):
        op = "add" if name == "AST_PLUS" else "mul"
        return args[0] if len(args) == 1 else Expr(op, args)
    if name == "AST_MINUS":
        return Expr("neg" if len(args) == 1 else "sub", args)
    if name == "AST_DIVIDE":
        return Expr("div", args)
    if name in ("AST_POWER", "AST_FUNCTION_POWER"):
        return Expr("pow", args)
    kind, _, rest = name.removeprefix("AST_").partition("_")
    if kind == "RELATIONAL" and rest in _COMPARED:
        return _chain(_COMPARED[rest], args)
    if kind == "LOGICAL":
        return _logic(rest, args)
    return _function(rest, args) if kind == "FUNCTION" else None


def _logic(name: str, args: tuple[Expr, ...]) -> Expr | None:
    if name == "IMPLIES":
        return Expr("or", (Expr("not", args[:1]), args[1]))
    return Expr(_LOGIC[name], args) if name in _LOGIC else None


def _chain(op: str, args: tuple[Expr, ...]) -> Expr:
    """Return ``a < b < c`` as pairs that all hold."""
    pairs = [Expr(op, pair) for pair in itertools.pairwise(args)]
    return pairs[0] if len(pairs) == 1 else Expr("and", tuple(pairs))


def _function(name: str, args: tuple[Expr, ...]) -> Expr | None:
    if name in _UNARY:
        return Expr(_UNARY[name], args)
    if name == "PIECEWISE":
        return Expr("piecewise", args)
    if name in ("REM", "QUOTIENT"):
        return Expr(name.lower(), args)
    if name in ("MIN", "MAX"):
        tree = args[0]
        for arg in args[1:]:
            tree = Expr("minimum" if name == "MIN" else "maximum", (tree, arg))
        return tree
    if name == "ROOT":
        return Expr("root", args if len(args) == 2 else (number(2.0), *args))
    if name == "LOG":
        return Expr("log", args if len(args) == 2 else (number(10.0), *args))
    return None
