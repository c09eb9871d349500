from __future__ import annotations

import math
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sbml_builder import document

from catena.core.errors import InputError
from catena.formats.petab import (
    Condition,
    Measurement,
    Observable,
    Parameter,
    PetabProblem,
    read_petab,
)
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml.petab_readings import log_density
from catena.numerics.ode.sbml.petab_simulation import PetabSimulator

TIGHT = SolverSettings(rtol=1e-9, atol=1e-12)
K, FEED, OUT = 0.3, 2.0, 0.5

#: A is fed and turns into B, which leaves; at rest A = feed / k and B = feed / out.
MODEL = document(
    species={"A": {"conc": 1.0}, "B": {}},
    parameters={"k": 9.0, "feed": 0.0, "out": OUT, "b0": 4.0},
    reactions={"in": ("-> A", "feed"), "r": ("A -> B", "k * A"), "o": ("B ->", "out * B")},
    initial={"B": "b0 / 2"},
)


@pytest.fixture
def problem(tmp_path: Path) -> PetabProblem:
    path = tmp_path / "model.xml"
    path.write_text(MODEL)
    conditions = [
        Condition("fed", {"feed": FEED}),
        Condition("starved", {}),
        Condition("spiked", {"A": "spike", "feed": 0.0}),
        Condition("bare", {"A": 0.0, "B": 3.0}),
    ]
    observables = [
        Observable("o", "offset + observableParameter1_o * A", "noiseParameter1_o * o"),
        Observable("b", "B", "0.1 * B + sd"),
    ]
    return PetabProblem(
        "small",
        path,
        {p.name: p for p in (Parameter("k", nominal=K), Parameter("offset", nominal=0.25),
                             Parameter("scale", nominal=2.0), Parameter("sd", nominal=0.5),
                             Parameter("spike", nominal=8.0))},
        {c.name: c for c in conditions},
        {o.name: o for o in observables},
        (),
    )  # fmt: skip


def readings(problem: PetabProblem, *measurements: Measurement) -> tuple[np.ndarray, np.ndarray]:
    chosen = replace(problem, measurements=measurements)
    out = PetabSimulator(chosen, TIGHT).simulate()
    return out.values, out.sigmas


def reading_of(before: str, condition: str, time: float, observable: str = "o") -> Measurement:
    given = ("scale", 0.1) if observable == "o" else ("", "")
    return Measurement(observable, condition, before, time, math.nan, (given[0],), (given[1],))


def test_conditions_set_parameters_and_observables_take_theirs(problem: PetabProblem) -> None:
    values, sigmas = readings(problem, reading_of("", "starved", 2.0), reading_of("", "fed", 2.0))
    decay = math.exp(-2 * K)
    a = np.array([decay, FEED / K + (1 - FEED / K) * decay])
    np.testing.assert_allclose(values, 0.25 + 2 * a, rtol=1e-8)
    np.testing.assert_allclose(sigmas, 0.1 * values, rtol=1e-12)


def test_conditions_set_species_even_those_with_a_formula(problem: PetabProblem) -> None:
    values, sigmas = readings(
        problem,
        Measurement("b", "bare", "", 1.0, math.nan),
        Measurement("b", "bare", "", 0.0, math.nan),
        Measurement("b", "starved", "", 0.0, math.nan),
    )
    np.testing.assert_allclose(values, [3 * math.exp(-OUT), 3.0, 2.0], rtol=1e-8)
    np.testing.assert_allclose(sigmas, 0.1 * values + 0.5, rtol=1e-12)


def test_experiments_start_from_rest(problem: PetabProblem) -> None:
    values, _ = readings(
        problem,
        reading_of("fed", "starved", 0.0),
        reading_of("fed", "starved", 2.0),
        reading_of("fed", "spiked", 2.0),
        Measurement("b", "spiked", "fed", 0.0, math.nan),
    )
    a = np.array([FEED / K, FEED / K * math.exp(-2 * K), 8 * math.exp(-2 * K)])
    np.testing.assert_allclose(values[:3], 0.25 + 2 * a, rtol=1e-7)
    np.testing.assert_allclose(values[3], FEED / OUT, rtol=1e-9)


def test_infinite_time_means_at_rest(problem: PetabProblem) -> None:
    values, _ = readings(
        problem,
        reading_of("", "fed", math.inf),
        reading_of("", "fed", 1.0),
        reading_of("fed", "starved", math.inf),
    )
    assert values[0] == pytest.approx(0.25 + 2 * FEED / K, rel=1e-9)
    assert values[2] == pytest.approx(0.25, abs=1e-9)


def test_parameters_can_be_replaced(problem: PetabProblem) -> None:
    chosen = replace(problem, measurements=(reading_of("", "starved", 2.0),))
    simulator = PetabSimulator(chosen, TIGHT)
    slow = simulator.simulate({"k": 0.1, "scale": 1.0})
    assert slow.values[0] == pytest.approx(0.25 + math.exp(-0.2), rel=1e-8)
    with pytest.raises(InputError, match="No parameter 'kk'"):
        simulator.simulate({"kk": 1.0})


def test_what_has_no_value_is_named(problem: PetabProblem) -> None:
    parameters = {n: p for n, p in problem.parameters.items() if n not in ("offset", "spike")}
    for measurement, told in (
        (reading_of("", "starved", 1.0), "'offset' has no value"),
        (reading_of("", "spiked", 1.0), "'spike' has no value"),
    ):
        with pytest.raises(InputError, match=told):
            readings(replace(problem, parameters=parameters), measurement)


@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
def test_densities_of_measurements_integrate_to_one(scale: str) -> None:
    grid = np.exp(np.linspace(-12, 8, 20_001)) if scale != "lin" else np.linspace(-9, 15, 20_001)
    for distribution in ("normal", "laplace"):
        seen = Observable("o", "x", "s", scale, distribution)  # type: ignore[arg-type]
        density = np.exp([log_density(seen, y, 1.7, 0.4) for y in grid.tolist()])
        assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=2e-3)
    assert log_density(Observable("o", "x"), math.nan, 1.0, 1.0) == 0.0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "likelihood"),
    [("Boehm_JProteomeRes2014", -138.22199693517703), ("Weber_BMC2015", -296.2017922646865)],
)
def test_published_problems_have_their_likelihood(
    name: str, likelihood: float, data_dir: Path, tmp_path: Path
) -> None:
    with tarfile.open(data_dir / "cell" / "petab" / f"{name}.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    simulator = PetabSimulator(read_petab(tmp_path / name / f"{name}.yaml"))
    assert simulator.log_likelihood(simulator.simulate()) == pytest.approx(likelihood, rel=1e-6)
