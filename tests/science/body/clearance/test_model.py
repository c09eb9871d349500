"""body.clearance as a Model: pathways add up, individual enzymes, bad input, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.science.body.clearance.enzymes import CYP3A4, ENZYMES
from catena.science.body.clearance.model import clearance_model

MIDAZOLAM: dict[str, Any] = {
    "vmax_microsome": 850.0, "km": 3.8, "fu_incubation": 0.8, "share_cyp3a4": 1.0,
    "fu_plasma": 0.03, "blood_plasma_ratio": 0.55,
}  # fmt: skip
HEPATIC_FLOW = 99.45  # 25.5 % of 390 L/h


def test_worked_example() -> None:
    result = clearance_model.predict(MIDAZOLAM)
    assert result["vmax_liver"][0] == pytest.approx(850 * 32 * 1800 * 6e-5)
    assert result["km"][0] == pytest.approx(3.04)
    removal = 0.03 / 0.55 * 2937.6 / 3.04
    hepatic = HEPATIC_FLOW * removal / (HEPATIC_FLOW + removal)
    assert result["hepatic_clearance"][0] == pytest.approx(hepatic)
    assert result["hepatic_clearance_plasma"][0] == pytest.approx(hepatic * 0.55)
    assert result["hepatic_availability"][0] == pytest.approx(1 - hepatic / HEPATIC_FLOW)
    assert result["renal_clearance"][0] == pytest.approx(7.2 * 0.03)
    assert result["total_clearance"][0] == pytest.approx(hepatic * 0.55 + 0.216)
    assert result["vmax_gut"][0] == pytest.approx(850 / 137 * 66200 * 6e-5)
    assert result.units["hepatic_clearance"] == "L/h"


def test_the_same_enzyme_in_any_system_gives_the_same_liver_and_gut() -> None:
    # 2 uL/min/pmol of CYP3A4 = 274 uL/min/mg = 274 * 32 / 117 uL/min/1e6 cells
    drug = {"fu_plasma": 0.1, "share_cyp3a4": 1.0}
    rates = np.zeros(len(ENZYMES))
    rates[CYP3A4] = 2.0
    systems = (
        {"clint_recombinant": rates},
        {"clint_microsome": 274.0},
        {"clint_hepatocyte": 274.0 * 32 / 117},
        {"vmax_microsome": 274.0, "km": 1.0},
    )
    for individual in ({}, {"cyp3a4_liver": 60.0, "cyp3a4_gut": 20.0}):
        results = [clearance_model.predict({**drug, **system, **individual}) for system in systems]
        for name in ("hepatic_clearance", "gut_availability", "total_clearance"):
            values = [float(result[name][0]) for result in results]
            np.testing.assert_allclose(values, values[0], rtol=1e-12)


def test_pathways_add_up() -> None:
    drug = {"fu_plasma": 0.1}
    parts = ({"clint_microsome": 20.0}, {"clint_hepatocyte": 5.0}, {"clint_other": 12.0})
    sums = [clearance_model.predict({**drug, **part})["clint_liver"][0] for part in parts]
    together = clearance_model.predict(drug | parts[0] | parts[1] | parts[2])["clint_liver"][0]
    assert together == pytest.approx(sum(sums))


def test_individual_cyp3a4_scales_its_share_only() -> None:
    drug = {"fu_plasma": 0.1, "clint_microsome": 20.0, "cyp3a4_liver": 274.0}
    factor = {
        share: clearance_model.predict({**drug, "share_cyp3a4": share})["clint_liver"][0]
        for share in (0.0, 0.5, 1.0)
    }
    assert factor[0.5] / factor[0.0] == pytest.approx(1.5)
    assert factor[1.0] / factor[0.0] == pytest.approx(2.0)


def test_saturation_lowers_clearance_and_raises_gut_availability() -> None:
    linear = clearance_model.predict(MIDAZOLAM)
    loaded = clearance_model.predict({**MIDAZOLAM, "conc_liver": 3.04, "conc_gut": 30.0})
    assert loaded["hepatic_clearance"][0] < linear["hepatic_clearance"][0]
    assert loaded["gut_availability"][0] > linear["gut_availability"][0]


@pytest.mark.parametrize("model", ["well_stirred", "parallel_tube", "dispersion", "extended"])
def test_every_liver_model_runs_by_name(model: str) -> None:
    result = clearance_model.predict({**MIDAZOLAM, "liver_model": model, "clint_bile": 10.0})
    assert 0 < result["hepatic_clearance"][0] < HEPATIC_FLOW


def test_extended_with_fast_exchange_is_well_stirred() -> None:
    bile = {**MIDAZOLAM, "clint_bile": 40.0}
    fast = clearance_model.predict(
        {**bile, "liver_model": "extended", "ps_influx": 1e9, "ps_efflux": 1e9}
    )
    mixed = clearance_model.predict({**bile, "liver_model": "well_stirred"})
    np.testing.assert_allclose(fast["hepatic_clearance"], mixed["hepatic_clearance"], rtol=1e-5)


def test_a_drug_nobody_metabolises_is_filtered_only() -> None:
    result = clearance_model.predict(fu_plasma=[0.2, 1.0])
    np.testing.assert_allclose(result["hepatic_clearance"], 0.0)
    np.testing.assert_allclose(result["total_clearance"], [1.44, 7.2])
    np.testing.assert_allclose(result["gut_availability"], 1.0)


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"fu_plasma": 0.0}, "fu_plasma"),
        ({"fu_plasma": 1.2}, "fu_plasma"),
        ({"clint_hepatocyte": -1.0}, "clint_hepatocyte"),
        ({"fu_incubation": 0.0}, "fu_incubation"),
        ({"km": 0.0}, "km"),
        ({"liver_model": "well"}, "liver_model"),
        ({"share_cyp3a4": 1.5}, "share_cyp3a4"),
        ({"organ_flow": np.zeros(16)}, "organ_flow"),
        ({"organ_flow": np.ones(5)}, "organ_flow"),
        ({"unknown": 1.0}, "unknown"),
    ],
)
def test_bad_input_names_the_field(inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as error:
        clearance_model.predict({"fu_plasma": 0.1, **inputs})
    assert field in {fault.field for fault in error.value.rows}


def test_units_are_converted() -> None:
    given = clearance_model.predict(
        fu_plasma=0.1, clint_microsome="20 uL/min/mg", liver_mass="1.8 kg", gfr="120 mL/min"
    )
    plain = clearance_model.predict(fu_plasma=0.1, clint_microsome=20.0)
    np.testing.assert_allclose(given["total_clearance"], plain["total_clearance"])


@pytest.mark.parametrize("model", ["well_stirred", "parallel_tube", "dispersion", "extended"])
def test_gradients_are_exact(model: str) -> None:
    drug = {**MIDAZOLAM, "liver_model": model}
    wrt = ("vmax_microsome", "fu_plasma", "liver_mass", "cyp3a4_liver")
    exact = clearance_model.jacobian(drug, of="total_clearance", wrt=wrt)
    for name in wrt:
        centre = float(drug.get(name, clearance_model.inputs[name].default))
        step = 1e-5 * centre
        up = clearance_model.predict({**drug, name: centre + step})["total_clearance"]
        down = clearance_model.predict({**drug, name: centre - step})["total_clearance"]
        difference = (up - down) / (2 * step)
        np.testing.assert_allclose(exact["total_clearance", name], difference, rtol=1e-5)
