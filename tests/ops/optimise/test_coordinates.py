"""Search coordinates of mixed spaces."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.ops.constraint import parse_linear
from catena.ops.optimise.coordinates import Coordinates
from catena.ops.space import Space
from catena.ops.variable import Variable

SPACE = Space(
    [
        Variable("a", low=-2.0, high=4.0),
        Variable("k", low=0.01, high=100.0, scale="log"),
        Variable("n", "integer", 2, 9),
        Variable("many", "integer", 0, 1000),
        Variable("kind", "category", choices=("x", "y", "z")),
    ]
)


@given(st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_points_come_back(seed: int) -> None:
    coordinates = Coordinates(SPACE)
    x = SPACE.sample(8, seed, "random")
    z = coordinates.encode(x)
    assert np.all((z >= 0) & (z <= coordinates.upper))
    np.testing.assert_allclose(coordinates.decode(z), x, rtol=1e-12, atol=1e-12)


def test_slope_is_that_of_decode() -> None:
    coordinates = Coordinates(SPACE)
    z = np.array([[0.3, 0.6, 0.0, 0.0, 1.0]])
    step = 1e-6
    for k in (0, 1):
        moved = z.copy()
        moved[0, k] += step
        change = (coordinates.decode(moved) - coordinates.decode(z))[0, k] / step
        np.testing.assert_allclose(coordinates.slope(z)[0, k], change, rtol=1e-4)


def test_constraints_are_linear_in_coordinates() -> None:
    space = Space(SPACE.variables, [parse_linear("a + 0.1 * k <= 3", SPACE)])
    coordinates = Coordinates(space)
    a, b, equal = coordinates.linear()
    x = SPACE.sample(200, 1)
    left = coordinates.encode(x) @ a[0] <= b[0]
    np.testing.assert_array_equal(left, x[:, 0] + 0.1 * x[:, 1] <= 3)
    assert not equal[0]


def test_neighbours_differ_in_one_discrete_place() -> None:
    coordinates = Coordinates(SPACE)
    z = coordinates.encode(np.array([[1.0, 1.0, 5.0, 500.0, 0.0]]))[0]
    near = coordinates.neighbours(z)
    assert np.all((np.abs(near - z) > 1e-12).sum(axis=1) == 1)
    assert len(near) == 7 + 6 + 2
    assert np.all(near[:, :2] == z[:2])
