"""First pass through the gut wall: the Qgut model.

``Fg = Qgut / (Qgut + fu_gut CLint,gut)`` with ``Qgut = Qvilli CLperm / (Qvilli + CLperm)`` and
``CLperm = Peff * A``, A the surface of the small intestine as a smooth cylinder.

Source: Yang et al. 2007, doi:10.2174/138920007782109805.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64
from catena.science.body.clearance.conventions import INTESTINAL_SURFACE, VILLOUS_FLOW

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["gut_availability", "gut_flow", "permeability_flow"]

enable_x64()


def permeability_flow(peff: ArrayLike, surface: ArrayLike = INTESTINAL_SURFACE) -> Array:
    """Permeability clearance of the small intestine.

    Args:
        peff: effective permeability [cm/s].
        surface: surface it refers to [cm^2].

    Returns:
        Clearance [L/h].
    """
    return jnp.asarray(peff) * surface * 3.6


def gut_flow(permeability: ArrayLike, villous_flow: ArrayLike = VILLOUS_FLOW) -> Array:
    """Hybrid of villous blood flow and permeability clearance, Qgut [L/h].

    Args:
        permeability: permeability clearance [L/h].
        villous_flow: blood flow of the villi [L/h].
    """
    permeability, villous_flow = jnp.asarray(permeability), jnp.asarray(villous_flow)
    return villous_flow * permeability / (villous_flow + permeability)


def gut_availability(flow: ArrayLike, fu_gut: ArrayLike, clint: ArrayLike) -> Array:
    """Fraction of absorbed drug that escapes metabolism in the gut wall.

    Args:
        flow: Qgut [L/h].
        fu_gut: unbound fraction in the enterocyte (1 recommended by Yang 2007).
        clint: unbound intrinsic clearance of the gut wall [L/h].

    Returns:
        Fg.
    """
    flow = jnp.asarray(flow)
    return flow / (flow + jnp.asarray(fu_gut) * clint)
