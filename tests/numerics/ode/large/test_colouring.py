import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from catena.numerics.ode.large.colouring import colour_columns


@given(st.integers(1, 15), st.integers(1, 15), st.floats(0.0, 0.6), st.integers(0, 99))
def test_columns_of_one_colour_share_no_row(rows, columns, density, seed):
    pattern = np.random.default_rng(seed).random((rows, columns)) < density
    colours = colour_columns(sparse.csr_array(pattern))
    for colour in range(colours.max() + 1):
        assert pattern[:, colours == colour].sum(axis=1).max() <= 1


def test_band_needs_as_many_colours_as_it_is_wide():
    band = sparse.diags_array([np.ones(50)] * 5, offsets=range(-2, 3), shape=(50, 50))
    assert colour_columns(sparse.csr_array(band)).max() + 1 == 5
