from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from catena.core.jaxconfig import enable_x64
from catena.numerics.horizon.condensing import adjoints, condense, convex
from catena.numerics.horizon.qp import solve
from catena.numerics.horizon.stepping import Stepping, compiled

enable_x64()
SOLVE = compiled(solve)


def programme(seed: int) -> tuple[np.ndarray, ...]:
    draws = np.random.default_rng(seed)
    root = draws.normal(size=(5, 5))
    a = draws.normal(size=(8, 5))
    return (root @ root.T + 0.1 * np.eye(5), draws.normal(size=5) * 3, a,
            a @ draws.normal(size=5) + draws.uniform(0, 1, 8))  # fmt: skip


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_solution_of_a_hard_programme_is_optimal(seed: int) -> None:
    h, g, a, b = programme(seed)
    found = SOLVE(h, g, a, b, np.full(8, np.inf))
    x, lam = np.asarray(found.x), np.asarray(found.multipliers)
    assert (a @ x - b).max() < 1e-6
    assert lam.min() >= 0
    assert np.abs(h @ x + g + a.T @ lam).max() < 1e-6 * (1 + np.abs(g).max())
    assert np.abs(lam * (b - a @ x)).max() < 1e-5


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_penalised_rows_give_the_minimum_of_the_exact_penalty(seed: int) -> None:
    h, g, a, b = programme(seed)
    rho = np.full(8, 2.0)
    b = b - 3.0  # cannot all hold
    x = np.asarray(SOLVE(h, g, a, b, rho).x)

    def penalty(x: np.ndarray) -> float:
        return float(x @ h @ x / 2 + g @ x + rho @ np.maximum(a @ x - b, 0))

    best = minimize(penalty, x, method="Nelder-Mead", options={"maxfev": 4000, "xatol": 1e-9})
    assert penalty(x) <= best.fun + 1e-6 * (1 + abs(best.fun))


def test_a_programme_without_rows_is_a_linear_system() -> None:
    h, g, *_ = programme(3)
    found = SOLVE(h, g, np.zeros((0, 5)), np.zeros(0), np.zeros(0))
    np.testing.assert_allclose(found.x, -np.linalg.solve(h, g), rtol=1e-9)


def test_contradicting_soft_rows_share_the_violation_and_say_so() -> None:
    found = SOLVE(np.eye(1), np.zeros(1), np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0]),
                  np.array([10.0, 10.0]))  # fmt: skip
    assert float(found.x[0]) == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(found.excess, [1.0, 1.0], atol=1e-6)


def test_condensing_and_adjoints_agree_with_simulation() -> None:
    draws = np.random.default_rng(0)
    a, b, c = draws.normal(size=(4, 3, 3)), draws.normal(size=(4, 3, 2)), draws.normal(size=(4, 3))
    maps = np.eye(8).reshape(4, 2, 8)
    g, r = condense(a, b, c, maps, np.zeros((3, 8)), np.ones(3))
    z, x = draws.normal(size=8), np.ones(3)
    weights = draws.normal(size=(5, 3))
    total = weights[0] @ x
    for k in range(4):
        x = a[k] @ x + b[k] @ z[2 * k : 2 * k + 2] + c[k]
        np.testing.assert_allclose(g[k + 1] @ z + r[k + 1], x)
        total += weights[k + 1] @ x
    found = adjoints(a, weights)
    slope = np.concatenate([b[k].T @ np.asarray(found)[k] for k in range(4)])
    np.testing.assert_allclose(slope, sum(np.asarray(g)[k].T @ weights[k] for k in range(5)))


def test_convexifying_reflects_negative_curvature_and_leaves_the_rest() -> None:
    good = np.array([[2.0, 0.3], [0.3, 1.0]])
    np.testing.assert_allclose(convex(good), good, atol=1e-6)
    np.testing.assert_allclose(convex(np.diag([1.0, -2.0])), np.diag([1.0, 2.0]), atol=1e-12)


@pytest.mark.parametrize(("method", "rate"), [("rk4", -1.3), ("rodas4", -1.3)])
def test_the_methods_are_of_order_four(method: Any, rate: float) -> None:
    def error(steps: int) -> float:
        flow = Stepping(method, steps).across(lambda t, x, u, q: rate * x + np.array([1.0]) * t**2)
        start, t = 1 - 2 / 1.3**3, 2.0
        exact = t**2 / 1.3 - 2 * t / 1.69 + 2 / 1.3**3 + start * np.exp(rate * t)
        return abs(float(flow(0.0, np.ones(1), np.zeros(1), np.zeros(1), 2.0)[0]) - exact)

    assert np.log2(error(8) / error(16)) == pytest.approx(4.0, abs=0.4)


def test_the_stiff_method_damps_what_the_explicit_one_cannot() -> None:
    def flow(method: Any) -> float:
        move = Stepping(method, 1).across(lambda t, x, u, q: -1e6 * x)
        return abs(float(move(0.0, np.ones(1), np.zeros(1), np.zeros(1), 1.0)[0]))

    assert flow("rodas4") < 1e-3
    assert flow("rk4") > 1e10
