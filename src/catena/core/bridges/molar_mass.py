"""Between mass and molar concentrations, given the molar mass."""

from __future__ import annotations

from typing import Any

from catena.core.function import model

_SOURCE = "BIPM, The International System of Units (SI), 9th edition (2019), section 2.3.1"


@model(
    id="bridge.molar_mass",
    inputs="mass_concentration [mg/L] >= 0, molar_mass [g/mol] > 0",
    outputs="molar_concentration [umol/L] >= 0",
    backend="jax",
    title="Molar from mass concentration",
    scale="bridge",
    citation=_SOURCE,
    tags=("unit", "concentration"),
)
def to_molar(mass_concentration: Any, molar_mass: Any) -> dict[str, Any]:
    """Divide a mass concentration by the molar mass: c = 1000 rho / M."""
    return {"molar_concentration": 1e3 * mass_concentration / molar_mass}


@model(
    id="bridge.molar_mass.to_mass",
    inputs="molar_concentration [umol/L] >= 0, molar_mass [g/mol] > 0",
    outputs="mass_concentration [mg/L] >= 0",
    backend="jax",
    title="Mass from molar concentration",
    scale="bridge",
    citation=_SOURCE,
    tags=("unit", "concentration"),
)
def to_mass(molar_concentration: Any, molar_mass: Any) -> dict[str, Any]:
    """Multiply a molar concentration by the molar mass: rho = c M / 1000."""
    return {"mass_concentration": 1e-3 * molar_concentration * molar_mass}
