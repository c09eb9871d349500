from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from petab_small import small_problem

from catena.core.errors import InputError
from catena.formats.petab import PetabProblem
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml.petab_plan import DECADES, Planner, Source
from catena.numerics.ode.sbml.reader import read_sbml

NAMES = ("k", "out", "offset", "scale", "sd", "spike", "unused")


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    problem: PetabProblem = small_problem(tmp_path)
    return Planner(problem, read_sbml(problem.model), NAMES, SolverSettings())


def test_only_parameters_of_the_dynamics_are_integrated(planner: Planner) -> None:
    stages = planner.stages(("A", "B", "half"))
    names = {NAMES[k] for s in stages for k in s.active.ravel() if k < len(NAMES)}
    assert names == {"k", "out", "spike"}


def test_experiments_that_set_the_same_quantities_run_together(planner: Planner) -> None:
    stages = planner.stages(("A", "B", "half"))
    together = {tuple(sorted(stage.experiments)): stage for stage in stages}
    assert set(together) == {
        (("", "fed"), ("", "starved")), (("", "fed"),), (("", "bare"),), (("fed", "starved"),),
        (("fed", "spiked"), ("starved", "spiked")),
    }  # fmt: skip
    settled = [stage for stage in stages if stage.settled]
    assert [stage.experiments for stage in settled] == [(("", "fed"),)]
    np.testing.assert_array_equal(settled[0].times, [DECADES])
    rests = {id(s.before): s.before for s in stages if s.before is not None}
    assert [rest.experiments for rest in rests.values()] == [(("", "fed"), ("", "starved"))]


def test_times_are_padded_and_states_come_from_rest(planner: Planner) -> None:
    stages = planner.stages(("A", "B", "half"))
    fed = next(s for s in stages if ("", "fed") in s.experiments and not s.settled)
    rows = dict(zip(fed.experiments, fed.times.tolist(), strict=True))
    assert rows == {("", "fed"): [0, 1, 4], ("", "starved"): [1, 2, 2]}
    spiked = next(s for s in stages if ("fed", "spiked") in s.experiments)
    columns = {field.name: k for k, field in enumerate(spiked.system.parameters)}
    moving = set(zip(*map(list, spiked.states[:2]), strict=True))
    assert moving == {(0, columns["B_initial"]), (1, columns["B_initial"])}
    np.testing.assert_array_equal(spiked.before_row, [0, 1])


def test_sources(planner: Planner) -> None:
    assert planner.source("k") == Source("parameter", 0)
    assert planner.source("dose") == Source("number", number=2.0)
    assert planner.source("b0") is None
    assert planner.cell("b0", "fed") == Source("number", number=4.0)
    assert planner.input_source("feed", ("", "fed")) == Source("number", number=2.0)
    assert planner.input_source("half", ("", "fed")) is None
    assert planner.input_source("A", ("", "fed")) is None
    assert math.isnan(Source("rest", 1).number)
    with pytest.raises(InputError, match="'kk' has no value"):
        planner.cell("kk", "fed")
