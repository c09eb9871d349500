"""Settings of an uncertainty analysis, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Method = Literal["auto", "monte_carlo", "qmc", "linearised", "pce"]
#: What may be said about what varies: names, or ranges, distributions and choices by name.
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class UncertaintySettings(Settings):
    """What is uncertain, what is asked, and how it is computed.

    Args:
        of: Outputs, such as ``auc`` or ``max(plasma)``; every single number by default.
        over: What is uncertain: names, or ``cl: lognormal(12 L/h, 30 %)``; by default every
            input that declares a distribution.
        method: ``monte_carlo``, ``qmc`` (scrambled Sobol, 16 replicates), ``linearised`` (delta
            method), ``pce`` (polynomial chaos); ``auto`` takes qmc.
        n: Evaluations (16 times a power of two for qmc).
        correlation: Correlations of normal scores, ``"clearance ~ volume": 0.5``.
        exceed: Statements whose probability is asked, ``cmax > 5 mg/L``.
        groups: Names of groups of inputs judged together.
    """

    of: str | list[str] | None = None
    over: OverText | None = None
    method: Method = "auto"
    n: int | None = Field(default=None, ge=16)
    correlation: dict[str, float] | None = None
    exceed: list[str] = []
    groups: dict[str, list[str]] = {}
