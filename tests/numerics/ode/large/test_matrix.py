import numpy as np
import pytest
from scipy import sparse

from catena.numerics.ode.large.band import SingularError
from catena.numerics.ode.large.matrix import Full, Sparse, border_of, core_of


def scattered(n, seed=0):
    pattern = sparse.random_array((n, n), density=3.0 / n, rng=np.random.default_rng(seed))
    pattern = sparse.csr_array(pattern + sparse.eye_array(n))
    pattern.sort_indices()
    return pattern


@pytest.mark.parametrize("kind", [Full, Sparse])
def test_solves_scattered_matrices_like_numpy(kind):
    matrix = scattered(80)
    matrix.data = np.random.default_rng(1).uniform(-1, 1, matrix.nnz)
    right = np.random.default_rng(2).standard_normal((80, 3))
    solve = kind.of(matrix).factorise(matrix.data)
    truth = np.linalg.solve(matrix.toarray(), right)
    np.testing.assert_allclose(solve(right), truth, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(solve(right[:, 0]), truth[:, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [Full, Sparse])
def test_zero_column_is_singular(kind):
    matrix = sparse.csr_array(np.triu(np.ones((5, 5))))
    values = matrix.data.copy()
    values[matrix.indices == 0] = 0.0
    with pytest.raises(SingularError):
        kind.of(matrix).factorise(values)


def test_cheapest_factorisation_fits_the_structure():
    line = np.eye(1000) + np.eye(1000, k=1) + np.eye(1000, k=-1)
    assert core_of(sparse.csr_array(line)).name == "band"
    assert core_of(sparse.csr_array(np.ones((300, 300)))).name == "full"
    assert core_of(scattered(3000)).name == "sparse"


def test_border_holds_the_states_that_meet_all_others():
    dense = np.eye(500)
    dense[7], dense[:, 9] = 1.0, 1.0
    np.testing.assert_array_equal(border_of(sparse.csr_array(dense)), [7, 9])
    assert border_of(sparse.csr_array(np.eye(500))).size == 0
    assert border_of(sparse.csr_array(np.ones((300, 300)))).size == 0
