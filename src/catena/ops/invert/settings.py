"""Settings of a set inversion, as plain data."""

from __future__ import annotations

from pydantic import Field

from catena.core.settings import Settings

#: What may be said about what varies: names, or ranges, distributions and choices by name.
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class InvertSettings(Settings):
    """What is wanted, which inputs may be chosen, and what stays uncertain.

    Args:
        wanted: What the outcome must be: ``cmax: 0.5..1.5 mg/L``, or statements such as
            ``cmax <= 5 mg/L`` and ``P(cmin < 0.1 mg/L) <= 0.05``.
        over: Inputs to choose, with their ranges.
        probability: How likely all plain statements together must hold.
        uncertain: What cannot be chosen, with its distributions.
        correlation: Correlations of normal scores of what is uncertain.
        n: Evaluations at most.
        draws: Draws of what is uncertain, per point.
        resolution: Smallest edge of a box, as a fraction of the range.
        confidence: Of all statements about probabilities.
    """

    wanted: dict[str, str] | list[str] | str
    over: OverText
    probability: float = Field(default=0.9, gt=0.0, lt=1.0)
    uncertain: OverText | None = None
    correlation: dict[str, float] | None = None
    n: int = Field(default=1_000_000, ge=100)
    draws: int = Field(default=512, ge=16)
    resolution: float = Field(default=0.01, gt=0.0, le=0.5)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
