"""From in-vitro rates to the whole liver and gut wall.

Every result refers to unbound drug: ``/ fu_inc`` for an intrinsic clearance, ``* fu_inc`` for Km.

    hepatocytes    CLint [L/h]  = CLint [uL/min/1e6 cells] / fu_inc * HPGL * liver mass * 6e-5
    microsomes     CLint [L/h]  = CLint [uL/min/mg] / fu_inc * MPPGL * liver mass * 6e-5
                   Vmax [umol/h] = Vmax [pmol/min/mg] * MPPGL * liver mass * 6e-5
    recombinant    CLint [uL/min/mg] = sum(CLint [uL/min/pmol] * ISEF * abundance [pmol/mg])
    gut wall       activity per pmol of enzyme as in the liver, times the gut's content

Sources: Barter et al. 2007, doi:10.2174/138920007779315053 (HPGL, MPPGL); Proctor, Tucker and
Rostami-Hodjegan 2004, doi:10.1080/00498250310001646353 (ISEF); Yang et al. 2007,
doi:10.2174/138920007782109805 (gut).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = [
    "PER_HOUR",
    "abundance_factor",
    "clint_from_hepatocytes",
    "clint_from_microsomes",
    "gut_activity",
    "intrinsic_clearance",
    "microsomal_from_recombinant",
    "vmax_from_microsomes",
]

enable_x64()

PER_HOUR = 6e-5
"""uL/min to L/h, and pmol/min to umol/h."""


def clint_from_hepatocytes(
    clint: ArrayLike, fu_incubation: ArrayLike, hpgl: ArrayLike, liver_mass: ArrayLike
) -> Array:
    """Unbound intrinsic clearance of the liver from hepatocytes.

    Args:
        clint: [uL/min/1e6 cells], apparent (of total drug in the incubation).
        fu_incubation: unbound fraction in the incubation.
        hpgl: hepatocytes per gram of liver [1e6 cells/g].
        liver_mass: [g].

    Returns:
        Intrinsic clearance [L/h].
    """
    return jnp.asarray(clint) / fu_incubation * hpgl * liver_mass * PER_HOUR


def clint_from_microsomes(
    clint: ArrayLike, fu_incubation: ArrayLike, mppgl: ArrayLike, liver_mass: ArrayLike
) -> Array:
    """Unbound intrinsic clearance of the liver from microsomes.

    Args:
        clint: [uL/min/mg], apparent.
        fu_incubation: unbound fraction in the incubation.
        mppgl: microsomal protein per gram of liver [mg/g].
        liver_mass: [g].

    Returns:
        Intrinsic clearance [L/h].
    """
    return jnp.asarray(clint) / fu_incubation * mppgl * liver_mass * PER_HOUR


def vmax_from_microsomes(vmax: ArrayLike, mppgl: ArrayLike, liver_mass: ArrayLike) -> Array:
    """Maximal metabolic rate of the liver from microsomes.

    Args:
        vmax: [pmol/min/mg].
        mppgl: microsomal protein per gram of liver [mg/g].
        liver_mass: [g].

    Returns:
        Maximal rate [umol/h].
    """
    return jnp.asarray(vmax) * mppgl * liver_mass * PER_HOUR


def microsomal_from_recombinant(
    rate: ArrayLike, abundance: ArrayLike, isef: ArrayLike = 1.0
) -> Array:
    """Microsomal activity from recombinant enzymes, one value per enzyme.

    Args:
        rate: per pmol of enzyme: clearance [uL/min/pmol] or Vmax [pmol/min/pmol] (..., enzyme).
        abundance: in liver microsomes [pmol/mg] (..., enzyme).
        isef: intersystem extrapolation factor (activity per pmol in liver over recombinant).

    Returns:
        Activity per mg of microsomal protein (..., enzyme); sum it over enzymes for a clearance.
    """
    return jnp.asarray(rate) * isef * abundance


def abundance_factor(share: ArrayLike, abundance: ArrayLike, reference: ArrayLike) -> Array:
    """Factor on an activity of which ``share`` is due to one enzyme that varies between people.

    Args:
        share: fraction of the activity due to the enzyme.
        abundance: the individual's abundance.
        reference: abundance in the pool the in-vitro value was measured in.

    Returns:
        ``1 - share + share * abundance / reference``.
    """
    return 1.0 - jnp.asarray(share) + jnp.asarray(share) * abundance / reference


def gut_activity(
    microsomal: ArrayLike, share: ArrayLike, reference: ArrayLike, content: ArrayLike
) -> Array:
    """Activity of the gut wall from that of liver microsomes, enzyme for enzyme.

    Args:
        microsomal: activity per mg of liver microsomes: [uL/min/mg] or [pmol/min/mg].
        share: fraction of it due to the enzyme.
        reference: abundance in the liver pool [pmol/mg].
        content: content of the whole small intestine [nmol].

    Returns:
        Intrinsic clearance [L/h] or maximal rate [umol/h].
    """
    return jnp.asarray(microsomal) * share / reference * jnp.asarray(content) * 1e3 * PER_HOUR


def intrinsic_clearance(
    linear: ArrayLike, vmax: ArrayLike, km: ArrayLike, concentration: ArrayLike = 0.0
) -> Array:
    """Unbound intrinsic clearance of parallel saturable pathways and a linear rest.

    Args:
        linear: sum of the linear pathways [L/h].
        vmax: maximal rates [umol/h] (..., pathway).
        km: unbound Michaelis constants [umol/L] (..., pathway).
        concentration: unbound concentration at the enzyme [umol/L]; 0 is the linear limit.

    Returns:
        ``linear + sum(vmax / (km + C))`` [L/h].
    """
    rate = jnp.asarray(vmax) / (jnp.asarray(km) + jnp.asarray(concentration)[..., None])
    return jnp.asarray(linear) + jnp.sum(rate, axis=-1)
