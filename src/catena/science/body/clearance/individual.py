"""Equations of ``body.clearance``: an individual's liver, gut wall and kidney (pure JAX)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from catena.science.body.clearance import scaling
from catena.science.body.clearance.enzymes import CYP3A4, liver_abundance
from catena.science.body.clearance.gut_wall import gut_availability, gut_flow, permeability_flow
from catena.science.body.clearance.kidney import renal_clearance
from catena.science.body.clearance.liver_models import LIVER_MODELS, extended
from catena.science.body.organs import PORTAL, organ_index, organ_indices

if TYPE_CHECKING:
    from jax import Array

__all__ = ["individual_clearance"]

Values = Mapping[str, Any]


def _abundances(batch: Values) -> Array:
    """Liver abundances of the recombinant enzymes (n, enzyme); CYP3A4 is the individual's own."""
    own = batch["cyp3a4_liver"]
    mean = jnp.broadcast_to(jnp.asarray(liver_abundance()), (own.shape[0], len(liver_abundance())))
    return mean.at[:, CYP3A4].set(own)


def _liver(batch: Values, params: Values) -> dict[str, Array]:
    """Unbound linear clearance [L/h], Vmax [umol/h] and Km [umol/L] of the whole liver.

    A microsomal or hepatocyte value comes from a pool with mean CYP3A4; its CYP3A4 share follows
    the individual.  Recombinant values use the individual's abundance directly.
    """
    mass, mppgl = batch["liver_mass"], batch["mppgl"]
    own = scaling.abundance_factor(
        batch["share_cyp3a4"], batch["cyp3a4_liver"], params["cyp3a4_pool"]
    )
    hepatocyte = scaling.clint_from_hepatocytes(
        batch["clint_hepatocyte"], batch["fu_hepatocyte"], params["hpgl"], mass
    )
    microsome = scaling.clint_from_microsomes(
        batch["clint_microsome"], batch["fu_incubation"], mppgl, mass
    )
    recombinant = scaling.microsomal_from_recombinant(
        batch["clint_recombinant"], _abundances(batch), params["isef"]
    )
    from_recombinant = scaling.clint_from_microsomes(jnp.sum(recombinant, axis=1), 1.0, mppgl, mass)
    return {
        "clint_liver": own * (hepatocyte + microsome) + from_recombinant + batch["clint_other"],
        "vmax_liver": own * scaling.vmax_from_microsomes(batch["vmax_microsome"], mppgl, mass),
        "km": batch["km"] * batch["fu_incubation"],
    }


def _gut(batch: Values, params: Values) -> dict[str, Array]:
    """The gut wall's CYP3A4 activity: per pmol of enzyme that of the liver pool."""
    share, pool, content = batch["share_cyp3a4"], params["cyp3a4_pool"], batch["cyp3a4_gut"]
    # Hepatocyte activity per mg of microsomal protein of the pool liver the cells came from.
    cells = batch["clint_hepatocyte"] / batch["fu_hepatocyte"] * params["hpgl"]
    per_mg = cells / params["mppgl_pool"] + batch["clint_microsome"] / batch["fu_incubation"]
    recombinant = batch["clint_recombinant"][:, CYP3A4] * params["isef"] * content
    return {
        "clint_gut": scaling.gut_activity(per_mg, share, pool, content)
        + recombinant * 1e3 * scaling.PER_HOUR,
        "vmax_gut": scaling.gut_activity(batch["vmax_microsome"], share, pool, content),
    }


def _hepatic(batch: Values, clint: Array, flow: Array, fu_blood: Array) -> Array:
    """Hepatic clearance from blood by the chosen liver model (n,) [L/h]."""
    if batch["liver_model"] == "extended":
        return extended(
            flow, fu_blood, clint, batch["clint_bile"], batch["ps_influx"], batch["ps_efflux"]
        )
    return LIVER_MODELS[batch["liver_model"]](flow, fu_blood, clint + batch["clint_bile"])


def individual_clearance(batch: Values, params: Values) -> dict[str, Array]:
    """All outputs of body.clearance.

    Args:
        batch: inputs of body.clearance, each with a leading batch axis; liver_model as text.
        params: parameters of body.clearance.

    Returns:
        Outputs by name, each (n,).
    """
    liver, gut = _liver(batch, params), _gut(batch, params)
    organ_flow = batch["organ_flow"]
    portal = jnp.sum(organ_flow[:, jnp.asarray(organ_indices(PORTAL))], axis=1)
    flow = portal + organ_flow[:, organ_index("liver")]
    ratio, fu = batch["blood_plasma_ratio"], batch["fu_plasma"]
    clint = scaling.intrinsic_clearance(
        liver["clint_liver"],
        liver["vmax_liver"][:, None],
        liver["km"][:, None],
        batch["conc_liver"],
    )
    hepatic = _hepatic(batch, clint, flow, fu / ratio)
    renal = renal_clearance(
        batch["gfr"],
        fu,
        batch["clint_secretion"],
        organ_flow[:, organ_index("kidney")],
        ratio,
        batch["reabsorbed"],
    )
    at_gut = scaling.intrinsic_clearance(
        gut["clint_gut"], gut["vmax_gut"][:, None], liver["km"][:, None], batch["conc_gut"]
    )
    permeability = permeability_flow(batch["peff"], params["intestinal_surface"])
    wall_flow = gut_flow(permeability, params["villous_flow"])
    return {
        **liver,
        **gut,
        "hepatic_clearance": hepatic,
        "hepatic_clearance_plasma": hepatic * ratio,
        "hepatic_availability": 1.0 - hepatic / flow,
        "gut_availability": gut_availability(wall_flow, batch["fu_gut"], at_gut),
        "renal_clearance": renal,
        "total_clearance": hepatic * ratio + renal,
    }
