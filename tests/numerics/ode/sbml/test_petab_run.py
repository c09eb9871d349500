from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from petab_small import measured, small_problem

from catena.formats.petab import Condition, PetabProblem
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml.petab_objective import PetabObjective

TIGHT = SolverSettings(rtol=1e-10, atol=1e-14)
FEW = SolverSettings(rtol=1e-6, atol=1e-9, max_steps=4)


@pytest.fixture
def problem(tmp_path: Path) -> PetabProblem:
    return small_problem(tmp_path)


def test_states_of_rest_and_their_slopes_are_those_of_the_formula(problem: PetabProblem) -> None:
    only = (measured("b", "", "fed", math.inf, 1.0), measured("o", "fed", "starved", 0.0, 1.0))
    objective = PetabObjective(replace(problem, measurements=only), TIGHT)
    reading = objective.read(objective.nominal[None], slopes=True)
    k, out, feed = 0.3, 0.5, 2.0
    np.testing.assert_allclose(reading.values[0], [feed / out, 0.25 + 2.0 * feed / k], rtol=1e-8)
    assert reading.value_slopes is not None
    slopes = dict(zip(objective.names, reading.value_slopes[0].T, strict=True))
    # On the scales of the table: b does not depend on k, and moves against log(out).
    np.testing.assert_allclose(slopes["out"], [-feed / out, 0.0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        slopes["k"], [0.0, -2.0 * feed / k * math.log(10)], rtol=1e-6, atol=1e-8
    )


def test_why_a_row_failed_is_told(problem: PetabProblem) -> None:
    objective = PetabObjective(problem, FEW)
    theta = np.repeat(objective.nominal[None], 2, axis=0)
    assert (objective.log_likelihood(theta) == -np.inf).all()
    told = objective.faults(theta)
    assert set(told) == {0, 1}
    assert "needs more steps than max_steps" in told[0]


def test_what_never_rests_is_told(problem: PetabProblem) -> None:
    endless = {**problem.conditions, "shut": Condition("shut", {"feed": 1.0, "k": 0.0})}
    only = (measured("o", "shut", "starved", 1.0, 1.0),)
    objective = PetabObjective(replace(problem, conditions=endless, measurements=only))
    theta = objective.nominal[None]
    assert objective.log_likelihood(theta)[0] == -np.inf
    assert objective.faults(theta)[0] == (
        "the experiment under condition 'shut' does not come to rest by 1e+09"
    )
