"""From a dose per body weight to the dose of a person."""

from __future__ import annotations

from typing import Any

from catena.core.function import model


@model(
    id="bridge.dose.per_kg",
    inputs="dose [mg/kg] >= 0, weight [kg] in 0.3..500",
    outputs="dose [mg] >= 0",
    backend="jax",
    title="Dose from dose per kilogram",
    scale="bridge",
    citation="Definition: absolute dose = dose per body weight x body weight",
    tags=("unit", "dose"),
)
def per_kg(dose: Any, weight: Any) -> dict[str, Any]:
    """Multiply a dose per kilogram by the body weight."""
    return {"dose": dose * weight}
