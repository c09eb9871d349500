"""The command line: what people and programs get, and what happens to mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from catena.app.cli import main

Install = Callable[[str, dict[str, str], dict[str, str]], Path]

TOY = '''
import numpy as np
import catena
from catena.core.spec import Field, Schema

EVENTS = Field("events", kind="table", shape=("event",), ragged=True, default=[],
               columns=Schema.parse("time [h] >= 0, amount [mg] >= 0"))

@catena.model(id="toy.dose", title="Toy dose", citation="Author 2020, doi:10.1/1",
    inputs=Schema([*Schema.parse(
        "dose [mg] in 0..1000, weight [kg] > 0 = 70, fasted: boolean = true, "
        "sex: male|female = male, count: integer in 0..9 = 1, grid [h] (grid) = 0, smiles: molecule = C"),
        EVENTS]),
    outputs="level [mg/kg], total [mg], curve [mg] (grid), label: text")
def toy(dose, weight, fasted, sex, count, grid, smiles, events):
    """Dose per weight."""
    print("chatter")
    amounts = np.where(events.mask, events.values["amount"], 0).sum(axis=1)
    return {"level": dose * count / weight * np.where(fasted, 1.0, 0.5), "total": dose + amounts,
            "curve": dose[:, None] * np.exp(-grid), "label": np.array(smiles, dtype=object)}

@catena.model(id="toy.crash", inputs="a in 0..1 = 0.5", outputs="b")
def crash(a):
    raise ZeroDivisionError("inside")
'''
POINTS = {"toy.dose": "toy_models:toy", "toy.crash": "toy_models:crash"}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(install_plugin: Install, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; exit code, stdout, stderr."""
    # Inline default grids must be arrays: one point stands for the whole dimension.
    install_plugin("toys", POINTS, {"toy_models.py": TOY.replace("(grid) = 0", "(grid)")})

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def _json(run: Run, *words: str) -> Any:
    code, out, _ = run(*words, "--json")
    assert code == 0, out
    return json.loads(out)


def _error(run: Run, *words: str) -> dict[str, Any]:
    code, out, _ = run(*words, "--json")
    data = json.loads(out)
    assert set(data) == {"error"}
    assert {"type", "what", "where", "why", "fix"} <= set(data["error"])
    return {"code": code, **data["error"]}


BASE = ("predict", "toy.dose", "--dose", "70 mg", "--grid", "0,1,2")


def test_help_names_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("models", "describe", "predict", "plan", "run", "validate", "check-model",
                    "doctor", "citations", "index"):  # fmt: skip
        assert command in out


def test_no_command_is_help_and_json_stands_anywhere(run: Run) -> None:
    assert run() == run("--help")
    assert run("--json", "describe", "toy.dose") == run("describe", "toy.dose", "--json")


def test_models_are_found(run: Run) -> None:
    assert [entry["id"] for entry in _json(run, "models", "toy dose")["models"]] == ["toy.dose"]
    _, out, _ = run("models", "toy")
    assert "Toy dose" in out
    _, out, _ = run("models", "molecule.descriptrs")
    assert "no model matches" in out
    assert "every registered model" in run("models", "--broken")[1]


def test_broken_models_are_listed_apart(run: Run, install_plugin: Install) -> None:
    install_plugin("bad", {"bad.one": "no_module_here:m"}, {})
    assert [entry["id"] for entry in _json(run, "models", "--broken")["models"]] == ["bad.one"]
    _, out, err = run("models")
    assert "toy.dose" in out
    assert "1 registered models are broken" in err
    assert "no_module_here" in run("models", "--broken")[1]


def test_describe_shows_ports(run: Run) -> None:
    _, out, _ = run("describe", "toy.dose")
    for text in ("dose", "mg", "0 <= .. <= 1000", "required", "male|female", "level", "doi:10.1/1"):
        assert text in out
    assert _json(run, "describe", "toy.dose")["inputs"][0]["name"] == "dose"


def test_predict_takes_every_kind_of_value(run: Run) -> None:
    events = '[{"time": 0, "amount": "0.001 g"}]'
    data = _json(run, *BASE, "--fasted", "false", "--sex=female", "--count", "2", "--smiles", "C[C@H](N)O",
                 "--events", events)  # fmt: skip
    assert data["values"]["level"] == [1.0]
    assert data["values"]["total"] == [71.0]
    assert data["values"]["label"] == ["C[C@H](N)O"]
    assert data["values"]["curve"][0][1] == pytest.approx(70 * 2.718281828**-1)
    assert data["units"]["level"] == "mg/kg"
    assert data["status"] == ["ok"]


def test_repeated_options_are_rows_and_grids_are_read(run: Run) -> None:
    data = _json(
        run, "predict", "toy.dose", "--dose", "70", "--dose", "0.14 g", "--grid", "0:2:1 h"
    )
    assert data["values"]["level"] == [1.0, 2.0]
    assert len(data["values"]["curve"][0]) == 3
    assert data["rows"] == 2


def test_models_printing_leaves_one_document_on_stdout(run: Run) -> None:
    code, out, err = run(*BASE, "--json")
    assert code == 0
    json.loads(out)
    assert "chatter" in err


def test_predict_prints_tables_for_people(run: Run) -> None:
    code, out, _ = run(*BASE)
    assert code == 0
    assert "level [mg/kg]" in out
    assert "curve [mg]" in out


def test_predict_help_lists_the_fields(run: Run) -> None:
    for words in (("predict", "toy.dose", "--help"), ("predict", "-h", "toy.dose")):
        code, out, _ = run(*words)
        assert code == 0
        assert "fields of toy.dose" in out
        assert "--on-error" in out
    _, out, _ = run("predict", "toy.dose", "--help")
    assert "fields of toy.dose" in out
    assert "male|female" in out
    assert run("predict")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dos", "1"), "did you mean dose"),
        (("--dose", "1", "stray"), "an option is written --field value"),
        (("--dose",), "a value is missing"),
        (("--dose", "1", "--fasted", "maybe"), "true or false"),
        (("--dose", "1", "--events", "[{"), "no JSON"),
        (("--dose", "1", "--events", "@absent.csv"), "no file"),
        (("--dose", "1 foo", "--grid", "0"), "foo"),
        (("--dose", "1e9", "--grid", "0"), "above the bound"),
        (("--dose", "1"), "a value is required"),
        (("--dose", "1", "--grid", "0", "--on-error", "maybe"), "skip"),
    ],
)
def test_mistakes_are_explained(run: Run, words: Sequence[str], said: str) -> None:
    error = _error(run, "predict", "toy.dose", *words)
    assert error["code"] == 2
    assert said in " ".join(str(part) for part in error.values())
    code, out, err = run("predict", "toy.dose", *words)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ("modles",),
        ("models", "--brokn"),
        ("describe",),
        ("describe", "toy.dos"),
        ("predict", "--dose", "1"),
        ("run", "absent.yaml"),
        ("plan", "absent.yaml"),
        ("validate", "no.such.claim"),
        ("validate", "--seed", "x"),
        ("check-model", "no_such_module:m"),
        ("citations", "no.such"),
        ("index", "--package", "no-such"),
        ("predict", "toy.dose", "--file", "absent.csv"),
    ],
)
def test_usage_errors_have_the_same_form(run: Run, words: Sequence[str]) -> None:
    assert _error(run, *words)["code"] == 2
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") <= 6


def test_our_own_faults_are_internal_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    error = _error(run, "predict", "toy.crash")
    assert (error["code"], error["type"]) == (1, "InternalError")
    assert "ZeroDivisionError" in error["why"]
    monkeypatch.setenv("CATENA_DEBUG", "1")
    assert "Traceback" in run("predict", "toy.crash")[2]


def test_rows_from_files_and_results_to_files(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("dose [g],weight\n0.07,70\n0.14,\n0.21,70\n")
    out = tmp_path / "result.parquet"
    data = _json(run, "predict", "toy.dose", "--file", str(rows), "--grid", "0", "--on-error", "skip",
                 "--out", str(out))  # fmt: skip
    assert data["out"] == str(out)
    import pyarrow.parquet as pq

    table = pq.read_table(out)
    assert table["level"].to_pylist() == [1.0, 3.0]
    assert table["row"].to_pylist() == [0, 2]
    assert table.schema.field("level").metadata[b"unit"] == b"mg/kg"
    code, _, err = run("predict", "toy.dose", "--file", str(rows), "--grid", "0")
    assert code == 2
    assert "row 1" in err


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_other_result_files(run: Run, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"result.{ending}"
    assert run(*BASE, "--out", str(out))[0] == 0
    assert "level" in out.read_text()
    assert _error(run, *BASE, "--out", str(tmp_path / "x.exe"))["code"] == 2
    assert _error(run, *BASE, "--out", str(tmp_path / "no" / f"x.{ending}"))["code"] == 2


def test_rows_from_json_and_parquet(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text('[{"dose": "70 mg"}, {"dose": "0.14 g"}]')
    data = _json(run, "predict", "toy.dose", "--file", str(rows), "--grid", "0")
    assert data["values"]["level"] == [1.0, 2.0]
    import pyarrow as pa
    import pyarrow.parquet as pq

    field = pa.field("dose", pa.float64(), metadata={"unit": "g"})
    pq.write_table(pa.table([[0.07]], schema=pa.schema([field])), tmp_path / "rows.parquet")
    data = _json(
        run, "predict", "toy.dose", "--file", str(tmp_path / "rows.parquet"), "--grid", "0"
    )
    assert data["values"]["level"] == [1.0]


@pytest.mark.parametrize("text", ["{", "3", '"a"'])
def test_files_that_are_no_rows(run: Run, tmp_path: Path, text: str) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(text)
    assert _error(run, "predict", "toy.dose", "--file", str(rows))["code"] == 2
    rows.rename(tmp_path / "rows.txt")
    assert (
        "use one of"
        in _error(run, "predict", "toy.dose", "--file", str(tmp_path / "rows.txt"))["fix"]
    )


def test_citations_doctor_and_index(run: Run) -> None:
    assert _json(run, "citations", "toy.dose")["citations"][0]["citation"].startswith("Author 2020")
    assert "Author 2020" in run("citations", "toy.dose")[1]
    facts = _json(run, "doctor")
    assert facts["packages"]["numpy"] != "not installed"
    assert facts["catena"]["models"] >= 2
    assert "data sets found" in run("doctor")[1]


def test_check_model_exit_code(run: Run) -> None:
    report = json.loads(run("check-model", "toy_models:crash", "--quick", "--json")[1])
    failed = [check for check in report["checks"] if check["state"] == "fail"]
    assert {check["id"] for check in failed} == {"C01", "C05"}
    code, out, err = run("check-model", "toy.crash", "--quick")
    assert code == 1
    assert "C05" in out
    assert "fix" in err


STUDY = (
    "study: predict\nname: toy\nmodel: toy.dose\ninputs: {dose: [70 mg, 140 mg], grid: '0:2:1 h'}\n"
)


def test_studies_are_planned_run_and_cited(run: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "study.yaml", tmp_path / "out"
    path.write_text(STUDY)
    planned = _json(run, "plan", str(path), "--out", str(out))
    assert planned["tasks"]
    assert not out.exists()
    assert "tasks" in run("plan", str(path), "--out", str(out))[1]
    done = _json(run, "run", str(path), "--out", str(out))
    assert Path(done["report"]).is_file()
    assert done["status"] == "done"
    _, text, _ = run("run", str(path), "--out", str(out))
    assert "report" in text
    assert "2 of 2 rows predicted with toy.dose" in text
    assert _json(run, "citations", str(path))["citations"][0]["id"] == "toy.dose"
    assert "uncertainty" in _error(run, "run", str(path), "--draws", "3")["why"]


def test_citations_of_a_chain_name_its_parts(run: Run) -> None:
    listed = {item["id"] for item in _json(run, "citations", "chain.oral_drug")["citations"]}
    assert {"chain.oral_drug", "body.pbpk", "molecule.descriptors"} <= listed


def test_a_stale_index_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = tmp_path / "index.json"
    monkeypatch.setattr("catena.app.cli.listing._plugin_index_path", lambda module: stale)
    assert "catena index --write --package toys" in _error(run, "index", "--package", "toys")["fix"]
    assert _json(run, "index", "--package", "toys", "--write")["state"] == "written"
    assert set(json.loads(stale.read_text())["models"]) == set(POINTS)
    assert "current" in run("index", "--package", "toys")[1]
