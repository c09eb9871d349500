"""Bridges against hand calculations, with exact gradients and declared sources."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.bridges.allometry import allometry
from catena.core.registry import load

IDS = (
    "bridge.allometry",
    "bridge.allometry.rate",
    "bridge.allometry.volume",
    "bridge.dose.per_kg",
    "bridge.ivive.hepatic",
    "bridge.molar_mass",
    "bridge.molar_mass.to_mass",
)
CASES = {
    # Midazolam, 325.77 g/mol: 1 mg/L is 3.0697 umol/L.
    "bridge.molar_mass": ({"mass_concentration": 1.0, "molar_mass": 325.77}, 3.069650),
    "bridge.molar_mass.to_mass": ({"molar_concentration": 3.06965, "molar_mass": 325.77}, 1.0),
    "bridge.dose.per_kg": ({"dose": 0.075, "weight": 80.0}, 6.0),
    # A rat of 0.25 kg clears 0.5 L/h: 0.5 * 280^0.75 = 34.22 L/h in a human of 70 kg.
    "bridge.allometry": ({"value_animal": 0.5, "weight_animal": 0.25}, 34.2249),
    "bridge.allometry.volume": ({"value_animal": 0.2, "weight_animal": 0.25}, 56.0),
    "bridge.allometry.rate": ({"value_animal": 2.0, "weight_animal": 0.25}, 0.488923),
    # 20 uL/min/mg * 40 mg/g * 1800 g = 1.44 L/min = 86.4 L/h; 90 * 8.64 / 98.64 = 7.88321.
    "bridge.ivive.hepatic": ({"clint_mic": 20.0, "fu": 0.1}, 7.883212),
}


@pytest.mark.parametrize("name", IDS)
def test_bridges_meet_hand_calculations(name):
    inputs, expected = CASES[name]
    bridge = load(name)
    result = bridge.predict(inputs)
    assert result[bridge.outputs.names[0]][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", IDS)
def test_bridges_are_documented_bounded_and_differentiable(name):
    bridge = load(name)
    assert bridge.info.doc
    assert bridge.info.citation
    assert bridge.info.backend == "jax"
    assert bridge.capabilities.gradient
    assert all(field.bounds != (None, None) for field in (*bridge.inputs, *bridge.outputs))
    inputs, _ = CASES[name]
    exact = bridge.jacobian(inputs)
    numeric = bridge.jacobian(inputs, mode="difference")
    for pair, slope in exact.items():
        np.testing.assert_allclose(slope, numeric[pair], rtol=1e-8)


def test_the_liver_cannot_clear_more_than_its_blood_brings():
    liver = load("bridge.ivive.hepatic")
    values = liver.predict(clint_mic=[0.0, 1.0, 1e3, 1e8], fu=1.0)["hepatic_clearance"]
    assert values[0] == 0.0
    assert (np.diff(values) > 0).all()
    assert values[-1] == pytest.approx(90.0, rel=1e-4)
    assert values[-1] <= 90.0
    half = liver.predict(clint_mic=10.0, fu=1.0, fu_mic=0.5)["hepatic_clearance"]
    assert half == liver.predict(clint_mic=20.0, fu=1.0)["hepatic_clearance"]


def test_there_and_back_is_the_same_concentration():
    there, back = load("bridge.molar_mass"), load("bridge.molar_mass.to_mass")
    molar = there.predict(mass_concentration=[0.1, 5.0], molar_mass=451.5)["molar_concentration"]
    mass = back.predict(molar_concentration=molar, molar_mass=451.5)["mass_concentration"]
    np.testing.assert_allclose(mass, [0.1, 5.0], rtol=1e-15)


def test_allometry_serves_any_unit():
    bridge = allometry("mL/min/kg", exponent=-0.25, id="my.scaling")
    assert bridge.inputs["value_animal"].unit == "mL/min/kg"
    scaled = bridge.predict(value_animal=60.0, weight_animal=0.25, weight_human=70.0)
    assert scaled["value_human"][0] == pytest.approx(60 * 280**-0.25)
