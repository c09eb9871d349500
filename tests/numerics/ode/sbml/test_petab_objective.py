from __future__ import annotations

import math
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from petab_small import MEASURED, PARAMETERS, small_problem

from catena.core.errors import InputError
from catena.formats.petab import Parameter, PetabProblem, Prior, read_petab
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml.petab_objective import PetabObjective
from catena.numerics.ode.sbml.petab_simulation import PetabSimulator

TIGHT = SolverSettings(rtol=1e-10, atol=1e-14)


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> PetabProblem:
    return small_problem(tmp_path_factory.mktemp("petab"))


@pytest.fixture(scope="module")
def objective(problem: PetabProblem) -> PetabObjective:
    return PetabObjective(problem, TIGHT)


def thetas(objective: PetabObjective, count: int = 3) -> np.ndarray:
    rng = np.random.default_rng(7)
    return objective.nominal + 0.2 * rng.standard_normal((count, len(objective.names)))


def test_values_are_those_read_one_by_one(objective: PetabObjective) -> None:
    simulator = PetabSimulator(objective.problem, TIGHT)
    theta = thetas(objective)
    reading, likelihoods = objective.read(theta), objective.log_likelihood(theta)
    for row, values in enumerate(objective.unscaled(theta)):
        given = dict(zip(objective.names, values.tolist(), strict=True))
        simulated = simulator.simulate(given)
        np.testing.assert_allclose(reading.values[row], simulated.values, rtol=1e-6)
        np.testing.assert_allclose(reading.sigmas[row], simulated.sigmas, rtol=1e-6)
        assert likelihoods[row] == pytest.approx(simulator.log_likelihood(simulated), rel=1e-7)


def test_gradients_are_those_of_differences(objective: PetabObjective) -> None:
    theta, step = thetas(objective), 1e-4
    value, gradient = objective.value_and_gradient(theta)
    np.testing.assert_allclose(value, objective.log_likelihood(theta), rtol=1e-8)
    for k in range(theta.shape[1]):
        move = step * np.eye(theta.shape[1])[k]
        difference = objective.log_likelihood(theta + move) - objective.log_likelihood(theta - move)
        np.testing.assert_allclose(gradient[:, k], difference / (2 * step), rtol=1e-5, atol=1e-5)
    scored = objective.scored(theta)
    np.testing.assert_allclose(scored[1], gradient)
    assert (np.linalg.eigvalsh(scored[2]) > -1e-9 * np.abs(scored[2]).max()).all()


def test_residuals_and_their_jacobian(objective: PetabObjective) -> None:
    whole = objective
    only = tuple(m for m in MEASURED if m.observable != "l")
    objective = PetabObjective(replace(whole.problem, measurements=only), TIGHT)
    theta, step = thetas(objective, 1), 1e-5
    off, jacobian = objective.residuals_and_jacobian(theta)
    for k in range(theta.shape[1]):
        move = step * np.eye(theta.shape[1])[k]
        above, below = (objective.residuals_and_jacobian(theta + s * move)[0] for s in (1, -1))
        np.testing.assert_allclose(jacobian[..., k], (above - below) / (2 * step), rtol=1e-4, atol=1e-5)  # fmt: skip
    reading = objective.read(theta)
    likelihood = -0.5 * (off**2).sum() - np.log(reading.sigmas[0][objective.noise.known]).sum()
    assert likelihood + objective.noise.constant.sum() == pytest.approx(
        objective.log_likelihood(theta)[0]
    )
    with pytest.raises(InputError, match="Laplace"):
        whole.residuals_and_jacobian(theta)


def test_batches_are_the_rows_one_by_one(objective: PetabObjective) -> None:
    theta = thetas(objective, 5)
    together = objective.scored(theta)
    apart = [objective.scored(row[None]) for row in theta]
    for k, part in enumerate(together):
        np.testing.assert_array_equal(part, np.concatenate([one[k] for one in apart]))


def test_what_cannot_be_simulated_is_told_and_the_others_go_on(objective: PetabObjective) -> None:
    theta = thetas(objective, 2)
    theta[0, 2] = -400.0  # values below zero are fine on a linear scale, noise below zero is not
    value, gradient = objective.value_and_gradient(theta)
    assert value[0] == -np.inf
    assert np.isfinite(value[1])
    assert np.isfinite(gradient[1]).all()


def test_scales_there_and_back(objective: PetabObjective) -> None:
    assert objective.nominal == pytest.approx(
        [math.log10(0.3), math.log(0.5), 0.25, math.log10(2), math.log10(0.5), math.log10(8), 0]
    )
    np.testing.assert_allclose(objective.scaled(objective.unscaled(objective.nominal)),
                               objective.nominal, atol=1e-15)  # fmt: skip
    assert objective.bounds[:, 0] == pytest.approx([-3, 3])


def test_nonsense_is_refused(problem: PetabProblem, objective: PetabObjective) -> None:
    fixed = {n: replace(p, estimated=False) for n, p in problem.parameters.items()}
    with pytest.raises(InputError, match="Nothing is estimated"):
        PetabObjective(replace(problem, parameters=fixed))
    with pytest.raises(InputError, match="Wrong shape"):
        objective.log_likelihood(np.zeros(7))
    for missing in ("offset", "spike", "dose"):
        fewer = {n: p for n, p in problem.parameters.items() if n != missing}
        with pytest.raises(InputError, match=f"'{missing}' has no value"):
            PetabObjective(replace(problem, parameters=fewer))
    empty = {**problem.parameters, "dose": Parameter("dose")}
    with pytest.raises(InputError, match="'dose' has no value"):
        PetabObjective(replace(problem, parameters=empty))


def test_priors_are_kept_apart_from_the_likelihood(
    problem: PetabProblem, objective: PetabObjective
) -> None:
    prior = Prior("parameterScaleNormal", 0.0, 1.0)
    known = {**problem.parameters, "k": replace(PARAMETERS[0], prior=prior)}
    with_ = PetabObjective(replace(problem, parameters=known), TIGHT)
    theta = with_.nominal[None]
    np.testing.assert_array_equal(with_.log_likelihood(theta), objective.log_likelihood(theta))
    assert with_.priors.scored(theta)[0][0] == pytest.approx(
        -0.5 * math.log10(0.3) ** 2 - 0.5 * math.log(2 * math.pi)
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "likelihood"),
    [
        ("Boehm_JProteomeRes2014", -138.22199693517703),
        ("Elowitz_Nature2000", 63.20279991419332),
        ("Weber_BMC2015", -296.2017922646865),
    ],
)
def test_published_problems_have_their_likelihood_and_its_gradient(
    name: str, likelihood: float, data_dir: Path, tmp_path: Path
) -> None:
    with tarfile.open(data_dir / "cell" / "petab" / f"{name}.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    objective = PetabObjective(read_petab(tmp_path / name / f"{name}.yaml"))
    theta = objective.nominal[None]
    assert objective.log_likelihood(theta)[0] == pytest.approx(likelihood, rel=1e-5)
    if name != "Boehm_JProteomeRes2014":
        return
    tight, moved, step = objective.solved_with(TIGHT), theta + 0.05, 1e-4
    _, gradient = tight.value_and_gradient(moved)
    moves = step * np.eye(theta.shape[1])
    slope = (tight.log_likelihood(moved + moves) - tight.log_likelihood(moved - moves)) / (2 * step)
    np.testing.assert_allclose(gradient[0], slope, rtol=1e-4, atol=1e-4 * np.abs(slope).max())
