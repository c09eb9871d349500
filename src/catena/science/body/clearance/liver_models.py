"""What a liver of given blood flow and intrinsic clearance takes out of the blood.

All models take the unbound intrinsic clearance and the unbound fraction in blood, and return the
clearance from *blood*.  With r = fub CLint / Q:

    well_stirred    CL = Q r / (1 + r)                      one mixed pool
    parallel_tube   CL = Q (1 - exp(-r))                    plug flow
    dispersion      CL = Q (1 - F), closed vessel           in between, Dn = 0.17
    extended        CL = Q fub PSin CLi / (Q (PSout + CLi) + fub PSin CLi), CLi = CLmet + CLbile

At any r the order is well_stirred <= dispersion <= parallel_tube; for r -> 0 all give fub CLint, for
r -> infinity all give Q.

Sources: Pang and Rowland 1977, doi:10.1007/BF01059688; Roberts and Rowland 1986, J Pharmacokinet
Biopharm 14:261 (dispersion, Dn 0.17); Shitara, Horie and Sugiyama 2006, Eur J Pharm Sci 27:425
(extended).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64
from catena.science.body.clearance.conventions import DISPERSION_NUMBER

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = [
    "LIVER_MODELS",
    "dispersion",
    "extended",
    "parallel_tube",
    "well_stirred",
]

enable_x64()


def well_stirred(flow: ArrayLike, fu_blood: ArrayLike, clint: ArrayLike) -> Array:
    """Blood clearance of a liver mixed throughout.

    Args:
        flow: hepatic blood flow [L/h].
        fu_blood: unbound fraction in blood.
        clint: unbound intrinsic clearance [L/h].

    Returns:
        Clearance [L/h].
    """
    removal = jnp.asarray(fu_blood) * clint
    return jnp.asarray(flow) * removal / (flow + removal)


def parallel_tube(flow: ArrayLike, fu_blood: ArrayLike, clint: ArrayLike) -> Array:
    """Blood clearance of a liver of plug-flow tubes; arguments as :func:`well_stirred`."""
    ratio = jnp.asarray(fu_blood) * clint / flow
    return jnp.asarray(flow) * -jnp.expm1(-ratio)


def dispersion(
    flow: ArrayLike,
    fu_blood: ArrayLike,
    clint: ArrayLike,
    dispersion_number: ArrayLike = DISPERSION_NUMBER,
) -> Array:
    """Blood clearance of a liver with axial dispersion, closed at both ends.

    ``F = 4a / ((1+a)^2 exp((a-1)/(2Dn)) - (1-a)^2 exp(-(a+1)/(2Dn)))``, a = sqrt(1 + 4 r Dn).  The
    extraction 1 - F is formed without cancellation, so that small clearances stay exact.

    Args:
        flow: hepatic blood flow [L/h].
        fu_blood: unbound fraction in blood.
        clint: unbound intrinsic clearance [L/h].
        dispersion_number: Dn > 0; small values approach plug flow, large ones a mixed pool.

    Returns:
        Clearance [L/h].
    """
    ratio = jnp.asarray(fu_blood) * clint / flow
    number = jnp.asarray(dispersion_number)
    a = jnp.sqrt(1.0 + 4.0 * ratio * number)
    # (a - 1) / (2 Dn), written so that it does not lose digits when a is close to 1.
    gap = 2.0 * ratio / (1.0 + a)
    # Both terms of the denominator, times exp(-gap) so that large clearances do not overflow.
    back = jnp.square(1.0 - a) * -jnp.expm1(-a / number)
    lost = 4.0 * a * -jnp.expm1(-gap)
    return jnp.asarray(flow) * (lost + back) / (4.0 * a + back)


def extended(
    flow: ArrayLike,
    fu_blood: ArrayLike,
    clint_metabolic: ArrayLike,
    clint_biliary: ArrayLike,
    influx: ArrayLike,
    efflux: ArrayLike,
) -> Array:
    """Blood clearance with uptake into and sinusoidal efflux out of hepatocytes (mixed pool).

    Args:
        flow: hepatic blood flow [L/h].
        fu_blood: unbound fraction in blood.
        clint_metabolic: unbound metabolic intrinsic clearance [L/h].
        clint_biliary: unbound biliary intrinsic clearance [L/h].
        influx: passive plus active sinusoidal influx, PSin [L/h].
        efflux: passive plus active sinusoidal efflux, PSout [L/h].

    Returns:
        Clearance [L/h]; equals :func:`well_stirred` for influx = efflux -> infinity.
    """
    inside = jnp.asarray(clint_metabolic) + clint_biliary
    uptake = jnp.asarray(fu_blood) * influx * inside
    return jnp.asarray(flow) * uptake / (flow * (jnp.asarray(efflux) + inside) + uptake)


LIVER_MODELS: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], Array]] = {
    "well_stirred": well_stirred,
    "parallel_tube": parallel_tube,
    "dispersion": dispersion,
}
"""Perfusion-limited liver models by name."""
