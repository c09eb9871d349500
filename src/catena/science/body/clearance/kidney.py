"""Renal clearance: filtration, flow-limited secretion, reabsorption.

``CLr = (GFR fu + CLsec) (1 - Freab)``, the secretion of a well-stirred kidney seen from plasma:
``CLsec = B:P * Q fub CLint / (Q + fub CLint)``.

Source: Tucker 1981, Br J Clin Pharmacol 12:761.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["renal_clearance"]

enable_x64()


def renal_clearance(
    gfr: ArrayLike,
    fu_plasma: ArrayLike,
    clint_secretion: ArrayLike = 0.0,
    flow: ArrayLike = 1.0,
    blood_plasma_ratio: ArrayLike = 1.0,
    reabsorbed: ArrayLike = 0.0,
) -> Array:
    """Renal clearance from plasma.

    Args:
        gfr: glomerular filtration rate [L/h].
        fu_plasma: unbound fraction in plasma.
        clint_secretion: unbound intrinsic clearance of tubular secretion [L/h].
        flow: renal blood flow [L/h]; limits secretion only.
        blood_plasma_ratio: blood:plasma concentration ratio.
        reabsorbed: fraction of filtered and secreted drug taken back.

    Returns:
        Clearance [L/h].
    """
    fu, ratio = jnp.asarray(fu_plasma), jnp.asarray(blood_plasma_ratio)
    removal = fu / ratio * clint_secretion
    secreted = ratio * flow * removal / (flow + removal)
    return (jnp.asarray(gfr) * fu + secreted) * (1.0 - jnp.asarray(reabsorbed))
