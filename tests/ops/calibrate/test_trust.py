from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from catena.ops.calibrate.trust import inside, propose

OPEN = np.full(3, np.inf)


def problem(seed: int, rows: int = 4, p: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((rows, p, p))
    return rng.standard_normal((rows, p)), root @ root.transpose(0, 2, 1) + 0.1 * np.eye(p)


@given(st.integers(0, 200), st.floats(0.05, 20.0))
@settings(max_examples=30, deadline=None)
def test_free_steps_minimise_the_model_inside_the_sphere(seed: int, radius: float) -> None:
    gradient, curvature = problem(seed)
    step = propose(np.zeros((4, 3)), gradient, curvature, np.full(4, radius), -OPEN, OPEN)
    assert (step.length <= radius * (1 + 1e-9)).all()
    for g, h, move, promised in zip(gradient, curvature, step.move, step.predicted, strict=True):
        found = minimize(
            lambda s, g=g, h=h: g @ s + 0.5 * s @ h @ s, np.zeros(3), jac=lambda s, g=g, h=h: g + h @ s,
            constraints={"type": "ineq", "fun": lambda s: radius**2 - s @ s, "jac": lambda s: -2 * s}, method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 300},
        )  # fmt: skip
        assert promised >= -found.fun * (1 - 1e-5) - 1e-9
        assert np.isclose(-(g @ move + 0.5 * move @ h @ move), promised)


@given(st.integers(0, 300), st.floats(0.01, 50.0))
@settings(max_examples=60, deadline=None)
def test_steps_stay_inside_the_bounds_and_go_down(seed: int, radius: float) -> None:
    gradient, curvature = problem(seed)
    low, high = np.zeros(3), np.ones(3)
    x = inside(np.random.default_rng(seed).random((4, 3)).round(0), low, high, 1e-6)
    step = propose(x, gradient, curvature, np.full(4, radius), low, high)
    new = x + step.move
    assert ((new > low) & (new < high)).all()
    assert (step.predicted > 0).all()


def test_a_flat_direction_is_left_alone() -> None:
    gradient, curvature = np.array([[1.0, 0.0]]), np.array([[[2.0, 0.0], [0.0, 0.0]]])
    step = propose(np.zeros((1, 2)), gradient, curvature, np.array([10.0]), -OPEN[:2], OPEN[:2])
    np.testing.assert_allclose(step.move, [[-0.5, 0.0]], atol=1e-12)
