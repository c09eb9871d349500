"""The equations of one person: what makes organs bigger and flows smaller."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.physiology.model import DEVIATES, physiology
from catena.science.body.physiology.person import person, size
from catena.science.body.physiology.reference import reference_adult

ROWS = 4


def batch(**changes: Any) -> dict[str, Any]:
    """Four reference men, with changes; shorter changes repeat their last value."""
    values: dict[str, Any] = {
        "sex": np.zeros(ROWS, dtype=int),
        "age": np.full(ROWS, 30.0),
        "height": np.full(ROWS, 176.0),
        "weight": np.full(ROWS, 73.0),
        "serum_creatinine": np.full(ROWS, 0.9),
        "z_mass": np.zeros((ROWS, len(ORGANS))),
        "z_flow": np.zeros((ROWS, len(ORGANS))),
        **{name: np.zeros(ROWS) for name in DEVIATES},
    }
    for name, value in changes.items():
        rows = np.minimum(np.arange(ROWS), len(value) - 1)
        values[name] = np.asarray(value)[rows]
    return values


COMPILED = jax.jit(person)


def people(**changes: Any) -> dict[str, np.ndarray]:
    """Outputs of body.physiology for as many people as the longest change has rows."""
    n = max((len(value) for value in changes.values()), default=1)
    found = COMPILED(batch(**changes), dict(physiology.param_values))
    return {name: np.asarray(value)[:n] for name, value in found.items()}


def test_the_reference_covariates_give_the_reference_organs() -> None:
    covariates = {"sex": [0, 1], "height": [176.0, 163.0], "weight": [73.0, 60.0]}
    found = people(**covariates)
    reference = reference_adult()
    named = [i for i, name in enumerate(ORGANS) if name != "adipose"]
    np.testing.assert_allclose(found["organ_mass"][:, named], reference.organ_mass[:, named])
    np.testing.assert_allclose(found["cardiac_output"], reference.cardiac_output)
    np.testing.assert_allclose(size(batch(**covariates)), 1.0)
    # Nadler's blood volume differs from the reference blood mass; adipose takes the difference.
    np.testing.assert_allclose(found["organ_mass"][:, INDEX["adipose"]], [14.5, 19.0], rtol=0.03)


@pytest.mark.parametrize("organ", ["heart", "brain", "muscle", "bone", "kidney", "liver", "skin"])
def test_taller_people_have_larger_lean_organs(organ: str) -> None:
    mass = people(height=[160.0, 176.0, 195.0])["organ_mass"]
    assert np.all(np.diff(mass[:, INDEX[organ]]) > 0)


def test_heavier_people_have_more_fat_muscle_liver_and_skin_and_the_same_brain() -> None:
    found = people(weight=[60.0, 80.0, 110.0])
    mass = found["organ_mass"]
    for organ in ("adipose", "muscle", "liver", "skin"):
        assert np.all(np.diff(mass[:, INDEX[organ]]) > 0), organ
    np.testing.assert_allclose(np.diff(mass[:, INDEX["brain"]]), 0.0)
    assert np.all(np.diff(found["adipose_share"]) > 0)


def test_age_lowers_cardiac_output_filtration_and_muscle() -> None:
    found = people(age=[25.0, 45.0, 60.0, 80.0])
    assert np.all(np.diff(found["gfr"]) < 0)
    assert np.all(np.diff(found["cardiac_output"]) < 0)
    assert np.all(np.diff(found["organ_mass"][:, INDEX["muscle"]]) < 0)


def test_men_have_more_muscle_and_women_more_fat_at_one_height_and_weight() -> None:
    man, woman = ({k: v[i] for k, v in people(sex=[0, 1]).items()} for i in (0, 1))
    assert man["organ_mass"][INDEX["muscle"]] > woman["organ_mass"][INDEX["muscle"]]
    assert man["adipose_share"] < woman["adipose_share"]
    assert man["venous_volume"] > woman["venous_volume"]


@pytest.mark.parametrize("organ", [name for name in ORGANS if name not in ("adipose", "rest")])
def test_a_mass_deviate_moves_its_organ_against_fat_alone(organ: str) -> None:
    z = np.zeros((2, len(ORGANS)))
    z[1, INDEX[organ]] = 1.0
    mass = people(z_mass=z)["organ_mass"]
    change = mass[1] - mass[0]
    assert change[INDEX[organ]] > 0
    assert change[INDEX["adipose"]] == pytest.approx(-change[INDEX[organ]])
    others = [i for i, name in enumerate(ORGANS) if name not in (organ, "adipose")]
    np.testing.assert_allclose(change[others], 0.0)


def test_the_lungs_flow_deviate_is_that_of_the_cardiac_output() -> None:
    z = np.zeros((2, len(ORGANS)))
    z[1, INDEX["lung"]] = 1.0
    flow = people(z_flow=z)["organ_flow"]
    ratio = flow[1] / flow[0]
    np.testing.assert_allclose(ratio, np.exp(np.sqrt(np.log1p(0.05**2))))


def test_gfr_is_taken_back_from_standard_surface() -> None:
    found = people()
    egfr = 142.0 * 0.9938**30
    surface = np.sqrt(176.0 * 73.0 / 3600.0)
    np.testing.assert_allclose(found["gfr"], egfr * surface / 1.73 * 0.06)


def test_gradients_are_finite_and_right() -> None:
    def everything(weight: Any, z: Any) -> Any:
        values = {**batch(), "weight": weight, "z_mass": z, "z_flow": z}
        found = person(values, physiology.param_values)
        return sum(value.sum() for value in found.values())

    weight, z = np.full(ROWS, 80.0), np.zeros((ROWS, len(ORGANS)))
    both = jax.jit(jax.value_and_grad(everything, argnums=(0, 1)))
    _, (to_weight, to_z) = both(weight, z)
    assert np.all(np.isfinite(to_z))
    up, _ = both(weight + 1e-3, z)
    down, _ = both(weight - 1e-3, z)
    assert float(to_weight.sum()) == pytest.approx(float(up - down) / 2e-3, rel=1e-6)
