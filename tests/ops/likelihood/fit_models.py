"""Small models whose likelihoods and optima are known."""

from __future__ import annotations

from typing import Any

import numpy as np

import catena
from catena.core.model import Model, ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings


def decay(backend: str = "jax") -> Model:
    """c = a exp(-k t), one row per time."""

    @catena.model(id="test.decay", inputs="k [1/h] in 0.001..10 = 0.5, a [mg/L] in 0.01..100 = 5, t [h]",
                  outputs="c [mg/L]", backend=backend)  # fmt: skip
    def model(k: Any, a: Any, t: Any) -> dict[str, Any]:
        if backend == "numpy":
            return {"c": a * np.exp(-k * t)}
        import jax.numpy as jnp

        return {"c": a * jnp.exp(-k * t)}

    return model


def line() -> Model:
    """y = a + b x."""

    @catena.model(
        id="test.line", inputs="a in -100..100, b in -100..100, x = 1", outputs="y", backend="jax"
    )
    def model(a: Any, b: Any, x: Any) -> dict[str, Any]:
        return {"y": a + b * x}

    return model


def product() -> Model:
    """y = k1 k2 x + b, of which only the product is seen; z = k1 x would tell them apart."""

    @catena.model(id="test.product", inputs="k1 in 0.1..10, k2 in 0.1..10, b in 0..10, x in 0..10 = 1",
                  outputs="y, z", backend="jax")  # fmt: skip
    def model(k1: Any, k2: Any, b: Any, x: Any) -> dict[str, Any]:
        return {"y": k1 * k2 * x + b, "z": k1 * x}

    return model


def pharmacokinetics() -> OdeSystem:
    """One compartment with first-order absorption and doses."""

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        absorbed = p["ka"] * y["depot"]
        return {"depot": -absorbed, "central": absorbed - p["cl"] / p["v"] * y["central"]}

    return OdeSystem(
        ModelInfo(id="test.pk", backend="jax"),
        "depot [mg] = 0, central [mg] = 0",
        "ka [1/h] >= 0 = 1, cl [L/h] >= 0 = 2, v [L] > 0 = 10",
        rhs,
        "conc [mg/L] (time), amount [mg] (time)",
        lambda t, y, p, u: {"conc": y["central"] / p["v"], "amount": y["central"]},
        doses=("depot", "central"),
        settings=SolverSettings(rtol=1e-9, atol=1e-12),
    )


def bateman(t: np.ndarray, dose: float, ka: float, cl: float, v: float) -> np.ndarray:
    """Concentration after an oral dose at time 0."""
    k = cl / v
    return dose * ka / v / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


def slopes_of(function: Any, theta: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Return central differences (n, p) of a function of rows."""
    out = np.zeros_like(theta)
    for k in range(theta.shape[1]):
        move = np.zeros_like(theta)
        move[:, k] = step * np.maximum(np.abs(theta[:, k]), 1e-3)
        out[:, k] = (function(theta + move) - function(theta - move)) / (2 * move[:, k])
    return out
