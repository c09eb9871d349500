"""Qgut: worked example and limits."""

from __future__ import annotations

import pytest

from catena.core.units import conversion
from catena.science.body.clearance.gut_wall import gut_availability, gut_flow, permeability_flow


def test_permeability_flow_is_the_unit_conversion() -> None:
    litre = conversion("cm^3/s", "L/h").scale
    assert float(permeability_flow(4e-4)) == pytest.approx(4e-4 * 6600 * litre)


def test_worked_example() -> None:
    # Peff 4e-4 cm/s: CLperm 9.504 L/h; Qgut = 18 * 9.504 / 27.504 = 6.2199; CLint 3.972 -> Fg 0.6103
    flow = gut_flow(permeability_flow(4e-4))
    assert float(flow) == pytest.approx(6.2199, abs=1e-4)
    assert float(gut_availability(flow, 1.0, 3.972)) == pytest.approx(0.6103, abs=1e-4)


def test_limits() -> None:
    assert float(gut_flow(1e9)) == pytest.approx(18.0)
    assert float(gut_availability(6.0, 1.0, 0.0)) == 1.0
    assert float(gut_availability(6.0, 1.0, 6.0)) == 0.5
