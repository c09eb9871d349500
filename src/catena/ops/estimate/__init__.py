"""State and parameter estimation of a dynamic Model from irregular, late and noisy samples."""

from __future__ import annotations

from catena.ops.estimate.analysis import OPERATION, estimate, estimator

__all__ = ["OPERATION", "estimate", "estimator"]
