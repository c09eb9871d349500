"""Kind predict: rows in, rows out, bad rows reported, good ones finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.errors import CatenaError, DataError, InputError, StudyError
from catena.study import load_study, run
from catena.study.table import Table


def study(**parts: Any) -> Any:
    return load_study({"study": "predict", "name": "rows", "model": "toy.line", **parts})


def test_inputs_become_rows(runs: Path) -> None:
    outcome = run(study(inputs={"x": [1, 2, 3]}, settings={"chunk": 2}), out=runs)
    assert outcome.status == "done"
    assert outcome.answer.rows["y"].tolist() == [2.0, 4.0, 6.0]
    assert outcome.answer.rows["row"].tolist() == [0, 1, 2]


def test_bad_rows_are_reported_and_good_ones_finished(runs: Path) -> None:
    outcome = run(study(inputs={"x": [1, 1000, 3]}, budget={"failed_share": 0.5}), out=runs)
    assert outcome.status == "partial"
    rows = outcome.answer.rows
    assert rows["row"].tolist() == [0, 1, 2]
    assert rows["status"].tolist()[::2] == ["ok", "ok"]
    assert "above the bound" in rows["status"][1]
    assert rows["y"][[0, 2]].tolist() == [2.0, 6.0]
    assert np.isnan(rows["y"][1])
    assert "row 1" in outcome.answer.notes[0]


def test_more_failures_than_allowed_fail_the_study(runs: Path) -> None:
    assert run(study(inputs={"x": [1, 1000]}), out=runs).status == "failed"


def test_rows_that_fail_inside_the_model(runs: Path) -> None:
    outcome = run(
        study(model="toy.breaking", inputs={"x": [1, -1, 2]}, budget={"failed_share": 1.0}),
        out=runs,
    )
    assert outcome.status == "partial"
    assert outcome.answer.rows["status"][1] == "y: the output is not finite"


def test_on_error_raise_refuses_the_study(runs: Path) -> None:
    with pytest.raises(InputError, match="Bad input"):
        run(study(inputs={"x": [1, 1000]}, settings={"on_error": "raise"}), out=runs)


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_file_of_rows_with_mapped_columns_and_units(
    tmp_path: Path, runs: Path, suffix: str
) -> None:
    import pandas as pd

    frame = pd.DataFrame({"dose_g": [0.01, 0.02], "kg": [70.0, 80.0]})
    path = tmp_path / f"people.{suffix}"
    writers = {"csv": lambda: frame.to_csv(path, index=False), "parquet": lambda: frame.to_parquet(path),
               "json": lambda: path.write_text(json.dumps(frame.to_dict("records")), encoding="utf-8")}  # fmt: skip
    writers[suffix]()
    given = study(
        model="toy.oral",
        data={"file": str(path), "columns": {"dose_g": "dose [g]", "kg": "weight"}},
        outputs=["auc_inf", "plasma"],
    )
    rows = run(given, out=runs).answer.rows
    assert rows["dose"].tolist() == [10.0, 20.0]
    np.testing.assert_allclose(rows["auc_inf"], [10 / 30, 20 / (30 * (80 / 70) ** 0.75)])
    assert rows["plasma"].shape == (2, 49)


def test_a_missing_column_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("dosis\n1\n", encoding="utf-8")
    with pytest.raises(StudyError, match="no column 'dose'"):
        run(
            study(
                model="toy.oral",
                data={"file": str(tmp_path / "a.csv"), "columns": {"dose": "dose"}},
            )
        )
    with pytest.raises(DataError, match="Cannot read the rows"):
        run(study(data={"file": str(tmp_path / "b.csv")}))
    with pytest.raises(DataError, match="suffix"):
        run(study(data={"file": str(tmp_path / "b.xlsx")}))


def test_unknown_model_input_and_chain_fault() -> None:
    with pytest.raises(CatenaError, match="No model"):
        run(study(model="toy.lime"))
    with pytest.raises(StudyError, match="no input 'slop'") as caught:
        run(study(inputs={"slop": 1}))
    assert "slope" in caught.value.fix
    with pytest.raises(CatenaError):
        run(load_study({"study": "predict", "name": "x", "chain": {"nodes": {"a": "toy.nothing"}}}))


def test_stochastic_models_repeat_under_the_same_seed(runs: Path) -> None:
    first = run(study(model="toy.noise", inputs={"x": [0] * 5}, seed=4), out=runs)
    again = run(study(model="toy.noise", inputs={"x": [0] * 5}, seed=4), out=runs / "b")
    other = run(study(model="toy.noise", inputs={"x": [0] * 5}, seed=5), out=runs)
    assert first.summary["rows_key"] == again.summary["rows_key"] != other.summary["rows_key"]


def test_rows_carry_units_in_parquet(runs: Path) -> None:
    import pyarrow.parquet as pq

    outcome = run(study(model="toy.oral", inputs={"dose": [1, 2]}), out=runs)
    schema = pq.ParquetFile(outcome.folder / "rows.parquet").schema_arrow
    assert schema.field("auc_inf").metadata[b"unit"] == b"mg*h/L"
    assert Table.read(outcome.folder / "rows.parquet").key == outcome.summary["rows_key"]
