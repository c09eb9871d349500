from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import DataError
from catena.numerics.ode.sbml.expression import CONDITIONS, Expr, evaluate, symbols
from catena.numerics.ode.sbml.mathml import from_text
from catena.numerics.ode.sbml.petab_tape import _SLOPES, _VALUES, TIME, Tape, taped

FORMULAS = [
    "a * b / (a + 2 * b)", "a - b - c", "-a^3 + b^(-2)", "a^b + c^2.5", "exp(-a * time) + ln(b)",
    "log10(a) + log(b, a)", "sqrt(a) + root(3, b)", "abs(a - b) * c", "min(a, b) + max(b, c)",
    "sin(a) * cos(b) + tan(c / 4)", "sinh(a) + cosh(b) + tanh(c) + atan(a)",
    "piecewise(a^2, a > b, b^2, b > c, c^2)", "piecewise(a, a > b && !(b > c), b * c)",
    "piecewise(a, xor(a > b, b > c) || a == c, b)", "a * a * a + (a * a) * b",
]  # fmt: skip


def tape_of(*texts: str) -> tuple[Tape, list[str], list[Expr]]:
    trees = [from_text(text) for text in texts]
    names = sorted(set().union(*map(symbols, trees)))
    slots = {name: k for k, name in enumerate(names)} | {TIME: len(names)}
    return taped(trees, slots, "test"), names, trees


def slopes_by_difference(tape: Tape, leaves: list[np.ndarray], slot: int) -> np.ndarray:
    step = 1e-6
    moved = [
        [leaf + sign * step * (k == slot) for k, leaf in enumerate(leaves)] for sign in (1.0, -1.0)
    ]
    above, below = (np.asarray(tape.run(one)[tape.ends[0]]) for one in moved)
    return (above - below) / (2 * step)


@pytest.mark.parametrize("text", FORMULAS)
def test_values_are_those_of_the_formula_and_slopes_those_of_differences(text: str) -> None:
    tape, names, (tree,) = tape_of(text)
    rng = np.random.default_rng(3)
    leaves = [rng.uniform(0.5, 2.0, (4, 5)) for _ in range(tape.slots)]
    known = tape.run(leaves)
    values = np.broadcast_to(known[tape.ends[0]], (4, 5))
    by_name = dict(zip([*names, TIME], leaves, strict=True))
    for place in np.ndindex(4, 5):
        want = evaluate(tree, lambda n, p=place: float(by_name[n][p]), float(by_name[TIME][place]))
        assert values[place] == pytest.approx(float(want), rel=1e-6)
    slopes = tape.slopes(known, 0)
    assert set(slopes) <= set(tape.moving[0])
    for slot in range(tape.slots):
        expected = slopes_by_difference(tape, leaves, slot)
        np.testing.assert_allclose(slopes.get(slot, 0.0) + np.zeros((4, 5)), expected, rtol=1e-6, atol=1e-7)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.recursive(
    st.sampled_from(["a", "b", "1.5"]),
    lambda part: st.tuples(part, st.sampled_from("+-*"), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=12,
))  # fmt: skip
def test_slopes_of_any_polynomial(text: str) -> None:
    tape, _, _ = tape_of(f"{text} + a + b")
    leaves = [np.array([0.7]), np.array([1.3]), np.array([0.0])]
    slopes = tape.slopes(tape.run(leaves), 0)
    for slot in range(2):
        expected = slopes_by_difference(tape, leaves, slot)
        np.testing.assert_allclose(slopes[slot], expected, rtol=1e-5, atol=1e-5)


def test_formulas_share_what_they_have_in_common() -> None:
    tape, names, _ = tape_of("a * b + 1", "2 * (a * b)")
    assert names == ["a", "b"]
    assert sum(step.op == "mul" for step in tape.steps) == 2
    known = tape.run([np.array([3.0]), np.array([4.0]), np.array([0.0])])
    assert [float(known[end][0]) for end in tape.ends] == [13.0, 24.0]


def test_what_has_no_slope_is_named() -> None:
    with pytest.raises(DataError, match="cannot be differentiated"):
        tape_of("floor(a)")


def test_every_condition_has_a_value_and_no_slope() -> None:
    assert set(_VALUES) >= CONDITIONS
    assert not CONDITIONS & set(_SLOPES)
    assert set(_VALUES) - CONDITIONS == set(_SLOPES)
