"""Drift: alarms where something changed, and rarely where nothing did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.ops.drift import OPERATION, drift
from catena.ops.drift.shift import change_point, column_shift, holm, joint_shift


@ct.model(id="toy.sum", inputs="a, b, kind: red|blue = red", outputs="y", backend="numpy")
def toy(a, b, kind):
    return {"y": a + b}


def rows(n, seed, shift=0.0, error=0.1, bias=0.0, red=0.5):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(shift, 1, n), rng.normal(size=n)
    return pd.DataFrame({"a": a, "b": b, "kind": np.where(rng.random(n) < red, "red", "blue"),
                         "y": a + b + bias + error * rng.normal(size=n)})  # fmt: skip


def test_nothing_changed_is_stable_in_almost_all_seeds():
    alarms = sum(
        drift(toy, rows(200, s), rows(120, 1000 + s)).summary["status"] != "stable"
        for s in range(40)
    )
    assert alarms <= 3  # at a level of 1 % each for columns, errors and the joint test


@pytest.mark.parametrize(
    ("change", "status", "column"),
    [({"shift": 1.0}, "inputs moved", "a"), ({"red": 0.1}, "inputs moved", "kind"),
     ({"error": 0.4}, "errors grew", None), ({"bias": 0.5}, "errors grew", None)],
)  # fmt: skip
def test_changes_are_found_and_named(change, status, column):
    found = drift(toy, rows(300, 1), rows(150, 2, **change))
    assert found.summary["status"] == status
    if column:
        assert found.summary["moved"] == [column]
    assert found.plot("shifts").data


def test_a_change_of_correlation_alone_is_seen_by_the_joint_test():
    rng = np.random.default_rng(3)
    before = rng.normal(size=(400, 2))
    after = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 400)
    assert joint_shift(before, after, 0)[1] < 0.01
    assert joint_shift(before, rng.normal(size=(400, 2)), 0)[1] > 0.01
    assert all(column_shift(before[:, k], after[:, k]).p > 0.01 for k in range(2))


def test_the_moment_of_change():
    rng = np.random.default_rng(4)
    errors = np.concatenate([rng.normal(size=100), 2 + rng.normal(size=30)])
    assert change_point(errors) == pytest.approx(100, abs=8)
    assert change_point(rng.normal(size=60)) is None


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])


def test_as_a_study():
    data = pd.concat(
        [rows(100, 1).assign(period="2024"), rows(100, 2, shift=2.0).assign(period="2025")]
    )
    found = OPERATION.run(toy, OPERATION.settings(reference="2024"), data=data)
    assert "a" in found.summary["moved"]
    with pytest.raises(InputError, match="Only one period"):
        OPERATION.run(toy, OPERATION.settings(reference="1999"), data=data)
    with pytest.raises(InputError, match="No column"):
        OPERATION.run(toy, OPERATION.settings(period="year"), data=data)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(rows(5, 1), rows(50, 2), "Too few rows"), (pd.DataFrame({"z": [1.0] * 9}), pd.DataFrame({"z": [1.0] * 9}), "Nothing"),
     (rows(50, 1).assign(a=np.nan), rows(50, 2), "missing")],
)  # fmt: skip
def test_refuses_nonsense(before, after, words):
    with pytest.raises(InputError) as caught:
        drift(toy, before, after)
    assert words in caught.value.what
