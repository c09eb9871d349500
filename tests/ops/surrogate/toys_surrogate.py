"""Small models to be replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

import catena as ct
from catena.core.function import FunctionModel


@ct.model(
    id="toy.smooth",
    inputs="a [mg] in 0..10 = 5, b [1/h] in 0.1..10 = 1, offset [mg/L] = 2",
    outputs="y [mg/L], z, flat",
    params="gain in 0.5..2 = 1",
    backend="numpy",
)
def smooth(a: Any, b: Any, offset: Any, gain: Any) -> dict[str, Any]:
    y = gain * np.sin(0.4 * a) * np.log(b + 1.0) + offset
    return {"y": y, "z": np.exp(0.3 * a) * b, "flat": np.full_like(a, 3.0)}


@ct.model(
    id="toy.decay", inputs="k [1/h] in 0.1..1, x0 [g] in 1..5, time [h] (time)",
    outputs="x [g] (time), total [g*h]", backend="numpy",
)  # fmt: skip
def decay(k: Any, x0: Any, time: Any) -> dict[str, Any]:
    return {"x": x0[:, None] * np.exp(-k[:, None] * time), "total": x0 / k}


@ct.model(
    id="toy.kinds",
    inputs="x in 0..1 = 0.5, n: integer in 1..4 = 2, way: up|down|flat = up, open: boolean = 1",
    outputs="y",
    backend="numpy",
)
def kinds(x: Any, n: Any, way: Any, open: Any) -> dict[str, Any]:
    slope = np.array([1.0, -1.0, 0.0])[way]
    return {"y": slope * x + 0.3 * n + 0.5 * open}


@ct.model(
    id="toy.tank", inputs="feed [L/h] (time), k [1/h] in 0.2..1 = 0.5",
    outputs="level [L] (time)", backend="numpy",
)  # fmt: skip
def _tank(feed: Any, k: Any) -> dict[str, Any]:
    level = np.zeros_like(feed)
    for step in range(1, feed.shape[1]):
        level[:, step] = level[:, step - 1] * np.exp(-k) + feed[:, step - 1] * (1 - np.exp(-k)) / k
    return {"level": level}


def tank() -> FunctionModel:
    return _tank.at(feed=np.ones(12))


@ct.model(id="toy.fragile", inputs="x in 0..1, w in 0..1", outputs="y", backend="numpy")
def fragile(x: Any, w: Any) -> dict[str, Any]:
    return {"y": np.where(x > 0.8, np.nan, x**2 + w)}


@ct.model(id="toy.after", inputs="dose [mg/L]", outputs="effect", backend="numpy")
def after(dose: Any) -> dict[str, Any]:
    return {"effect": dose / (1.0 + dose)}
