"""Problems with known answers for the benchmark of calibration.

The regressions are NIST/ITL Statistical Reference Datasets (public domain):
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

import catena
from benchmarks.ops.nist import Certified, mgh09, misra1a, thurber
from catena.core.model import Model, ModelInfo
from catena.numerics.ode import OdeSystem

CERTIFIED: dict[str, Callable[[], Certified]] = {
    "Misra1a": misra1a,
    "MGH09": mgh09,
    "Thurber": thurber,
}

Problem = tuple[Model, Any, dict[str, str]]


@catena.model(id="bench.decay", inputs="k [1/h] in 0.001..10, a [mg/L] in 0.01..100, t [h]",
              outputs="c [mg/L]", backend="jax")  # fmt: skip
def _decay(k: Any, a: Any, t: Any) -> dict[str, Any]:
    return {"c": a * jnp.exp(-k * t)}


@catena.model(id="bench.product", inputs="k1 in 0.1..10, k2 in 0.1..10, b in 0..10, x in 0..10 = 1",
              outputs="y, z", backend="jax")  # fmt: skip
def _product(k1: Any, k2: Any, b: Any, x: Any) -> dict[str, Any]:
    return {"y": k1 * k2 * x + b, "z": k1 * x}


def exponential(seed: int) -> Problem:
    """Exponential decay (k = 0.7, a = 10) at twelve times with 20 % log-normal noise."""
    t = np.linspace(0.1, 4.0, 12)
    noise = np.exp(np.sqrt(np.log1p(0.04)) * np.random.default_rng(seed).standard_normal(12))
    return (
        _decay,
        {"t": t, "c": 10.0 * np.exp(-0.7 * t) * noise},
        {"k": "log 0.01..10", "a": "log 0.1..100"},
    )


def product(seed: int) -> Problem:
    """A model of which only the product of two parameters is seen."""
    x = np.linspace(0.0, 10.0, 15)
    y = 6.0 * x + 1.0 + 0.1 * np.random.default_rng(seed).standard_normal(15)
    return _product, {"x": x, "y": y}, {"k1": "log 0.1..10", "k2": "log 0.1..10", "b": "0..10"}


def absorption(seed: int) -> Problem:
    """Oral absorption and elimination after two doses, 10 % log-normal noise."""

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        absorbed = p["ka"] * y["depot"]
        return {"depot": -absorbed, "central": absorbed - p["cl"] / p["v"] * y["central"]}

    system = OdeSystem(
        ModelInfo(id="bench.absorption", backend="jax"), "depot [mg] = 0, central [mg] = 0",
        "ka [1/h] >= 0, cl [L/h] >= 0, v [L] > 0", rhs, "conc [mg/L] (time)",
        lambda t, y, p, u: {"conc": y["central"] / p["v"]}, doses=("depot",),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    times = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0])
    rows: list[dict[str, Any]] = []
    for name, dose in (("a", 100.0), ("b", 300.0)):
        rows.append({"id": name, "time": 0.0, "amt": dose, "conc": None})
        c = dose * 1.2 / 10.0 / (1.2 - 0.2) * (np.exp(-0.2 * times) - np.exp(-1.2 * times))
        c = c * np.exp(0.1 * rng.standard_normal(len(times)))
        rows += [{"id": name, "time": t, "conc": v} for t, v in zip(times, c, strict=True)]
    free = {"ka": "log 0.01..100", "cl": "log 0.01..100", "v": "log 0.1..1000"}
    return system, pd.DataFrame(rows), free
