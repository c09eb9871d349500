"""The border: people's values become arrays in declared units; faults name rows and fields."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from catena.core.errors import InputError
from catena.core.spec import Field, Schema
from catena.core.values import Padded, broadcast, take

PK = Schema.parse(
    "dose [mg] in 0..1000, weight [kg] > 0 = 70, sex: male|female = male, time [h] (time) = 0, n: integer = 1"
).with_defaults({"time": [0.0, 1.0]})


def faults(values: object, schema: Schema = PK, **how: object) -> list[tuple[int, str, str]]:
    with pytest.raises(InputError) as caught:
        schema.validate(values, **how)  # type: ignore[arg-type]
    return [tuple(fault) for fault in caught.value.rows]  # type: ignore[misc]


@pytest.mark.parametrize(
    "dose",
    ["100 mg", "0.1 g", 100, 100.0, np.float32(100), (0.1, "g"), "head", [100], np.array([100])],
)
def test_many_ways_to_say_the_same(dose: object) -> None:
    values = {"dose [mg]": "100"} if isinstance(dose, str) and dose == "head" else {"dose": dose}
    batch = PK.validate(values)
    assert batch["dose"].tolist() == pytest.approx([100.0])
    assert batch.size == 1
    assert batch["sex"].tolist() == [0]


def test_rows_come_from_lists_records_frames_and_heads_with_units() -> None:
    expected = [100.0, 200.0]
    for values in (
        {"dose": ["100 mg", "0.2 g"]},
        {"dose [g]": [0.1, "200 mg"]},
        [{"dose": 100}, {"dose": 200}],
        pd.DataFrame({"dose [g]": [0.1, 0.2]}),
        pd.DataFrame({"dose": [100, 200], "sex": ["male", "female"]}),
    ):
        assert PK.validate(values)["dose"].tolist() == pytest.approx(expected)


def test_constants_keep_length_one_and_broadcast_without_copy() -> None:
    batch = PK.validate({"dose": [1.0, 2.0, 3.0], "sex": "female"})
    assert batch.size == 3
    assert batch["sex"].shape == (1,)
    full = batch.full()
    assert full["sex"].tolist() == [1, 1, 1]
    assert full["time"].shape == (3, 2)
    assert full["time"].strides[0] == 0
    assert list(batch.table().columns) == ["dose [mg]", "weight [kg]", "sex", "n"]
    assert batch.table()["sex"].tolist() == ["female"] * 3


def test_grids_are_written_as_text() -> None:
    assert PK.validate({"dose": 1, "time": "0:90:30 min"})["time"].tolist() == [[0, 0.5, 1.0, 1.5]]
    assert faults({"dose": 1, "time": "0:90:-1 min"})[0][2].startswith("the grid")
    assert "points" in faults({"dose": 1, "time": "0:1e30:1e-9 h"})[0][2]
    assert "cannot read" in faults({"dose": 1, "time": "0:x:1"})[0][2]


def test_bad_rows_are_all_listed_with_row_and_reason() -> None:
    found = faults({"dose": [5, -1, float("nan"), 2000, float("inf")], "weight": [1, 2, 3, 0, 5]})
    assert {(row, name) for row, name, _ in found} == {
        (1, "dose"), (2, "dose"), (3, "dose"), (4, "dose"), (3, "weight"),
    }  # fmt: skip
    assert (1, "dose", "-1 is below the bound 0 mg") in found


def test_skip_keeps_the_good_rows_and_remembers_which() -> None:
    batch = PK.validate({"dose": [5, -1, 7], "weight": 80}, on_error="skip")
    assert batch["dose"].tolist() == [5.0, 7.0]
    assert batch.rows.tolist() == [0, 2]
    assert batch.given == 3
    assert batch.faults[0].row == 1


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({}, "dose", "required"),
        ({"dose": 1, "wieght": 3}, "wieght", "did you mean weight"),
        ({"dose": "100 kg*"}, "dose", "nearest units"),
        ({"dose": "100 foo"}, "dose", "Unknown unit"),
        ({"dose": "5 h"}, "dose", "[time] is not [mass]"),
        ({"dose": "12,5 mg"}, "dose", "comma"),
        ({"dose": "many"}, "dose", "No number"),
        ({"dose": True}, "dose", "boolean"),
        ({"dose": 10**400}, "dose", "too large"),
        ({"dose": {"a": 1}}, "dose", "expected"),
        ({"dose": [[1.0, 2.0]]}, "dose", "dimensions"),
        ({"dose": np.array(["a"])}, "dose", "No number"),
        ({"dose": np.array([1j])}, "dose", "complex"),
        ({"dose": 1, "sex": "men"}, "sex", "did you mean"),
        ({"dose": 1, "sex": 7}, "sex", "use one of"),
        ({"dose": 1, "n": 1.5}, "n", "whole number"),
        ({"dose": [1, 2], "weight": [1, 2, 3]}, "", "differ in number of rows"),
    ],
)
def test_what_is_wrong_is_said(values: object, field: str, text: str) -> None:
    found = faults(values)
    assert any(name == field and text in why for _, name, why in found), found


def test_inputs_of_the_wrong_form_are_refused() -> None:
    for values in (5, "text", [5], None):
        with pytest.raises(InputError, match="Cannot read"):
            PK.validate(values)
    with pytest.raises(InputError, match="on_error"):
        PK.validate({"dose": 1}, on_error="ignore")  # type: ignore[arg-type]


def test_many_faults_are_summed_up() -> None:
    with pytest.raises(InputError) as caught:
        PK.validate({"dose": np.full(100, -1.0)})
    assert "and 95 more" in caught.value.why
    assert len(caught.value.rows) == 100
    assert 'on_error="skip"' in caught.value.fix


def test_dimensions_that_share_a_name_share_a_length() -> None:
    schema = Schema.parse("time [h] (time), c [mg/L] (time)")
    assert "time has 3" in faults({"time": [0, 1, 2], "c": [1, 2]}, schema)[0][2]
    labelled = Schema([Field("kp", shape=("organ",), labels=("liver", "kidney"))])
    assert "2 are named" in faults({"kp": [1.0, 2.0, 3.0]}, labelled)[0][2]


def test_ragged_series_are_padded_with_their_last_value() -> None:
    schema = Schema([Field("c", shape=("time",), ragged=True, bounds=(0, None))])
    padded = schema.validate({"c": [[1.0, 2.0], [3.0], []]})["c"]
    assert padded.mask.tolist() == [[True, True], [True, False], [False, False]]
    assert padded.values[1].tolist() == [3.0, 3.0]
    assert faults({"c": [[1.0], [-1.0, 2.0]]}, schema) == [(1, "c", "-1 is below the bound 0")]
    assert len(take(padded, np.array([0, 2]))) == 2
    assert "list of numbers" in faults({"c": [[1.0], "x"]}, schema)[0][2]
    assert "dimensions" in faults({"c": [[1.0], [[2.0]]]}, schema)[0][2]


EVENTS = Schema(
    [
        Field(
            "events", kind="table", shape=("event",), ragged=True,
            columns=Schema.parse("time [h] >= 0 = 0, amt [mg] >= 0, cmt: iv|oral = iv"),
        )
    ]
)  # fmt: skip


def test_tables_may_be_shared_or_one_per_row() -> None:
    shared = [{"amt": "1 g"}, {"amt": 2, "cmt": "oral", "time": "30 min"}]
    one = EVENTS.validate({"events": shared})["events"]
    assert one.values["amt"].tolist() == [[1000.0, 2.0]]
    assert one.values["cmt"].tolist() == [[0, 1]]
    assert one.values["time"].tolist() == [[0.0, 0.5]]
    each = EVENTS.validate({"events": [shared, pd.DataFrame({"amt": [1, 2, 3]}), {"amt": [5.0]}]})
    assert each.size == 3
    assert each["events"].mask.sum(axis=1).tolist() == [2, 3, 1]
    stretched = broadcast(one, 4)
    assert isinstance(stretched, Padded)
    assert stretched.values["amt"].shape == (4, 2)


def test_faults_in_tables_name_row_record_and_column() -> None:
    found = faults({"events": [[{"amt": 1}], [{"amt": 1}, {"amt": -5}]]}, EVENTS)
    assert found == [(1, "events", "amt: record 1: -5 is below the bound 0 mg")]
    assert faults({"events": [{"amt": 1, "cmd": "iv"}]}, EVENTS)[0][2].startswith(
        "cmd: did you mean cmt"
    )
    assert faults({"events": 5}, EVENTS)[0][0] == -1


def test_booleans_texts_and_graphs() -> None:
    schema = Schema.parse("flag: boolean = false, smiles: molecule = C, net: graph = x")
    batch = schema.validate({"flag": [True, 0], "smiles": ["CC", "CO"], "net": [{"a": 1}, 5]})
    assert batch["flag"].tolist() == [True, False]
    assert batch["smiles"].tolist() == ["CC", "CO"]
    assert "text expected" in faults({"smiles": ["C", 5]}, schema)[0][2]
    assert "true or false" in faults({"flag": ["yes", True]}, schema)[0][2]


def test_no_rows_are_a_batch_of_no_rows() -> None:
    batch = PK.validate({"dose": np.zeros(0)})
    assert batch.size == 0
    assert PK.validate({}, partial=True).size == 1


def test_a_batch_passes_through() -> None:
    batch = PK.validate({"dose": [1.0, 2.0]})
    assert PK.validate(batch)["dose"].tolist() == [1.0, 2.0]
    assert batch.key == PK.validate({"dose": ["1 mg", "2 mg"]}).key


def test_records_that_say_nothing_take_the_default_or_are_at_fault() -> None:
    batch = PK.validate([{"dose": 1, "weight": 60}, {"dose": 2}])
    assert batch["weight"].tolist() == [60.0, 70.0]
    assert faults([{"dose": 1}, {"weight": 60}]) == [(1, "dose", "a value is required")]


@pytest.mark.parametrize("cell", ["abc", "1,5 mg", None, "5 h"])
def test_skip_drops_rows_whose_cell_cannot_be_read(cell: object) -> None:
    batch = PK.validate({"dose": [5, cell, 7], "weight": [60, 70, 80]}, on_error="skip")
    assert batch["dose"].tolist() == [5.0, 7.0]
    assert batch["weight"].tolist() == [60.0, 80.0]
    assert [fault.row for fault in batch.faults] == [1]


def test_skip_drops_rows_of_an_unknown_category() -> None:
    batch = PK.validate({"dose": [1, 2], "sex": ["men", "female"]}, on_error="skip")
    assert batch["sex"].tolist() == [1]
    assert batch.rows.tolist() == [1]


def test_a_required_column_without_one_good_cell_is_an_error_even_when_skipping() -> None:
    found = faults({"dose": ["a", "b"], "weight": [60, 70]}, on_error="skip")
    assert [row for row, _, _ in found] == [0, 1]


def test_an_open_bound_says_so() -> None:
    assert faults({"dose": 1, "weight": 0})[0][2] == "0 is not above 0 kg"
