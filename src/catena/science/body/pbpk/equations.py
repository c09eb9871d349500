"""Whole-body equations: amounts [mg] in sixteen organs, two blood pools, the gut and what was eliminated.

Distribution (perfusion-limited): every organ is a well-stirred tissue whose outflowing blood is in
equilibrium with it, ``C_out = C_tissue * Rb / Kp`` with Kp tissue:plasma and Rb blood:plasma.  The lung
is in series with the whole cardiac output; stomach, intestines, spleen and pancreas drain into the
liver.  Distribution (permeability-limited): the interstitium equilibrates with the outflowing blood, the
cells exchange unbound drug with them through a permeability-surface product.  In both, blood itself
is held by the arterial and venous pools.

Oral path: tablet -> dissolved in the stomach -> segments of the intestine -> enterocytes -> portal
blood.  Permeation is from the lumen into the cell (sink condition), metabolism acts on unbound drug in
the cell, and unbound drug leaves to the mucosal blood with the clearance of basolateral membrane and
blood flow in series, ``1 / (1/(P A) + fu_gut/Q)``; with ``fu_gut = 1`` this is the Qgut model (Yang
2007, doi:10.2174/138920007782109805).

Sources: Nestorov 2003 (doi:10.1023/A:1025509420459), Jones and Rowland-Yeo 2013
(doi:10.1038/psp.2013.41), Yu and Amidon 1999 (doi:10.1016/S0378-5173(99)00147-7), Thelen 2012
(doi:10.1002/jps.22825).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from catena.core.errors import SchemaError, did_you_mean
from catena.core.jaxconfig import enable_x64
from catena.science.body.clearance.liver_models import LIVER_MODELS
from catena.science.body.organs import INDEX, ORGANS, PORTAL
from catena.science.body.pbpk.tissues import reference_tissues

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

enable_x64()

__all__ = ["CM_PER_S_TO_L_PER_H", "ROUTES", "Equations"]

LUNG, LIVER, KIDNEY, INTESTINE = (
    INDEX[name] for name in ("lung", "liver", "kidney", "small_intestine")
)
PORTAL_MASK = tuple(float(name in PORTAL) for name in ORGANS)
DIRECT_MASK = tuple(float(name not in (*PORTAL, "lung", "liver")) for name in ORGANS)

PERIPHERAL = {"muscle": 0.287, "skin": 0.713}
"""Blood of a forearm vein: shares of muscle and skin outflow (as in PK-Sim's peripheral blood)."""

CM_PER_S_TO_L_PER_H = 3.6
"""A permeability in cm/s times an area in cm^2, expressed in L/h."""

ROUTES: tuple[str, ...] = ("liver", "gut_wall", "urine", "faeces")
"""Where eliminated drug is counted."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Equations:
    """Right-hand side and outputs of one variant of the whole-body system.

    Args:
        liver: Liver model (``well_stirred``, ``parallel_tube`` or ``dispersion``).
        saturable: Michaelis-Menten elimination; False takes its slope at low concentration and makes
            the system linear.
        limited: Permeability-limited tissues with separate cells.
    """

    liver: str = "well_stirred"
    saturable: bool = True
    limited: bool = False

    def __post_init__(self) -> None:
        if self.liver not in LIVER_MODELS:
            raise SchemaError(
                f"Unknown liver model {self.liver!r}",
                where="body.pbpk",
                why=f"the models are {', '.join(LIVER_MODELS)}",
                fix=did_you_mean(self.liver, LIVER_MODELS, "name one of them"),
            )

    def rhs(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Rates of change [mg/h] of every state (one individual)."""
        del t, u
        arterial = y["arterial"] / p["arterial_volume"]
        leaving = self._leaving(y, p)
        gut, portal_gain, gut_metabolism, stool = self._gut(y, p, arterial)
        flow = jnp.asarray(p["organ_flow"])
        direct, portal = jnp.asarray(DIRECT_MASK) * flow, jnp.asarray(PORTAL_MASK) * flow
        output = jnp.sum(direct) + jnp.sum(portal) + flow[LIVER]
        hepatic_flow = jnp.sum(portal) + flow[LIVER]
        venous = y["iv"] / p["venous_volume"]

        inflow = (direct + portal) * arterial
        outflow = (direct + portal) * leaving
        portal_return = jnp.sum(portal * leaving) + portal_gain
        hepatic_in = flow[LIVER] * arterial + portal_return
        metabolised = self._hepatic(hepatic_in, leaving[LIVER], hepatic_flow, p)
        filtered, secreted = self._renal(arterial, leaving[KIDNEY], p)

        net = inflow - outflow
        net = net.at[LUNG].set(output * (venous - leaving[LUNG]))
        net = net.at[LIVER].set(hepatic_in - hepatic_flow * leaving[LIVER] - metabolised)
        net = net.at[KIDNEY].add(-filtered - secreted)
        rates = {
            "iv": jnp.sum(direct * leaving) + hepatic_flow * leaving[LIVER] - output * venous,
            "arterial": output * (leaving[LUNG] - arterial),
            "eliminated": jnp.stack([metabolised, gut_metabolism, filtered + secreted, stool]),
            **gut,
        }
        if self.limited:
            taken_up = self._uptake(y, p, leaving)
            return {**rates, "tissue": net - taken_up, "cells": taken_up}
        return {**rates, "tissue": net}

    def outputs(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Observed quantities at one time (one individual)."""
        del t, u
        leaving = self._leaving(y, p)
        blood = y["iv"] / p["venous_volume"]
        ratio = p["blood_plasma_ratio"]
        held = y["tissue"] + y["cells"] if self.limited else y["tissue"]
        vein = sum(share * leaving[INDEX[name]] for name, share in PERIPHERAL.items())
        swallowed = y["tablet"] + jnp.sum(y["solid"]) + y["oral"] + jnp.sum(y["lumen"])
        faeces = y["eliminated"][ROUTES.index("faeces")]
        in_body = y["iv"] + y["arterial"] + jnp.sum(held)
        mucosa = jnp.sum(y["enterocytes"])
        oral = y["absorbed"] + swallowed + faeces
        flow = jnp.asarray(p["organ_flow"])
        hepatic_flow = jnp.sum(jnp.asarray(PORTAL_MASK) * flow) + flow[LIVER]
        unbound = p["fu_plasma"] / ratio
        clint = self._intrinsic(unbound * leaving[LIVER], p)
        clearance = LIVER_MODELS[self.liver](hepatic_flow, unbound, clint)
        return {
            "plasma": blood / ratio,
            "blood": blood,
            "peripheral_plasma": vein / ratio,
            "tissue": held / jnp.asarray(p["organ_volume"]),
            "eliminated": y["eliminated"],
            "recovered": in_body + mucosa + swallowed + jnp.sum(y["eliminated"]),
            "fraction_absorbed": _share(y["absorbed"], oral),
            "fg": _share(y["passed_gut_wall"], y["passed_gut_wall"] + y["lost_in_gut_wall"]),
            "fh": 1.0 - clearance / hepatic_flow,
        }

    def _leaving(self, y: Values, p: Values) -> Array:
        """Concentration [mg/L] in the blood that leaves each organ."""
        volume, ratio = jnp.asarray(p["organ_volume"]), p["blood_plasma_ratio"]
        if not self.limited:
            return y["tissue"] / volume * ratio / jnp.asarray(p["kp"])
        interstitium = volume * jnp.asarray(reference_tissues().interstitial_share)
        return y["tissue"] * ratio / (interstitium * interstitial_ratio(p["fu_plasma"]))

    def _uptake(self, y: Values, p: Values, leaving: Array) -> Array:
        """Net flux [mg/h] of unbound drug from the interstitium into the cells."""
        tissues, unbound = reference_tissues(), p["fu_plasma"]
        volume = jnp.asarray(p["organ_volume"])
        outside = jnp.asarray(tissues.interstitial_share)
        left = jnp.asarray(p["kp"]) - outside * interstitial_ratio(unbound)
        # what Kp leaves for the cells, but never less than a tenth of unbound plasma
        within = jnp.maximum(left / (1.0 - outside), 0.1 * unbound)
        area = jnp.asarray(tissues.cell_area) * (volume / jnp.asarray(tissues.volume)) ** 0.75
        conductance = p["permeability"] * area * CM_PER_S_TO_L_PER_H
        inside = y["cells"] / (volume * (1.0 - outside) * within)
        return conductance * unbound * (leaving / p["blood_plasma_ratio"] - inside)

    def _intrinsic(self, unbound: Array, p: Values) -> Array:
        """Intrinsic hepatic clearance [L/h] at an unbound concentration [mg/L]."""
        to_mg = p["molar_mass"] / 1000.0
        half = p["km"] * to_mg
        load = jnp.maximum(unbound, 0.0) if self.saturable else 0.0
        return p["vmax_liver"] * to_mg / (half + load) + p["clint_liver"]

    def _hepatic(self, entering: Array, leaving: Array, flow: Array, p: Values) -> Array:
        """Rate [mg/h] of hepatic metabolism."""
        unbound_blood = p["fu_plasma"] / p["blood_plasma_ratio"]
        if self.liver == "well_stirred":
            return unbound_blood * self._intrinsic(unbound_blood * leaving, p) * leaving
        # saturation follows the mean of inflow and outflow; the clearance from the outflow is the
        # one that leaves the share 1 - CL/Q of the inflow, whatever the liver model
        driving = 0.5 * (leaving + entering / flow)
        clint = self._intrinsic(unbound_blood * driving, p)
        clearance = LIVER_MODELS[self.liver](flow, unbound_blood, clint)
        return clearance * flow / jnp.maximum(flow - clearance, 1e-12 * flow) * leaving

    @staticmethod
    def _renal(arterial: Array, leaving: Array, p: Values) -> tuple[Array, Array]:
        """Rates [mg/h] of filtration (of arterial plasma) and secretion (from renal blood)."""
        unbound_blood = p["fu_plasma"] / p["blood_plasma_ratio"]
        filtered = p["gfr"] * p["gfr_fraction"] * unbound_blood * arterial
        return filtered, p["clint_secretion"] * unbound_blood * leaving

    def _gut(
        self, y: Values, p: Values, arterial: Array
    ) -> tuple[dict[str, Any], Array, Array, Array]:
        """Rates of the gut states, gain of portal blood, wall metabolism and loss to stool."""
        transit = jnp.asarray(p["gut_transit"])
        emptying = p["gastric_emptying"]
        emptied, solid_emptied = emptying * y["oral"], emptying * y["tablet"]
        moved, solid_moved = transit * y["lumen"], transit * y["solid"]
        dissolved, in_stomach = p["dissolution"] * y["solid"], p["dissolution"] * y["tablet"]
        into = jnp.concatenate([jnp.atleast_1d(emptied), moved[:-1]])
        solid_into = jnp.concatenate([jnp.atleast_1d(solid_emptied), solid_moved[:-1]])
        conductance = p["peff"] * jnp.asarray(p["gut_area"]) * CM_PER_S_TO_L_PER_H
        permeated = conductance * y["lumen"] / jnp.asarray(p["gut_fluid"])
        metabolised, passed = self._mucosa(y, p, arterial)
        rates = {
            "tablet": -in_stomach - solid_emptied,
            "oral": in_stomach - emptied,
            "solid": solid_into - solid_moved - dissolved,
            "lumen": into - moved + dissolved - permeated,
            "enterocytes": permeated - metabolised - passed,
            "absorbed": jnp.sum(permeated),
            "passed_gut_wall": jnp.sum(passed),
            "lost_in_gut_wall": jnp.sum(metabolised),
        }
        stool = moved[-1] + solid_moved[-1]
        return rates, jnp.sum(passed), jnp.sum(metabolised), stool

    def _mucosa(self, y: Values, p: Values, arterial: Array) -> tuple[Array, Array]:
        """Rates [mg/h], by segment, of wall metabolism and of passage into mucosal blood."""
        unbound, to_mg = p["fu_plasma"], p["molar_mass"] / 1000.0
        binding = jnp.asarray(p["kp"])[INTESTINE] / unbound
        free = y["enterocytes"] / (jnp.asarray(p["cell_volume"]) * binding)
        load = jnp.maximum(free, 0.0) if self.saturable else 0.0
        capacity = p["vmax_gut"] * to_mg / (p["km"] * to_mg + load) + p["clint_gut"]
        metabolised = jnp.asarray(p["enzyme_share"]) * capacity * free
        blood_flow = p["mucosal_flow"] * jnp.asarray(p["flow_share"])
        membrane = (
            p["peff"]
            * p["basolateral_ratio"]
            * jnp.asarray(p["basolateral_area"])
            * CM_PER_S_TO_L_PER_H
        )
        clearance = membrane * blood_flow / (blood_flow + p["fu_gut"] * membrane)
        outside = unbound * arterial / p["blood_plasma_ratio"]
        return metabolised, clearance * (free - outside)


def interstitial_ratio(fu_plasma: ArrayLike) -> Array:
    """Interstitium:plasma ratio: its water and 37 % of the plasma protein (Schmitt 2008)."""
    unbound = jnp.asarray(fu_plasma)
    return (0.935 + 0.37 * jnp.maximum(1.0 / unbound - 0.926, 0.0)) * unbound


def _share(part: Array, whole: Array) -> Array:
    """Part of a whole; zero while the whole is empty."""
    empty = whole <= 0.0
    return jnp.where(empty, 0.0, part / jnp.where(empty, 1.0, whole))
