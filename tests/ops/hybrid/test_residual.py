"""Learned corrections of a model's outputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import DataError, InputError
from catena.ops.hybrid import hybrid
from catena.ops.hybrid.corrected import load_corrected


@ct.model(id="toy.line", inputs="x in 0..2, k = 1", outputs="y", backend="numpy")
def line(x, k):
    """Return a straight line."""
    return {"y": k * x}


@ct.model(
    id="toy.level", inputs="dose >= 0 = 1, time (time)", outputs="level (time)", backend="numpy"
)
def decay(dose, time):
    """Return a level that falls with unit rate."""
    return {"level": dose[:, None] * np.exp(-time)}


def truth(x):
    return x + np.sin(3.0 * x)


@pytest.fixture(scope="module")
def table():
    x = np.linspace(0.0, 2.0, 12)
    return pd.DataFrame({"x": x, "y": truth(x)})


@pytest.fixture(scope="module")
def found(table):
    return hybrid(line, table, method="residual")


def test_corrects_what_the_model_misses(found):
    x = np.linspace(0.1, 1.9, 7)
    result = found.model.predict(x=x)
    assert result["y"] == pytest.approx(truth(x), abs=0.02)
    assert ((result.lower["y"] <= truth(x)) & (truth(x) <= result.upper["y"])).mean() > 0.8
    assert found.summary["remaining_share"] < 0.1


def test_intervals_widen_outside(table):
    model = hybrid(line, table[table.x < 1.4], method="residual").model
    near, far = (model.predict(x=x) for x in (1.0, 2.0))
    assert (far.upper["y"] - far.lower["y"]) > 5.0 * (near.upper["y"] - near.lower["y"])
    assert near.in_domain.all()
    assert not far.in_domain.any()


def test_corrects_courses_over_time():
    times = np.linspace(0.0, 4.0, 9)
    frames = [pd.DataFrame({"run": f"r{k}", "time": times, "dose": dose,
                            "level": dose * np.exp(-times) * (1.0 + 0.2 * times)})
              for k, dose in enumerate((1.0, 2.0, 3.0))]  # fmt: skip
    found = hybrid(decay, pd.concat(frames), method="residual")
    result = found.model.predict(dose=2.5, time=times)
    truth = 2.5 * np.exp(-times) * (1.0 + 0.2 * times)
    before = decay.predict(dose=2.5, time=times)
    assert result["level"].shape == (1, 9)
    assert np.abs(result["level"][0] - truth).max() < 0.2 * np.abs(before["level"][0] - truth).max()


def test_files_bring_back_the_same_model(found, tmp_path):
    found.artefacts["model"](tmp_path)
    again = load_corrected(tmp_path, line)
    assert np.array_equal(again.predict(x=[0.3, 1.7])["y"], found.model.predict(x=[0.3, 1.7])["y"])
    with pytest.raises(DataError):
        load_corrected(tmp_path, line.at(k=2.0))


def test_bad_data_are_refused(table):
    with pytest.raises(DataError):
        hybrid(line, table.iloc[:3], method="residual")
    with pytest.raises(DataError):
        hybrid(line, table.rename(columns={"y": "x2"}).drop(columns="x2"), method="residual")
    with pytest.raises(InputError):
        hybrid(line, table.assign(z=1.0), method="residual")
    with pytest.raises(InputError):
        hybrid(line, table, method="residual", outputs=["w"])
    with pytest.raises(DataError):
        hybrid(line, table.assign(x=1.0), method="residual")
