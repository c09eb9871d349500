"""The five methods: golden numbers, values by hand, limits, gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import InputError
from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.partition.conventions import METHOD_NAMES
from catena.science.body.partition.drug import Drug
from catena.science.body.partition.ionisation import Groups
from catena.science.body.partition.methods import METHODS, partition

MIDAZOLAM = Drug(3.15, 0.03, Groups(base=6.0), 0.55)
COMPILED = {name: jax.jit(compute) for name, compute in METHODS.items()}
PROPRANOLOL = Drug(3.48, 0.13, Groups(base=9.5), 0.87)


def kp(drug: Drug, organ: str, method: str = "rodgers_rowland") -> float:
    return float(partition(drug, method).kp[INDEX[organ]])


@pytest.mark.parametrize(
    ("drug", "organ", "expected"),
    [
        (PROPRANOLOL, "muscle", 3.23),
        (PROPRANOLOL, "liver", 9.12),
        (PROPRANOLOL, "brain", 1.12),
        (PROPRANOLOL, "adipose", 1.10),
        (MIDAZOLAM, "adipose", 3.62),
        (MIDAZOLAM, "muscle", 0.57),
        (MIDAZOLAM, "liver", 0.94),
        (MIDAZOLAM, "brain", 1.68),
    ],
)
def test_rodgers_rowland_golden_numbers(drug: Drug, organ: str, expected: float) -> None:
    assert kp(drug, organ) == pytest.approx(expected, abs=0.005)


def test_rodgers_rowland_neutral_by_hand() -> None:
    # logP 0 (P = 1), fu 0.5: every lipid term is f_NL + f_NP; muscle.
    bracket = 1 / 0.5 - 1 - (0.0023 + 0.0013)
    expected = 0.5 * (0.118 + 0.630 + 0.0100 + 0.0072 + bracket * 0.059)
    assert kp(Drug(0.0, 0.5), "muscle") == pytest.approx(expected, rel=1e-9)


def test_rodgers_rowland_zwitterion_uses_albumin_or_phospholipid() -> None:
    weak = Drug(0.0, 0.5, Groups(acid=6.4, base=5.0))
    cell, plasma = 1 + 10**-2.0 + 10**0.6, 1 + 10**-2.4 + 10**1.0
    lipid_muscle, lipid_plasma = (0.0100 + 0.0072) / plasma, (0.0023 + 0.0013) / plasma
    expected = 0.5 * (0.118 + cell / plasma * 0.630 + lipid_muscle + (1.0 - lipid_plasma) * 0.064)
    assert kp(weak, "muscle") == pytest.approx(expected, rel=1e-9)
    strong = Drug(0.0, 0.5, Groups(acid=6.4, base=8.0), 1.2)
    assert kp(strong, "muscle") > kp(strong._replace(blood_plasma_ratio=0.9), "muscle")


def test_diprotic_base_is_more_ionised_than_monoprotic() -> None:
    one = Groups(base=8.0).at(7.0)
    two = Groups(base=8.0, base2=7.5).at(7.0)
    assert float(two.cation) == pytest.approx(float(one.cation) * (1 + 10**0.5))
    assert kp(PROPRANOLOL._replace(groups=Groups(base=9.5, base2=8.0)), "muscle") > 0


def test_poulin_theil_and_berezhkovskiy_by_hand() -> None:
    drug = Drug(1.0, 0.2)
    fut = 1 / (1 + 0.5 * 0.8 / 0.2)
    lipid_muscle, lipid_plasma = 10 * (0.0238 + 0.3 * 0.0072), 10 * (0.0035 + 0.3 * 0.00225)
    watery_muscle, watery_plasma = 0.7 * 0.0072, 0.7 * 0.00225
    theil = (lipid_muscle + 0.76 + watery_muscle) / (lipid_plasma + 0.945 + watery_plasma)
    assert kp(drug, "muscle", "poulin_theil") == pytest.approx(theil * 0.2 / fut, rel=1e-9)
    berez = (lipid_muscle + 0.76 / fut + watery_muscle) / (
        lipid_plasma + 0.945 / 0.2 + watery_plasma
    )
    assert kp(drug, "muscle", "berezhkovskiy") == pytest.approx(berez, rel=1e-9)


def test_poulin_theil_equals_berezhkovskiy_without_binding() -> None:
    # fu = 1 makes fut = 1: the two formulas then coincide in every organ.
    drug = Drug(2.0, 1.0, Groups(acid=6.0))
    np.testing.assert_allclose(
        partition(drug, "poulin_theil").kp, partition(drug, "berezhkovskiy").kp, rtol=1e-12
    )


def test_pksim_standard_by_hand() -> None:
    expected = 0.1 * (0.811 + 100 * 0.013 + (0.163 + 0.0221 * 100) * 0.177)
    assert kp(Drug(2.0, 0.1), "muscle", "pksim_standard") == pytest.approx(expected, rel=1e-9)
    fitted = Drug(5.0, 0.1, log_membrane_affinity=2.0)
    assert kp(fitted, "muscle", "pksim_standard") == pytest.approx(expected, rel=1e-9)


def test_schmitt_neutral_by_hand() -> None:
    drug = Drug(2.0, 0.5)
    membrane = 10 ** (1.294 + 0.304 * 2.0)
    cells = (
        0.7991
        + 0.02387 * (100 * 0.5394 + membrane * (0.3817 + 0.07884))
        + (0.163 + 0.0221 * membrane) * 0.177
    )
    water = 1 - 0.075 / 1.025
    expected = 0.5 * (0.15 * (water + 0.37 * (2.0 - water)) + 0.85 * cells)
    assert kp(drug, "muscle", "schmitt") == pytest.approx(expected, rel=1e-9)


def test_schmitt_acids_stay_out_of_acidic_cells_and_bases_go_in() -> None:
    neutral = kp(Drug(1.0, 0.5, log_membrane_affinity=0.0), "muscle", "schmitt")
    acid = kp(Drug(1.0, 0.5, Groups(acid=4.0), log_membrane_affinity=0.0), "muscle", "schmitt")
    base = kp(Drug(1.0, 0.5, Groups(base=9.0), log_membrane_affinity=0.0), "muscle", "schmitt")
    assert acid < neutral < base


def test_strong_base_with_impossible_blood_ratio_is_clipped_and_flagged() -> None:
    result = partition(PROPRANOLOL._replace(blood_plasma_ratio=jnp.array([0.4, 0.87])))
    assert result.binding_clipped.tolist() == [True, False]
    assert bool((result.kp > 0).all())


def test_neutral_whose_lipid_exceeds_its_binding_is_flagged() -> None:
    assert bool(partition(Drug(6.0, 0.9)).binding_clipped)


@pytest.mark.parametrize("method", list(METHODS))
@given(
    logp=st.floats(-3, 8),
    fu=st.floats(1e-4, 1.0),
    acid=st.sampled_from([20.0, 3.0, 6.0, 9.0]),
    base=st.sampled_from([-10.0, 4.0, 6.9, 7.1, 10.0]),
    ratio=st.floats(0.2, 5.0),
)
@settings(max_examples=25, deadline=None)
def test_always_positive_and_finite(
    method: str, logp: float, fu: float, acid: float, base: float, ratio: float
) -> None:
    result = COMPILED[method](Drug(logp, fu, Groups(acid, base), ratio))
    assert result.kp.shape == (len(ORGANS),)
    assert bool(jnp.isfinite(result.kp).all() & (result.kp > 0).all())


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("base", [-10.0, 5.0, 9.0])
def test_gradients_agree_with_differences(method: str, base: float) -> None:
    @jax.jit
    def muscle(x: jax.Array) -> jax.Array:
        drug = Drug(x[0], x[1], Groups(base=base + x[2]), x[3])
        return partition(drug, method).kp[INDEX["muscle"]]

    point = jnp.array([2.0, 0.2, 0.0, 1.0])
    gradient = jax.grad(muscle)(point)
    step = 1e-6
    for index in range(4):
        shift = jnp.zeros(4).at[index].set(step)
        difference = (muscle(point + shift) - muscle(point - shift)) / (2 * step)
        assert float(gradient[index]) == pytest.approx(float(difference), rel=1e-5, abs=1e-8)


def test_batch_equals_rows() -> None:
    logp, fu = jnp.array([1.0, 3.0]), jnp.array([0.5, 0.05])
    for method in METHODS:
        together = partition(Drug(logp, fu, Groups(base=jnp.array([9.0, -10.0])), 1.0), method).kp
        alone = partition(Drug(1.0, 0.5, Groups(base=9.0), 1.0), method).kp
        np.testing.assert_allclose(together[0], alone, rtol=1e-12)


def test_every_named_method_exists() -> None:
    assert tuple(METHODS) == METHOD_NAMES


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        partition(MIDAZOLAM, "rodgers")
    assert "rodgers_rowland" in error.value.fix
