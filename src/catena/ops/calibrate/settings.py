"""The settings of ``calibrate`` as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings


class CalibrateSettings(Settings):
    """What to fit, and how.

    Args:
        free: Parameters to fit: names, or ranges and priors by name ("log 0.1..10 1/h").
        noise: Error model of all outputs, or one by output: additive, proportional(20 %),
            combined, lognormal, student(4), given.
        loss: Density of residuals: linear, huber, soft_l1, cauchy, student(4), laplace.
        local: Free names with a value of their own in every experiment.
        method: auto, fisher (trust region with Fisher information) or bfgs.
        starts: Number of searches.
        priors: Whether distributions of free parameters count as priors.
        intervals: fisher, or profile likelihoods of all free parameters.
        experiment: Column that names experiments.
        ignore: Columns of the data to leave aside.
        limits: Lower and upper limit of quantification by output, in its unit.
        candidates: Conditions a next experiment could have.
        iterations: Most iterations of one search.
        on_error: Whether rows of the data that cannot be read stop the fit or are skipped.
    """

    free: list[str] | dict[str, str | list[float] | None]
    noise: str | dict[str, str] | None = None
    loss: str = "linear"
    local: list[str] = Field(default_factory=list)
    method: Literal["auto", "fisher", "bfgs"] = "auto"
    starts: int = Field(20, ge=1, le=100_000)
    priors: bool = True
    intervals: Literal["fisher", "profile"] = "fisher"
    experiment: str | None = None
    ignore: list[str] = Field(default_factory=list)
    limits: dict[str, list[float | None]] = Field(default_factory=dict)
    candidates: list[dict[str, str | float]] | None = None
    iterations: int = Field(200, ge=1, le=100_000)
    on_error: Literal["raise", "skip"] = "raise"
