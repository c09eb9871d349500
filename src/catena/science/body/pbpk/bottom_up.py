"""Inputs of ``body.pbpk`` from a compound card: nothing fitted to concentrations in people.

Each step is a Model: ``body.physiology`` makes the person, ``body.partition`` (Rodgers and Rowland)
the tissue partition coefficients, ``body.clearance`` scales in-vitro kinetics to liver and gut wall.
Absorption is the seven-compartment transit model with the card's effective permeability.

Choices fixed beforehand: molecules above 500 g/mol do not cross cell membranes fast enough to be
perfusion-limited and get the permeability that PK-Sim's standard relation gives them; solubility does
not limit absorption; autoinduction (rifampicin) and transporters are left out.
"""

from __future__ import annotations

from typing import Any

from catena.formats.compound import load_card
from catena.science.body.clearance.model import clearance_model
from catena.science.body.partition.model import partition_model
from catena.science.body.physiology.model import physiology

__all__ = ["LARGE", "PERSON", "bottom_up", "membrane_permeability", "person"]

PERSON: dict[str, Any] = {
    "sex": "male",
    "age": 30.0,
    "height": 176.0,
    "weight": 73.0,
    "serum_creatinine": 0.9,
}
"""The reference man to whom every observed profile is compared."""

LARGE = 500.0
"""Molar mass [g/mol] above which tissues are permeability-limited."""

_PARTITION = ("logp", "pka_acid", "pka_base", "fu_plasma", "blood_plasma_ratio")
_KINETICS = (
    "vmax_microsome",
    "km",
    "fu_incubation",
    "clint_microsome",
    "clint_hepatocyte",
    "fu_hepatocyte",
    "clint_other",
    "share_cyp3a4",
)
_BODY = ("liver_mass", "mppgl", "cyp3a4_liver", "cyp3a4_gut", "organ_flow", "gfr")


def membrane_permeability(molar_mass: float, logp: float) -> float:
    """Permeability of cell membranes [cm/s] from size and lipophilicity (PK-Sim standard).

    ``P = 2e-5 cm/min * (M / 336)^-6 * 10^logP`` (molar mass less halogen corrections; none of the
    large compounds here is halogenated).

    Source: Willmann, Lippert and Schmitt 2005 (doi:10.1517/17425255.1.1.159), as in PK-Sim exports.
    """
    return 2e-5 / 60.0 * (molar_mass / 336.0) ** -6.0 * 10.0**logp


def person() -> dict[str, Any]:
    """Ports of the reference man, one value each (no batch axis)."""
    result = physiology.predict(**PERSON)
    return {name: result[name][0] for name in result}


def bottom_up(compound: str) -> dict[str, Any]:
    """Every input of ``body.pbpk`` but ``time`` and ``events`` for a compound with a card.

    Args:
        compound: Name of the card.

    Returns:
        Ports for the ``yu_amidon`` gut; ``permeability`` is among them only for large molecules,
        which then need ``body.pbpk.permeability``.
    """
    ports, body = load_card(compound).ports(), person()
    chemistry = {name: ports[name] for name in _PARTITION if name in ports}
    kp = partition_model.predict({**chemistry, "hematocrit": float(body["hematocrit"])})["kp"][0]
    kinetics = {name: ports[name] for name in _KINETICS if name in ports}
    binding = {name: ports[name] for name in ("fu_plasma", "blood_plasma_ratio")}
    scaled = clearance_model.predict(
        {**kinetics, **binding, **{name: body[name] for name in _BODY}}
    )
    inputs = {
        name: body[name] for name in ("organ_volume", "organ_flow", "arterial_volume", "venous_volume", "gfr")
    }  # fmt: skip
    for name in ("vmax_liver", "km", "clint_liver", "vmax_gut", "clint_gut"):
        inputs[name] = float(scaled[name][0])
    for name in (
        "fu_plasma",
        "blood_plasma_ratio",
        "molar_mass",
        "peff",
        "gfr_fraction",
        "clint_secretion",
    ):
        if name in ports:
            inputs[name] = ports[name]
    inputs["kp"] = kp
    if ports["molar_mass"] > LARGE:
        inputs["permeability"] = membrane_permeability(ports["molar_mass"], ports["logp"])
    return inputs
