"""Small systems with known solutions, shared by the tests of the ODE engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings

KA, CL, V = 1.2, 2.0, 10.0
TIGHT = SolverSettings(rtol=1e-9, atol=1e-12)


def _pk(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    absorbed = p["ka"] * y["depot"]
    cleared = p["cl"] / p["v"] * y["central"]
    return {"depot": -absorbed, "central": absorbed - cleared, "out": cleared}


def _looks(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    return {"conc": y["central"] / p["v"], "total": y["depot"] + y["central"] + y["out"]}


def one_compartment(**options: Any) -> OdeSystem:
    """Depot, central and an amount-excreted state."""
    options.setdefault("settings", TIGHT)
    return OdeSystem(
        ModelInfo(id="test.pk", backend="jax"),
        "depot [mg] = 0, central [mg] = 0, out [mg] = 0",
        f"ka [1/h] >= 0 = {KA}, cl [L/h] >= 0 = {CL}, v [L] > 0 = {V}",
        _pk,
        "conc [mg/L] (time), total [mg] (time)",
        _looks,
        doses=("depot", "central"),
        **options,
    )


def _driven(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    return {"x": u["feed"] - p["k"] * y["x"]}


def driven(interpolation: str, **options: Any) -> OdeSystem:
    """dx/dt = feed(t) - k x."""
    options.setdefault("settings", TIGHT)
    return OdeSystem(
        ModelInfo(id="test.driven", backend="jax"),
        "x [g] = 1",
        "k [1/h] = 0.5",
        _driven,
        "x [g] (time), feed [g/h] (time)",
        lambda t, y, p, u: {"x": y["x"], "feed": u["feed"]},
        forcing="feed [g/h]",
        interpolation=interpolation,  # type: ignore[arg-type]
        **options,
    )


def bolus(t: np.ndarray, dose: float, cl: float = CL, v: float = V) -> np.ndarray:
    """Concentration after an intravenous bolus at time 0 (0 before it)."""
    return np.where(t >= 0, dose / v * np.exp(-cl / v * np.maximum(t, 0)), 0.0)


def oral(t: np.ndarray, dose: float, ka: float = KA, cl: float = CL, v: float = V) -> np.ndarray:
    """Concentration after an oral dose at time 0 (Bateman)."""
    k, s = cl / v, np.maximum(t, 0)
    return np.where(t >= 0, dose * ka / v / (ka - k) * (np.exp(-k * s) - np.exp(-ka * s)), 0.0)


def infusion(t: np.ndarray, rate: float, duration: float) -> np.ndarray:
    """Concentration during and after an infusion that starts at time 0."""
    k = CL / V
    up = rate / CL * (1 - np.exp(-k * np.clip(t, 0, duration)))
    return up * np.exp(-k * np.maximum(t - duration, 0))
