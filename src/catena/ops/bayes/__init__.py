"""Bayesian inference over any Model: NUTS, SMC, simulation-based inference, calibration checks."""

from __future__ import annotations

from typing import Any

from catena.ops.bayes.inference import OPERATION, BayesSettings, bayes

__all__ = ["OPERATION", "BayesSettings", "bayes", "sample_density", "simulation_based_calibration"]


def __getattr__(name: str) -> Any:
    if name == "sample_density":
        from catena.ops.bayes.sampling import sample_density

        return sample_density
    if name == "simulation_based_calibration":
        from catena.ops.bayes.calibration import simulation_based_calibration

        return simulation_based_calibration
    raise AttributeError(f"module 'catena.ops.bayes' has no attribute {name!r}")
