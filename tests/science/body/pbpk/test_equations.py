"""The right-hand side conserves drug, and each path does what its equation says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import SchemaError
from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.pbpk.equations import Equations, interstitial_ratio
from catena.science.body.pbpk.gut import gut
from catena.science.body.pbpk.ports import states
from catena.science.body.pbpk.tissues import reference_man

GUT = gut("thelen")
COUNTERS = ("absorbed", "passed_gut_wall", "lost_in_gut_wall")


def _parameters(**changes: Any) -> dict[str, Any]:
    base = {
        **reference_man(np.linspace(0.5, 3.0, len(ORGANS)), 0.8),
        "fu_plasma": 0.3, "blood_plasma_ratio": 0.8, "molar_mass": 400.0, "vmax_liver": 900.0,
        "km": 5.0, "clint_liver": 10.0, "vmax_gut": 20.0, "clint_gut": 1.0, "gfr_fraction": 1.0,
        "clint_secretion": 5.0, "peff": 1e-6, "basolateral_ratio": 5.0, "fu_gut": 1.0,
        "gastric_emptying": 4.0, "dissolution": 2.0, "gut_area": GUT.area, "gut_fluid": GUT.fluid,
        "gut_transit": GUT.transit, "basolateral_area": GUT.basolateral_area,
        "flow_share": GUT.flow_share, "cell_volume": GUT.cell_volume,
        "enzyme_share": GUT.enzyme_share, "permeability": 1e-6,
    }  # fmt: skip
    return {**base, **changes}


def _state(limited: bool, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        field.name: rng.uniform(0.0, 5.0, size=np.shape(field.default))
        for field in states(GUT, limited)
    }


def _total(rates: dict[str, Any]) -> float:
    return float(sum(np.sum(rate) for name, rate in rates.items() if name not in COUNTERS))


@pytest.mark.parametrize("liver", ["well_stirred", "parallel_tube", "dispersion"])
@pytest.mark.parametrize("limited", [False, True])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), unbound=st.floats(0.001, 1.0), ratio=st.floats(0.5, 2.0))
def test_drug_is_neither_made_nor_lost(
    liver: str, limited: bool, seed: int, unbound: float, ratio: float
) -> None:
    p = _parameters(fu_plasma=unbound, blood_plasma_ratio=ratio)
    rates = Equations(liver, True, limited).rhs(0.0, _state(limited, seed), p, {})
    size = sum(float(np.sum(np.abs(rate))) for rate in rates.values())
    assert abs(_total(rates)) <= 1e-12 * size


def test_equilibrium_of_plasma_and_tissues_is_a_steady_state_of_distribution() -> None:
    p = _parameters(vmax_liver=0.0, clint_liver=0.0, gfr_fraction=0.0, clint_secretion=0.0,
                    vmax_gut=0.0, clint_gut=0.0)  # fmt: skip
    y = {name: np.zeros_like(value) for name, value in _state(False, 0).items()}
    plasma = 2.0
    y["iv"] = np.asarray(plasma * 0.8 * p["venous_volume"])
    y["arterial"] = np.asarray(plasma * 0.8 * p["arterial_volume"])
    y["tissue"] = plasma * p["kp"] * p["organ_volume"]
    intestine = p["kp"][INDEX["small_intestine"]]
    y["enterocytes"] = plasma * intestine * p["cell_volume"]
    rates = Equations().rhs(0.0, y, p, {})
    for name, rate in rates.items():
        np.testing.assert_allclose(rate, 0.0, atol=1e-9, err_msg=name)


def test_metabolism_saturates_at_vmax() -> None:
    p = _parameters(clint_liver=0.0)
    y = _state(False, 1)
    y["tissue"] = np.full(len(ORGANS), 1e7)
    rate = Equations().rhs(0.0, y, p, {})["eliminated"][0]
    assert rate == pytest.approx(900.0 * 400.0 / 1000.0, rel=1e-3)  # umol/h to mg/h


def test_saturable_and_linear_agree_at_low_concentration() -> None:
    p = _parameters()
    y = {name: 1e-9 * value for name, value in _state(False, 2).items()}
    full = Equations().rhs(0.0, y, p, {})
    slope = Equations(saturable=False).rhs(0.0, y, p, {})
    for name in full:
        np.testing.assert_allclose(full[name], slope[name], rtol=1e-6, atol=1e-20)


def test_an_unknown_liver_model_is_named() -> None:
    with pytest.raises(SchemaError, match="well_stired"):
        Equations("well_stired")


def test_liver_models_order_by_mixing() -> None:
    p = _parameters(clint_liver=400.0, fu_plasma=1.0)
    y = _state(False, 3)
    outputs = [
        float(Equations(name).outputs(0.0, y, p, {})["fh"])
        for name in ("well_stirred", "dispersion", "parallel_tube")
    ]
    assert outputs[0] > outputs[1] > outputs[2] > 0.0


def test_interstitium_holds_water_and_some_protein() -> None:
    assert float(interstitial_ratio(1.0)) == pytest.approx(0.935 + 0.37 * 0.074)
    assert float(interstitial_ratio(0.01)) == pytest.approx(0.376, abs=0.001)
