from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from petab_decay import decay_problem, write_problem

from catena.core.errors import DataError, InputError
from catena.formats.petab import Prior
from catena.ops.petab.target import PetabCalibration, petab_calibration


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> PetabCalibration:
    return petab_calibration(decay_problem(tmp_path_factory.mktemp("petab")))


def test_what_is_minimised_is_the_negative_log_posterior(target: PetabCalibration) -> None:
    theta = target.objective.nominal[None] + np.array([[0.0] * 4, [0.1, -0.2, 0.3, 0.1]])
    likelihood = target.objective.log_likelihood(theta)
    np.testing.assert_allclose(target.value(theta), -likelihood)
    value, gradient = target.value_and_gradient(theta)
    np.testing.assert_allclose(value, -likelihood, rtol=1e-7)
    again, slope, curvature = target.value_gradient_curvature(theta)
    np.testing.assert_allclose(again, value)
    np.testing.assert_allclose(slope, gradient)
    assert (np.linalg.eigvalsh(curvature) > 0).all()
    off, jacobian = target.residuals_and_jacobian(theta)
    assert off.shape == (2, target.size)
    assert jacobian.shape == (2, target.size, 4)


def test_priors_count_where_wanted(target: PetabCalibration) -> None:
    prior = Prior("parameterScaleNormal", 1.0, 0.1)
    known = {**target.problem.parameters}
    known["k"] = replace(known["k"], prior=prior)
    problem = replace(target.problem, parameters=known)
    with_, without = petab_calibration(problem), petab_calibration(problem, priors=False)
    theta = target.objective.nominal[None]
    np.testing.assert_allclose(without.value(theta), target.value(theta))
    extra = with_.value(theta) - without.value(theta)
    off = (target.objective.nominal[0] - 1.0) / 0.1
    np.testing.assert_allclose(extra, 0.5 * off**2 + np.log(0.1 * np.sqrt(2 * np.pi)))
    step = 1e-5 * np.array([1.0, 0, 0, 0])
    slope = (with_.value(theta + step) - with_.value(theta - step)) / 2e-5
    assert with_.value_and_gradient(theta)[1][0, 0] == pytest.approx(slope[0], rel=1e-5)


def test_starts_lie_between_the_bounds_and_the_best_candidates_are_taken(
    target: PetabCalibration,
) -> None:
    low, high = target.bounds
    drawn, again = target.starts(8, key=3), target.starts(8, key=3)
    np.testing.assert_array_equal(drawn, again)
    assert ((drawn > low) & (drawn < high)).all()
    assert not np.array_equal(drawn, target.starts(8, key=4))
    assert np.isfinite(target.value(target.starts(60, key=5))).all()
    chosen = target.starts(8, key=3, candidates=6)
    assert chosen.shape == (8, 4)
    assert np.median(target.value(chosen)) < np.median(target.value(drawn))


def test_rows_that_fail_are_infinite_with_no_slope(target: PetabCalibration) -> None:
    theta = np.repeat(target.objective.nominal[None], 2, axis=0)
    theta[0, 0] = np.nan
    for found in (target.value_and_gradient(theta), target.value_gradient_curvature(theta)):
        assert found[0][0] == np.inf
        assert all((part[0] == 0).all() for part in found[1:])
        assert np.isfinite(found[0][1])


def test_contradictory_bounds_are_refused(target: PetabCalibration) -> None:
    known = {**target.problem.parameters}
    known["k"] = replace(known["k"], lower=5.0, upper=0.1)
    with pytest.raises(InputError, match="bounds of 'k' contradict"):
        _ = petab_calibration(replace(target.problem, parameters=known)).bounds


def test_files_are_read(tmp_path: Path) -> None:
    path = write_problem(tmp_path, decay_problem(tmp_path))
    assert petab_calibration(path).names == ("k", "a0", "scale", "sd")
    with pytest.raises(DataError, match="Cannot read the PEtab problem"):
        petab_calibration(tmp_path / "other.yaml")


def test_the_log_posterior_inside_a_trace(target: PetabCalibration) -> None:
    import jax

    theta = target.objective.nominal + 0.1
    value, gradient = jax.jit(jax.value_and_grad(target.traced()))(theta)
    expected, slope = target.value_and_gradient(theta[None])
    assert float(value) == pytest.approx(-expected[0])
    np.testing.assert_allclose(gradient, -slope[0])
