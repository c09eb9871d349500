"""The tank that the tests of control share."""

from __future__ import annotations

from typing import Any

from catena.core.model import ModelInfo
from catena.numerics.horizon.stepping import Stepping
from catena.numerics.ode import OdeSystem
from catena.ops.control.stating import Problem, problem

WALK = Stepping("rk4", 2)


def tank() -> OdeSystem:
    """A level with a lag before it: dx = (u - x) / lag, dh = x - k h."""
    return OdeSystem(
        ModelInfo(id="test.tank", backend="jax"),
        "x [L/h] = 0, h [L] = 1",
        "k [1/h] > 0 = 0.5, lag [h] > 0 = 0.2",
        lambda t, y, p, u: {"x": (u["feed"] - y["x"]) / p["lag"], "h": y["x"] - p["k"] * y["h"]},
        "h [L] (time)",
        lambda t, y, p, u: {"h": y["h"]},
        forcing="feed [L/h]",
        interpolation="constant",
        doses=("h",),
    )


def stated(**changes: Any) -> Problem:
    options: dict[str, Any] = {
        "interval_": "0.1 h", "horizon": 12, "track": {"h": "3 L"}, "before": {"feed": 0.5},
        "moves": {"feed": 0.01}, "stepping": WALK,
    }  # fmt: skip
    return problem(tank(), {"feed": "0..4 L/h"}, **{**options, **changes})
