"""Classical designs against what is published about them."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.ops.campaign.designs import design
from catena.ops.campaign.designs.factorial import (
    fractional_factorial,
    full_factorial,
    hadamard,
    plackett_burman,
    resolution,
)
from catena.ops.campaign.designs.optimal import Terms, d_efficiency, d_optimal
from catena.ops.campaign.designs.response import (
    box_behnken,
    central_composite,
    conference,
    definitive_screening,
)
from catena.ops.campaign.factors import parse_factors

# Maximal determinants of +-1 matrices, orders 1 to 13 (Hadamard's problem; OEIS A003433).
LARGEST = {3: 4, 4: 16, 5: 48, 6: 160, 7: 576, 8: 4096}


@pytest.mark.parametrize(
    ("factors", "runs", "wanted"),
    [(5, 16, 5), (4, 8, 4), (7, 16, 4), (7, 8, 3), (6, 16, 4), (8, 16, 4), (5, 8, 3), (8, 32, 4),
     (6, 32, 6), (11, 16, 3)],
)  # fmt: skip
def test_fractions_reach_their_published_resolution(factors, runs, wanted):
    points, words = fractional_factorial(factors, runs)
    assert resolution(words) == wanted  # Box, Hunter and Hunter, table 6.22
    assert points.shape == (runs, factors)
    np.testing.assert_allclose(points.T @ points, runs * np.eye(factors), atol=1e-12)
    for word in words:
        assert np.ptp(np.prod(points[:, sorted(word)], axis=1)) == 0


@pytest.mark.parametrize("order", [4, 8, 12, 16, 20, 24, 28, 32, 36, 44, 48])
def test_hadamard_matrices(order):
    matrix = hadamard(order)
    np.testing.assert_allclose(matrix @ matrix.T, order * np.eye(order), atol=1e-9)


@pytest.mark.parametrize("factors", [3, 7, 11, 15, 19, 23])
def test_plackett_burman_is_orthogonal(factors):
    points = plackett_burman(factors)
    assert len(points) == factors + 1
    np.testing.assert_allclose(points.T @ points, len(points) * np.eye(factors), atol=1e-9)
    np.testing.assert_allclose(points.sum(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(("factors", "runs"), [(3, 15), (4, 27), (5, 46), (6, 54), (7, 62)])
def test_box_behnken(factors, runs):
    points = box_behnken(factors)
    assert len(points) == runs
    assert np.abs(points).sum(axis=1).max() <= 3
    assert d_efficiency(points, Terms("quadratic", (0,) * factors)) > 0.15


@pytest.mark.parametrize(("factors", "runs"), [(2, 12), (3, 18), (4, 28), (5, 30), (6, 48)])
def test_central_composite_is_rotatable(factors, runs):
    points = central_composite(factors, kind="rotatable")
    assert len(points) == runs
    x = Terms("quadratic", (0,) * factors).expand(points)
    inverse = np.linalg.inv(x.T @ x)
    rng = np.random.default_rng(0)
    sphere = rng.normal(size=(50, factors))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    basis = Terms("quadratic", (0,) * factors).expand(sphere)
    variance = np.einsum("ij,jk,ik->i", basis, inverse, basis)
    np.testing.assert_allclose(variance, variance[0], rtol=1e-9)


@pytest.mark.parametrize("factors", [3, 4, 5, 6, 7, 8, 9, 10, 12, 14])
def test_definitive_screening_keeps_main_effects_clear(factors):
    points = definitive_screening(factors)
    assert len(points) == 2 * (factors + factors % 2 if factors > 3 else 4) + 1
    linear = points
    crossed = Terms("quadratic", (0,) * factors).expand(points)[:, factors + 1 :]
    gram = linear.T @ linear
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9)
    np.testing.assert_allclose(linear.T @ crossed, 0, atol=1e-9)


@pytest.mark.parametrize("order", [4, 6, 8, 10, 12, 14, 18, 20, 24, 26])
def test_conference_matrices(order):
    matrix = conference(order)
    np.testing.assert_allclose(matrix.T @ matrix, (order - 1) * np.eye(order), atol=1e-9)
    np.testing.assert_allclose(np.diag(matrix), 0)


@pytest.mark.parametrize("runs", [4, 5, 6, 7, 8])
def test_saturated_d_optimal_designs_reach_the_largest_determinant(runs):
    terms = Terms("linear", (0,) * (runs - 1))
    points = d_optimal(terms, runs, key=1, starts=60, grid=2)
    found = abs(np.linalg.det(terms.expand(points)))
    assert (found / LARGEST[runs]) ** (1 / runs) >= 0.95


def test_d_optimal_with_categories_constraints_and_runs_done():
    space = parse_factors(
        {"a": (0.0, 1.0), "b": (0.0, 1.0), "medium": ["A", "B", "C"]}, ["a + b <= 1.2"]
    )
    made = design(space, "d_optimal", runs=14, order="interactions", key=3)
    assert space.inside(made.x).all()
    assert made.efficiency > 0.2
    counts = np.unique(made.x[:, 2], return_counts=True)[1]
    assert counts.min() >= 3
    terms = Terms("linear", (0, 0))
    done = full_factorial([2, 2])[:2]
    more = d_optimal(terms, 2, fixed=done, grid=2)
    assert d_efficiency(np.concatenate([done, more]), terms) == pytest.approx(1.0)


def test_designs_come_in_units_and_on_the_scale():
    space = parse_factors({"glucose": "1..20 g/L", "k": "log 0.1..10 1/h", "n": "integer 1..3"})
    made = design(space, "central_composite", kind="faced", centres=1)
    assert sorted(set(np.round(made.x[:, 0], 6))) == [1.0, 10.5, 20.0]
    assert sorted(set(np.round(made.x[:, 1], 6))) == [0.1, 1.0, 10.0]
    assert set(made.x[:, 2]) == {1.0, 2.0, 3.0}


def test_confounded_effects_are_refused_with_their_aliases():
    space = parse_factors({name: (0.0, 1.0) for name in "abcd"})
    with pytest.raises(InputError) as caught:
        design(space, "fractional_factorial", runs=8, need=["a", "a:b"])
    assert "a:b = c:d" in caught.value.why
    assert "a:b" in caught.value.details["aliases"]
    assert design(space, "fractional_factorial", runs=8, need=["a", "d"]).resolution == 4


@pytest.mark.parametrize(
    ("name", "over", "more", "why"),
    [
        ("box-behnken", {"a": (0.0, 1.0)}, {}, "known are"),
        ("box_behnken", {"a": (0.0, 1.0)}, {}, "1 factors"),
        ("box_behnken", {"a": (0.0, 1.0), "b": (0.0, 1.0), "m": ["A", "B"]}, {}, "categories"),
        ("d_optimal", {"a": (0.0, 1.0), "b": (0.0, 1.0)}, {"runs": 2}, "2 runs cannot"),
        ("d_optimal", {"a": (0.0, 1.0)}, {}, "leaves it open"),
        ("full_factorial", {f"f{k}": (0.0, 1.0) for k in range(40)}, {}, "runs"),
        ("sobol", {"a": (0.0, 1.0)}, {"runs": 4, "need": ["z"]}, "the factors are"),
    ],
)
def test_refuses_designs_that_do_not_exist(name, over, more, why):
    with pytest.raises(InputError) as caught:
        design(parse_factors(over), name, **more)
    assert why in f"{caught.value.what} {caught.value.why}"


def test_factor_names_that_differ_in_capitals_only_are_refused():
    with pytest.raises(InputError, match="twice"):
        parse_factors({"pH": (6.0, 8.0), "ph": (6.0, 8.0)})
