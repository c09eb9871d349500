from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catena.numerics.ode.sbml.petab_traced import traced

CENTRE = np.array([1.0, -2.0, 0.5])


def test_values_gradients_and_batches() -> None:
    calls = []

    def scored(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        calls.append(len(theta))
        return -0.5 * ((theta - CENTRE) ** 2).sum(axis=1), CENTRE - theta

    function = traced(scored, np.zeros(3))
    assert calls == [1]
    theta = jnp.array([0.2, 0.1, 0.4])
    value, gradient = jax.jit(jax.value_and_grad(function))(theta)
    np.testing.assert_allclose(value, scored(np.asarray(theta)[None])[0][0])
    np.testing.assert_allclose(gradient, CENTRE - np.asarray(theta))
    calls.clear()
    batch = jnp.stack([theta, 2 * theta, 3 * theta, 4 * theta])
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(function)))(batch)
    assert calls == [4]
    np.testing.assert_allclose(gradients, CENTRE - np.asarray(batch))
    np.testing.assert_allclose(values, scored(np.asarray(batch))[0])
    _, forward = jax.jvp(function, (theta,), (jnp.ones(3),))
    assert float(forward) == pytest.approx(float((CENTRE - np.asarray(theta)).sum()))
