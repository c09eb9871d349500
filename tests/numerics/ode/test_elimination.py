from __future__ import annotations

import numpy as np
import pytest

from catena.core.jaxconfig import enable_x64

enable_x64()


def matrix(n: int, free: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A well-conditioned matrix whose ``free`` block is diagonal."""
    rng = np.random.default_rng(seed)
    full = rng.normal(size=(n, n)) + np.diag(rng.uniform(20, 30, n))
    for i in free:
        for j in free:
            if i != j:
                full[i, j] = 0.0
    return full


@pytest.mark.parametrize("n", [3, 15, 40])
@pytest.mark.parametrize("free", [(), (0, 2), (0, 1, 2)])
def test_solves_like_numpy(n: int, free: tuple[int, ...]) -> None:
    from catena.numerics.ode.elimination import solver_for

    e, b = matrix(n, free), np.arange(1.0, n + 1)
    np.testing.assert_allclose(solver_for(e, free)(b), np.linalg.solve(e, b), rtol=1e-10)


def test_a_wrong_guess_costs_time_and_not_accuracy() -> None:
    from catena.numerics.ode.elimination import solver_for

    e, b = matrix(12, ()), np.ones(12)
    np.testing.assert_allclose(solver_for(e, (0, 3, 5))(b), np.linalg.solve(e, b), rtol=1e-10)


def test_independent_states_are_not_coupled() -> None:
    from catena.numerics.ode.elimination import _independent

    # A hub (state 0) with twelve spokes: all spokes are independent.
    couples = np.eye(13, dtype=bool)
    couples[0] = couples[:, 0] = True
    assert _independent(couples) == tuple(range(1, 13))
