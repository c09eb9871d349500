from __future__ import annotations

import pytest
from sbml_builder import document

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.sbml.events import Margin
from catena.numerics.ode.sbml.expression import evaluate
from catena.numerics.ode.sbml.mathml import from_text
from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.sbml.structure import Structure, sort_out
from catena.numerics.ode.sbml.switches import switched

enable_x64()


def structure_of(law: str, **rules: str) -> Structure:
    names = {name: {"constant": False} for name in rules}
    return sort_out(
        read_sbml(
            document(
                species={"A": {"conc": 1.0}},
                parameters={"k": 1.0, "on": 2.0, **names},
                reactions={"r": ("A ->", law)},
                assignment=rules,
            )
        )
    )


@pytest.mark.parametrize(
    ("law", "count"),
    [
        ("k * A", 0),
        ("piecewise(1, k < 2, 0)", 0),  # never turns
        ("piecewise(1, time < on, 0)", 1),
        ("piecewise(1, time < on, 0) + piecewise(1, time >= on, 0)", 1),
        ("piecewise(1, time < on, 0) + piecewise(1, on <= time, 0)", 1),
        ("piecewise(1, time < on, 0) + piecewise(1, time > on, 0)", 2),
        ("piecewise(1, time > 1 && time < 2, 0)", 2),
        ("piecewise(1, A > piecewise(1, time < on, 2), 0)", 2),
        ("x", 1),
    ],
)
def test_each_comparison_that_turns_becomes_one_state(law: str, count: int) -> None:
    structure = structure_of(law, x="piecewise(A, A > k, k)", unused="piecewise(1, time < 9, 2)")
    new, crossings = switched(structure)
    added = new.states[len(structure.states) :]
    assert len(added) == count
    assert len(crossings) == 2 * count
    assert new.model.assignment["unused"] == structure.model.assignment["unused"]


def test_margins_are_positive_exactly_while_a_condition_holds() -> None:
    structure = structure_of("k * A")
    for text in (
        "A > 1", "A >= 1", "A < 1", "A <= 1", "!(A > 1)", "A > 1 && time < 1", "A > 2 || time > 1",
        "xor(A > 1, time > 1)", "A == 1", "true", "A >= 1 && !(A > 1)",
    ):  # fmt: skip
        condition = from_text(text)
        for a in (0.5, 1.0, 2.5):
            for t in (0.0, 1.0, 3.0):
                margin = Margin(structure, condition)(t, {"A": a}, {"c": 1.0}, {})
                holds = evaluate(condition, {"A": a}.__getitem__, t)
                assert (float(margin) > 0) == bool(holds), (text, a, t)
                assert float(margin) != 0
