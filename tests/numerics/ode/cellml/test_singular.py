from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.numerics.ode.cellml.expression import Call, Expression, Name, Number, evaluate
from catena.numerics.ode.cellml.singular import Smoother

V, E, K = Name("v"), Name("e"), Name("k")
ONE = Number(1.0)


def plus(*args: Expression) -> Call:
    return Call("plus", args)


def minus(*args: Expression) -> Call:
    return Call("minus", args)


def times(*args: Expression) -> Call:
    return Call("times", args)


def over(a: Expression, b: Expression) -> Call:
    return Call("divide", (a, b))


def exp(a: Expression) -> Call:
    return Call("exp", (a,))


DEFINED = {
    "shift": minus(V, E),
    "scaled": times(Name("shift"), K),
    "force": times(K, K, Name("shift")),
    "curve": exp(V),
}
AT = {"v": 0.7, "e": -1.1, "k": 0.4}
V40 = plus(V, Number(40.0))
#: Formula, and the potential at which it is 0/0.
SINGULAR = {
    "hodgkin": (over(times(Number(0.1), V40), minus(ONE, exp(over(minus(V40), Number(10.0))))),
                -40.0),
    "reversed": (over(minus(ONE, exp(over(minus(V40), Number(6.0)))), times(Number(0.035), V40)),
                 -40.0),
    "goldman": (over(times(Number(4.0), V, K, minus(times(Number(3.0), exp(times(V, K))), E)),
                     minus(exp(times(V, K)), ONE)), 0.0),
    "looks through definitions": (over(Name("force"), plus(Number(-1.0), exp(Name("scaled")))),
                                  AT["e"]),
    "nested quotient": (over(over(times(K, Name("shift")), Number(3.0)),
                             plus(exp(times(Number(2.0), Name("shift"))), Number(-1.0))),
                        AT["e"]),
    "inside a sum": (plus(V, exp(over(V, minus(exp(V), ONE)))), 0.0),
}  # fmt: skip


def value(expression: Expression, **changes: float) -> float:
    known = {**AT, **changes}

    def look(name: str) -> float:
        return known[name] if name in known else float(evaluate(DEFINED[name], look))

    return float(evaluate(expression, look))


SMOOTHER = Smoother(DEFINED, lambda name: name not in ("e", "k"))


@pytest.mark.parametrize("name", SINGULAR)
def test_the_value_at_the_singularity_is_the_limit(name: str) -> None:
    formula, at = SINGULAR[name]
    smooth = SMOOTHER.smooth(formula)
    assert not math.isfinite(value(formula, v=at))
    beside = 0.5 * (value(formula, v=at - 1e-4) + value(formula, v=at + 1e-4))
    assert value(smooth, v=at) == pytest.approx(beside, rel=1e-8)


@pytest.mark.parametrize("name", SINGULAR)
@settings(deadline=None)
@given(v=st.floats(-100.0, 60.0))
def test_elsewhere_nothing_changes(name: str, v: float) -> None:
    formula, at = SINGULAR[name]
    if abs(v - at) > 1e-3:
        smooth = SMOOTHER.smooth(formula)
        assert value(smooth, v=v) == pytest.approx(value(formula, v=v), rel=1e-9)


@pytest.mark.parametrize(
    "formula",
    [
        over(V, minus(exp(E), ONE)),
        over(K, minus(exp(times(V, K)), ONE)),
        over(plus(V, ONE), minus(exp(V), ONE)),
        over(V, minus(exp(Name("curve")), ONE)),
        over(V, minus(exp(V), Number(2.0))),
        over(V, plus(exp(V), ONE)),
        over(times(V, V), plus(V, K, E, ONE)),
        Number(3.0),
    ],
)
def test_other_forms_stay_as_they_are(formula: Expression) -> None:
    assert SMOOTHER.smooth(formula) == formula
