"""The bad-input table: each row of it ends in one error of the family, with its fields filled.

Every test gives one kind of bad input the way a person would, and reads the answer's parts:
what happened, where, why, what to do, and which rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import catena as ct
from catena.app.cli import main
from catena.core.errors import (
    CatenaError,
    ChainError,
    DataError,
    InputError,
    ModelNotFound,
    PluginError,
    SolverError,
    StudyError,
    UnitError,
)
from catena.core.model import Model, ModelInfo
from catena.core.spec import Schema
from catena.formats.compound import load_card
from catena.study import load_study, plan, run
from catena.study.schema import Study

Install = Callable[[str, dict[str, str], dict[str, str]], Path]
Json = dict[str, Any]

per_kg = ct.load("bridge.dose.per_kg")
mass = ct.model(id="t.mass", inputs="x [mg/L] >= 0", outputs="c [mg/L]")(lambda x: {"c": x})
molar = ct.model(id="t.molar", inputs="c [umol/L]", outputs="y [umol/L]")(lambda c: {"y": c})
series = ct.model(
    id="t.series", inputs="c [mg/L] in 0..10, time [h] (time)", outputs="y [mg/L] (time)"
)(lambda c, time: {"y": c[:, None] * np.exp(-time)})


class Bounded(Model):
    """A surrogate trained for x up to 1."""

    info = ModelInfo(id="t.bounded")
    inputs = Schema.parse("x")
    outputs = Schema.parse("y")

    def _predict(self, batch: Any, params: Any, key: Any) -> Json:
        return {"y": 2.0 * batch["x"]}

    def _domain(self, batch: Any) -> np.ndarray:
        return np.asarray(batch["x"]) <= 1.0


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Json]]:
    """Run a command with --json; its exit code and the one document on stdout."""

    def call(*words: object) -> tuple[int, Json]:
        code = main([*map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def told(error: CatenaError) -> CatenaError:
    """Check that an error says all four things in few words."""
    assert all((error.what, error.where, error.why, error.fix))
    assert len(str(error)) < 1500
    return error


# Units -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "near"), [("100 kgg/kg", "mg/kg"), ("100 foo", "mg/kg"), ("100 mg/kg*", "mg/kg")]
)
def test_a_dose_in_an_unknown_unit_gets_the_nearest_units(text: str, near: str) -> None:
    with pytest.raises(InputError) as caught:
        per_kg.predict(dose=text, weight=70)
    error = told(caught.value)
    (fault,) = error.rows  # type: ignore[attr-defined]
    assert (error.where, fault.field) == ("model bridge.dose.per_kg", "dose")
    assert "Unknown unit" in fault.why
    assert f"nearest units: {near}" in fault.why


def test_mass_into_a_molar_port_is_refused_and_the_named_bridge_repairs_it() -> None:
    with pytest.raises(ChainError) as caught:
        ct.chain(a=mass, b=molar, edges=["a.c -> b.c"])
    (fault,) = caught.value.faults
    assert isinstance(fault, UnitError)
    told(fault)
    assert (fault.what, fault.where) == (
        "Cannot connect  a.c [mg/L]  ->  b.c [umol/L]",
        "chain 'chain', edge 1",
    )
    bridge = fault.fix.split()[1]
    assert bridge == "bridge.molar_mass"
    repaired = ct.chain(
        a=mass,
        bridge=ct.load(bridge),
        b=molar,
        edges=["a.c -> bridge.mass_concentration", "bridge.molar_concentration -> b.c"],
    )
    assert repaired.predict(x=1.0, molar_mass=100.0)["b.y"] == pytest.approx(10.0)


# Values ------------------------------------------------------------------------------------

DOUBTFUL = [1.0, np.nan, np.inf, -1.0, 11.0, 2.0]


def test_bad_numbers_are_listed_by_row() -> None:
    with pytest.raises(InputError) as caught:
        series.predict(c=DOUBTFUL, time=[0.0, 1.0])
    error = told(caught.value)
    reasons = {fault.row: fault.why for fault in reversed(error.rows)}  # type: ignore[attr-defined]
    assert sorted(reasons) == [1, 2, 3, 4]
    assert "not a finite number" in reasons[1]
    assert "not a finite number" in reasons[2]
    assert reasons[3] == "-1 is below the bound 0 mg/L"
    assert reasons[4] == "11 is above the bound 10 mg/L"
    assert 'on_error="skip"' in error.fix
    assert [row["row"] for row in error.to_dict()["details"]["rows"]][:2] == [1, 2]


def test_skipping_keeps_good_rows_and_says_which_were_bad() -> None:
    result = series.predict(c=DOUBTFUL, time=[0.0, 1.0], on_error="skip")
    assert result["y"][:, 0].tolist() == [1.0, 2.0]
    assert [text == "ok" for text in result.status] == [True, False, False, False, False, True]
    assert result.status[3] == "c: -1 is below the bound 0 mg/L"
    assert result.table().index.get_level_values("row").unique().tolist() == [0, 5]
    scalars = per_kg.predict(dose=DOUBTFUL, weight=70.0, on_error="skip").table()
    assert scalars["status"].tolist()[3] == "dose: -1 is below the bound 0 mg/kg"
    assert scalars["dose [mg]"][[0, 4, 5]].tolist() == [70.0, 770.0, 140.0]


def test_an_invalid_structure_is_numbered_and_the_others_go_on() -> None:
    pytest.importorskip("rdkit")
    model = ct.load("molecule.descriptors")
    smiles = ["CCO", "C1CC", "", "c1ccccc1"]
    with pytest.raises(InputError) as caught:
        model.predict(smiles=smiles)
    error = told(caught.value)
    assert {(f.row, f.field) for f in error.rows} == {(1, "smiles"), (2, "smiles")}  # type: ignore[attr-defined]
    result = model.predict(smiles=smiles, on_error="skip")
    assert result["molar_mass"] == pytest.approx([46.069, 78.114], rel=1e-4)
    assert [text == "ok" for text in result.status] == [True, False, False, True]


def test_a_huge_grid_is_refused_before_it_is_allocated() -> None:
    for text in ("0:1e12:1 h", "0:1:1e-300 h", "0:1e308:1e-3"):
        with pytest.raises(InputError) as caught:
            series.predict(c=1.0, time=text)
        (fault,) = told(caught.value).rows  # type: ignore[attr-defined]
        assert fault.field == "time"
        assert "1 to 1000000 are allowed" in fault.why or "cannot read the grid" in fault.why


# Files -------------------------------------------------------------------------------------

FILE = ("predict", "bridge.dose.per_kg", "--file")


def test_a_missing_column_names_the_columns_and_the_closest(cli: Any, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("dos [mg/kg],weight\n1,70\n")
    code, answer = cli(*FILE, table)
    error = answer["error"]
    assert (code, error["type"], error["where"]) == (2, "InputError", str(table))
    assert "dos: did you mean dose?" in error["why"]
    assert "the columns are dos, weight" in error["why"]
    assert error["details"]["columns"] == ["dos", "weight"]
    assert {row["field"] for row in error["details"]["rows"]} == {"dos", "dose"}


@pytest.mark.parametrize(
    ("rows", "row", "said"),
    [
        ("1,70\nabc,80\n", 1, "No number in 'abc'"),
        ('1,70\n2,80\n"1,5",90\n', 2, "A comma in the number '1,5'"),
        ("1,70\n2 foo,80\n", 1, "Unknown unit 'foo'"),
    ],
)
def test_a_wrong_cell_is_named_by_its_row(
    cli: Any, tmp_path: Path, rows: str, row: int, said: str
) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("dose,weight\n" + rows)
    code, answer = cli(*FILE, table)
    (fault,) = answer["error"]["details"]["rows"]
    assert (code, fault["row"], fault["field"]) == (2, row, "dose")
    assert said in fault["why"]
    assert "--on-error skip" in answer["error"]["fix"]


def test_a_decimal_comma_between_cells_is_never_guessed(cli: Any, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("dose,weight\n1,5,70\n2,5,80\n")  # two numbers with comma, or three cells?
    code, answer = cli(*FILE, table)
    error = answer["error"]
    assert (code, error["type"]) == (2, "DataError")
    assert "row 0 (line 2) has 3 cells" in error["why"]
    assert "columns: dose, weight" in error["why"]
    assert "point" in error["fix"]
    study = {"study": "predict", "name": "comma", "model": "bridge.dose.per_kg"}
    with pytest.raises(DataError, match="row 0"):
        plan({**study, "data": {"file": str(table)}}, out=tmp_path)


# Solvers, domains, loops -------------------------------------------------------------------


def _runaway() -> Any:
    """dx/dt = r x^2, which has no solution beyond 1 / r."""
    return ct.OdeSystem(
        ModelInfo(id="t.runaway", backend="jax"), "x = 1", "r = 1",
        lambda t, y, p, u: {"x": p["r"] * y["x"] ** 2}, "x (time)", lambda t, y, p, u: dict(y),
    )  # fmt: skip


def test_a_lane_that_fails_is_named_and_the_ensemble_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = _runaway()
    with pytest.raises(SolverError) as caught:
        model.predict(r=[0.1, 1.0, 0.2], time=[0.0, 2.0])
    (fault,) = told(caught.value).details["rows"]
    assert fault["row"] == 1
    assert "stopped at 1 h" in fault["why"]
    assert "'x'" in fault["why"]
    monkeypatch.setattr("catena.study.subject.load", lambda name: model)
    text = "study: predict\nname: lanes\nmodel: t.runaway\ninputs: {r: [0.1, 1, 0.2], time: [0, 2]}"
    outcome = run(f"{text}\nbudget: {{failed_share: 0.5}}", out=tmp_path)
    assert outcome.status == "partial"
    assert outcome.summary["failed_rows"] == 1
    assert outcome.summary["failed_share"] == pytest.approx(1 / 3)
    assert "stopped at 1 h" in outcome.answer.rows["status"][1]
    assert run(text, out=tmp_path).status == "failed"  # 5 % may fail unless the study says else


def test_use_outside_the_domain_is_flagged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = Bounded().predict(x=[0.5, 3.0])
    assert result.in_domain.tolist() == [True, False]  # type: ignore[union-attr]
    assert result.table()["in_domain"].tolist() == [True, False]
    monkeypatch.setattr("catena.study.subject.load", lambda name: Bounded())
    outcome = run(
        {"study": "predict", "name": "domain", "model": "t.bounded", "inputs": {"x": [0.5, 3.0]}},
        out=tmp_path,
    )
    assert outcome.status == "done"
    assert outcome.answer.rows["in_domain"].tolist() == [True, False]
    assert outcome.summary["outside_domain"] == 1
    assert "rows 1" in outcome.answer.notes[-1]


def test_a_cycle_is_shown_with_three_choices() -> None:
    there = ct.model(id="t.p", inputs="x", outputs="y")(lambda x: {"y": x / 2})
    back = ct.model(id="t.q", inputs="y", outputs="x")(lambda y: {"x": y + 1})
    edges = ["p.y -> q.y", "q.x -> p.x"]
    with pytest.raises(ChainError) as caught:
        ct.chain(p=there, q=back, edges=edges)
    (fault,) = caught.value.faults
    told(fault)
    assert "p -> q -> p" in fault.what
    for choice in ("fixed_point", "newton", "anderson"):
        assert choice in fault.fix
        solved = ct.chain(p=there, q=back, edges=edges, feedback=choice)
        assert solved.predict()["q.x"] == pytest.approx(2.0, rel=1e-6)


# Plug-ins, names, paths ---------------------------------------------------------------------


def test_a_broken_plug_in_is_listed_and_hurts_no_one(install_plugin: Install, cli: Any) -> None:
    install_plugin("bad", {"bad.one": "bad_models:m"}, {"bad_models.py": "import no_such_thing\n"})
    code, answer = cli("models")
    assert code == 0
    listed = {entry["id"] for entry in answer["models"]}
    assert "body.pbpk" in listed
    assert "bad.one" not in listed
    (entry,) = cli("models", "--broken")[1]["models"]
    assert entry["id"] == "bad.one"
    assert "no_such_thing" in json.dumps(entry)
    with pytest.raises(PluginError) as caught:
        ct.load("bad.one")
    assert "no_such_thing" in told(caught.value).why


ODD = ["../../etc/passwd", "/etc/passwd", "x" * 100_000, "a\x00b", "\u202eevil", "..", "~root", ""]


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_names_and_paths_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound) as unknown:
        ct.load(name)
    told(unknown.value)
    with pytest.raises(DataError) as absent:
        load_card(name)
    told(absent.value)
    study = {"study": "predict", "name": "n", "model": "bridge.dose.per_kg"}
    with pytest.raises(StudyError) as bad:
        load_study({**study, "name": name})
    assert "name" in told(bad.value).where
    with pytest.raises(CatenaError) as unread:
        plan({**study, "data": {"file": name}, "inputs": {"weight": 70}}, out=tmp_path)
    told(unread.value)
    with pytest.raises(InputError) as field:
        per_kg.predict(dose=1.0, weight=70.0, **{name: 1.0})
    told(field.value)


def test_results_stay_in_their_folder(tmp_path: Path) -> None:
    study: Study = load_study(
        {"study": "predict", "name": "Größe .. (1), 剂量", "model": "bridge.dose.per_kg",
         "inputs": {"dose": [1.0], "weight": 70}}
    )  # fmt: skip
    folder = plan(study, out=tmp_path).folder
    assert folder.parent == tmp_path


# Whole-body PBPK and partitioning ----------------------------------------------------------


def _body(**changes: Any) -> Json:
    from catena.science.body.organs import ORGANS
    from catena.science.body.pbpk.tissues import reference_man

    ports = reference_man(np.ones(len(ORGANS)), 1.0)
    drug = {"fu_plasma": 0.2, "molar_mass": 400.0, "clint_liver": 20.0, "time": [0.0, 1.0]}
    dose = [{"time": 0.0, "amt": 1.0, "cmt": "iv"}]
    return {**ports, **drug, "events": dose, **changes}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"fu_plasma": 0.0}, "fu_plasma", "not above 0"),
        ({"fu_plasma": 1.2}, "fu_plasma", "above the bound 1"),
        ({"clint_liver": -1.0}, "clint_liver", "below the bound 0"),
        ({"time": [0.0, 2.0, 1.0]}, "time", "must not decrease"),
        ({"kp": np.ones(15)}, "kp", "16 are named (lung, heart"),
        ({"events": [{"time": 0, "amt": "1 foo", "cmt": "iv"}]}, "events", "Unknown unit 'foo'"),
        ({"events": [{"time": 0, "amt": "1 mL", "cmt": "iv"}]}, "events", "Cannot convert mL"),
        ({"events": [{"time": 0, "amt": 1, "cmt": "livr"}]}, "events", "'livr' is no choice"),
        ({"events": [{"time": 0, "amount": 1, "cmt": "iv"}]}, "events", "did you mean amt"),
    ],
)
def test_the_body_model_names_the_bad_field(changes: Json, field: str, said: str) -> None:
    model = ct.load("body.pbpk")
    with pytest.raises(InputError) as caught:
        model.predict(_body(**changes))
    error = told(caught.value)
    assert error.where == "model body.pbpk"
    fault = next(f for f in error.rows if f.field.startswith(field))  # type: ignore[attr-defined]
    assert said in fault.why


def test_partitioning_refuses_what_cannot_be_and_clips_what_disagrees() -> None:
    model = ct.load("body.partition")
    with pytest.raises(InputError) as caught:
        model.predict(logp=2.0, fu_plasma=[0.0, 1.2])
    faults = told(caught.value).rows  # type: ignore[attr-defined]
    assert [(f.row, f.field) for f in faults] == [(0, "fu_plasma"), (1, "fu_plasma")]
    with pytest.raises(InputError, match="did you mean rodgers_rowland"):
        model.predict(logp=2.0, fu_plasma=0.1, method="rodger")
    with pytest.raises(InputError) as caught:
        model.predict(logp=2.0, fu_plasma=0.1, ion_class="zwitterion", pka_acid=4.0)
    (fault,) = told(caught.value).rows  # type: ignore[attr-defined]
    assert fault.field == "ion_class"
    assert "1 acidic and 0 basic groups" in fault.why
    result = model.predict(logp=2.0, fu_plasma=0.1, blood_plasma_ratio=[0.3, 1.0], hematocrit=0.45)
    assert result["blood_ratio_clipped"].tolist() == [True, False]
    assert result["kp"].min() > 0.0
    assert any("B:P is below 1 - hematocrit" in text for text in result.warnings)
