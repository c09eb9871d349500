"""Errors keep their four parts, survive pickling and sum up their faults."""

from __future__ import annotations

import pickle

from catena.core.errors import (
    CatenaError,
    ChainError,
    ContractError,
    InputError,
    InternalError,
    RowFault,
    UnitError,
    ValidationFailed,
    closest,
    did_you_mean,
)


def test_four_parts_are_kept_in_text_and_data() -> None:
    error = UnitError("Unknown unit 'foo'", where="field dose", why="no such unit", fix="use mg")
    assert error.to_dict() == {
        "type": "UnitError",
        "what": "Unknown unit 'foo'",
        "where": "field dose",
        "why": "no such unit",
        "fix": "use mg",
    }
    assert str(error).splitlines() == [
        "Unknown unit 'foo'",
        "where  field dose",
        "why    no such unit",
        "fix    use mg",
    ]


def test_errors_cross_process_borders_whole() -> None:
    error = InputError("Bad", rows=[RowFault(3, "x", "negative")], where="m", why="w", fix="f")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is InputError
    assert again.to_dict() == error.to_dict()
    assert again.rows == (RowFault(3, "x", "negative"),)


def test_chain_error_prints_every_fault() -> None:
    faults = [UnitError("first", why="a"), CatenaError("second", fix="b")]
    error = ChainError("2 faults", faults=faults, where="chain c")
    assert "first" in str(error)
    assert "second" in str(error)
    assert [f["what"] for f in error.to_dict()["details"]["faults"]] == ["first", "second"]


def test_exit_codes_tell_whose_fault_it_is() -> None:
    assert CatenaError.exit_code == 2
    assert InternalError.exit_code == ContractError.exit_code == 1
    assert ValidationFailed.exit_code == 3


def test_closest_ignores_case_and_returns_nothing_far_away() -> None:
    assert closest("CMAX", ["cmax", "tmax", "auc"])[0] == "cmax"
    assert closest("zzzz", ["cmax"]) == []
    assert did_you_mean("cmx", ["cmax"]) == "did you mean cmax?"
    assert did_you_mean("zzzz", ["cmax"], "see describe()") == "see describe()"
