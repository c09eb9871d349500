"""Rodgers and Rowland: tissue water, lipid and specific binding of ionised drugs.

With X, Y, Z one plus the charged-to-uncharged ratio in cell water (pH 7.0), plasma (7.4) and red
cells (7.22), P the oil:water partition coefficient (octanol; vegetable oil in adipose tissue) and
``lipid(tissue) = (P f_NL + (0.3 P + 0.7) f_NP) / Y``::

    Kpu = f_EW + (X/Y) f_IW + lipid + binding
    strong base (pKa >= 7):  binding = KaAP [AP] (X - 1) / Y
        KaAP = (Kpu_rbc - (Z/Y) f_IW,rbc - lipid_rbc) Y / ([AP]_rbc (Z - 1))
        Kpu_rbc = (Hct - 1 + B:P) / (Hct fu)
    all others:              binding = (1/fu - 1 - lipid_plasma) * ratio
        ratio = tissue:plasma albumin (acids, weak bases, zwitterions), lipoprotein (neutrals)
    Kp = fu Kpu

A negative binding constant is set to 0 and flagged.  Plasma and red-cell lipid always use octanol.
The composition is the rat's, as published; it is applied to man as is customary.

Sources: Rodgers, Leahy and Rowland 2005, doi:10.1002/jps.20322; Rodgers and Rowland 2006,
doi:10.1002/jps.20502.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from catena.science.body.partition.composition import ADIPOSE, composition
from catena.science.body.partition.conventions import PH_CELL, PH_PLASMA, PH_RED_BLOOD_CELL
from catena.science.body.partition.drug import Drug, Partition, over_organs, vegetable_oil
from catena.science.body.partition.ionisation import has_acid, has_base, is_strong_base

if TYPE_CHECKING:
    from jax import Array

__all__ = ["rodgers_rowland"]


def _lipid(oil: Array, tissue: Mapping[str, Any], plasma_total: Array) -> Array:
    """Uptake into neutral lipid and neutral phospholipid; the latter is 30 % oil, 70 % water."""
    phospholipid = (0.3 * oil + 0.7) * tissue["neutral_phospholipid"]
    return (oil * tissue["neutral_lipid"] + phospholipid) / plasma_total


def _phospholipid_affinity(drug: Drug, oil: Array) -> tuple[Array, Array]:
    """Affinity to acidic phospholipids [g/mg] inferred from red cells, and whether it was clipped.

    Where the molecule is no base the formula has no meaning (0/0); 1 stands in for the charged
    term so that neither value nor gradient becomes NaN in the branch that is not used.
    """
    cells = composition("rodgers_rowland").red_blood_cell
    plasma, red = drug.groups.at(PH_PLASMA).total, drug.groups.at(PH_RED_BLOOD_CELL).total
    hematocrit = jnp.asarray(drug.hematocrit)
    uptake = (hematocrit - 1.0 + drug.blood_plasma_ratio) / (hematocrit * drug.fu_plasma)
    bound = uptake - red / plasma * cells["intracellular_water"] - _lipid(oil, cells, plasma)
    charged = jnp.where(is_strong_base(drug.groups), red - 1.0, 1.0)
    affinity = jnp.maximum(bound, 0.0) * plasma / (cells["acidic_phospholipid"] * charged)
    return affinity, bound < 0.0


def _protein_affinity(drug: Drug, oil: Array) -> tuple[Array, Array]:
    """Bound-to-unbound ratio on plasma protein beyond lipid uptake, and whether it was clipped."""
    plasma = composition("rodgers_rowland").plasma
    total = drug.groups.at(PH_PLASMA).total
    bound = 1.0 / jnp.asarray(drug.fu_plasma) - 1.0 - _lipid(oil, plasma, total)
    return jnp.maximum(bound, 0.0), bound < 0.0


def rodgers_rowland(drug: Drug) -> Partition:
    """Partition coefficients after Rodgers and Rowland (equations in the module docstring).

    Args:
        drug: inputs, scalars or batches of one shape (n,); B:P matters for strong bases only.

    Returns:
        kp (n, 16) and the clipping flag (n,).
    """
    tissue = composition("rodgers_rowland")
    octanol = jnp.power(10.0, jnp.asarray(drug.logp))
    oil = jnp.where(ADIPOSE, over_organs(vegetable_oil(drug.logp)), over_organs(octanol))
    cell, plasma = drug.groups.at(PH_CELL).total, drug.groups.at(PH_PLASMA).total
    strong = is_strong_base(drug.groups)
    ionisable = has_acid(drug.groups.acid) | has_base(drug.groups.base)

    phospholipid, phospholipid_clipped = _phospholipid_affinity(drug, octanol)
    protein, protein_clipped = _protein_affinity(drug, octanol)
    carrier = jnp.where(
        over_organs(ionisable), tissue["albumin_ratio"], tissue["lipoprotein_ratio"]
    )
    to_phospholipid = (
        over_organs(phospholipid * (cell - 1.0) / plasma) * tissue["acidic_phospholipid"]
    )
    binding = jnp.where(over_organs(strong), to_phospholipid, over_organs(protein) * carrier)
    water = (
        tissue["extracellular_water"] + over_organs(cell / plasma) * tissue["intracellular_water"]
    )
    kpu = water + _lipid(oil, tissue.organs, over_organs(plasma)) + binding
    return Partition(
        kpu * over_organs(drug.fu_plasma),
        jnp.where(strong, phospholipid_clipped, protein_clipped),
    )
