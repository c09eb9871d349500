from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catena.core.errors import DataError
from catena.numerics.ode.cellml import load_cellml

Y, A, B = 0.5, 2.0, -3.0


def rate(path: Path) -> float:
    """The derivative at the start."""
    system = load_cellml(path)
    p = {field.name: field.default for field in system.parameters}
    p |= {} if system.derive is None else dict(system.derive(p))
    return float(system.rhs(0.0, {"y": Y}, p, {})["y"])


def call(op: str, *arguments: str) -> str:
    return f"<apply><{op}/>{''.join(arguments)}</apply>"


def ci(name: str) -> str:
    return f"<ci> {name} </ci>"


UNARY: dict[str, float] = {
    "exp": math.exp(Y), "ln": math.log(Y), "log": math.log10(Y), "abs": Y, "floor": 0.0,
    "ceiling": 1.0, "root": math.sqrt(Y), "minus": -Y, "factorial": math.gamma(1.5),
    "sin": math.sin(Y), "cos": math.cos(Y), "tan": math.tan(Y), "sec": 1 / math.cos(Y),
    "csc": 1 / math.sin(Y), "cot": 1 / math.tan(Y), "sinh": math.sinh(Y), "cosh": math.cosh(Y),
    "tanh": math.tanh(Y), "sech": 1 / math.cosh(Y), "csch": 1 / math.sinh(Y),
    "coth": 1 / math.tanh(Y), "arcsin": math.asin(Y), "arccos": math.acos(Y),
    "arctan": math.atan(Y), "arcsinh": math.asinh(Y), "arctanh": math.atanh(Y),
    "arccot": math.atan(1 / Y), "arcsech": math.acosh(1 / Y), "arccsch": math.asinh(1 / Y),
}  # fmt: skip


@pytest.mark.parametrize("op", UNARY)
def test_functions_of_one_argument(equation: Callable[[str], Path], op: str) -> None:
    assert rate(equation(call(op, ci("y")))) == pytest.approx(UNARY[op], rel=1e-13)


@pytest.mark.parametrize(
    ("mathml", "expected"),
    [
        (call("arccosh", ci("a")), math.acosh(A)),
        (call("arcsec", ci("a")), math.acos(1 / A)),
        (call("arccsc", ci("a")), math.asin(1 / A)),
        (call("arccoth", ci("a")), math.atanh(1 / A)),
        (call("abs", ci("b")), 3.0),
        (call("plus", ci("y"), ci("a"), ci("b")), Y + A + B),
        (call("plus"), 0.0),
        (call("times", ci("y"), ci("a"), ci("b")), Y * A * B),
        (call("times"), 1.0),
        (call("minus", ci("y"), ci("a")), Y - A),
        (call("divide", ci("y"), ci("b")), Y / B),
        (call("power", ci("y"), ci("b")), Y**B),
        (call("power", ci("b"), "<cn>3</cn>"), B**3),
        (call("power", ci("a"), "<cn>0.5</cn>"), A**0.5),
        (call("root", "<degree><cn>3</cn></degree>", ci("y")), Y ** (1 / 3)),
        (call("root", "<degree><ci>a</ci></degree>", ci("y")), Y**0.5),
        (call("log", "<logbase><cn>2</cn></logbase>", ci("y")), -1.0),
        (call("log", "<logbase><ci>a</ci></logbase>", ci("y")), -1.0),
        (call("rem", ci("b"), ci("a")), -1.0),
        (call("min", ci("y"), ci("a"), ci("b")), B),
        (call("max", ci("y"), ci("a"), ci("b")), A),
        (call("factorial", "<cn>5</cn>"), 120.0),
        ("<pi/>", math.pi),
        ("<exponentiale/>", math.e),
        ('<cn type="e-notation">1.5<sep/>-2</cn>', 0.015),
        ('<cn type="rational">3<sep/>4</cn>', 0.75),
        ('<cn type="integer">7</cn>', 7.0),
        ("<semantics><ci>a</ci><annotation>text</annotation></semantics>", A),
    ],
)
def test_other_operators(equation: Callable[[str], Path], mathml: str, expected: float) -> None:
    assert rate(equation(mathml)) == pytest.approx(expected, rel=1e-13)


TRUTHS = {
    call("lt", ci("b"), ci("y"), ci("a")): True,
    call("gt", ci("a"), ci("b")): True,
    call("leq", ci("y"), ci("y")): True,
    call("geq", ci("b"), ci("y")): False,
    call("eq", ci("y"), ci("y")): True,
    call("neq", ci("y"), ci("y")): False,
    call("and", "<true/>", call("lt", ci("y"), ci("a")), "<false/>"): False,
    call("or", "<false/>", call("lt", ci("y"), ci("a"))): True,
    call("xor", call("lt", ci("y"), ci("a")), "<true/>"): False,
    call("not", call("lt", ci("y"), ci("a"))): False,
}


@pytest.mark.parametrize("condition", TRUTHS)
def test_conditions(equation: Callable[[str], Path], condition: str) -> None:
    pieces = f"<piece><cn>1</cn>{condition}</piece><otherwise><cn>-1</cn></otherwise>"
    expected = 1.0 if TRUTHS[condition] else -1.0
    assert rate(equation(f"<piecewise>{pieces}</piecewise>")) == expected


def test_the_first_true_piece_counts_and_no_piece_gives_nan(
    equation: Callable[[str], Path],
) -> None:
    low = call("lt", ci("y"), "<cn>{}</cn>")
    both = f"<piece><cn>1</cn>{low.format(1)}</piece><piece><cn>2</cn>{low.format(2)}</piece>"
    assert rate(equation(f"<piecewise>{both}</piecewise>")) == 1.0
    none = f"<piece><cn>1</cn>{low.format(0)}</piece>"
    assert np.isnan(rate(equation(f"<piecewise>{none}</piecewise>")))


def test_a_condition_used_as_a_number_counts_as_zero_or_one(
    equation: Callable[[str], Path],
) -> None:
    assert rate(equation(call("times", ci("a"), call("lt", ci("y"), ci("a"))))) == A


@pytest.mark.parametrize(
    ("mathml", "why"),
    [
        (call("integral", ci("y")), "<integral> is not supported"),
        (call("sine", ci("y")), "<sine> is not supported"),
        (call("divide", ci("y")), "1 arguments"),
        (call("bernoulli", ci("y")), "not supported"),
        ("<cn>1.2.3</cn>", "'1.2.3'"),
        ('<cn type="e-notation">1</cn>', "not one"),
        ('<cn base="16">ff</cn>', "not one"),
        ("<cn>nonsense<sep/>2</cn>", "not one"),
        ("<piecewise><piece><cn>1</cn></piece></piecewise>", "<piece>"),
    ],
)
def test_what_cannot_be_read_names_the_line(
    equation: Callable[[str], Path], mathml: str, why: str
) -> None:
    with pytest.raises(DataError) as error:
        load_cellml(equation(mathml))
    assert why in error.value.why
    assert "line 11, component 'c'" in error.value.where


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (call("plus", ci("y"), ci("a")), "<plus>"),
        ("<cn>1</cn>", "<cn>"),
        (f"<apply><diff/>{ci('y')}</apply>", "one <bvar>"),
        (
            "<apply><diff/><bvar><ci>time</ci><degree><cn>2</cn></degree></bvar><ci>y</ci></apply>",
            "first derivatives",
        ),
    ],
)
def test_only_equations_solved_for_one_variable_are_read(
    equation: Callable[[str], Path], left: str, why: str
) -> None:
    path = equation("<ci>y</ci>")
    extra = f"<apply><eq/>{left}<cn>1</cn></apply></math>"
    path.write_text(path.read_text().replace("</math>", extra))
    with pytest.raises(DataError) as error:
        load_cellml(path)
    assert why in error.value.why
    assert "component 'c'" in error.value.where


def test_a_lone_expression_is_no_equation(equation: Callable[[str], Path]) -> None:
    path = equation("<ci>y</ci>")
    path.write_text(path.read_text().replace("</math>", "<ci>y</ci></math>"))
    with pytest.raises(DataError, match="cannot be read"):
        load_cellml(path)
