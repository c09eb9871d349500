"""The ODE benchmarks compare like with like: same equations, sound references, honest errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.ode import ensemble, pbpk30, peers, problems, random_systems, references
from benchmarks.ode.__main__ import NAMES, main
from benchmarks.ode.accuracy import ORDER, solved
from benchmarks.ode.flat_model import flat_slopes
from benchmarks.ode.records import Table, write_json
from benchmarks.ode.transcribed import casadi_slopes, numba_slopes, python_slopes, sbml

PATIENTS = pbpk30.patients(3)
AMOUNTS = 10.0 ** np.random.default_rng(0).uniform(-3, 2, (3, len(pbpk30.STATES)))


def _close(found: Any, row: int) -> None:
    truth = np.asarray(flat_slopes(pbpk30.system())(0.0, AMOUNTS[row], PATIENTS[row]))
    np.testing.assert_allclose(np.asarray(found, dtype=float).ravel(), truth, rtol=1e-12)


@pytest.mark.parametrize("row", range(3))
def test_the_scalar_transcription_agrees(row: int) -> None:
    slopes = np.empty(len(pbpk30.STATES))
    python_slopes()(AMOUNTS[row], PATIENTS[row], slopes)
    _close(slopes, row)


@pytest.mark.parametrize("row", range(3))
def test_the_casadi_graph_agrees(row: int) -> None:
    casadi = pytest.importorskip("casadi")
    y, p, graph = casadi_slopes()
    _close(casadi.Function("f", [y, p], [graph])(AMOUNTS[row], PATIENTS[row]), row)


@pytest.mark.parametrize("row", range(3))
def test_the_sbml_agrees(row: int) -> None:
    roadrunner = pytest.importorskip("roadrunner")
    model = roadrunner.RoadRunner(sbml())
    for name, value in zip(pbpk30.NAMES, PATIENTS[row], strict=True):
        model[f"p_{name}"] = value
    for name, value in zip(pbpk30.STATES, AMOUNTS[row], strict=True):
        model[name] = value
    _close([model[f"{name}'"] for name in pbpk30.STATES], row)


def test_the_numba_function_agrees() -> None:
    pytest.importorskip("numba")
    slopes = np.empty(len(pbpk30.STATES))
    numba_slopes()(AMOUNTS[0], PATIENTS[0], slopes)
    _close(slopes, 0)


def test_the_ensemble_is_as_stiff_as_it_says() -> None:
    typical = np.array([value for _, value, _ in pbpk30.PARAMETERS.values()])
    slopes = flat_slopes(pbpk30.system())
    jacobian = jax.jacfwd(slopes, argnums=1)(0.0, np.full(len(pbpk30.STATES), 1e-9), typical)
    rates = np.linalg.eigvals(np.asarray(jacobian)).real
    assert -4600 < rates.min() < -4400
    assert -0.045 < rates.max() < -0.035


def test_drug_is_neither_made_nor_lost_but_by_clearance() -> None:
    values = PATIENTS.copy()
    values[:, pbpk30.NAMES.index("vmax")] = 0.0
    values[:, pbpk30.NAMES.index("renal")] = 0.0
    y = peers.Odeint(compiled=False).solve(values, 1e-10, 1e-12)
    np.testing.assert_allclose(y.sum(axis=2), pbpk30.DOSE, rtol=1e-9)


def test_patients_spread_as_declared() -> None:
    many = pbpk30.patients(20_000)
    spread = many.std(axis=0) / many.mean(axis=0)
    declared = [spread for _, _, spread in pbpk30.PARAMETERS.values()]
    np.testing.assert_allclose(spread, declared, rtol=0.05)


def test_engines_agree_with_two_independent_references() -> None:
    reference = ensemble.reference_of(PATIENTS[:1])
    assert ensemble.error_of(ensemble.radau(PATIENTS[:1]), reference) < 1e-9
    for name in (peers.OURS, "libroadrunner", "CasADi CVODES"):
        engine = peers.build(name)
        if isinstance(engine, str):
            assert engine.startswith("not ")
            continue
        found = engine.solve(PATIENTS[:1], pbpk30.RTOL, pbpk30.ATOL)
        assert ensemble.error_of(found, reference) < 2e-5


def test_a_missing_peer_is_a_row_and_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Any:
        raise ImportError("No module named 'absent'", name="absent")

    monkeypatch.setitem(peers.ENGINES, "absent", absent)
    assert peers.build("absent") == "not installed (absent)"
    assert set(NAMES) >= {"ensemble", "accuracy", "sensitivities", "random_systems"}


def test_failed_patients_count_as_infinite_error() -> None:
    reference = np.ones((2, 3, 4))
    found = reference.copy()
    found[1, 2, 3] = np.nan
    assert ensemble.error_of(found, reference) == np.inf
    assert ensemble.error_of(reference * 1.01, reference) == pytest.approx(0.01)


def test_a_peer_is_set_beside_our_cheapest_run_that_is_as_exact() -> None:
    points = [ensemble.Point(peers.OURS, 1e-4, [1.0], [1.0], 1e-4),
              ensemble.Point(peers.OURS, 1e-6, [2.0], [2.0], 1e-6),
              ensemble.Point("slow", 1e-5, [10.0], [10.0], 1e-5),
              ensemble.Point("exact", 1e-9, [9.0], [9.0], 1e-9)]  # fmt: skip
    slow, exact = ensemble.ratios(points)
    assert slow["times faster"] == 5.0
    assert exact["our rtol"] == "none as exact"


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="needs extended precision")
def test_the_extended_integrator_remakes_published_and_stored_answers() -> None:
    pytest.importorskip("mpmath")
    for name in ("ROBER", "Oregonator"):
        problem = next(p for p in problems.PROBLEMS if p.name == name)
        end = references.integrate(problem, 1e-8)[-1]
        np.testing.assert_allclose(end.astype(float), problem.answer[-1], rtol=1e-12)
        np.testing.assert_allclose(problem.answer[-1], references.PUBLISHED[name], rtol=1e-12)


def test_stiff_problems_are_solved_and_judged() -> None:
    hires = problems.PROBLEMS[0]
    found = solved(hires, 1e-5, "auto")
    assert found["error/rtol"] < 100
    np.testing.assert_allclose(hires.errors(hires.answer * 1.001), 1e-3, rtol=1e-9)


@pytest.mark.parametrize("name", ORDER)
def test_exact_solutions_satisfy_their_equations(name: str) -> None:
    rhs, _, exact, end = ORDER[name]
    moments = np.linspace(0.0, end, 5)[1:]
    for t in moments:
        slope = (exact(t + 1e-5) - exact(t - 1e-5)) / 2e-5
        x, z = exact(t)
        wanted = rhs(t, {"x": x, "z": z}, {}, {})
        np.testing.assert_allclose(slope, [float(wanted["x"]), float(wanted["z"])], atol=1e-8)


@pytest.mark.parametrize("number", [0, 1])
def test_random_structures_stay_positive_decay_and_are_judged(number: int) -> None:
    structure = random_systems.Structure.draw(number)
    assert structure == random_systems.Structure.draw(number)
    states = random_systems.radau(structure, structure.parameters(2, seed=5))
    assert (states > -1e-12).all()
    assert (np.diff(states.sum(axis=2), axis=1) < 0).all()
    record = random_systems.judge(number, 4, "auto", sample=1)
    assert record["within 10 rtol"] == 1.0
    assert record["reference vs Radau/rtol"] < 1.0


def test_records_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = Table("t", [{"a": 1.0, "b": np.float64(2e-7)}, {"a": True}], ["note"])
    write_json(tmp_path / "r.json", {"x": [table]})
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["reports"]["x"][0]["records"][0] == {"a": 1.0, "b": 2e-7}
    assert data["machine"]["versions"]["numpy"] == np.__version__
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "no report nonsense" in capsys.readouterr().err
