"""Inputs, outputs and parameters of ``body.clearance``."""

from __future__ import annotations

from typing import Any

from catena.core.spec import Field, Schema
from catena.science.body.clearance.conventions import (
    INTESTINAL_SURFACE,
    LIVER_MODEL_NAMES,
    VILLOUS_FLOW,
)
from catena.science.body.clearance.enzymes import DIM as ENZYME
from catena.science.body.clearance.enzymes import ENZYMES
from catena.science.body.organs import DIM as ORGAN
from catena.science.body.organs import ORGANS

__all__ = ["INPUTS", "OUTPUTS", "PARAMS"]

_REFERENCE_FLOW = {"lung": 390.0, "heart": 15.6, "brain": 46.8, "muscle": 66.3, "adipose": 19.5,
                   "skin": 19.5, "bone": 19.5, "kidney": 74.1, "liver": 25.35, "stomach": 3.9,
                   "small_intestine": 39.0, "large_intestine": 15.6, "spleen": 11.7,
                   "pancreas": 3.9, "gonads": 0.195}  # fmt: skip
"""Organ blood flows [L/h] of the reference male: ICRP 89 shares of 6.5 L/min."""


def _flows() -> tuple[float, ...]:
    """Reference flows on the organ axis; ``rest`` closes the balance."""
    named = sum(flow for organ, flow in _REFERENCE_FLOW.items() if organ != "lung")
    return tuple(_REFERENCE_FLOW.get(organ, _REFERENCE_FLOW["lung"] - named) for organ in ORGANS)


def _positive(name: str, unit: str, default: float | None, doc: str, **parts: Any) -> Field:
    return Field(
        name, unit=unit, bounds=(0.0, None), low_open=True, default=default, doc=doc, **parts
    )


def _amount(name: str, unit: str, doc: str, default: float = 0.0, **parts: Any) -> Field:
    return Field(name, unit=unit, bounds=(0.0, None), default=default, doc=doc, **parts)


def _fraction(name: str, default: float | None, doc: str) -> Field:
    return Field(name, bounds=(0.0, 1.0), low_open=True, default=default, doc=doc)


INPUTS = Schema(
    [
        _amount("clint_hepatocyte", "uL/min/1e6 cells", "Apparent clearance in hepatocytes."),
        _fraction("fu_hepatocyte", 1.0, "Unbound fraction in the hepatocyte incubation."),
        _amount("clint_microsome", "uL/min/mg", "Apparent clearance in microsomes (linear pathways)."),
        _amount("vmax_microsome", "pmol/min/mg", "Maximal rate in microsomes (saturable pathway)."),
        _positive("km", "umol/L", 1.0, "Apparent Michaelis constant in microsomes.", scale="log"),
        _fraction("fu_incubation", 1.0, "Unbound fraction in the microsomal incubation."),
        Field("clint_recombinant", unit="uL/min/pmol", shape=(ENZYME,), labels=ENZYMES,
              bounds=(0.0, None), default=(0.0,) * len(ENZYMES),
              doc="Unbound clearance per pmol of recombinant enzyme."),
        _amount("clint_other", "L/h", "Further unbound hepatic clearance, already scaled (e.g. UGT)."),
        _amount("clint_bile", "L/h", "Unbound biliary intrinsic clearance."),
        Field("share_cyp3a4", bounds=(0.0, 1.0), default=0.0,
              doc="Share of the hepatocyte and microsomal activity that is CYP3A4."),
        _fraction("fu_plasma", None, "Unbound fraction in plasma."),
        _positive("blood_plasma_ratio", "", 1.0, "Blood:plasma concentration ratio."),
        _positive("liver_mass", "g", 1800.0, "Mass of the liver."),
        _positive("mppgl", "mg/g", 32.0, "Microsomal protein per gram of liver."),
        _amount("cyp3a4_liver", "pmol/mg", "CYP3A4 in liver microsomes.", 137.0),
        _amount("cyp3a4_gut", "nmol", "CYP3A4 of the small intestine.", 66.2),
        Field("organ_flow", unit="L/h", shape=(ORGAN,), labels=ORGANS, bounds=(0.0, None),
              default=_flows(), doc="Organ blood flows; liver: hepatic artery only."),
        _amount("gfr", "L/h", "Glomerular filtration rate.", 7.2),
        _amount("clint_secretion", "L/h", "Unbound intrinsic clearance of tubular secretion."),
        Field("reabsorbed", bounds=(0.0, 1.0), default=0.0,
              doc="Fraction of filtered and secreted drug that is reabsorbed."),
        _positive("peff", "cm/s", 4e-4, "Effective intestinal permeability (Qgut).", scale="log"),
        _fraction("fu_gut", 1.0, "Unbound fraction in enterocytes (Yang 2007 recommends 1)."),
        _amount("conc_liver", "umol/L", "Unbound concentration at the liver's enzymes; 0: linear limit."),
        _amount("conc_gut", "umol/L", "Unbound concentration at the gut's enzymes; 0: linear limit."),
        _positive("ps_influx", "L/h", 1e6, "Sinusoidal influx (liver_model extended).", scale="log"),
        _positive("ps_efflux", "L/h", 1e6, "Sinusoidal efflux (liver_model extended).", scale="log"),
        Field("liver_model", kind="category", choices=LIVER_MODEL_NAMES,
              default="well_stirred", doc="Liver model; extended adds sinusoidal uptake and efflux."),
    ]
)  # fmt: skip

OUTPUTS = Schema(
    [
        Field("clint_liver", unit="L/h", doc="Unbound linear intrinsic clearance of the liver, without bile."),
        Field("vmax_liver", unit="umol/h", doc="Maximal rate of the liver's saturable pathway."),
        Field("km", unit="umol/L", doc="Unbound Michaelis constant, of liver and gut wall."),
        Field("clint_gut", unit="L/h", doc="Unbound linear CYP3A4 clearance of the gut wall."),
        Field("vmax_gut", unit="umol/h", doc="Maximal CYP3A4 rate of the gut wall."),
        Field("hepatic_clearance", unit="L/h", doc="Hepatic clearance from blood."),
        Field("hepatic_clearance_plasma", unit="L/h", doc="Hepatic clearance from plasma."),
        Field("hepatic_availability", doc="Fraction passing the liver, 1 - CL / Q."),
        Field("gut_availability", doc="Fraction passing the gut wall (Qgut model)."),
        Field("renal_clearance", unit="L/h", doc="Renal clearance from plasma."),
        Field("total_clearance", unit="L/h", doc="Hepatic plus renal clearance from plasma."),
    ]
)  # fmt: skip

PARAMS = Schema(
    [
        _positive("hpgl", "1e6 cells/g", 117.0, "Hepatocytes per gram of liver (Barter 2007)."),
        _positive("mppgl_pool", "mg/g", 32.0, "Microsomal protein of the pool the cells came from."),
        _positive("cyp3a4_pool", "pmol/mg", 137.0, "CYP3A4 of the pool the assay used."),
        _positive("isef", "", 1.0, "Intersystem extrapolation factor of recombinant enzymes."),
        _positive("villous_flow", "L/h", VILLOUS_FLOW, "Blood flow of the villi (Yang 2007)."),
        _positive("intestinal_surface", "cm^2", INTESTINAL_SURFACE, "Smooth surface peff refers to."),
    ]
)  # fmt: skip
