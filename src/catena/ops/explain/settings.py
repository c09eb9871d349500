"""Settings of an explanation, as plain data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from catena.core.settings import Settings

Method = Literal["auto", "shapley", "gradient", "counterfactual", "links"]
Direction = Literal["increase", "decrease"]
#: What may be said about what varies: names, or ranges, distributions and choices by name.
OverText = list[str] | dict[str, str | list[str] | list[float] | None]


class ExplainSettings(Settings):
    """Which case is explained, against which others, and how.

    Args:
        at: Values of the inputs of the case; the data file's rows are the background then.
        of: Output that is explained, such as ``auc`` or ``max(plasma)``.
        over: Inputs that count as causes; by default every number and choice.
        method: ``shapley`` (contributions that add up), ``gradient`` (integrated gradients),
            ``counterfactual`` (the nearest case with the wanted outcome), ``links`` (of a chain);
            ``auto`` takes counterfactual where something is wanted, else shapley.
        wanted: What the outcome should have been, ``cmax <= 5 mg/L`` (counterfactual).
        n: Evaluations per case (shapley with many inputs, counterfactual).
        conditional: Respect the dependence between inputs seen in the background (shapley).
        fixed: Inputs that cannot be changed (counterfactual).
        only: Inputs that can only ``increase`` or ``decrease`` (counterfactual).
        faithful: Test the explanation by deleting and inserting inputs in its order.
    """

    at: dict[str, Any] = {}
    of: str | None = None
    over: OverText | None = None
    method: Method = "auto"
    wanted: list[str] | str | None = None
    n: int | None = Field(default=None, ge=16)
    conditional: bool = False
    fixed: list[str] = []
    only: dict[str, Direction] = {}
    faithful: bool = True
