"""Polynomial chaos: orthonormal families, exact recovery, honest errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.ops.uncertainty import chaos
from catena.ops.uncertainty.basis import Family, exponents, matrix

GRID = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize("family", [Family("legendre"), Family("hermite"), Family("discrete", 5)])
def test_polynomials_are_orthonormal(family: Family) -> None:
    degree = family.highest(4)
    values = family.values(GRID, degree)
    gram = values @ values.T / len(GRID)
    assert np.allclose(gram, np.eye(degree + 1), atol=0.02)


@settings(max_examples=25, deadline=None)
@given(d=st.integers(1, 5), degree=st.integers(1, 6), norm=st.sampled_from([0.5, 0.75, 1.0]))
def test_terms_keep_to_the_degree_and_are_distinct(d: int, degree: int, norm: float) -> None:
    terms = exponents([Family("legendre")] * d, degree, norm, 500)
    assert len(np.unique(terms, axis=0)) == len(terms)
    assert (terms.sum(axis=1) >= 1).all()
    assert ((terms**norm).sum(axis=1) <= degree**norm + 1e-6).all()


def test_discrete_inputs_have_as_many_terms_as_contrasts() -> None:
    terms = exponents([Family("discrete", 3), Family("legendre")], 6, 1.0, 500)
    assert terms[:, 0].max() == 2
    assert terms[:, 1].max() == 6


def ishigami(u: np.ndarray) -> np.ndarray:
    x = np.pi * (2.0 * u - 1.0)
    return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_ishigami_indices_from_300_points() -> None:
    u = np.random.default_rng(0).random((300, 3))
    fit = chaos.fit([Family("legendre")] * 3, u, ishigami(u))
    alone = [fit.share(np.arange(3) == k) for k in range(3)]
    total = [fit.share(np.arange(3) == k, total=True) for k in range(3)]
    assert alone == pytest.approx([0.3139, 0.4424, 0.0], abs=0.005)
    assert total == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.005)
    assert fit.variance == pytest.approx(13.8446, rel=0.005)


def test_the_stated_error_is_that_on_new_points() -> None:
    random = np.random.default_rng(2)
    u, new = random.random((400, 4)), random.random((20_000, 4))

    def rough(u: np.ndarray) -> np.ndarray:
        return np.abs(u[:, 0] - 0.4) * (1.0 + u[:, 1]) + np.sin(9.0 * u[:, 2] * u[:, 3])

    fit = chaos.fit([Family("legendre")] * 4, u, rough(u))
    actual = np.mean((fit(new) - rough(new)) ** 2) / np.var(rough(new))
    assert 0.3 * actual <= fit.error <= 3.0 * actual


def test_a_polynomial_is_recovered() -> None:
    u = np.random.default_rng(1).random((100, 2))
    families = [Family("hermite"), Family("legendre")]
    terms = np.array([[2, 0], [1, 1]])
    y = 3.0 + matrix(families, terms, u) @ [2.0, -1.0]
    fit = chaos.fit(families, u, y)
    assert fit.mean == pytest.approx(3.0)
    assert fit.variance == pytest.approx(5.0)
    assert fit.component(u, np.array([True, False])) == pytest.approx(
        2.0 * matrix(families, terms[:1], u)[:, 0]
    )
