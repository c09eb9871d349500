"""Recomputes the claims of the bridges: definitions and limits."""

from __future__ import annotations

import numpy as np

from catena.core.bridges import allometry as scaling
from catena.core.bridges.dose import per_kg
from catena.core.bridges.ivive import hepatic as well_stirred
from catena.core.bridges.molar_mass import to_mass, to_molar
from catena.core.claims import Finding

__all__ = ["allometry", "dose_per_kg", "hepatic", "molar_mass"]


def molar_mass(seed: int = 0) -> Finding:
    """Definition at one point, and mass to molar concentration and back."""
    rng = np.random.default_rng(seed)
    mass, molar = 10.0 ** rng.uniform(-6, 6, 500), 10.0 ** rng.uniform(1, 5, 500)
    amount = to_molar.predict(mass_concentration=mass, molar_mass=molar)["molar_concentration"]
    back = to_mass.predict(molar_concentration=amount, molar_mass=molar)["mass_concentration"]
    one = to_molar.predict(mass_concentration=1.0, molar_mass=1000.0)["molar_concentration"][0]
    return Finding(max(float(np.max(np.abs(back / mass - 1.0))), abs(one - 1.0)), n=501)


def allometry(seed: int = 0) -> Finding:
    """Slopes of the power law over body weight, and identity at equal weight."""
    del seed
    errors = []
    systems = ((scaling.clearance, 0.75), (scaling.volume, 1.0), (scaling.rate, -0.25))
    for model, exponent in systems:
        found = model.predict(
            value_animal=3.0, weight_animal=[0.02, 500.0, 70.0], weight_human=[500.0, 500.0, 70.0]
        )["value_human"]
        slope = np.log(found[0] / 3.0) / np.log(500.0 / 0.02)
        errors += [abs(slope - exponent), abs(found[1] / 3.0 - 1.0), abs(found[2] / 3.0 - 1.0)]
    return Finding(max(errors), n=len(errors))


def dose_per_kg(seed: int = 0) -> Finding:
    """Definition at two weights."""
    del seed
    dose = per_kg.predict(dose=0.1, weight=[70.0, 140.0])["dose"]
    return Finding(float(np.max(np.abs(dose / np.array([7.0, 14.0]) - 1.0))), n=2)


def hepatic(seed: int = 0) -> Finding:
    """Limits of small, equal and large intrinsic clearance."""
    del seed
    flow, fu = 90.0, 0.5
    ratio = np.array([1e-9, 1.0, 1e9])
    # The microsomal clearance [uL/min/mg] whose fu CLint is that multiple of the blood flow.
    microsomal = ratio * flow / fu / (40.0 * 1800.0) * 1e6 / 60.0
    found = well_stirred.predict(
        clint_mic=microsomal, mppgl=40.0, liver_weight=1800.0, fu=fu, fu_mic=1.0, blood_flow=flow
    )["hepatic_clearance"]
    expected = flow * np.array([1e-9, 0.5, 1.0])
    return Finding(float(np.max(np.abs(found / expected - 1.0))), n=3)
