"""Toy models for study tests: closed forms only, so every number can be checked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import RowFault
from catena.core.function import model
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Schema


@model(id="toy.line", inputs="x in -100..100, slope = 2", outputs="y", backend="numpy")
def line(x: Any, slope: Any) -> dict[str, Any]:
    """A straight line."""
    return {"y": slope * x}


@model(
    id="toy.noise",
    inputs="x",
    outputs="y",
    backend="numpy",
    capabilities=Capabilities(stochastic=True),
)
def noise(x: Any, key: Any) -> dict[str, Any]:
    """A number and noise that depends on the key only."""
    return {"y": x + np.random.default_rng(int(key)).normal(size=len(x))}


@model(id="toy.slow", inputs="x", outputs="y", backend="numpy")
def slow(x: Any) -> dict[str, Any]:
    """Takes its time."""
    import time

    time.sleep(0.05)
    return {"y": x**2}


class Breaking(Model):
    """Fails on rows below zero, and altogether on x = 13."""

    info = ModelInfo(id="toy.breaking")
    inputs = Schema.parse("x")
    outputs = Schema.parse("y")

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        if np.any(batch["x"] == 13):
            raise ZeroDivisionError("thirteen")
        return {"y": np.where(batch["x"] < 0, np.nan, batch["x"])}


class OralToy(Model):
    """One-compartment oral kinetics with everyone's own clearance; exposure in closed form."""

    info = ModelInfo(id="toy.oral", citation="Bateman 1910")
    inputs = Schema.parse(
        "weight [kg] > 0 = 70, sex: male|female = male, dose [mg] > 0 = 10, fu_plasma in 0..1 = 0.03,"
        "logp = 3, time [h] (time)"
    ).with_defaults({"time": np.arange(0.0, 24.5, 0.5)})
    outputs = Schema.parse(
        "plasma [mg/L] (time), auc_inf [mg*h/L], cmax [mg/L], tmax [h], half_life [h]"
    )

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        clearance = 30.0 * (batch["weight"] / 70.0) ** 0.75 * batch["fu_plasma"] / 0.03
        volume, rate = 70.0, 2.0
        k = clearance / volume
        t = batch["time"]
        scale = (batch["dose"] * rate / (volume * (rate - k)))[:, None]
        plasma = scale * (np.exp(-k[:, None] * t) - np.exp(-rate * t))
        peak = np.log(rate / k) / (rate - k)
        at_peak = scale[:, 0] * (np.exp(-k * peak) - np.exp(-rate * peak))
        return {
            "plasma": np.maximum(plasma, 0.0),
            "auc_inf": batch["dose"] / clearance,
            "cmax": at_peak,
            "tmax": peak,
            "half_life": np.log(2.0) / k,
        }

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        heavy = np.flatnonzero(np.asarray(batch["weight"]) > 500.0)
        return [RowFault(int(row), "weight", "nobody weighs that much") for row in heavy]

    def population(self, n: int, seed: int, heavy: int = 0) -> dict[str, Any]:
        """People whose first rows do not depend on n; the first ``heavy`` of them cannot be."""
        draw = np.random.Generator(np.random.Philox(seed)).random((n, 2))
        weight = 50.0 + 50.0 * draw[:, 0]
        weight[:heavy] = 600.0
        return {
            "weight": weight,
            "sex": (draw[:, 1] < 0.5).astype(np.int64),
            "unknown_to_the_model": weight,
        }


TOYS: dict[str, Any] = {
    "toy.line": line,
    "toy.noise": noise,
    "toy.slow": slow,
    "toy.breaking": Breaking(),
    "toy.oral": OralToy(),
}
