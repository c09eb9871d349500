"""Settings of a sensitivity analysis, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Method = Literal["auto", "sobol", "morris", "shapley", "derivative"]
#: What may be said about what varies: names, or ranges, distributions and choices by name.
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class SensitivitySettings(Settings):
    """What to analyse, over what, and how.

    Args:
        of: Outputs, such as ``auc`` or ``max(plasma)``; every single number by default.
        over: What varies: names, or ``dose: 10..400 mg``, ``cl: lognormal(12 L/h, 30 %)``.
        method: ``sobol`` (first, total and second order), ``morris`` (screening), ``shapley``
            (shares that add up, for dependent inputs too), ``derivative`` (bounds from exact
            gradients); ``auto`` takes shapley for correlated inputs, morris for more than 40.
        n: Base points (a power of two), or trajectories of the screening.
        second: Whether pairs of inputs are judged too (sobol).
        correlation: Correlations of normal scores, ``"clearance ~ volume": 0.5``.
        levels: Levels of the grid of the screening (even).
        links: Whether the links of a chain are judged too; by default they are.
    """

    of: str | list[str] | None = None
    over: OverText | None = None
    method: Method = "auto"
    n: int | None = Field(default=None, ge=2)
    second: bool = True
    correlation: dict[str, float] | None = None
    levels: int = Field(default=4, ge=2)
    links: bool | None = None
