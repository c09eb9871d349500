"""PK-Sim snapshots and observed tables are read into engine units."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.errors import DataError, InputError
from catena.formats.osp import Dose, doses_from_text, read_observed, read_snapshot


def _value(name: str, value: float, unit: str = "") -> dict[str, Any]:
    return {"Name": name, "Value": value, "Unit": unit}


def _project() -> dict[str, Any]:
    schema = {
        "SchemaItems": [
            {"ApplicationType": "Intravenous", "Parameters": [
                _value("Start time", 30, "min"), _value("InputDose", 0.1, "mg/kg"),
                _value("Infusion time", 30, "min")]},
        ],
        "Parameters": [_value("Start time", 1, "h"), _value("NumberOfRepetitions", 2),
                       _value("TimeBetweenRepetitions", 1, "day(s)")],
    }  # fmt: skip
    return {
        "Compounds": [
            {
                "Name": "Drug",
                "PlasmaProteinBindingPartner": "Albumin",
                "Lipophilicity": [
                    {"Name": "a", "IsDefault": False, "Parameters": [_value("Lipophilicity", 1.0)]},
                    {"Name": "b", "Parameters": [_value("Lipophilicity", 2.5, "Log Units")]},
                ],
                "PkaTypes": [{"Type": "Base", "Pka": 6.2}],
                "Processes": [
                    {"InternalName": "MM", "Molecule": "CYP3A4", "DataSource": "x",
                     "Parameters": [_value("kcat", 2.0, "1/min")]},
                ],
                "Parameters": [_value("Molecular weight", 300.0, "g/mol")],
            }
        ],
        "Protocols": [
            {"Name": "daily", "DosingInterval": "DI_24", "ApplicationType": "Oral",
             "Parameters": [_value("Start time", 0, "h"), _value("InputDose", 500, "µg"),
                            _value("End time", 72, "h")]},
            {"Name": "schemas", "DosingInterval": "Single", "Schemas": [schema]},
        ],
        "Formulations": [{"Name": "Tab", "FormulationType": "Formulation_Tablet_Weibull"}],
        "Simulations": [
            {"Name": "s1", "Individual": "Man", "ObservedData": ["set A"],
             "Parameters": [{"Path": "Gut|P", "Value": 1.2, "Unit": "cm/min"}],
             "Compounds": [{"Name": "Drug", "Protocol": {
                 "Name": "daily", "Formulations": [{"Name": "Tab", "Key": "F"}]}}]},
            {"Name": "s2", "ObservedData": ["set A", "set B"],
             "Compounds": [{"Name": "Drug", "Protocol": {"Name": "schemas"}}]},
        ],
        "ParameterIdentifications": [{"OutputMappings": [{"ObservedData": "set B"}]}],
    }  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "drug.json.xz"
    path.write_bytes(lzma.compress(json.dumps(_project()).encode()))
    return path


def test_parameters_take_the_default_alternative_and_convert(project: Path) -> None:
    drug = read_snapshot(project).compounds["Drug"]
    assert drug.quantity("Lipophilicity", "Lipophilicity").value == 2.5
    assert drug.quantity("Lipophilicity", "Lipophilicity", "a").value == 1.0
    assert drug.quantity("Physchem", "Molecular weight").to("kg/mol") == pytest.approx(0.3)
    assert drug.process("CYP3A4").parameters["kcat"].to("1/h") == pytest.approx(120.0)
    assert drug.pka == (("Base", 6.2),)


def test_what_is_not_there_is_named(project: Path) -> None:
    drug = read_snapshot(project).compounds["Drug"]
    with pytest.raises(DataError, match="no Lipophilicity / Lipofilicity"):
        drug.quantity("Lipophilicity", "Lipofilicity")
    with pytest.raises(DataError, match="no process of 'CYP2D6'"):
        drug.process("CYP2D6")


def test_intervals_and_schemas_unfold_to_doses(project: Path) -> None:
    protocols = read_snapshot(project).protocols
    assert [dose.time for dose in protocols["daily"]] == [0.0, 24.0, 48.0]
    assert protocols["daily"][0].mg(70.0) == pytest.approx(0.5)
    first, second = protocols["schemas"]
    assert (first.time, second.time) == pytest.approx((1.5, 25.5))
    assert first.route == "iv"
    assert first.duration == pytest.approx(0.5)
    assert first.mg(70.0) == pytest.approx(7.0)


def test_regimens_come_from_the_first_simulation_that_shows_a_set(project: Path) -> None:
    snapshot = read_snapshot(project)
    regimens = snapshot.regimens()
    assert regimens["set A"].simulation == "s1"
    assert regimens["set A"].formulation_type == "Formulation_Tablet_Weibull"
    assert len(regimens["set B"].doses) == 2
    assert snapshot.fitted_to == {"set B"}
    assert snapshot.override("s1", "Gut|P").to("cm/s") == pytest.approx(0.02)  # type: ignore[union-attr]
    assert snapshot.override("s2", "Gut|P") is None


@pytest.mark.parametrize("text", ["not json", "[]", '{"Compounds": []}'])
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read_snapshot(path)
    with pytest.raises(DataError):
        read_snapshot(tmp_path / "absent.json")


META = (
    "dataset_id,name,study,molecule,organ,compartment,route,dose,times_of_administration_h,food,n,molweight\n"
    "D_0,one,S,Drug,Blood,Plasma,{route},{dose},{time},Fasted,6,500\n"
)
POINTS = (
    "dataset_id,time,time_unit,value,value_unit,dimension\n"
    "D_0,2,{tu},4,{u},{d}\nD_0,1,{tu},8,{u},{d}\n"
)


def _observed(tmp_path: Path, unit: str, dimension: str, clock: str = "h", **said: str) -> Any:
    meta, points = tmp_path / "meta.csv", tmp_path / "points.csv"
    meta.write_text(META.format(**{"route": "PO", "dose": "15 mg", "time": "1.0", **said}))
    points.write_text(POINTS.format(u=unit, d=dimension, tu=clock))
    return read_observed(meta, points)[0]


def test_points_become_hours_and_mg_per_litre(tmp_path: Path) -> None:
    found = _observed(tmp_path, "µg/l", "Concentration (mass)", "day(s)")
    np.testing.assert_allclose(found.time, [24.0, 48.0])
    np.testing.assert_allclose(found.value, [8e-3, 4e-3])
    molar = _observed(tmp_path, "µmol/l", "Concentration (molar)")
    np.testing.assert_allclose(molar.value, [4.0, 2.0])


def test_an_unknown_unit_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown unit"):
        _observed(tmp_path, "spoons/l", "Concentration (mass)")


def test_only_unambiguous_dosing_is_read_from_words(tmp_path: Path) -> None:
    units = ("mg/l", "Concentration (mass)")
    assert doses_from_text(_observed(tmp_path, *units)) == (Dose(1.0, 15.0, "mg", "oral"),)
    per_kilogram = doses_from_text(_observed(tmp_path, *units, dose="20 µg/kg", route="IV"))
    assert per_kilogram is not None
    assert per_kilogram[0].mg(50.0) == pytest.approx(1.0)
    for said in ({"dose": "3.0 - 4.0 mg"}, {"time": "0-24-48"}, {"route": "Intracolonic"}):
        assert doses_from_text(_observed(tmp_path, *units, **said)) is None


@pytest.mark.data
def test_published_midazolam_model(data_dir: Path) -> None:
    folder = data_dir / "body" / "pbpk"
    snapshot = read_snapshot(folder / "Midazolam-Model.osp_snapshot.json.xz")
    kcat = snapshot.compounds["Midazolam"].process("CYP3A4").parameters["kcat"]
    assert kcat.value == pytest.approx(8.7608, abs=1e-4)
    assert len(snapshot.regimens()) == 100
    delayed = snapshot.protocols["po 15 mg (1 h delayed)"]
    assert (delayed[0].time, delayed[0].amount) == (1.0, 15.0)
    sets = read_observed(
        folder / "osp_observed_meta.csv.gz", folder / "osp_observed_profiles.csv.gz"
    )
    assert len(sets) == 378
    assert sum(len(item.time) for item in sets) == 3858
