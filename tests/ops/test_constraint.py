"""Constraints as texts."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import CatenaError, Infeasible, InputError
from catena.ops.constraint import parse_constraints
from catena.ops.space import Space
from tests.ops.toys import reactor


def space():
    return Space.of(reactor(), {"a": (0.0, 1.0), "b": (0.0, 1.0), "dose": "10..400 mg"})


@pytest.mark.parametrize(
    ("text", "weights", "bound"),
    [
        ("a + 2 * b <= 1.5", (1, 2, 0), 1.5),
        ("a >= b", (-1, 1, 0), 0),
        ("2*(a - b)/4 + 1 < 3", (0.5, -0.5, 0), 2),
        ("-a <= 1e-1", (-1, 0, 0), 0.1),
        ("dose <= 200 mg", (0, 0, 1000), 200),
    ],
)
def test_linear(text, weights, bound):
    (found,), none = parse_constraints([text], space(), reactor())
    assert none == []
    np.testing.assert_allclose(found.weights, weights)
    np.testing.assert_allclose(found.bound, bound, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("z <= 5 mg/L", -np.inf, 5), ("z >= 5 ug/L", 0.005, np.inf), ("1 <= z <= 2 mg/L", 1, 2),
     ("2 g/L > z", -np.inf, 2000), ("500 ug/L <= z <= 2 mg/L", 0.5, 2)],
)  # fmt: skip
def test_on_outputs(text, low, high):
    none, (found,) = parse_constraints([text], space(), reactor())
    assert none == []
    assert (found.low, found.high) == pytest.approx((low, high))
    broken = found.violation(np.array([-7.0, 1e9]))
    np.testing.assert_allclose(broken, [max(low + 7, 0), max(1e9 - high, 0)])


@pytest.mark.parametrize(
    "text",
    [
        "a * b <= 1",
        "a",
        "a + nothing <= 1",
        "z <= 5 h",
        "z = 3",
        "dose <= 3 h",
        "1 <= 2",
        "a ** 2 <= 1",
    ],
)
def test_refuses_what_is_no_constraint(text):
    with pytest.raises(InputError) as caught:
        parse_constraints([text], space(), reactor())
    assert caught.value.fix


def test_limits_the_wrong_way_round():
    with pytest.raises(Infeasible) as caught:
        parse_constraints(["3 <= z <= 2"], space(), reactor())
    assert isinstance(caught.value, CatenaError)
    assert caught.value.conflicts == ("3 <= z <= 2",)
