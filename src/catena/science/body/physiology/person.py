"""One adult's physiology from covariates and standardised deviates (pure JAX, batch first).

Organ masses are reference mass x size x spread.  Size is (height / reference height)^0.75, but for
skin and liver a power of body surface, and for muscle the expected skeletal muscle of this sex,
age, height and weight: by height alone a quarter of drawn adults had an impossible body, with no
mass left for fat or all too much.  Blood follows Nadler; adipose tissue is what body mass has left.
Cardiac output goes with body surface and falls with age; regional flows are fixed shares with
spread, divided by their sum so that the flow balance closes exactly.

A deviate of 0 is the typical person of that sex, age,
height and weight; the deviates of balance-closing organs (mass of adipose and rest) have no effect.

Sources: McNally et al. (2014), doi:10.1016/j.tox.2013.07.009, on the masses and flows of ICRP 89;
Johnson et al. (2005), doi:10.1002/lt.20519 (liver); Lee et al. (2000),
doi:10.1093/ajcn/72.3.796 (muscle).
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array

from catena.core.jaxconfig import enable_x64
from catena.science.body.organs import INDEX
from catena.science.body.physiology import relations
from catena.science.body.physiology.reference import reference_adult

enable_x64()

__all__ = [
    "PLAUSIBLE_ADIPOSE",
    "adipose_share",
    "flows",
    "lean_masses",
    "masses",
    "person",
    "proteins",
    "size",
]

Values = Mapping[str, Array]

PLAUSIBLE_ADIPOSE = (0.05, 0.60)
"""Shares of adipose tissue in body mass between which a person is plausible."""

_FLOOR = 0.01
_REFERENCE_AGE = 30.0  # year
_LITRE_PER_HOUR = 0.06  # 1 mL/min
_STANDARD_SURFACE = 1.73  # m^2


def _surface_ratio(sex: Array, surface: Array) -> Array:
    """Body surface over that of the reference adult of the same sex."""
    reference = reference_adult()
    standard = relations.body_surface_area(reference.height, reference.body_mass)
    return surface / standard[sex]


def size(batch: Values) -> Array:
    """What carries reference organ masses to a person of this stature, weight and age.

    Args:
        batch: inputs of body.physiology, each with a leading batch axis.

    Returns:
        Factors (n, organ), all 1 for the reference adult at 30 years.
    """
    reference = reference_adult()
    sex, age, height, weight = (batch[name] for name in ("sex", "age", "height", "weight"))
    stature = height / jnp.asarray(reference.height)[sex]
    surface = _surface_ratio(sex, relations.body_surface_area(height, weight))
    both = jnp.arange(2)
    standard = relations.skeletal_muscle(
        both, _REFERENCE_AGE, reference.height, reference.body_mass
    )
    muscle = relations.skeletal_muscle(sex, age, height, weight) / standard[sex]
    ratio = jnp.where(jnp.asarray(reference.by_surface), surface[:, None], stature[:, None])
    ratio = jnp.where(jnp.asarray(reference.by_muscle), muscle[:, None], ratio)
    return ratio ** jnp.asarray(reference.size_exponent)


def lean_masses(batch: Values) -> Array:
    """Masses of all organs, the entry of adipose tissue being zero.

    Args:
        batch: inputs of body.physiology, each with a leading batch axis.

    Returns:
        Masses (n, organ) [kg].
    """
    reference = reference_adult()
    cv = jnp.asarray(reference.organ_cv)[batch["sex"]]
    spread = jnp.where(
        jnp.asarray(reference.lognormal),
        relations.lognormal_factor(batch["z_mass"], cv),
        relations.normal_factor(batch["z_mass"], cv),
    )
    expected = jnp.asarray(reference.organ_mass)[batch["sex"]] * size(batch)
    return (expected * spread).at[:, INDEX["adipose"]].set(0.0)


def masses(batch: Values, params: Values) -> tuple[Array, Array, Array]:
    """Organ masses and blood volume that add up to the body mass.

    Where a person cannot be (no mass left for adipose tissue) adipose is held at 1 % of body mass
    so that volumes stay positive; the returned share tells, being the true remainder.

    Args:
        batch: inputs of body.physiology.
        params: parameters of body.physiology.

    Returns:
        Organ masses (n, organ) [kg], blood volume (n,) [L] and the share of body mass left for
        adipose tissue (n,), negative for an impossible person.
    """
    lean = lean_masses(batch)
    weight = batch["weight"]
    blood = relations.blood_volume(batch["sex"], batch["height"], weight)
    share = (weight - jnp.sum(lean, axis=1) - blood * params["blood_density"]) / weight
    adipose = jnp.maximum(share, _FLOOR) * weight
    return lean.at[:, INDEX["adipose"]].set(adipose), blood, share


def adipose_share(batch: Values, params: Values) -> Array:
    """Share of body mass left for adipose tissue (n,); outside 5 to 60 % is not plausible."""
    return masses(batch, params)[2]


def flows(batch: Values, params: Values, surface: Array) -> tuple[Array, Array]:
    """Regional blood flows and cardiac output.

    The lung's deviate is that of the cardiac output; the others shift shares between organs.

    Args:
        batch: inputs of body.physiology.
        params: parameters of body.physiology.
        surface: body surface area (n,) [m^2].

    Returns:
        Flows (n, organ) [L/h] (lung: whole cardiac output; liver: hepatic artery only) and cardiac
        output (n,) [L/h]; the systemic flows sum to the cardiac output.
    """
    reference = reference_adult()
    sex, lung = batch["sex"], INDEX["lung"]
    spread = relations.lognormal_factor(batch["z_flow"], params["flow_cv"])
    age_factor = relations.cardiac_output_age_factor(
        batch["age"], params["cardiac_output_age_onset"], params["cardiac_output_age_slope"]
    )
    young = jnp.asarray(reference.cardiac_output)[sex] * _surface_ratio(sex, surface)
    output = young * age_factor * spread[:, lung]
    weight = jnp.asarray(reference.flow_fraction)[sex] * spread
    share = weight / jnp.sum(weight, axis=1, keepdims=True)
    flow = (share * output[:, None]).at[:, lung].set(output)
    return flow, output


def proteins(batch: Values, params: Values) -> dict[str, Array]:
    """Microsomal protein, CYP3A4 of liver and gut, and plasma proteins against pooled plasma.

    Args:
        batch: inputs of body.physiology.
        params: parameters of body.physiology.

    Returns:
        mppgl [mg/g], cyp3a4_liver [pmol/mg], cyp3a4_gut [nmol], albumin_ratio, agp_ratio, each (n,).
    """
    reference = reference_adult()
    sex = batch["sex"]
    albumin = jnp.asarray(reference.albumin)[sex] / params["albumin_pool"]
    agp = jnp.asarray(reference.alpha1_acid_glycoprotein)[sex] / params["agp_pool"]
    spread = relations.lognormal_factor
    return {
        "mppgl": relations.mppgl_mean(batch["age"]) * spread(batch["z_mppgl"], params["mppgl_cv"]),
        "cyp3a4_liver": params["cyp3a4_liver_median"]
        * spread(batch["z_cyp3a4_liver"], params["cyp3a4_liver_cv"]),
        "cyp3a4_gut": params["cyp3a4_gut_median"]
        * spread(batch["z_cyp3a4_gut"], params["cyp3a4_gut_cv"]),
        "albumin_ratio": albumin
        * relations.normal_factor(batch["z_albumin"], params["albumin_cv"]),
        "agp_ratio": agp * spread(batch["z_agp"], params["agp_cv"]),
    }


def person(batch: Values, params: Values) -> dict[str, Array]:
    """All outputs of body.physiology.

    Args:
        batch: inputs of body.physiology, each with a leading batch axis.
        params: parameters of body.physiology.

    Returns:
        Arrays (n, ...) by output name, in the units of the output schema.
    """
    reference = reference_adult()
    sex = batch["sex"]
    surface = relations.body_surface_area(batch["height"], batch["weight"])
    mass, blood, share = masses(batch, params)
    flow, output = flows(batch, params, surface)
    egfr = relations.egfr_ckd_epi_2021(sex, batch["age"], batch["serum_creatinine"])
    hematocrit = jnp.asarray(reference.hematocrit)[sex] * relations.normal_factor(
        batch["z_hematocrit"], params["hematocrit_cv"]
    )
    arterial = params["arterial_share"]
    return {
        "organ_volume": mass / jnp.asarray(reference.density),
        "organ_flow": flow,
        "arterial_volume": blood * arterial,
        "venous_volume": blood * (1.0 - arterial),
        "cardiac_output": output,
        "hematocrit": hematocrit,
        "gfr": egfr * surface / _STANDARD_SURFACE * _LITRE_PER_HOUR,
        "liver_mass": mass[:, INDEX["liver"]] * 1000.0,
        "organ_mass": mass,
        "adipose_share": share,
        "body_surface_area": surface,
        **proteins(batch, params),
    }
