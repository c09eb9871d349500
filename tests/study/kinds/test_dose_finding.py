"""Kind dose_finding on closed-form kinetics, where the right answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.errors import StudyError
from catena.study import load_study, plan, run

PORTS = {
    "concentration": "plasma",
    "auc": "auc_inf",
    "cmax": "cmax",
    "tmax": "tmax",
    "further": ["half_life"],
}
WINDOW = {"metric": "auc", "low": "200 ug*h/L", "high": "300 ug*h/L", "source": "this test"}


def study(**parts: Any) -> Any:
    settings = {
        "people": 30,
        "chunk": 12,
        "doses": [2, 5, 7.5, 15],
        "ports": PORTS,
        "window": WINDOW,
        **parts.pop("settings", {}),
    }
    base = {
        "study": "dose_finding",
        "name": "dose",
        "model": "toy.oral",
        "settings": settings,
        "seed": 2,
    }
    return load_study({**base, "data": {"compound": "midazolam"}, **parts})


def test_the_dose_that_fits_the_window(runs: Path) -> None:
    outcome = run(study(), out=runs)
    rows = outcome.answer.rows
    assert len(rows) == 30 * 4
    clearance = 30 * (rows["weight"] / 70) ** 0.75 * 0.031 / 0.03  # the card's unbound fraction
    np.testing.assert_allclose(rows["auc"], rows["dose"] / clearance)
    inside = {
        d: np.mean((rows["auc"] >= 0.2) & (rows["auc"] <= 0.3), where=rows["dose"] == d)
        for d in (2, 5, 7.5, 15)
    }
    best = max(inside, key=lambda d: inside[d])
    summary = outcome.summary
    assert summary["recommended_dose"] == {
        "value": best,
        "unit": "mg",
        "share_inside": pytest.approx(inside[best]),
    }
    # Exposure is proportional to dose: the optimum brings the middle of the crowd to the middle of the window.
    typical = np.exp(np.mean(np.log(clearance[rows["dose"] == 2])))
    assert summary["optimum_dose"]["value"] == pytest.approx(np.sqrt(0.2 * 0.3) * typical, rel=0.1)
    assert "low" not in summary["optimum_dose"]
    for item in summary["per_dose"]:
        own = rows["auc"][rows["dose"] == item["dose"]]
        assert [item["auc"][p] for p in ("p5", "p50", "p95")] == pytest.approx(
            np.percentile(own, [5, 50, 95])
        )


def test_uncertain_inputs_spread_the_dose_as_they_must(runs: Path) -> None:
    outcome = run(
        study(uncertainty={"draws": 40, "people": 20, "over": ["fu_plasma", "logp"]}), out=runs
    )
    found = outcome.summary["optimum_dose"]
    # The dose is proportional to fu_plasma, whose CV is 25 %: a 90 % interval spans exp(+-1.64 * 0.246).
    assert found["low"] / found["median_of_draws"] == pytest.approx(
        np.exp(-1.645 * 0.246), rel=0.12
    )
    assert found["high"] / found["median_of_draws"] == pytest.approx(
        np.exp(1.645 * 0.246), rel=0.12
    )
    first, second = outcome.summary["sensitivity"]
    assert (first["name"], first["clear"]) == ("fu_plasma", True)
    assert first["rank"] > 0.95
    assert (second["name"], second["clear"]) == ("logp", False)
    assert sum(outcome.summary["draws"]["recommended_how_often"].values()) == 40
    assert outcome.summary["draws"]["people"] == 20
    local = outcome.summary["local_sensitivity"]["elasticity"]
    assert local["fu_plasma"]["auc"] == pytest.approx(-1.0, abs=1e-6)
    assert local["logp"]["auc"] == pytest.approx(0.0, abs=1e-6)


def test_the_same_people_take_every_dose_and_every_draw(runs: Path) -> None:
    ready = plan(study(uncertainty={"draws": 2, "people": 10, "over": ["logp"]}), out=runs)
    draws = [task for task in ready.tasks if task.id.startswith("draw")]
    a, b = (ready.job.execute(task).table for task in draws)
    np.testing.assert_array_equal(
        a["auc"], b["auc"]
    )  # logP does nothing here, so equal people give equal rows
    first = ready.job.execute(ready.tasks[0]).table
    np.testing.assert_allclose(first["auc"][: 4 * 10], a["auc"])


def test_the_report_shows_spread_certainty_drivers_and_evidence(runs: Path) -> None:
    outcome = run(
        study(
            uncertainty={"draws": 12, "people": 10, "over": ["fu_plasma"]},
            inputs={"time": "0:24:0.5 h"},
        ),
        out=runs,
    )
    names = [figure.name for figure in outcome.answer.figures]
    assert names == [
        "share-in-window",
        "auc-by-dose",
        "cmax-by-dose",
        "time-course",
        "dose-certainty",
        "dose-drivers",
    ]
    titles = [grid.title for grid in outcome.answer.grids]
    assert titles == [
        "Exposure by dose",
        "Inputs, how well they are known, and what they do",
        "Against clinical observations",
    ]
    assert {point["study"] for point in outcome.summary["observed"]} >= {
        "Templeton 2010",
        "Yeates 1996",
    }
    assert outcome.summary["evidence"]["auc"]["n"] > 3
    assert "mg oral midazolam brings" in outcome.answer.headline
    assert next(iter(outcome.table().columns)) == "dose [mg]"
    assert (outcome.folder / "figures" / "time-course.json").is_file()


def test_people_who_fail_are_left_out_and_named(runs: Path) -> None:
    outcome = run(study(settings={"filters": {"heavy": 1}}), out=runs)
    assert outcome.status == "partial"
    assert outcome.summary["failed_rows"] == 4
    assert np.isfinite(outcome.summary["per_dose"][0]["auc"]["p50"])


def test_doses_and_window_come_from_the_card(runs: Path) -> None:
    ready = plan(study(settings={"doses": [], "window": "cmax"}), out=runs)
    assert ready.job.doses.tolist() == [2.0, 5.0, 7.5, 15.0]
    assert (ready.job.aim.low, ready.job.aim.high) == (pytest.approx(0.031), pytest.approx(0.104))
    assert ready.job.aim.status == "assumed"


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"data": {}, "settings": {"window": "cmax"}}, "No exposure window"),
        ({"data": {}, "settings": {"doses": []}}, "No candidate doses"),
        ({"settings": {"doses": [2, 2]}}, "given twice"),
        ({"settings": {"window": {**WINDOW, "high": "10 ug*h/L"}}}, "Not a window"),
        ({"settings": {"ports": {**PORTS, "auc": "auk"}}}, "no output 'auk'"),
        ({"settings": {"ports": {**PORTS, "auc": "cmax"}}}, "not in mg"),
        ({"uncertainty": {"over": ["km"]}}, "carries no uncertainty"),
        ({"model": "toy.line", "settings": {"ports": PORTS}}, "no input|no output"),
        ({"inputs": {"logp": 3}, "uncertainty": {"over": ["logp"]}}, "carries no uncertainty"),
    ],
)
def test_studies_that_cannot_be_run(parts: dict[str, Any], what: str) -> None:
    with pytest.raises(StudyError, match=what):
        plan(study(**parts))


def test_a_window_in_wrong_units_is_refused() -> None:
    from catena.core.errors import UnitError

    with pytest.raises(UnitError):
        plan(study(settings={"window": {**WINDOW, "low": "3 kg"}}))
