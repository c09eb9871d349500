"""The lab log: missing, repeated, late, corrected; the same suggestions after a restart."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import DataError, InputError
from catena.ops.campaign import Campaign, campaign
from catena.ops.campaign.virtual import OPERATION

FACTORS = {"temperature": "28..38 degC", "feed": "0..10 g/L", "medium": ["A", "B", "C"]}


def truth(point):
    t, feed, medium = point
    return 5 + medium - 0.08 * (t - 34) ** 2 - 0.1 * (feed - 6) ** 2


def begin(path=None, **more):
    return campaign(FACTORS, {"titre": "maximise g/L"}, path=path, key=4, **more)


def measured(camp, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    waiting = [e for e in camp.state.experiments if e.status == "pending"]
    return pd.DataFrame({
        "experiment": [e.id for e in waiting],
        "titre [g/L]": [truth(e.point) + noise * rng.normal() for e in waiting],
    })  # fmt: skip


def test_a_restart_goes_on_exactly(tmp_path):
    path = tmp_path / "camp.json"
    whole = begin()
    for _ in range(3):
        whole.suggest(4)
        whole.record(measured(whole))
    parted = begin(path)
    for _ in range(3):
        Campaign.load(path).suggest(4)
        camp = begin(path)  # taken up, not begun anew
        camp.record(measured(camp))
    assert Campaign.load(path).state.text() == whole.state.text()
    assert parted.state.batches == 0  # an old handle knows nothing of it; the file does


def test_a_messy_log_gives_the_same_as_a_tidy_one(tmp_path):
    tidy, messy = begin(), begin(tmp_path / "m.json")
    for camp in (tidy, messy):
        camp.suggest(6)
    results = measured(tidy)
    tidy.record(results)
    messy.record(results.iloc[[3, 1]])  # in parts, in any order
    assert messy.record(results.iloc[[1]])["repeated"] == 1
    messy = Campaign.load(tmp_path / "m.json")
    messy.record(
        results.assign(**{"titre [g/L]": [None, *results["titre [g/L]"][1:]]})
    )  # one missing
    assert [e.status for e in messy.state.experiments].count("pending") == 1
    messy.record(results)  # the last one comes late, all others again
    assert messy.state.text() == tidy.state.text()
    np.testing.assert_array_equal(
        messy.suggest(3).values_["temperature"], tidy.suggest(3).values_["temperature"]
    )


def test_late_results_count_when_they_come():
    camp = begin()
    camp.suggest(4)
    first = measured(camp)
    camp.record(first.iloc[:3])
    camp.suggest(2)
    assert len(camp.findings.pending) == 3
    assert camp.record(first.iloc[3:])["late"] == 1
    assert len(camp.findings.pending) == 2


def test_pending_experiments_are_not_asked_again():
    camp = begin()
    camp.suggest(8)
    camp.record(measured(camp).iloc[:6])
    asked = camp.suggest(4)
    points = np.array([e.point for e in camp.state.experiments])
    assert len(np.unique(np.round(points, 9), axis=0)) == 12
    assert set(asked["why"]) <= {"expected best", "learn and improve"}
    assert "expected_titre" in asked.fields.names


def test_replicates_are_averaged_and_give_the_noise():
    camp = begin()
    camp.suggest(3)
    ids = [e.id for e in camp.state.experiments]
    camp.record({"experiment": [ids[0]] * 3 + [ids[1]] * 2, "titre": [1.0, 2.0, 3.0, 5.0, 5.0]})
    np.testing.assert_allclose(camp.findings.y[:, 0], [2.0, 5.0])
    assert camp.findings.noise[0] == pytest.approx(np.sqrt(2 / 3))


def test_contradictions_are_refused_as_a_whole_and_corrected_on_demand():
    camp = begin()
    camp.suggest(2)
    first, second = (e.id for e in camp.state.experiments)
    camp.record({"experiment": [first], "titre": [1.0]})
    before = camp.state.text()
    with pytest.raises(DataError) as caught:
        camp.record({"experiment": [second, first], "titre": [2.0, 9.0]})
    assert "contradicts" in caught.value.why
    assert camp.state.text() == before
    assert camp.record({"experiment": [first], "titre": [9.0]}, correct=True)["corrected"] == 1
    assert camp.findings.y[0, 0] == 9.0


def test_results_from_elsewhere_and_failed_runs():
    camp = begin()
    camp.suggest(2)
    first, second = (e.id for e in camp.state.experiments)
    camp.record({"temperature": [30.0], "feed": [5.0], "medium": ["B"], "titre": [4.0]})
    camp.record({"experiment": [first], "titre": [np.nan], "status": ["contaminated"]})
    camp.give_up(second)
    assert [e.status for e in camp.state.experiments] == ["failed", "failed", "done"]
    assert camp.report().summary["done"] == 1


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"experiment": [], "titre": []}, "empty"),
        ({"experiment": ["1-01"], "titer": [1.0]}, "No outcome"),
        ({"experiment": ["1-99"], "titre": [1.0]}, "never asked"),
        ({"experiment": ["1-01"], "titre": ["much"]}, "is not a number"),
        ({"experiment": ["1-01"], "titre [h]": [1.0]}, "does not fit"),
        ({"temperature": [99.0], "feed": [1.0], "medium": ["A"], "titre": [1.0]}, "outside"),
    ],
)
def test_results_that_make_no_sense_are_refused(results, words):
    camp = begin()
    camp.suggest(2)
    with pytest.raises(DataError) as caught:
        camp.record(results)
    assert words in f"{caught.value.what} {caught.value.why}"


def test_other_units_are_converted():
    camp = begin()
    camp.suggest(1)
    camp.record({"experiment": ["1-01"], "titre [mg/L]": [1500.0]})
    assert camp.findings.y[0, 0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("objectives", "words"),
    [({"t": "bounded"}, "no outcome"), ({"t": "best"}, "goal"),
     ({"t": {"goal": "maximise", "low": 2.0, "high": 1.0}}, "above"), ({"t": {"gaol": "maximise"}}, "gaol")],
)  # fmt: skip
def test_objectives_that_make_no_sense(objectives, words):
    with pytest.raises(InputError) as caught:
        campaign(FACTORS, objectives)
    assert words in f"{caught.value.what} {caught.value.why}"


def test_a_file_that_is_no_campaign(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="Cannot read the campaign"):
        Campaign.load(tmp_path / "x.json")


def test_a_closed_loop_finds_the_optimum_and_stops():
    @ct.model(
        id="toy.titre",
        inputs="temperature in 28..38, feed in 0..10",
        outputs="titre",
        backend="numpy",
    )
    def titre(temperature, feed):
        return {"titre": 5 - 0.08 * (temperature - 34) ** 2 - 0.1 * (feed - 6) ** 2}

    settings = OPERATION.settings(over={"temperature": "28..38", "feed": "0..10"}, objectives={"titre": "maximise"},
                                  batch=3, budget=21, noise=0.01, patience=3)  # fmt: skip
    found = OPERATION.run(titre, settings, key=2)
    assert found.summary["stop"]
    best = found.parts["best"]
    assert best["temperature"][0] == pytest.approx(34, abs=1.0)
    assert best["feed"][0] == pytest.approx(6, abs=1.0)
    assert len(found["experiment"]) <= 21


def test_the_state_is_one_readable_document(tmp_path):
    camp = begin(tmp_path / "c.json", budget=10)
    camp.plan("d_optimal", runs=8, order="linear")
    data = json.loads((tmp_path / "c.json").read_text())
    assert data["stopping"]["budget"] == 10
    assert len(data["experiments"]) == 8
    assert camp.report().summary["pending"] == 8
