"""Settings of a surrogate, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Method = Literal["auto", "gp", "ensemble", "pod", "operator"]
#: What may be said about what varies: names, or ranges, distributions and choices by name.
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class SurrogateSettings(Settings):
    """What to replace, over which space, and how well.

    Args:
        over: What varies: names, or ``dose: 10..400 mg``, ``cl: lognormal(12 L/h, 30 %)``.
        subject_to: Linear constraints between what varies, ``"dose + 2 * interval <= 100"``.
        of: Outputs to learn; every numeric one by default.
        budget: Evaluations of the model at most.
        target_error: Largest error (NRMSE: root mean square over standard deviation) of any output.
        method: ``gp`` (Gaussian processes), ``pod`` (modes of curves and fields, a Gaussian process
            each), ``ensemble`` (networks), ``operator`` (networks from functions to curves);
            ``auto`` takes what suits the inputs, outputs and budget.
        adaptive: Place half of every batch where it promises to cut the error most.
        allow_short: Return the surrogate with ``met: false`` where the target is not reached,
            instead of refusing.
    """

    over: OverText
    subject_to: list[str] = []
    of: str | list[str] | None = None
    budget: int = Field(default=400, ge=1)
    target_error: float = Field(default=0.01, gt=0, lt=1)
    method: Method = "auto"
    adaptive: bool = True
    allow_short: bool = False
