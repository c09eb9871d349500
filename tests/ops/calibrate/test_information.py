"""Undetermined combinations of every shape are found and put in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import catena
from catena.ops.calibrate import calibrate

X = np.linspace(0.5, 5.0, 14)
NOISE = 0.05 * np.random.default_rng(4).standard_normal(14)
LOG = "log 0.1..10"


def fitted(function: Any, inputs: str, truth: dict[str, float]) -> Any:
    model = catena.model(id="test.form", inputs=inputs + ", x in 0..5", outputs="y", backend="jax")(
        function
    )
    y = model.predict(x=X, **truth)["y"] + NOISE
    return calibrate(model, {"x": X, "y": y}, dict.fromkeys(truth, LOG), starts=8)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a, b, x: {"y": a * b * x}, "a and b matter only through a * b"),
        (lambda a, b, x: {"y": a / b * x}, "a and b matter only through a / b"),
        (lambda a, b, x: {"y": a * b**2 * x}, "a and b matter only through a * b^2"),
        (lambda a, b, x: {"y": a**3 / b * x}, "a and b matter only through a^3 / b"),
    ],
)
def test_pairs(function: Any, words: str) -> None:
    result = fitted(function, "a in 0.1..10, b in 0.1..10", {"a": 2.0, "b": 1.5})
    assert result.summary["combinations"] == [words]


def test_three_parameters_of_one_product_leave_two_directions() -> None:
    result = fitted(lambda a, b, c, x: {"y": a * b * c * x}, "a in 0.1..10, b in 0.1..10, c in 0.1..10",
                    {"a": 2.0, "b": 1.5, "c": 0.7})  # fmt: skip
    assert len(result.summary["combinations"]) == 2
    assert all("*" in text for text in result.summary["combinations"])
    assert list(result["open"][:3]) == ["both"] * 3


def test_a_direction_of_three() -> None:
    result = fitted(lambda a, b, c, x: {"y": a * b * x + b * c}, "a in 0.1..10, b in 0.1..10, c in 0.1..10",
                    {"a": 2.0, "b": 1.5, "c": 0.7})  # fmt: skip
    assert len(result.summary["combinations"]) == 1
    assert "change together" in result.summary["combinations"][0]


def test_what_the_range_cannot_settle_is_practically_undetermined() -> None:
    def saturating(vmax: Any, km: Any, x: Any) -> dict[str, Any]:
        return {"y": vmax * x / (km + x)}

    model = catena.model(id="test.mm", inputs="vmax > 0 = 1, km > 0 = 1, x in 0..5", outputs="y",
                         backend="jax")(saturating)  # fmt: skip
    y = X * 2.0 / (1 + X / 300.0) * (1 + 4 * NOISE)
    over = {"vmax": "log 1..100000", "km": "log 1..100000"}
    result = calibrate(model, {"x": X, "y": y}, over, starts=8)
    assert result.summary["identifiable"] is False
    assert "practical" in set(result.parts["combinations"]["kind"])
    assert "x" in result.parts["proposal"]


def test_everything_known_is_identifiable() -> None:
    result = fitted(
        lambda a, b, x: {"y": a * x + b}, "a in 0.1..10, b in 0.1..10", {"a": 2.0, "b": 1.5}
    )
    assert result.summary["identifiable"] is True
    assert result.summary["combinations"] == []
    assert result.summary["proposal"] is None
