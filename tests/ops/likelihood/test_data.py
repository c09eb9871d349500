"""Tables of measurements against models: static rows, time courses, several experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fit_models import decay, line, pharmacokinetics

from catena.core.errors import DataError, InputError
from catena.ops.likelihood import check_informative, read_measurements
from catena.ops.likelihood.cells import BELOW, BETWEEN, EXACT

FREE = {"k": 0.5, "a": 5.0}
PK = {"ka": 1.0, "cl": 2.0, "v": 10.0}
DOSE = [{"time": [0.0], "amt": [100.0], "cmt": ["depot"]}]


def read(data: Any, **options: Any) -> Any:
    return read_measurements(decay(), data, FREE, **options)


def test_rows_of_conditions_and_outputs() -> None:
    found = read({"t": [0.0, 1.0, 2.0], "c [ug/L]": [5000.0, "<3000", None]})
    assert found.size == 2
    assert found.kind.tolist() == [EXACT, BELOW]
    np.testing.assert_allclose(found.value, [5.0, 3.0])
    assert found.batch.size == 2  # nothing was measured in the third row


def test_replicates_share_one_row_of_the_model() -> None:
    found = read({"t": [1.0, 2.0, 1.0, 2.0], "c": [3.0, 2.0, 3.1, 2.1]})
    assert found.batch.size == 2
    assert found.row.tolist() == [0, 1, 0, 1]


def test_a_csv_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("t [min],c\n60,3.0\n120,2.0\n")
    found = read(path)
    np.testing.assert_allclose(np.asarray(found.batch["t"]), [1.0, 2.0])
    with pytest.raises(DataError):
        read(tmp_path / "absent.csv")


def test_columns_can_be_renamed() -> None:
    found = read(
        {"hours": [1.0, 2.0], "OD": [3.0, 2.0]}, columns={"hours": "t [h]", "OD": "c [mg/L]"}
    )
    assert found.size == 2


def test_time_courses_of_experiments_with_own_times_and_doses() -> None:
    rows = pd.DataFrame({
        "id": ["a", "a", "a", "b", "b", "b", "b"],
        "time": [0.0, 1.0, 4.0, 0.0, 2.0, 2.0, 8.0],
        "amt": [100.0, None, None, 300.0, None, None, None],
        "cmt": ["depot", None, None, "depot", None, None, None],
        "conc": [None, 4.0, 3.0, None, 9.0, 9.5, "<0.5"],
        "amount": [None, None, 30.0, None, None, None, None],
    })  # fmt: skip
    found = read_measurements(pharmacokinetics(), rows, PK)
    assert found.experiments == ("a", "b")
    assert found.batch.size == 2
    assert found.size == 6
    times = np.asarray(found.batch["time"])
    np.testing.assert_array_equal(times, [[1, 4], [2, 8]])
    amounts = np.asarray(found.batch["events"].columns()["amt"])
    np.testing.assert_array_equal(amounts[:, 0], [100, 300])
    at = {(int(found.row[k]), found.at[k], found.outputs[found.output[k]].name) for k in range(6)}
    assert (1, 8.0, "conc") in at
    assert (0, 4.0, "amount") in at


def test_a_dose_without_amount_is_a_bad_row() -> None:
    rows = pd.DataFrame({
        "id": ["a", "a", "b", "b"], "time": [0.0, 1.0, 0.0, 1.0], "evid": [1, 0, 1, 0],
        "amt": [100.0, None, None, None], "cmt": ["depot", None, "depot", None],
        "conc": [None, 4.0, None, 5.0],
    })  # fmt: skip
    with pytest.raises(InputError, match="the dose has no amount") as raised:
        read_measurements(pharmacokinetics(), rows, PK)
    assert [(fault.row, fault.field) for fault in raised.value.rows] == [(2, "amt")]


def test_given_inputs_may_differ_by_experiment() -> None:
    rows = {"experiment": ["x", "x", "y"], "time": [1.0, 2.0, 1.0], "conc": [1.0, 2.0, 3.0]}
    found = read_measurements(pharmacokinetics(), rows, PK, given={"events": {"x": DOSE[0], "y": {
        "time": [0.0, 0.5], "amt": [10.0, 20.0], "cmt": ["central", "depot"]}}})  # fmt: skip
    mask = np.asarray(found.batch["events"].mask)
    assert mask.sum(axis=1).tolist() == [1, 2]
    assert np.asarray(found.batch["time"]).tolist() == [[1.0, 2.0], [1.0, 1.0]]


def test_experiments_without_names_follow_from_conditions() -> None:
    rows = {
        "time": [1.0, 2.0, 1.0, 2.0],
        "v": [10.0, 10.0, 20.0, 20.0],
        "conc": [4.0, 3.0, 2.0, 1.5],
    }
    free = {"ka": 1.0, "cl": 2.0}
    found = read_measurements(pharmacokinetics(), rows, free, given={"events": DOSE})
    assert np.asarray(found.batch["v"]).tolist() == [10.0, 20.0]


def test_companion_columns() -> None:
    found = read({
        "t": [0.0, 1.0, 2.0, 3.0], "c [ug/L]": [5000.0, 3000.0, 500.0, 1000.0],
        "c_sd": [100.0, 200.0, 300.0, 400.0], "c_censoring": [0, 0, 1, "below"],
        "c_limit": [None, None, None, 0.5], "weight": [1.0, 2.0, None, 1.0],
    })  # fmt: skip
    assert found.kind.tolist() == [EXACT, EXACT, BELOW, BETWEEN]
    np.testing.assert_allclose(found.sd, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(found.weight, [1, 2, 1, 1])
    assert (found.low[3], found.high[3]) == (0.5, 1.0)


def test_bad_rows_are_listed_or_skipped() -> None:
    data = {"t": [0.0, 1.0, 2.0], "c": [5.0, "much", 2.0]}
    with pytest.raises(InputError) as raised:
        read(data)
    assert [fault.row for fault in raised.value.rows] == [1]
    found = read(data, on_error="skip")
    assert found.size == 2
    assert found.skipped[0].row == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"t": [], "c": []}, "empty"),
        ({"t": [1.0], "d": [2.0]}, "No measured output"),
        ({"tt": [1.0], "c": [2.0]}, "Unknown column 'tt'"),
        ({"t": [1.0], "c": [None]}, "Nothing was measured"),
        ({"t": [1.0], "k": [1.0], "c": [2.0]}, "said twice"),
        ({"c": [1.0, 2.0]}, "Bad input"),
        ({"t": [1.0], "c": [1.0], "c_sd": [-1.0]}, "bad cells"),
        (7, "Cannot read"),
    ],
)
def test_nonsense_is_refused(data: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(data)


def test_the_axis_is_needed_and_named() -> None:
    with pytest.raises(InputError, match="'time' is missing") as raised:
        read_measurements(pharmacokinetics(), {"tim": [1.0, 2.0], "conc": [1.0, 2.0]}, PK)
    assert "tim" in raised.value.fix
    rows = {"time": [1.0, None], "conc": [1.0, 2.0]}
    with pytest.raises(InputError, match="'time' is missing") as raised:
        read_measurements(pharmacokinetics(), rows, PK, given={"events": DOSE})
    assert raised.value.rows[0].row == 1


def test_a_condition_has_one_value_per_experiment() -> None:
    rows = {"id": [1, 1], "time": [1.0, 2.0], "v": [10.0, 11.0], "conc": [1.0, 2.0]}
    with pytest.raises(InputError, match="changes within experiment"):
        read_measurements(pharmacokinetics(), rows, {"ka": 1.0, "cl": 2.0}, given={"events": DOSE})


@pytest.mark.parametrize(
    ("values", "parameters", "words"),
    [
        ([2.0, 2.0, 2.0], 2, "is constant"),
        (["<2", "<2", "<3"], 2, "censored throughout"),
        ([2.0, 3.0], 3, "More free parameters"),
    ],
)
def test_data_that_say_nothing_are_refused(values: Any, parameters: int, words: str) -> None:
    found = read_measurements(
        line(), {"x": list(range(len(values))), "y": values}, {"a": 0.0, "b": 1.0}
    )
    with pytest.raises(InputError, match=words):
        check_informative(found, parameters)


def test_limits_must_make_sense() -> None:
    with pytest.raises(InputError, match="not measured"):
        read({"t": [1.0], "c": [1.0]}, limits={"d": (0.1, None)})
    with pytest.raises(InputError, match="Contradictory limits"):
        read({"t": [1.0], "c": [1.0]}, limits={"c": (1.0, 0.5)})
