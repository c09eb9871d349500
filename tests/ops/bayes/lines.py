"""A line through noisy points, whose posterior is known."""

from __future__ import annotations

import numpy as np

import catena as ct

X = np.linspace(0.0, 1.0, 12)
Y = 1.0 + 2.0 * X + 0.3 * np.random.default_rng(0).standard_normal(12)
DATA = {"x": X, "y": Y}
FREE = {"a": "normal(0 mg, 2 mg)", "b": "normal(0, 2)"}
DESIGN = np.c_[np.ones(12), X]
PRECISION = DESIGN.T @ DESIGN / 0.09 + np.eye(2) / 4
MEAN, SD = (
    np.linalg.solve(PRECISION, DESIGN.T @ Y / 0.09),
    np.sqrt(np.diag(np.linalg.inv(PRECISION))),
)


def line(backend="jax", **parts):
    def body(a, b, x):
        return {"y": a + b * x}

    return ct.model(id=f"test.line.{backend}", inputs="a [mg] = 1, b [mg] = 2, x = 0", outputs="y [mg]",
                    backend=backend, **parts)(body)  # fmt: skip


def agrees(result, sigmas=4.0, spread=0.2):
    error = SD / np.sqrt(np.nanmin([*result["ess_bulk"], 500.0]))
    np.testing.assert_allclose(result["mean"], MEAN, atol=sigmas * error.max())
    np.testing.assert_allclose(result["sd"], SD, rtol=spread)
