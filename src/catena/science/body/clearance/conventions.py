"""Names and fixed numbers of the clearance models (no arrays, so that declarations load fast)."""

from __future__ import annotations

__all__ = ["DISPERSION_NUMBER", "INTESTINAL_SURFACE", "LIVER_MODEL_NAMES", "VILLOUS_FLOW"]

LIVER_MODEL_NAMES = ("well_stirred", "parallel_tube", "dispersion", "extended")
"""The liver models; ``extended`` adds sinusoidal uptake and efflux."""

DISPERSION_NUMBER = 0.17
"""Axial dispersion of the liver's blood (Roberts and Rowland 1986)."""
VILLOUS_FLOW = 18.0
"""Blood flow of the villi [L/h] (300 mL/min)."""
INTESTINAL_SURFACE = 6600.0
"""Surface of the small intestine as a smooth cylinder [cm^2]."""
