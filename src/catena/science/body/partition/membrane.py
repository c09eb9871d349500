"""Schmitt and PK-Sim standard: uptake governed by the affinity to membranes.

Both use the phospholipid membrane:water coefficient K_MA = 10^logMA and bind protein with
``K_prot = 0.163 + 0.0221 K_MA``.

PK-Sim standard (Willmann, Lippert and Schmitt 2005, doi:10.1517/17425255.1.1.159)::

    Kp = (f_water + K_MA f_lipid + K_prot f_protein) fu

Schmitt 2008 (doi:10.1016/j.tiv.2007.09.010), interstitium and cells apart::

    Kpu  = F_int (W_p + 0.37 (1/fu - W_p)) + kappa F_cell / fu_cell
    1/fu_cell = W_c + D f_nl + K_MA f_npl + K_APL f_apl + K_prot f_prot
    D    = P (f0 + 0.001 (1 - f0))        octanol distribution at cell pH, f0 uncharged fraction
    K_APL = K_MA (f0 + 20 f_cation + 0.05 f_anion)
    kappa = D(plasma pH) / D(cell pH)     only the uncharged form crosses membranes
    Kp   = fu Kpu

Membrane affinity, when not given: PK-Sim standard takes logP itself (its "lipophilicity" is a
membrane affinity usually fitted to data); Schmitt takes 1.294 + 0.304 logP (Yun and Edginton 2013,
doi:10.3109/00498254.2013.770182).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.science.body.partition.composition import composition
from catena.science.body.partition.conventions import PH_PLASMA
from catena.science.body.partition.drug import Drug, Partition, over_organs
from catena.science.body.partition.ionisation import Ionisation

if TYPE_CHECKING:
    from jax import Array

__all__ = ["pksim_standard", "schmitt"]

_PLASMA_PROTEIN = 0.075 / 1.025
"""Volume fraction of protein in plasma: 75 g/L at 1.025 kg/L (Pearce 2017)."""
_PLASMA_WATER = 1.0 - _PLASMA_PROTEIN
_INTERSTITIAL_PROTEIN = 0.37
"""Interstitial protein relative to plasma (Schmitt 2008)."""
_CHARGED_OCTANOL = 0.001
"""Octanol uptake of a charged relative to the uncharged molecule (Schmitt 2008)."""
_CATION_AFFINITY, _ANION_AFFINITY = 20.0, 0.05
"""Affinity of charged forms to acidic phospholipid, relative to the uncharged (Schmitt 2008)."""


def _protein(membrane: Array) -> Array:
    return 0.163 + 0.0221 * membrane


def _octanol(drug: Drug, species: Ionisation) -> Array:
    """Octanol:water distribution coefficient of the mixture of charged and uncharged forms."""
    uncharged = species.neutral_fraction
    octanol = jnp.power(10.0, over_organs(drug.logp))
    return octanol * (uncharged + _CHARGED_OCTANOL * (1.0 - uncharged))


def pksim_standard(drug: Drug) -> Partition:
    """Partition coefficients by the PK-Sim standard method (equation in the module docstring).

    Args:
        drug: inputs, scalars or batches of one shape (n,); pKa and B:P are not used.

    Returns:
        kp (n, 16); no term is ever clipped.
    """
    table = composition("pksim_standard")
    affinity = drug.logp if drug.log_membrane_affinity is None else drug.log_membrane_affinity
    membrane = jnp.power(10.0, over_organs(affinity))
    content = (
        table["water"] + membrane * table["lipid"] + _protein(membrane) * table["protein"]
    ) * over_organs(drug.fu_plasma)
    return Partition(content, jnp.zeros(content.shape[:-1], dtype=bool))


def schmitt(drug: Drug) -> Partition:
    """Partition coefficients after Schmitt 2008 (equations in the module docstring).

    Args:
        drug: inputs, scalars or batches of one shape (n,); B:P is not used.  Inputs with
            1/fu below the plasma water content (0.927) do not occur for fu <= 1.

    Returns:
        kp (n, 16); no term is ever clipped.
    """
    table = composition("schmitt")
    logp = jnp.asarray(drug.logp)
    affinity = (
        1.294 + 0.304 * logp if drug.log_membrane_affinity is None else drug.log_membrane_affinity
    )
    membrane = jnp.power(10.0, over_organs(affinity))
    groups = type(drug.groups)(*(over_organs(pka) for pka in drug.groups))
    cell, plasma = groups.at(table["cell_ph"]), groups.at(PH_PLASMA)
    octanol = _octanol(drug, cell)
    acidic = membrane * (
        cell.neutral_fraction
        + _CATION_AFFINITY * cell.cation_fraction
        + _ANION_AFFINITY * cell.anion_fraction
    )
    lipid = (
        octanol * table["neutral_lipid_share"]
        + membrane * table["neutral_phospholipid_share"]
        + acidic * table["acidic_phospholipid_share"]
    ) * table["cell_lipid"]
    cells = table["cell_water"] + lipid + _protein(membrane) * table["cell_protein"]
    kappa = _octanol(drug, plasma) / octanol

    fu = over_organs(drug.fu_plasma)
    interstitium = _PLASMA_WATER + _INTERSTITIAL_PROTEIN * (1.0 / fu - _PLASMA_WATER)
    whole = table["interstitial_volume"] + table["cell_volume"]  # gut sums to 0.996
    kpu = (table["interstitial_volume"] * interstitium + table["cell_volume"] * kappa * cells) / (
        whole
    )
    return Partition(kpu * fu, jnp.zeros(kpu.shape[:-1], dtype=bool))
