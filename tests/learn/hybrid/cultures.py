"""A culture whose growth law is known, to check what networks learn of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem

MU, K, PER_CELL = 0.4, 1.0, 2.0


def culture() -> OdeSystem:
    """Return growth with an open rate: dx/dt = mu x, ds/dt = -2 mu x."""
    return OdeSystem(
        ModelInfo(id="toy.culture", backend="jax"),
        "x [g/L] >= 0 = 0.1, s [g/L] >= 0 = 10",
        "mu [1/h] = 0.3, need [g/g] >= 0 = 2, x_0 [g/L] >= 0 = 0.1, s_0 [g/L] >= 0 = 10",
        lambda t, y, p, u: {"x": p["mu"] * y["x"], "s": -p["need"] * p["mu"] * y["x"]},
        "x [g/L] (time), s [g/L] (time)",
        lambda t, y, p, u: dict(y),
        initial=lambda p: {"x": p["x_0"], "s": p["s_0"]},
    )


def monod() -> OdeSystem:
    """Return the true law with wrong parameters."""

    def rhs(t, y, p, u):
        mu = p["mumax"] * y["s"] / (p["half"] + y["s"])
        return {"x": mu * y["x"], "s": -PER_CELL * mu * y["x"]}

    return OdeSystem(
        ModelInfo(id="toy.monod", backend="jax"),
        "x [g/L] >= 0 = 0.1, s [g/L] >= 0 = 10",
        "mumax [1/h] > 0 = 0.7, half [g/L] > 0 = 3, x_0 [g/L] >= 0 = 0.1, s_0 [g/L] >= 0 = 10",
        rhs,
        "x [g/L] (time), s [g/L] (time)",
        lambda t, y, p, u: dict(y),
        initial=lambda p: {"x": p["x_0"], "s": p["s_0"]},
    )


def law(s):
    """Return the true growth rate."""
    return MU * s / (K + s)


def course(x0, s0, times):
    """Return the true course (t, 2)."""
    found = solve_ivp(
        lambda t, y: [law(y[1]) * y[0], -PER_CELL * law(y[1]) * y[0]], (0.0, times[-1]), [x0, s0],
        t_eval=times, rtol=1e-10, atol=1e-12,
    )  # fmt: skip
    return found.y.T


def runs(starts=((0.1, 10.0), (0.3, 6.0), (0.2, 12.0))):
    """Return noise-free runs as a table."""
    times = np.linspace(0.0, 14.0, 15)
    frames = []
    for number, (x0, s0) in enumerate(starts):
        frame = pd.DataFrame(course(x0, s0, times), columns=["x", "s"])
        frames.append(frame.assign(run=f"r{number}", time=times, x_0=x0, s_0=s0))
    return pd.concat(frames, ignore_index=True)
