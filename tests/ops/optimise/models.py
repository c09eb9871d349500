"""Small models the optimisation tests search."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from catena.core.function import model


@model(id="test.bowl", inputs="a [mg] in 0..10, b [mg] in 0..10", outputs="f, g [mg]",
       backend="jax")  # fmt: skip
def bowl(a: Any, b: Any) -> dict[str, Any]:
    """One optimum at (3, 4)."""
    return {"f": (a - 3.0) ** 2 + 2.0 * (b - 4.0) ** 2, "g": a + b}


@model(id="test.waves", inputs="a in -5..5, b in -5..5", outputs="f", backend="jax")
def waves(a: Any, b: Any) -> dict[str, Any]:
    """Four optima (Himmelblau), one made deeper: (3, 2)."""
    f = (a**2 + b - 11.0) ** 2 + (a + b**2 - 7.0) ** 2
    return {"f": f - 5.0 * jnp.exp(-((a - 3.0) ** 2) - (b - 2.0) ** 2)}


@model(id="test.mixed", inputs="a in 0..10, n: integer in 1..8, kind: red|green|blue, on: boolean",
       outputs="f, g", backend="numpy")  # fmt: skip
def mixed(a: Any, n: Any, kind: Any, on: Any) -> dict[str, Any]:
    """Best at a = 3, n = 5, blue, on: -3."""
    bonus = np.array([0.0, 3.0, -2.0])[kind]
    return {"f": (a - 3.0) ** 2 + 0.3 * (n - 5) ** 2 + bonus - on, "g": a * n}


@model(id="test.trade", inputs="a in 0..1, b in 0..1", outputs="one, two", backend="numpy")
def trade(a: Any, b: Any) -> dict[str, Any]:
    """Pareto set at b = 0: one = a, two = 1 - sqrt(a)."""
    g = 1.0 + 9.0 * b
    return {"one": a, "two": g * (1.0 - np.sqrt(a / g))}


@model(id="test.noisy_dose", inputs="dose [mg] in 0..20, clearance [L/h] > 0",
       outputs="level [mg*h/L], loss", backend="jax")  # fmt: skip
def dosing(dose: Any, clearance: Any) -> dict[str, Any]:
    """Exposure dose / clearance; loss is its squared distance from 2."""
    level = dose / clearance
    return {"level": level, "loss": (level - 2.0) ** 2}


@model(id="test.grid", inputs="a in 0..1, mesh in 1..64", outputs="f", backend="numpy")
def grid(a: Any, mesh: Any) -> dict[str, Any]:
    """Best near a = 0.7 at full fidelity; a coarse mesh shifts and blurs it."""
    return {"f": (a - 0.7) ** 2 + 0.3 / mesh * np.sin(9.0 * a)}


@model(id="test.flat", inputs="a in 0..1", outputs="f", backend="numpy")
def flat(a: Any) -> dict[str, Any]:
    """A constant."""
    return {"f": 0.0 * a + 2.0}
