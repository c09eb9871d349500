"""Settings of an estimation, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Amount = str | float | int


class EstimateSettings(Settings):
    """How states and unknowns are followed.

    Args:
        method: ``ekf``, ``ukf``, ``enkf`` (ensemble), ``particle`` or ``mhe`` (moving horizon).
        noise: Standard deviation of every measured output: ``0.2 g/L`` or ``5 %`` of the value.
        delays: Time from sample to result by output, ``4 h``.
        unknown: Parameters to estimate along, with the deviation of their prior: ``30 %``.
        disturbed: States with an unknown rate, with its deviation.
        process: Noise of states per square root of time, ``0.1 g/L``.
        start: First states: a value, or value and deviation.
        inputs: Inputs over time: a value, or pairs (time, value) from which each holds.
        window: Length of the window of ``mhe``.
        lag: How far back a late sample may lie.
        members: Members of an ensemble or number of particles.
        outlier_gate: Whether samples that no good sensor would give are left out.
        smooth: Whether the path given all samples is computed too (``ekf``).
        accuracy: Accuracy of the integration, relative to the size of every state.
    """

    method: Literal["ekf", "ukf", "enkf", "particle", "mhe"] = "ekf"
    noise: dict[str, Amount] = Field(default_factory=dict)
    delays: dict[str, Amount] = Field(default_factory=dict)
    unknown: dict[str, Amount] = Field(default_factory=dict)
    disturbed: dict[str, Amount] = Field(default_factory=dict)
    process: dict[str, Amount] = Field(default_factory=dict)
    start: dict[str, Amount | list[Amount]] = Field(default_factory=dict)
    inputs: dict[str, Amount | list[list[Amount]]] = Field(default_factory=dict)
    window: Amount | None = None
    lag: Amount | None = None
    members: int | None = Field(default=None, ge=2)
    outlier_gate: bool = True
    smooth: bool = False
    accuracy: float = Field(default=1e-6, gt=0, lt=1)
