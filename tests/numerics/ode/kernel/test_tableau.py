"""The methods have the order and the stability they are published with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from catena.numerics.ode.kernel.tableau import RODAS4, RODAS5P, Tableau

METHODS = [RODAS4, RODAS5P]


def one_step(
    method: Tableau, f: Callable[[float, float], float], slope: complex, drift: float, h: float
) -> tuple[complex, complex, list[complex]]:
    """Step dy/dt = f from y = 1 at t = 0; return the new state, the embedded one and all k."""
    k: list[complex] = []
    y: complex = 1.0
    for i in range(method.stages):
        if i < len(method.a):
            y = 1.0 + sum(w * v for w, v in zip(method.a[i], k, strict=False))
        else:
            y = y + k[-1]
        right = (
            f(method.alpha[i] * h, y) + sum(w * v for w, v in zip(method.c[i], k, strict=False)) / h
        )
        k.append((right + h * method.d[i] * drift) / (1.0 / (h * method.gamma) - slope))
    return y + k[-1], y, k


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_order_on_a_linear_equation(method: Tableau) -> None:
    errors, embedded = [], []
    for h in (0.2, 0.1):
        new, before, _ = one_step(method, lambda t, y: -y, -1.0, 0.0, h)
        errors.append(abs(new - np.exp(-h)))
        embedded.append(abs(before - np.exp(-h)))
    assert np.log2(errors[0] / errors[1]) > method.order + 0.7
    assert np.log2(embedded[0] / embedded[1]) > method.order - 0.3


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_order_on_a_nonlinear_time_dependent_equation(method: Tableau) -> None:
    # dy/dt = y^2 exp(-t) / 2 from 1: y = 2 / (1 + exp(-t)).
    errors = []
    for h in (0.1, 0.025):
        new, _, _ = one_step(method, lambda t, y: 0.5 * y**2 * np.exp(-t), 1.0, -0.5, h)
        errors.append(abs(new - 2 / (1 + np.exp(-h))))
    assert np.log(errors[0] / errors[1]) / np.log(4) > method.order + 0.5


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_stiff_components_vanish(method: Tableau) -> None:
    new, _, _ = one_step(method, lambda t, y: -1e12 * y, -1e12, 0.0, 1.0)
    assert abs(new) < 1e-6
    for angle in np.linspace(np.pi / 2, np.pi, 7):
        slope = 30 * np.exp(1j * angle)
        new, _, _ = one_step(method, lambda t, y, s=slope: s * y, slope, 0.0, 1.0)
        assert abs(new) <= 1.0 + 1e-9


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_dense_output_has_one_order_less(method: Tableau) -> None:
    errors = []
    for h in (0.2, 0.1):
        new, _, k = one_step(method, lambda t, y: -y, -1.0, 0.0, h)
        theta, curve = 0.4, 0.0
        for weights in reversed(method.dense):
            curve = curve * theta + sum(w * v for w, v in zip(weights, k, strict=False))
        inside = (1 - theta) * 1.0 + theta * (new + (1 - theta) * curve)
        errors.append(abs(inside - np.exp(-theta * h)))
    assert np.log2(errors[0] / errors[1]) > method.order - 0.4
