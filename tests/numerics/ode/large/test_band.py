import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from catena.numerics.ode.large.band import Band, SingularError


def banded(n, lower, upper, seed):
    generator = np.random.default_rng(seed)
    dense = np.triu(np.tril(generator.standard_normal((n, n)), upper), -lower)
    shuffle = generator.permutation(n)
    return dense[shuffle][:, shuffle]


def solver_of(dense):
    pattern = sparse.csr_array(dense != 0)
    pattern.sort_indices()
    return Band.of(pattern).factorise(dense[dense != 0])


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 12), st.integers(0, 12), st.integers(0, 999))
def test_solves_shuffled_bands_like_numpy(n, lower, upper, seed):
    # A weak diagonal makes rows change places.
    dense = banded(n, lower, upper, seed) + 0.01 * np.eye(n)
    right = np.random.default_rng(seed + 1).standard_normal((n, 11))
    solve = solver_of(dense)
    scale = np.linalg.cond(dense) * 1e-13
    truth = np.linalg.solve(dense, right)
    np.testing.assert_allclose(solve(right), truth, atol=scale * np.abs(truth).max())
    np.testing.assert_allclose(solve(right[:, 0]), truth[:, 0], atol=scale * np.abs(truth).max())


def test_finds_the_narrow_order_of_a_shuffled_band():
    dense = banded(300, 1, 1, 0)
    pattern = sparse.csr_array(dense != 0)
    assert Band.of(pattern).width <= 5


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_column_without_pivot_is_singular(bad):
    dense = np.diag(np.ones(4)) + np.diag(np.ones(3), 1)
    pattern = sparse.csr_array(dense != 0)
    values = dense[dense != 0]
    values[2] = bad
    with pytest.raises(SingularError):
        Band.of(pattern).factorise(values)
