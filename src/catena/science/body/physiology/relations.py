"""Published relations between a person's covariates and physiology, as pure JAX functions.

Every function takes and returns arrays of one common shape (scalars included), is differentiable,
and treats sex as an index: 0 male, 1 female.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr, ndtri
from jax.typing import ArrayLike

from catena.core.jaxconfig import enable_x64

enable_x64()

__all__ = [
    "blood_volume",
    "body_surface_area",
    "cardiac_output_age_factor",
    "egfr_ckd_epi_2021",
    "lognormal_factor",
    "mppgl_mean",
    "normal_factor",
    "skeletal_muscle",
]

_LOWEST_NORMAL_FACTOR = 0.1
_FARTHEST_DEVIATE = 6.0


def body_surface_area(height: ArrayLike, weight: ArrayLike) -> Array:
    """Body surface area after Mosteller.

    Args:
        height: [cm].
        weight: [kg].

    Returns:
        Surface area [m^2].

    Source: Mosteller (1987), doi:10.1056/NEJM198710223171717.
    """
    return jnp.sqrt(jnp.asarray(height) * jnp.asarray(weight) / 3600.0)


def blood_volume(sex: ArrayLike, height: ArrayLike, weight: ArrayLike) -> Array:
    """Total blood volume after Nadler.

    Args:
        sex: index, 0 male, 1 female.
        height: [cm].
        weight: [kg].

    Returns:
        Blood volume [L].

    Source: Nadler, Hidalgo and Bloch (1962), Surgery 51:224-232.
    """
    cubic_metres = (jnp.asarray(height) / 100.0) ** 3
    weight = jnp.asarray(weight)
    male = 0.3669 * cubic_metres + 0.03219 * weight + 0.6041
    female = 0.3561 * cubic_metres + 0.03308 * weight + 0.1833
    return jnp.where(jnp.asarray(sex) == 1, female, male)


def egfr_ckd_epi_2021(sex: ArrayLike, age: ArrayLike, serum_creatinine: ArrayLike) -> Array:
    """Estimated glomerular filtration rate by the race-free CKD-EPI equation of 2021.

    Args:
        sex: index, 0 male, 1 female.
        age: [year].
        serum_creatinine: [mg/dL].

    Returns:
        eGFR indexed to body surface [mL/min per 1.73 m^2].

    Source: Inker et al. (2021), doi:10.1056/NEJMoa2102953.
    """
    female = jnp.asarray(sex) == 1
    kappa = jnp.where(female, 0.7, 0.9)
    alpha = jnp.where(female, -0.241, -0.302)
    relative = jnp.asarray(serum_creatinine) / kappa
    return (
        142.0
        * jnp.minimum(relative, 1.0) ** alpha
        * jnp.maximum(relative, 1.0) ** -1.200
        * 0.9938 ** jnp.asarray(age)
        * jnp.where(female, 1.012, 1.0)
    )


def mppgl_mean(age: ArrayLike) -> Array:
    """Geometric mean of microsomal protein per gram of liver against age.

    Args:
        age: [year].

    Returns:
        Microsomal protein [mg/g liver].

    Source: Barter et al. (2008), doi:10.1124/dmd.108.021311.
    """
    age = jnp.asarray(age)
    return 10.0 ** (1.407 + 0.0158 * age - 0.00038 * age**2 + 0.0000024 * age**3)


def skeletal_muscle(sex: ArrayLike, age: ArrayLike, height: ArrayLike, weight: ArrayLike) -> Array:
    """Expected skeletal muscle mass (anthropometric prediction without ancestry term).

    Args:
        sex: index, 0 male, 1 female.
        age: [year].
        height: [cm].
        weight: [kg].

    Returns:
        Muscle mass [kg], at least 1 kg.

    Source: Lee et al. (2000), doi:10.1093/ajcn/72.3.796: SM = 0.244 weight + 7.80 height [m]
    + 6.6 (men) - 0.098 age - 3.3; R2 0.86, standard error 2.8 kg, adults that were not obese.
    """
    male = jnp.where(jnp.asarray(sex) == 1, 0.0, 6.6)
    linear = 0.244 * jnp.asarray(weight) + 0.078 * jnp.asarray(height)
    return jnp.maximum(linear + male - 0.098 * jnp.asarray(age) - 3.3, 1.0)


def cardiac_output_age_factor(age: ArrayLike, onset: ArrayLike, slope: ArrayLike) -> Array:
    """Share of the young adult's cardiac output that is left at an age.

    Args:
        age: [year].
        onset: age up to which the factor is one [year].
        slope: linear fall after onset [1/year].

    Returns:
        Factor in (0, 1].

    Source: McNally et al. (2014), doi:10.1016/j.tox.2013.07.009: 0.5 % a year.
    """
    return 1.0 - jnp.asarray(slope) * jnp.maximum(jnp.asarray(age) - jnp.asarray(onset), 0.0)


def lognormal_factor(z: ArrayLike, cv: ArrayLike) -> Array:
    """Factor on a median, spread lognormally.

    Args:
        z: standard normal deviate; 0 gives the factor 1.
        cv: coefficient of variation of the spread (fraction).

    Returns:
        ``exp(z sqrt(ln(1 + cv^2)))``.
    """
    return jnp.exp(jnp.asarray(z) * jnp.sqrt(jnp.log1p(jnp.asarray(cv) ** 2)))


def normal_factor(z: ArrayLike, cv: ArrayLike) -> Array:
    """Factor on a mean, spread normally but never below a tenth of the mean.

    The deviate is mapped by quantiles onto a normal truncated at equal distances on both sides,
    so that z = 0 keeps the mean, the factor rises smoothly with z and nothing is clipped.

    Args:
        z: standard normal deviate; 0 gives the factor 1.
        cv: coefficient of variation before truncation (fraction); 0 gives the factor 1.

    Returns:
        Factor in [0.1, 1.9].
    """
    cv = jnp.asarray(cv)
    spread = cv > 0
    bound = jnp.where(spread, (1.0 - _LOWEST_NORMAL_FACTOR) / jnp.where(spread, cv, 1.0), 1.0)
    bound = jnp.minimum(bound, _FARTHEST_DEVIATE)
    tail = ndtr(-bound)
    # At most six deviates wide, so the upper tail keeps seven digits in double precision.
    quantile = tail + (1.0 - 2.0 * tail) * ndtr(jnp.asarray(z))
    return 1.0 + cv * ndtri(quantile)
