from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from petab_small import MEASURED, measured, small_problem

from catena.core.errors import InputError
from catena.formats.petab import Measurement, Observable, PetabProblem
from catena.numerics.ode.sbml.petab_objective import PetabObjective


@pytest.fixture
def problem(tmp_path: Path) -> PetabProblem:
    return small_problem(tmp_path)


def test_measurements_of_one_form_share_a_tape(problem: PetabProblem) -> None:
    two = {
        "x": Observable("x", "offset + A", "sd"), "y": Observable("y", "scale + B", "sd"),
        "z": Observable("z", "A * B", "noiseParameter1_z"),
    }  # fmt: skip
    seen = [
        Measurement("x", "fed", "", 1.0, 1.0), Measurement("y", "fed", "", 2.0, 1.0),
        Measurement("z", "fed", "", 2.0, 1.0, (), ("sd",)),
    ]  # fmt: skip
    objective = PetabObjective(replace(problem, observables=two, measurements=tuple(seen)))
    assert [len(form.members) for form in objective.readout._forms] == [2, 1]


def test_one_parameter_in_two_places_of_a_formula(problem: PetabProblem) -> None:
    twice = {"t": Observable("t", "observableParameter1_t * observableParameter2_t", "1")}
    seen = (Measurement("t", "fed", "", 0.0, 1.0, ("scale", "scale"), ()),)
    objective = PetabObjective(replace(problem, observables=twice, measurements=seen))
    theta = objective.nominal[None]
    reading = objective.read(theta, slopes=True)
    assert reading.values[0, 0] == pytest.approx(4.0)
    assert reading.value_slopes is not None
    slopes = dict(zip(objective.names, reading.value_slopes[0, 0], strict=True))
    assert slopes.pop("scale") == pytest.approx(2.0 * 4.0 * np.log(10))
    assert set(slopes.values()) == {0.0}


def test_a_placeholder_without_a_value_is_named(problem: PetabProblem) -> None:
    missing = (replace(measured("o", "", "fed", 1.0, 3.0), observable_parameters=()),)
    with pytest.raises(InputError, match="'observableParameter1_o' has no value"):
        PetabObjective(replace(problem, measurements=missing))
    assert MEASURED[0].observable_parameters == ("scale",)
