"""Reference man of PK-Sim: organ volumes, flows, and what tissues are made of.

Used as the individual that published PK-Sim models name, and as the source of interstitial shares and
cell surfaces in permeability-limited tissues.  Values and units are in ``reference_man_pksim.csv``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.science.body.organs import ORGANS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tissues", "reference_man", "reference_tissues"]

ARTERIAL, VENOUS, PORTAL_VEIN = 0.41911, 0.96402, 1.03738
HEMATOCRIT = 0.47
GFR = 7.0224
"""Glomerular filtration of PK-Sim's reference man [L/h] (117.04 mL/min)."""
MUCOSAL_FLOW_SHARE = 0.75
"""Share of the small intestine's blood flow that reaches the mucosa."""


@dataclass(frozen=True)
class Tissues:
    """Tissues of the reference man, in the order of the organs.

    Args:
        volume: Organ volumes with their blood [L].
        flow: Blood flows [L/h]; liver: artery only.
        vascular_fraction: Blood per organ volume.
        interstitial_share: Interstitium per organ volume without blood.
        cell_area: Surface between interstitium and cells [cm^2].
    """

    volume: NDArray[np.float64]
    flow: NDArray[np.float64]
    vascular_fraction: NDArray[np.float64]
    interstitial_share: NDArray[np.float64]
    cell_area: NDArray[np.float64]


@cache
def reference_tissues() -> Tissues:
    """The table of the reference man."""
    source = resources.files(__package__).joinpath("reference_man_pksim.csv")
    lines = [x for x in source.read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    rows = {row["organ"]: row for row in csv.DictReader(lines)}

    def column(name: str) -> NDArray[np.float64]:
        return np.array([float(rows[organ][name]) for organ in ORGANS])

    blood = column("vascular_fraction")
    return Tissues(
        volume=column("volume"),
        flow=column("flow"),
        vascular_fraction=blood,
        interstitial_share=column("interstitial_fraction") / (1.0 - blood),
        cell_area=column("cell_area"),
    )


def reference_man(kp: Any, blood_plasma_ratio: float) -> dict[str, Any]:
    """Physiological ports of ``body.pbpk`` for PK-Sim's European reference man (73 kg, 176 cm).

    PK-Sim's organ volumes hold the organ's blood, so the organ's partition coefficient is the mean of
    tissue and blood, ``(1 - f) Kp + f Rb``.

    Args:
        kp: Tissue:plasma ratios without blood (organ,).
        blood_plasma_ratio: Blood:plasma ratio Rb.

    Returns:
        Ports ``organ_volume``, ``organ_flow``, ``arterial_volume``, ``venous_volume``, ``gfr``,
        ``mucosal_flow`` and ``kp``.
    """
    tissues = reference_tissues()
    blood = tissues.vascular_fraction
    intestine = tissues.flow[ORGANS.index("small_intestine")]
    return {
        "organ_volume": tissues.volume,
        "organ_flow": tissues.flow,
        "arterial_volume": ARTERIAL,
        "venous_volume": VENOUS + PORTAL_VEIN,
        "gfr": GFR,
        "mucosal_flow": MUCOSAL_FLOW_SHARE * intestine,
        "kp": (1.0 - blood) * np.asarray(kp, dtype=float) + blood * blood_plasma_ratio,
    }
