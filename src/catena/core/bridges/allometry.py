"""From an animal's (or another person's) value to a human one by body weight."""

from __future__ import annotations

from typing import Any

from catena.core.function import FunctionModel, model

_SOURCE = (
    "West, Brown and Enquist, Science 276 (1997) 122, doi:10.1126/science.276.5309.122; "
    "Boxenbaum, J. Pharmacokinet. Biopharm. 10 (1982) 201, doi:10.1007/BF01062336"
)


def allometry(
    unit: str = "L/h", exponent: float = 0.75, *, id: str = "bridge.allometry", title: str = ""
) -> FunctionModel:
    """Return the bridge y_human = y_animal (weight_human / weight_animal)^exponent.

    Args:
        unit: Unit of the scaled quantity.
        exponent: Default exponent: 0.75 for clearances and flows, 1 for volumes, -0.25 for
            rate constants.
        id: Model id.
        title: Short title.
    """

    @model(
        id=id,
        inputs=f"value_animal [{unit}] >= 0, weight_animal [kg] in 0.001..10000, "
        f"weight_human [kg] in 0.3..500 = 70, exponent in -2..2 = {exponent}",
        outputs=f"value_human [{unit}] >= 0",
        backend="jax",
        title=title or f"Allometric scaling in {unit}",
        scale="bridge",
        doc="Scale by body weight: y_human = y_animal (weight_human / weight_animal)^exponent.",
        citation=_SOURCE,
        tags=("scaling", "species"),
    )
    def scale(
        value_animal: Any, weight_animal: Any, weight_human: Any, exponent: Any
    ) -> dict[str, Any]:
        return {"value_human": value_animal * (weight_human / weight_animal) ** exponent}

    return scale


clearance = allometry("L/h", 0.75, title="Allometric scaling of a clearance or flow")
volume = allometry("L", 1.0, id="bridge.allometry.volume", title="Allometric scaling of a volume")
rate = allometry(
    "1/h", -0.25, id="bridge.allometry.rate", title="Allometric scaling of a rate constant"
)
