"""Volume of distribution at steady state from partition coefficients and organ volumes.

``Vss = V_plasma + V_rbc * EP + sum(V_organ Kp)`` with the red-cell:plasma ratio
``EP = (B:P - (1 - Hct)) / Hct`` (Oie and Tozer 1979; Poulin and Theil 2002,
doi:10.1002/jps.10005).  No correction for eliminating organs is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["red_cell_ratio", "steady_state_volume"]

enable_x64()


def red_cell_ratio(blood_plasma_ratio: ArrayLike, hematocrit: ArrayLike) -> tuple[Array, Array]:
    """Red-cell:plasma concentration ratio, and whether it had to be clipped at 0.

    Args:
        blood_plasma_ratio: blood:plasma concentration ratio.
        hematocrit: volume fraction of red cells, 0 < Hct < 1.

    Returns:
        The ratio, and True where B:P < 1 - Hct (impossible: red cells would hold less than none).
    """
    hematocrit = jnp.asarray(hematocrit)
    excess = jnp.asarray(blood_plasma_ratio) - (1.0 - hematocrit)
    # An acid kept out of red cells has B:P = 1 - Hct exactly; rounding must not raise the flag.
    return jnp.maximum(excess, 0.0) / hematocrit, excess < -1e-9


def steady_state_volume(
    kp: ArrayLike,
    organ_volume: ArrayLike,
    blood_volume: ArrayLike,
    blood_plasma_ratio: ArrayLike = 1.0,
    hematocrit: ArrayLike = 0.45,
) -> Array:
    """Volume of distribution at steady state, referred to plasma.

    Args:
        kp: tissue:plasma partition coefficients (..., 16).
        organ_volume: organ volumes without their blood [L] (..., 16).
        blood_volume: total blood volume [L].
        blood_plasma_ratio: blood:plasma concentration ratio.
        hematocrit: volume fraction of red cells.

    Returns:
        Vss [L].
    """
    ratio, _ = red_cell_ratio(blood_plasma_ratio, hematocrit)
    hematocrit = jnp.asarray(hematocrit)
    blood = jnp.asarray(blood_volume) * ((1.0 - hematocrit) + hematocrit * ratio)
    return blood + jnp.sum(jnp.asarray(kp) * jnp.asarray(organ_volume), axis=-1)
