"""body.partition and body.vss as Models: ports, flags, bad input, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.partition.methods import METHODS
from catena.science.body.partition.model import partition_model, vss_model

PROPRANOLOL: dict[str, Any] = {
    "logp": 3.48, "pka_base": 9.5, "fu_plasma": 0.13, "blood_plasma_ratio": 0.87
}  # fmt: skip


def test_predicts_the_golden_numbers_without_flags() -> None:
    result = partition_model.predict(PROPRANOLOL, ion_class="strong_base")
    assert result["kp"][0, INDEX["liver"]] == pytest.approx(9.12, abs=0.005)
    assert result["kpu"][0] == pytest.approx(result["kp"][0] / 0.13)
    assert not result["binding_clipped"][0]
    assert result.diagnostics["warnings"] == []
    assert result.in_domain.tolist() == [True]


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_runs_by_name(method: str) -> None:
    kp = partition_model.predict(PROPRANOLOL, method=method)["kp"]
    assert kp.shape == (1, len(ORGANS))
    assert (kp > 0).all()


def test_scale_multiplies_every_organ() -> None:
    once = partition_model.predict(PROPRANOLOL)["kp"]
    np.testing.assert_allclose(
        partition_model.at(kp_scale=2.0).predict(PROPRANOLOL)["kp"], 2 * once
    )


def test_inconsistent_blood_ratio_is_clipped_with_a_warning() -> None:
    result = partition_model.predict({**PROPRANOLOL, "blood_plasma_ratio": [0.4, 0.87]})
    assert result["blood_ratio_clipped"].tolist() == [True, False]
    assert any("B:P is below 1 - hematocrit" in text for text in result.diagnostics["warnings"])
    assert np.isfinite(result["kp"]).all()


def test_outside_the_lipophilicity_range_is_flagged() -> None:
    result = partition_model.predict(logp=[2.0, 9.0], fu_plasma=0.1)
    assert result.in_domain.tolist() == [True, False]


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"fu_plasma": 0.0}, "fu_plasma"),
        ({"fu_plasma": 1.2}, "fu_plasma"),
        ({"fu_plasma": float("nan")}, "fu_plasma"),
        ({"blood_plasma_ratio": 0.0}, "blood_plasma_ratio"),
        ({"blood_plasma_ratio": -1.0}, "blood_plasma_ratio"),
        ({"hematocrit": 0.0}, "hematocrit"),
        ({"method": "rodgers"}, "method"),
        ({"ion_class": "zwitterion", "pka_base": 9.0}, "ion_class"),
        ({"ion_class": "zwitterion", "pka_acid": 4.0}, "ion_class"),
        ({"ion_class": "neutral", "pka_base": 9.0}, "ion_class"),
        ({"ion_class": "acid"}, "ion_class"),
        ({"ion_class": "acid", "pka_acid": 4.0, "pka_base": 9.0}, "ion_class"),
        ({"ion_class": "weak_base", "pka_base": 9.0}, "ion_class"),
        ({"ion_class": "strong_base", "pka_base": 6.0}, "ion_class"),
        ({"ion_class": "diprotic_base", "pka_base": 9.0}, "ion_class"),
        ({"ion_class": "diprotic_acid", "pka_acid": 3.0}, "ion_class"),
        ({"pka_acid": 6.0, "pka_acid2": 4.0}, "pka_acid2"),
        ({"pka_acid2": 4.0}, "pka_acid2"),
        ({"pka_base": 6.0, "pka_base2": 8.0}, "pka_base2"),
    ],
)
def test_bad_input_names_the_field(inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as error:
        partition_model.predict({"logp": 2.0, "fu_plasma": 0.1, **inputs})
    assert field in {fault.field for fault in error.value.rows}


@pytest.mark.parametrize(
    "inputs",
    [
        {"ion_class": "neutral"},
        {"ion_class": "neutral", "pka_base": 0.6},
        {"ion_class": "acid", "pka_acid": 8.8},
        {"ion_class": "weak_base", "pka_base": 3.4},
        {"ion_class": "zwitterion", "pka_acid": 6.0, "pka_base": 8.0},
        {"ion_class": "diprotic_acid", "pka_acid": 3.0, "pka_acid2": 6.0},
        {"ion_class": "diprotic_base", "pka_base": 9.0, "pka_base2": 6.0},
    ],
)
def test_consistent_classes_pass_and_change_nothing(inputs: dict[str, Any]) -> None:
    given = {"logp": 2.0, "fu_plasma": 0.1, **inputs}
    declared = partition_model.predict(given)["kp"]
    np.testing.assert_array_equal(
        declared, partition_model.predict({**given, "ion_class": "auto"})["kp"]
    )


def test_a_bad_row_can_be_skipped() -> None:
    result = partition_model.predict(
        logp=[2.0, 2.0], fu_plasma=[0.1, 0.1], pka_base=[9.0, 6.0],
        ion_class=["strong_base", "strong_base"], on_error="skip",
    )  # fmt: skip
    assert result.size == 1
    assert result.status[0] == "ok"
    assert "strong_base" in result.status[1]


def test_gradients_are_exact() -> None:
    wrt = ("logp", "pka_base", "fu_plasma", "blood_plasma_ratio")
    exact = partition_model.jacobian(PROPRANOLOL, of="kp", wrt=wrt)
    for name in wrt:
        step = 1e-5
        up = partition_model.predict({**PROPRANOLOL, name: PROPRANOLOL[name] + step})["kp"]
        down = partition_model.predict({**PROPRANOLOL, name: PROPRANOLOL[name] - step})["kp"]
        np.testing.assert_allclose(
            exact["kp", name], (up - down) / (2 * step), rtol=1e-5, atol=1e-7
        )


def test_membrane_affinity_is_optional() -> None:
    drug = {"logp": 3.0, "fu_plasma": 0.1, "method": "pksim_standard"}
    default = partition_model.predict(drug)["kp"]
    np.testing.assert_allclose(
        partition_model.predict(drug, log_membrane_affinity=3.0)["kp"], default
    )
    assert (partition_model.predict(drug, log_membrane_affinity=2.0)["kp"] < default).all()


def test_volume_model_takes_the_ports_of_its_neighbours() -> None:
    kp = np.ones((2, len(ORGANS)))
    kp[1] = 2.0
    result = vss_model.predict(
        kp=kp, organ_volume=np.full(len(ORGANS), 3.0), arterial_volume=1.5, venous_volume=3.5,
        weight=70.0, blood_plasma_ratio=1.0, hematocrit=0.45,
    )  # fmt: skip
    np.testing.assert_allclose(result["vss"], [53.0, 101.0])
    np.testing.assert_allclose(result["vss_per_weight"], [53.0 / 70, 101.0 / 70])
    assert result.units == {"vss": "L", "vss_per_weight": "L/kg"}
