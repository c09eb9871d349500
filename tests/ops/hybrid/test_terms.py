"""Learned terms inside differential equations, against a culture whose law is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from catena.core.errors import DataError, InputError
from catena.learn.hybrid.saving import load_hybrid
from catena.ops.hybrid import OPERATION, hybrid
from tests.learn.hybrid.cultures import course, culture, law, runs

SMALL = {"of": ["s"], "hidden": [8], "members": 2, "regression": 300, "stages": [(1, 75), (0, 50)],
         "steps": 3, "limited_by": {"mu": "s"}}  # fmt: skip
TIMES = np.linspace(0.0, 14.0, 8)


@pytest.fixture(scope="module")
def found():
    """Run the operation once, on a table that has no time in its fifth row."""
    table = runs()
    table.loc[4, "time"] = np.nan
    settings = OPERATION.settings(terms=["mu"], validation=["r2"], **SMALL)
    return OPERATION.run(culture(), settings, data=table)


def test_predicts_a_run_it_has_not_seen(found):
    result = found.model.predict(x_0=0.15, s_0=8.0, time=TIMES)
    truth = course(0.15, 8.0, TIMES)
    assert result["x"][0] == pytest.approx(truth[:, 0], abs=0.03 * truth[-1, 0])
    assert result["s"][0] == pytest.approx(truth[:, 1], abs=0.03 * 8.0)
    assert (result.lower["x"] <= result["x"]).all()
    assert (result["x"] <= result.upper["x"]).all()
    assert (result.lower["s"] >= 0).all()


def test_learns_the_law_itself(found):
    s = np.array([1.0, 3.0, 6.0, 9.0])
    assert found.model.terms({"s": s})["mu"].mean(axis=0) == pytest.approx(law(s), rel=0.1)


def test_summary_and_parts_tell_how_well(found):
    assert set(found.summary["nrmse"]) == {"training", "validation"}
    assert found.summary["nrmse"]["validation"] < 0.08
    assert "%" in found.summary["headline"]
    assert list(dict.fromkeys(found["role"])) == ["training", "validation"]
    assert found.parts["training"].size > 0
    assert found.plot("fit").data


def test_domain_and_dimension(found):
    inside = found.model.predict(x_0=0.2, s_0=8.0, time=TIMES).in_domain
    outside = found.model.predict(x_0=0.2, s_0=40.0, time=TIMES).in_domain
    assert inside.all()
    assert not outside.any()


def test_derivatives_are_exact(found):
    model = found.model
    slope = model.jacobian(x_0=0.2, s_0=8.0, time=TIMES, of="x", wrt="x_0")[("x", "x_0")][0]
    step = 1e-4
    ends = [model.predict(x_0=0.2 + d, s_0=8.0, time=TIMES)["x"][0] for d in (step, -step)]
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-2, abs=1e-2)


def test_files_bring_back_the_same_model(found, tmp_path):
    found.artefacts["model"](tmp_path)
    again = load_hybrid(tmp_path, culture())
    one, two = (m.predict(x_0=0.2, s_0=8.0, time=TIMES)["x"] for m in (again, found.model))
    assert np.array_equal(one, two)
    with pytest.raises(DataError):
        load_hybrid(tmp_path / "nowhere", culture())


def test_rows_do_not_touch_each_other(found):
    both = found.model.predict(x_0=[0.2, 0.1], s_0=[8.0, 9.0], time=TIMES)
    alone = found.model.predict(x_0=0.1, s_0=9.0, time=TIMES)
    assert both["x"][1] == pytest.approx(alone["x"][0], rel=1e-6)


def test_a_memory_is_trained_from_the_start_of_runs():
    quick = {**SMALL, "hidden": [4], "members": 1, "regression": 0, "stages": [(1, 25), (0, 25)]}
    found = hybrid(culture(), runs(), terms=["mu"], memory=2, **quick)
    assert list(dict.fromkeys(found.parts["training"]["stage"])) == ["windows of all"]
    result = found.model.predict(x_0=0.2, s_0=8.0, time=TIMES)
    assert result["s"].shape == (1, 8)
    assert (result["s"] > -0.1).all()


def test_runs_as_an_operation_and_reports_rows_without_time(found):
    assert found.provenance["operation"] == "hybrid"
    assert found.model.capabilities.dynamic
    assert found.model.capabilities.uncertainty
    assert any("row 5" in note for note in found.warnings)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"terms": []}, InputError),
        ({"terms": ["nu"]}, InputError),
        ({"terms": ["mu"], "validation": ["r9"]}, InputError),
        ({"terms": ["mu"], "limited_by": {"mu": "q"}}, InputError),
        ({"terms": ["mu"], "positive": ["s"]}, InputError),
        ({"terms": ["mu"], "hiden": [3]}, InputError),
        ({"terms": ["mu"], "stages": []}, InputError),
        ({"terms": ["mu"], "members": 0}, InputError),
    ],
)
def test_nonsense_settings_are_refused(changes, error):
    with pytest.raises(error):
        hybrid(culture(), runs(), **changes)


def test_bad_data_are_refused():
    table = runs()
    with pytest.raises(DataError):
        hybrid(culture(), table.iloc[:0], terms=["mu"])
    with pytest.raises(DataError):
        hybrid(culture(), table.drop(columns="time"), terms=["mu"])
    with pytest.raises(InputError):
        hybrid(culture(), table.rename(columns={"s": "glucos"}), terms=["mu"])
    with pytest.raises(DataError):
        hybrid(culture(), table.drop(columns="s"), terms=["mu"])
    twice = pd.concat([table, table.iloc[:1]], ignore_index=True)
    with pytest.raises(DataError):
        hybrid(culture(), twice, terms=["mu"])
