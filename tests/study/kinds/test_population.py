"""Kind population: virtual people through a model, and what their outputs spread over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.ops.people import people
from catena.study import load_study, run


def study(**parts: Any) -> Any:
    settings = {"people": 40, "chunk": 16, **parts.pop("settings", {})}
    return load_study(
        {"study": "population", "name": "crowd", "model": "toy.oral", "settings": settings, **parts}
    )


def test_percentiles_over_people(runs: Path) -> None:
    outcome = run(study(inputs={"dose": "20 mg"}), out=runs)
    rows = outcome.answer.rows
    assert len(rows) == 40
    clearance = 30 * (rows["weight"] / 70) ** 0.75
    np.testing.assert_allclose(rows["auc_inf"], 20 / clearance)
    assert set(rows["sex"]) == {"male", "female"}
    spread = outcome.summary["outputs"]["auc_inf"]
    assert spread["p5"] < spread["p50"] < spread["p95"]
    assert spread["unit"] == "mg*h/L"


def test_chunks_do_not_change_the_rows(runs: Path) -> None:
    small = run(study(settings={"chunk": 7}), out=runs)
    large = run(study(settings={"chunk": 40}), out=runs)
    assert small.summary["rows_key"] == large.summary["rows_key"]


def test_distributions_vary_what_they_name(runs: Path) -> None:
    outcome = run(
        study(settings={"vary": {"fu_plasma": "lognormal(0.03, 20 %)", "dose": "5..10 mg"}}),
        out=runs,
    )
    assert 0.02 < np.median(outcome.answer.rows["fu_plasma"]) < 0.04
    assert outcome.answer.rows["dose"].min() >= 5
    assert outcome.answer.rows["dose"].max() <= 10


def test_a_person_does_not_depend_on_how_many_are_drawn(toys: Any) -> None:
    few = people(toys["toy.oral"], 5, 1, vary={"logp": "normal(3, 1)"})
    many = people(toys["toy.oral"], 50, 1, vary={"logp": "normal(3, 1)"})
    for name, column in few.columns.items():
        np.testing.assert_array_equal(column, many.columns[name][:5])


def test_people_who_cannot_be_are_reported(runs: Path) -> None:
    outcome = run(study(settings={"filters": {"heavy": 1}}), out=runs)
    assert outcome.status == "partial"
    assert outcome.summary["failed_rows"] == 1
    assert "nobody weighs" in outcome.answer.rows["status"][0]


def test_a_model_without_people_needs_distributions(toys: Any) -> None:
    with pytest.raises(InputError, match="Nobody differs"):
        people(toys["toy.line"], 3, 1)
    with pytest.raises(InputError, match="No population to filter"):
        people(toys["toy.line"], 3, 1, filters={"age": [1, 2]})
    with pytest.raises(InputError, match="Unknown filter 'agee'"):
        people(toys["toy.oral"], 3, 1, filters={"agee": 1})
    with pytest.raises(InputError, match="Cannot draw people"):
        people(toys["toy.oral"], 3, 1, filters={"heavy": "many"})
    with pytest.raises(InputError, match="no input 'slop'"):
        people(toys["toy.line"], 3, 1, vary={"slop": "normal(1, 1)"})
    assert people(toys["toy.line"], 3, 1, vary={"slope": "normal(1, 1)"}).size == 3
