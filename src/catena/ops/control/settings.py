"""Settings of a control study, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Amount = str | float | int


class ControlSettings(Settings):
    """What is controlled, towards what, and how it is tried out.

    Args:
        inputs: Decided inputs with their ranges, ``feed: 0..1 L/h``.
        interval: Sampling interval, ``5 min``.
        hours: Length of the trial.
        method: ``mpc`` (predictive control), ``pid``, or ``policy`` (learned on the model).
        horizon: Intervals looked ahead.
        track: Set points by output: a value, or pairs (time, value).
        weights: Weights of the deviations from set points.
        minimise: Economic cost per time, a formula.
        minimise_end: Economic cost of the end of the horizon, a formula.
        limited: Limits such as ``t_r <= 140 degC``.
        margins: How far inside a limit the plan stays.
        soft: Limits that may be broken at a cost.
        impulses: Doses or actions given at once, with their ranges.
        moves: Weights of squared changes of inputs.
        rates: Largest change of an input from one interval to the next.
        blocks: Lengths of the blocks in which inputs are held.
        scenarios: Factors of uncertain parameters planned for at once.
        branching: Intervals the scenarios share.
        disturbed: States with an unknown rate, for offset-free control.
        before: Inputs in force at the start.
        start: Initial values of states.
        shooting: ``multiple`` or ``single``.
        iterations: Solver iterations per sample; 1 is the real-time iteration.
        time_limit: Seconds a sample may take.
        measured: Noise of the outputs an estimator is given; without it the state is known.
        estimator: Filter used with ``measured``.
        plant: Factors by which the simulated plant differs from the model.
        rounds: Improvements of a learned policy.
    """

    inputs: dict[str, str | list[Amount]] = Field(default_factory=dict)
    interval: Amount
    hours: Amount
    method: Literal["mpc", "pid", "policy"] = "mpc"
    horizon: int = Field(default=20, ge=1)
    track: dict[str, Amount | list[list[Amount]]] = Field(default_factory=dict)
    weights: dict[str, float] = Field(default_factory=dict)
    minimise: str | None = None
    minimise_end: str | None = None
    limited: list[str] = Field(default_factory=list)
    margins: dict[str, Amount] = Field(default_factory=dict)
    soft: list[str] = Field(default_factory=list)
    impulses: dict[str, str | list[Amount]] = Field(default_factory=dict)
    moves: dict[str, float] = Field(default_factory=dict)
    rates: dict[str, Amount] = Field(default_factory=dict)
    blocks: list[int] | None = None
    scenarios: dict[str, list[float]] = Field(default_factory=dict)
    branching: int = Field(default=1, ge=1)
    disturbed: list[str] = Field(default_factory=list)
    before: dict[str, Amount] = Field(default_factory=dict)
    start: dict[str, Amount] = Field(default_factory=dict)
    shooting: Literal["multiple", "single"] = "multiple"
    iterations: int = Field(default=20, ge=1)
    time_limit: float | None = Field(default=None, gt=0)
    measured: dict[str, Amount] = Field(default_factory=dict)
    estimator: Literal["ekf", "ukf", "enkf", "particle", "mhe"] = "ekf"
    plant: dict[str, float] = Field(default_factory=dict)
    rounds: int = Field(default=60, ge=1)
