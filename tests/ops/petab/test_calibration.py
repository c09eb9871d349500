from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from petab_decay import TIMES, decay_problem, write_problem

from catena.core.errors import InputError, SolverError
from catena.core.result import Result
from catena.core.runtime import MemoryCache
from catena.core.work import Work
from catena.formats.petab import PetabProblem, read_petab
from catena.ops.petab.calibration import OPERATION, CalibratePetabSettings, calibrate_petab, run


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> PetabProblem:
    return decay_problem(tmp_path_factory.mktemp("petab"))


@pytest.fixture(scope="module")
def result(problem: PetabProblem) -> Result:
    return calibrate_petab(problem, starts=8, iterations=100, key=1)


def expected(problem: PetabProblem) -> dict[str, float]:
    """Return the maximum of the likelihood by a plain search on closed-form values."""
    from scipy.optimize import minimize

    times = np.array(TIMES)
    seen = np.log10([m.value for m in problem.measurements[: len(times)]])

    def loss(theta: np.ndarray) -> float:
        k, a0, scale, sd = 10**theta
        off = (np.log10(scale * a0 * np.exp(-k * times)) - seen) / sd
        total = (np.array([a0, a0 * np.exp(-k)]) - [3.02, 2.0]) / 0.1
        return float(0.5 * off @ off + len(times) * np.log(sd) + 0.5 * total @ total)

    found = minimize(loss, [-0.4, 0.5, 0.3, -1.3], method="Nelder-Mead",
                     options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000})  # fmt: skip
    return dict(zip(("k", "a0", "scale", "sd"), (10**found.x).tolist(), strict=True))


def test_estimates_are_the_maximum_of_the_likelihood(result: Result, problem: PetabProblem) -> None:
    wanted = expected(problem)
    found = dict(zip(result["parameter"], result["estimate"], strict=True))
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-4)
    assert result.summary["identifiable"] is True
    assert result.summary["reached"] >= 4
    assert result.summary["at_bound"] == []
    assert "log-likelihood" in result.summary["headline"]


def test_intervals_are_those_of_the_curvature(result: Result, problem: PetabProblem) -> None:
    place = list(result["parameter"]).index("sd")
    # The information on log10(sd) of n measurements with that noise is 2 n ln(10)^2.
    half = 1.6448536 / np.sqrt(2 * len(TIMES)) / np.log(10)
    estimate = result["estimate"][place]
    assert result.lower["estimate"][place] == pytest.approx(estimate * 10**-half, rel=1e-3)
    assert result.upper["estimate"][place] == pytest.approx(estimate * 10**half, rel=1e-3)


def test_parts_tell_of_starts_fit_and_correlations(result: Result) -> None:
    starts, fit = result.parts["starts"], result.parts["fit"]
    assert starts.size == 8
    ends = starts["log_posterior"]
    assert (ends[1:] <= ends[:-1]).all()
    assert starts["log_posterior"][0] == pytest.approx(result.summary["log_likelihood"], rel=1e-9)
    assert fit.size == len(TIMES) + 2
    np.testing.assert_allclose(fit["simulated"], fit["measured"], rtol=0.4)
    correlation = result.parts["correlations"]
    assert correlation["end.k"][0] == pytest.approx(1.0)
    for name in ("waterfall", "fit", "correlations"):
        assert result.plot(name).data


def test_the_model_stands_at_the_estimates(result: Result) -> None:
    found = dict(zip(result["parameter"], result["estimate"], strict=True))
    curve = result.model.predict(time=[0.0, 2.0])["A"]
    expected = found["a0"] * np.exp(-found["k"] * np.array([0.0, 2.0]))
    np.testing.assert_allclose(np.ravel(curve), expected, rtol=1e-5)


def test_the_written_table_is_one_of_petab(result: Result, tmp_path: Path) -> None:
    path = write_problem(tmp_path, decay_problem(tmp_path))
    result.artefacts["parameters.tsv"](tmp_path / "parameters.tsv")
    again = read_petab(path)
    np.testing.assert_allclose([p.nominal for p in again.parameters.values()], result["estimate"])
    assert [p.scale for p in again.parameters.values()] == ["log10"] * 4


def test_parameters_the_data_do_not_determine_are_told(problem: PetabProblem) -> None:
    only = tuple(m for m in problem.measurements if m.observable == "seen")
    result = calibrate_petab(replace(problem, measurements=only), starts=6, iterations=60)
    assert result.summary["undetermined"] == ["a0", "scale"]
    assert not result.summary["identifiable"]
    assert {"a0 up, scale down", "scale up, a0 down"} & set(result.summary["combinations"])
    determined = dict(zip(result["parameter"], result["identifiable"], strict=True))
    assert determined == {"k": True, "a0": False, "scale": False, "sd": True}


def test_a_stopped_run_goes_on_where_it_was(problem: PetabProblem) -> None:
    cache = MemoryCache()
    first = calibrate_petab(problem, starts=3, iterations=30, key=2, work=Work(cache=cache))
    again = calibrate_petab(problem, starts=3, iterations=30, key=2, work=Work(cache=cache))
    np.testing.assert_array_equal(first["estimate"], again["estimate"])


def test_as_an_operation(problem: PetabProblem, result: Result, tmp_path: Path) -> None:
    path = write_problem(tmp_path, decay_problem(tmp_path))
    settings = CalibratePetabSettings(problem=str(path), starts=8, iterations=100)
    assert OPERATION.needs_model is False
    found = run(None, settings, key=1)
    np.testing.assert_allclose(found["estimate"], result["estimate"], rtol=1e-6)
    with pytest.raises(InputError, match="brings its own model"):
        run(None, settings, given={"k": 1.0})


def test_nonsense_is_refused(problem: PetabProblem) -> None:
    with pytest.raises(InputError, match="Nothing to search"):
        calibrate_petab(problem, starts=0)
    worse = replace(problem.observables["total"], noise="sd - 100")
    never = replace(problem, observables={**problem.observables, "total": worse})
    with pytest.raises(SolverError, match="No start can be simulated"):
        calibrate_petab(never, starts=3, iterations=5)


def test_intervals_by_profiles(problem: PetabProblem, result: Result) -> None:
    found = calibrate_petab(problem, starts=4, iterations=60, key=1, profiles=["sd", "k"])
    points = found.parts["profiles"]
    place = list(found["parameter"]).index("sd")
    ends = found.lower["estimate"][place], found.upper["estimate"][place]
    own = np.array([name == "sd" for name in points["parameter"]])
    order = np.argsort(points["value"][own])
    value, ratio = points["value"][own][order], points["ratio"][own][order]
    np.testing.assert_allclose(np.interp(ends, value, ratio), 2.7055, atol=0.05)
    # That of a standard deviation from few measurements leans to larger values.
    estimate = found["estimate"][place]
    assert ends[1] / estimate > estimate / ends[0] > 1.0
    assert found.plot("profiles").data
    assert result.lower["estimate"][place] != pytest.approx(ends[0], rel=1e-3)
    with pytest.raises(InputError, match="Cannot profile 'sdd'"):
        calibrate_petab(problem, profiles=["sdd"])
