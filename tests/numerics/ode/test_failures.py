"""Rows that cannot be integrated: a typed reason with row, time and state; the others finish."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from catena.core.errors import CatenaError
from catena.core.model import ModelInfo
from catena.numerics.ode import Crossing, OdeSystem, SolverSettings

TIMES = [0.5, 2.0]


def troubled() -> OdeSystem:
    """x' = -x; kind 1 explodes, 2 leaves the domain, 3 is singular, 4 rings without end."""

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        kind = p["kind"]
        grows = jnp.where(kind == 1, y["x"] ** 2, -y["x"])
        ends = jnp.where(kind == 2, jnp.sqrt(1.0 - t), 1.0)
        slope = jnp.where(kind == 3, 0.0, 1.0)
        return {"x": grows * ends, "z": slope * (y["x"] - y["z"])}

    return OdeSystem(
        ModelInfo(id="test.troubled", backend="jax"),
        "x = 1, z = 1",
        "kind in 0..4 = 0",
        rhs,
        "x (time)",
        lambda t, y, p, u: {"x": y["x"]},
        mass={"z": 0.0},
        # Each ring puts x back onto the threshold it has just passed.
        crossings=(
            Crossing(
                "ring",
                lambda t, y, p, u: jnp.where(p["kind"] == 4, 0.5 - y["x"], -1.0),
                action=lambda t, y, p, u: {"x": 0.0 * y["x"] + 0.5},
            ),
        ),
        settings=SolverSettings(method="kernel", rtol=1e-8, atol=1e-12),
    )


def test_every_failure_is_named_and_the_others_finish() -> None:
    rows = [0, 1, 2, 3, 4, 0]
    result = troubled().predict(kind=rows, time=TIMES, on_error="skip")
    wanted = [
        "ok",
        "resolution of time",
        "not a number",
        "singular",
        "follow one another",
        "ok",
    ]
    for row, (status, text) in enumerate(zip(result.status, wanted, strict=True)):
        assert text in str(status), (row, status)
    np.testing.assert_allclose(result["x"], np.exp(-np.array([TIMES, TIMES])), rtol=1e-6)


def test_the_error_tells_row_time_and_state() -> None:
    with pytest.raises(CatenaError) as caught:
        troubled().predict(kind=[0, 1], time=TIMES)
    text = str(caught.value)
    assert "row 1" in text
    assert "stopped at 1" in text
    assert "'x'" in text
