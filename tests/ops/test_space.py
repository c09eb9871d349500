"""Spaces: what a person says about variables, maps to the unit cube and back, points that fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import Infeasible, InputError
from catena.ops.space import Space
from tests.ops.toys import reactor


def test_reads_ranges_units_choices_and_distributions():
    space = Space.of(reactor(), {
        "dose": "10..400 mg",
        "k": "log 0.1..10 1/h",
        "n": "integer 2..8",
        "solvent": ["water", "ethanol"],
        "cl": "lognormal(12 L/h, 30 %)",
    })  # fmt: skip
    assert space.names == ("dose", "k", "n", "solvent", "cl")
    assert (space["dose"].low, space["dose"].high, space["dose"].unit) == (0.01, 0.4, "g")
    assert space["k"].scale == "log"
    assert space["n"].levels == 7
    assert space["solvent"].choices == ("water", "ethanol")
    assert space["cl"].distribution is not None
    assert space.size == np.inf


def test_names_alone_take_the_declared_range():
    space = Space.of(reactor(), ["dose", "k"])
    assert space.bounds.tolist() == [[0.0, 0.01], [1.0, 100.0]]
    assert Space.of(reactor(), "k").names == ("k",)


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"dos": "1..2 mg"}, "it has dose"),
        ({"dose": "5..1 mg"}, "uniform"),
        ({"dose": "1..2 h"}, "[time] is not [mass]"),
        ({"solvent": ["wine"]}, "none of its choices"),
        ({"open": None}, "is open"),
        ({"k": "log 0..1 1/h"}, "logarithmic"),
        ({}, "no variable"),
    ],
)
def test_refuses_nonsense(over, why):
    with pytest.raises(InputError) as caught:
        Space.of(reactor(), over)
    assert why in f"{caught.value.what} {caught.value.why}"
    assert caught.value.fix


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 0.999), min_size=5, max_size=5))
def test_unit_cube_and_back(u):
    space = Space.of(reactor(), {"dose": "10..400 mg", "k": "log 0.1..10 1/h", "n": "integer 2..8",
                                 "solvent": None, "cl": "lognormal(12 L/h, 30 %)"})  # fmt: skip
    x = space.from_unit(np.array([u]))
    assert space.inside(x).all()
    np.testing.assert_allclose(space.from_unit(space.to_unit(x)), x, rtol=1e-9)
    np.testing.assert_allclose(space.matrix(space.table(x)), x, rtol=1e-12)


def test_whole_steps_share_the_unit_interval_equally():
    space = Space.of(reactor(), {"n": "integer 2..8"})
    x = space.from_unit((np.arange(7000)[:, None] + 0.5) / 7000)
    assert np.unique(x, return_counts=True)[1].tolist() == [1000] * 7


@pytest.mark.parametrize("method", ["sobol", "latin", "random"])
def test_points_fill_the_space_and_keep_to_constraints(method):
    space = Space.of(
        reactor(), {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}, ["a + b + c <= 1"]
    )
    x = space.sample(300, key=3, method=method)
    assert x.shape == (300, 3)
    assert space.inside(x).all()
    assert abs(x.mean() - 0.25) < 0.03  # the simplex's centre


def test_an_equation_is_met_by_walking():
    space = Space.of(
        reactor(), {"a": (0.0, 1.0), "b": (0.0, 1.0), "n": "integer 2..8"}, ["a + b = 1", "n >= 4"]
    )
    x = space.sample(20, key=1)
    np.testing.assert_allclose(x[:, 0] + x[:, 1], 1.0, atol=1e-9)
    assert (x[:, 2] >= 4).all()
    assert np.ptp(x[:, 0]) > 0.3


def test_conflicting_constraints_are_named_and_no_other():
    with pytest.raises(Infeasible) as caught:
        Space.of(reactor(), {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)},
                 ["a + b >= 1.5", "a <= 0.4", "c >= 0.2"])  # fmt: skip
    assert caught.value.conflicts[:2] == ("a + b >= 1.5", "a <= 0.4")
    assert not any("c" in text for text in caught.value.conflicts)
    assert any(text.startswith("0 <= b <= 1") for text in caught.value.conflicts)


def test_whole_numbers_can_conflict_where_reals_do_not():
    with pytest.raises(Infeasible):
        Space.of(reactor(), {"n": "integer 2..8", "a": (0.0, 0.1)}, ["n + a >= 4.3", "n <= 4"])


def test_units_on_the_right_side():
    space = Space.of(
        reactor(), {"dose": "10..400 mg", "extra": "10..400 mg"}, ["dose + extra <= 0.3 g"]
    )
    assert space.inside(np.array([[0.2, 200.0]])).tolist() == [False]
    assert space.inside(np.array([[0.1, 150.0]])).tolist() == [True]


def test_a_huge_space_is_never_listed():
    space = Space.of(reactor(), {f"grid[{k}]": "integer 0..9" for k in range(12)})
    assert space.size == 1e12
    assert space.sample(8).shape == (8, 12)
