"""Small models for the tests of operations."""

from __future__ import annotations

import numpy as np

import catena as ct


@ct.model(
    id="toy.reactor",
    inputs="dose [g] in 0..1 = 0.1, k [1/h] in 0.01..100 = 1, n: integer in 1..10 = 3, "
    "solvent: water|ethanol|acetone = water, cl [L/h] >0 = 10, open = 1, a = 0.5, b = 0.5, c = 0.5, "
    "extra [mg] = 10, grid (place) = 0",
    outputs="y, z [mg/L], curve (place)",
    backend="numpy",
)
def _reactor(dose, k, n, solvent, cl, open, a, b, c, extra, grid):
    return {"y": dose * k + n, "z": a + 2 * b + 3 * c, "curve": grid * np.asarray(k)[:, None]}


def reactor():
    """Return a model with every kind of input."""
    return _reactor.at(grid=np.zeros(12))


def decay(backend="jax"):
    """Return x(t) = scale x0 exp(-k t) at t = 0, 1, 2, 3, 4, with ``scale`` as a parameter."""

    def body(x0, k, scale):
        if backend == "jax":
            import jax.numpy as xp
        else:
            xp = np
        t = xp.arange(5.0)
        return {"x": scale * x0[:, None] * xp.exp(-k[:, None] * t), "total": scale * x0 / k}

    return ct.model(
        id="toy.decay", inputs="x0 >0 = 1, k [1/h] >0 = 1", outputs="x (time), total [h]",
        params="scale = 1", backend=backend,
    )(body)  # fmt: skip
