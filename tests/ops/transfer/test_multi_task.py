"""Tables of source and target learned together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from catena.core.errors import DataError, InputError
from catena.ops.transfer import OPERATION, transfer
from catena.ops.transfer.tasks import load_tasks

NAMES = {"method": "multi_task", "inputs": ["a"], "outputs": ["y"], "permutations": 19}


def tables():
    x, few = np.linspace(0, 1, 20), np.array([0.05, 0.35, 0.65, 0.95])
    source = pd.DataFrame({"a": x, "y": np.sin(6 * x)})
    return source, pd.DataFrame({"a": few, "y": 1.4 * np.sin(6 * few) + 0.5})


@pytest.fixture(scope="module")
def found():
    return transfer(None, *tables(), **NAMES)


def test_a_few_target_rows_are_enough(found):
    x = np.linspace(0, 1, 9)
    result = found.model.predict(a=x)
    assert result["y"] == pytest.approx(1.4 * np.sin(6 * x) + 0.5, abs=0.1)
    assert (result.lower["y"] < result["y"]).all()
    assert (result["y"] < result.upper["y"]).all()
    assert found.model.predict(a=x, group="source")["y"] == pytest.approx(np.sin(6 * x), abs=0.05)


def test_error_is_less_than_half_of_that_without_the_source(found):
    assert found.summary["share_of_scratch"] <= 0.5
    assert found.summary["negative_transfer"] is False
    assert found.summary["shift"]["p_discrepancy"] > 0.05


def test_domain_and_files(found, tmp_path):
    assert found.model.predict(a=[0.5, 4.0]).in_domain.tolist() == [True, False]
    found.artefacts["model"](tmp_path)
    again = load_tasks(tmp_path)
    assert np.array_equal(again.predict(a=[0.2])["y"], found.model.predict(a=[0.2])["y"])


def test_one_table_with_groups_as_an_operation(found):
    source, target = tables()
    data = pd.concat([source.assign(group="old"), target.assign(group="new")])
    settings = OPERATION.settings(**NAMES, target="new")
    again = OPERATION.run(None, settings, data=data)
    assert again.summary["share_of_scratch"] == pytest.approx(found.summary["share_of_scratch"])


def test_nonsense_is_refused():
    source, target = tables()
    with pytest.raises(DataError):
        transfer(None, source, target.iloc[:0], **NAMES)
    with pytest.raises(DataError):
        transfer(None, None, target, **NAMES)
    with pytest.raises(DataError):
        transfer(None, source, target.assign(y=1.0), **NAMES)
    with pytest.raises(DataError):
        transfer(None, source.drop(columns="y"), target, **NAMES)
    with pytest.raises(InputError):
        transfer(None, source, target, **{**NAMES, "outputs": []})
    with pytest.raises(InputError):
        transfer(None, source, target, method="fine_tune")
    with pytest.raises(InputError):
        transfer(None, source, target, **NAMES, hold=["x"])
    with pytest.raises(DataError):
        OPERATION.run(None, OPERATION.settings(), data=target)
