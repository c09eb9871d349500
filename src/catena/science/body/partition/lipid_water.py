"""Poulin-Theil and Berezhkovskiy: a tissue as lipid plus water, binding by a half-rule.

With V the volume fractions (water w, neutral lipid nl, phospholipid ph; p marks plasma) and D the
octanol:water coefficient P (vegetable oil:water at pH 7.4 in adipose tissue)::

    fut = 1 / (1 + 0.5 (1 - fu) / fu)           (tissue binds half as much as plasma)
    Poulin-Theil    Kp = [D (Vnl + 0.3 Vph) + Vw + 0.7 Vph] / [same of plasma] * fu / fut
                    adipose tissue binds no protein there: fut = 1
    Berezhkovskiy   Kp = [D (Vnl + 0.3 Vph) + Vw / fut + 0.7 Vph]
                         / [D (Vnl_p + 0.3 Vph_p) + Vw_p / fu + 0.7 Vph_p]

Sources: Poulin and Theil 2002, doi:10.1002/jps.10005; Berezhkovskiy 2004, doi:10.1002/jps.20073.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from catena.science.body.partition.composition import ADIPOSE, composition
from catena.science.body.partition.conventions import PH_PLASMA
from catena.science.body.partition.drug import Drug, Partition, over_organs, vegetable_oil

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["berezhkovskiy", "poulin_theil", "unbound_in_tissue"]


def unbound_in_tissue(fu_plasma: ArrayLike) -> Array:
    """Unbound fraction in tissue water when tissue binds half as much as plasma."""
    fu = jnp.asarray(fu_plasma)
    return 1.0 / (1.0 + 0.5 * (1.0 - fu) / fu)


def _oil(drug: Drug) -> Array:
    """Oil:water coefficient per organ: octanol, or ionisation-corrected oil in adipose tissue."""
    octanol = jnp.power(10.0, jnp.asarray(drug.logp))
    adipose = vegetable_oil(drug.logp) * drug.groups.at(PH_PLASMA).neutral_fraction
    return jnp.where(ADIPOSE, over_organs(adipose), over_organs(octanol))


def _content(oil: Array, part: Mapping[str, Any], water: ArrayLike) -> Array:
    """Capacity of a tissue or of plasma: lipid, water and the watery part of phospholipid."""
    lipid = oil * (part["neutral_lipid"] + 0.3 * part["phospholipid"])
    return lipid + water + 0.7 * part["phospholipid"]


def poulin_theil(drug: Drug) -> Partition:
    """Partition coefficients after Poulin and Theil (equations in the module docstring).

    Args:
        drug: inputs, scalars or batches of one shape (n,); B:P is not used.

    Returns:
        kp (n, 16); no term is ever clipped.
    """
    table = composition("poulin_theil")
    oil = _oil(drug)
    tissue = _content(oil, table.organs, table["water"])
    plasma = _content(oil, table.plasma, table.plasma["water"])
    fut = jnp.where(ADIPOSE, 1.0, over_organs(unbound_in_tissue(drug.fu_plasma)))
    kp = tissue / plasma * over_organs(drug.fu_plasma) / fut
    return Partition(kp, jnp.zeros(kp.shape[:-1], dtype=bool))


def berezhkovskiy(drug: Drug) -> Partition:
    """Partition coefficients after Berezhkovskiy (equations in the module docstring).

    Args:
        drug: inputs, scalars or batches of one shape (n,); B:P is not used.

    Returns:
        kp (n, 16); no term is ever clipped.
    """
    table = composition("poulin_theil")
    oil = _oil(drug)
    fut = over_organs(unbound_in_tissue(drug.fu_plasma))
    tissue = _content(oil, table.organs, table["water"] / fut)
    plasma = _content(oil, table.plasma, table.plasma["water"] / over_organs(drug.fu_plasma))
    kp = tissue / plasma
    return Partition(kp, jnp.zeros(kp.shape[:-1], dtype=bool))
