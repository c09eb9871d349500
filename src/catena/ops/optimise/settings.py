"""Settings of an optimisation, as plain data."""

from __future__ import annotations

from pydantic import Field

from catena.core.settings import Settings
from catena.ops.optimise.choice import Method

Wanted = str | list[str]
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class FidelitySettings(Settings):
    """A variable that says how finely the model computes.

    Args:
        name: The variable; its upper end is full fidelity.
        exponent: The cost of an evaluation grows with this power of it.
    """

    name: str
    exponent: float = Field(default=1.0, gt=0.0)


class OptimiseSettings(Settings):
    """What to optimise, over what, and how.

    Args:
        over: What varies: names, or ``dose: 10..400 mg``, ``k: log 0.1..10 1/h``, a list of choices.
        maximise: Outputs to make large, such as ``auc`` or ``max(plasma)``.
        minimise: Outputs to make small.
        subject_to: Limits, such as ``cmax <= 5 mg/L`` or ``dose + 2 * interval <= 100``.
        method: ``gradient`` (multistart), ``hybrid`` (Sobol, evolution, CMA-ES, gradients),
            ``evolution``, ``cma``, ``nsga2``, ``nsga3``, ``bayesian``, ``trust_region``; ``auto``
            chooses by cost, gradients, variables and objectives.
        budget: Evaluations of the model (of every scenario together, if robust).
        batch: Points evaluated together (bayesian).
        uncertain: Inputs not known when deciding, ``clearance: lognormal(12 L/h, 30 %)``.
        risk: What is optimised under uncertainty: ``mean``, ``quantile 0.9`` (of the bad side),
            ``cvar 0.9`` (mean of the bad tail) or ``worst``.
        probability: Probability with which every single limit must hold under uncertainty.
        scenarios: Number of scenarios, common to all points.
        fidelity: A variable that says how finely the model computes.
        reference: Worst acceptable objectives, maximised ones first (several objectives, bayesian).
    """

    over: OverText
    maximise: Wanted = []
    minimise: Wanted = []
    subject_to: Wanted = []
    method: Method = "auto"
    budget: int | None = Field(default=None, ge=1)
    batch: int = Field(default=4, ge=1)
    uncertain: dict[str, str] | None = None
    risk: str = "mean"
    probability: float = Field(default=0.95, gt=0.0, lt=1.0)
    scenarios: int = Field(default=64, ge=2)
    fidelity: FidelitySettings | None = None
    reference: list[float] | None = None
