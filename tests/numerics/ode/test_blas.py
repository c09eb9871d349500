"""One LAPACK thread inside the block, as many as before outside, also when blocks overlap."""

from __future__ import annotations

from catena.numerics.ode import blas


def test_the_number_of_threads_comes_back() -> None:
    calls = blas._calls()
    if calls is None:  # another BLAS than SciPy's own: nothing to limit, and the block still runs
        with blas.one_thread():
            return
    get, _ = calls
    before = get()
    with blas.one_thread():
        assert get() == 1
        with blas.one_thread():
            assert get() == 1
        assert get() == 1
    assert get() == before


def test_an_error_inside_restores_it_too() -> None:
    calls = blas._calls()
    before = calls[0]() if calls else 1
    try:
        with blas.one_thread():
            raise KeyError("inside")
    except KeyError:
        pass
    assert (calls[0]() if calls else 1) == before
