"""Reading and writing cards: round trip, and every fault named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import DataError, SchemaError
from catena.formats.compound import Card, cards, dump_card, load_card, parse_card

GOOD = """
name: ethanol
smiles: CCO
properties:
  molar_mass: {value: 46.07, unit: g/mol, status: measured, source: Smith 2001}
  logp: {value: -0.3, unit: "", status: measured, source: Smith 2001}
  fu_plasma: {value: 1, unit: "", status: assumed, source: no binding known}
  blood_plasma_ratio: {value: 0.9, unit: "", status: measured, source: Smith 2001}
"""


def positive(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda x: float(f"{x:.6g}"))


@st.composite
def quantities(draw: Any, unit: str, low: float, high: float) -> dict[str, Any]:
    value = draw(positive(low, high))
    data = {
        "value": value,
        "unit": unit,
        "status": draw(st.sampled_from(["measured", "predicted", "assumed"])),
        "source": draw(st.text(st.characters(categories=["L", "N", "P"]), min_size=5, max_size=30)),
    }
    spread = draw(st.sampled_from(["none", "cv", "fold", "sd", "range"]))
    if spread == "cv" and unit:
        data["cv"] = draw(positive(0.01, 1.0))
    if spread == "fold" and unit:
        data["fold"] = draw(positive(1.1, 9.0))
    if spread == "range":
        data["range"] = [value * 0.5, value] if value > 0 else [value - 1.0, value]
    if spread == "sd" and unit:
        data["sd"] = draw(positive(0.001, 5.0))
    return data


@st.composite
def any_card(draw: Any) -> Card:
    properties = {
        "molar_mass": draw(quantities("g/mol", 50, 2000)),
        "logp": draw(quantities("", -2, 7)),
        "fu_plasma": draw(quantities("", 0.001, 0.9)),
        "blood_plasma_ratio": draw(quantities("", 0.5, 3)),
    }
    if draw(st.booleans()):
        properties["peff"] = draw(quantities("cm/s", 1e-7, 1e-3))
        # a permeability above 1 cm/s is refused; keep only relative spreads here
        properties["peff"].pop("sd", None)
    kinetics = {
        "vmax": draw(quantities("pmol/min/mg", 1, 1e4)),
        "km": draw(quantities("umol/L", 0.1, 500)),
        "fu_incubation": draw(quantities("", 0.1, 1)),
    }
    metabolism = [{"enzyme": "CYP3A4", "system": "microsome", **kinetics}]
    return Card.model_validate(
        {
            "name": draw(st.text(st.characters(categories=["L"]), min_size=2, max_size=12)),
            "smiles": draw(st.sampled_from(["CCO", "c1ccccc1", "C[C@H](N)C(=O)O"])),
            "note": draw(st.text(max_size=40).map(str.strip)),
            "properties": properties,
            "metabolism": metabolism if draw(st.booleans()) else [],
        }
    )


@settings(max_examples=40, deadline=None)
@given(card=any_card())
def test_round_trip_of_any_card(card: Card) -> None:
    assert parse_card(dump_card(card)) == card


@pytest.mark.parametrize("note", ["0\x850", "a\u2028b", "c\u2029 d", "é µ\nx\x85y"])
def test_unicode_line_breaks_survive(note: str) -> None:
    card = load_card("midazolam").model_copy(update={"note": note})
    assert parse_card(dump_card(card)) == card


@pytest.mark.parametrize("name", cards())
def test_round_trip_of_shipped_cards(name: str) -> None:
    card = load_card(name)
    assert parse_card(dump_card(card)) == card


def test_file_and_name(tmp_path: Path) -> None:
    file = tmp_path / "ethanol.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_card(file).name == "ethanol"
    assert load_card(str(file)) == load_card(file)
    assert load_card("Midazolam") == load_card("midazolam")


def test_edited_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ethanol.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_card(file).properties.logp.value == -0.3
    file.write_text(GOOD.replace("-0.3", "-0.31"), encoding="utf-8")
    assert load_card(file).properties.logp.value == -0.31


def test_missing_cards() -> None:
    with pytest.raises(DataError) as caught:
        load_card("midazolan")
    assert "did you mean midazolam?" in caught.value.fix
    with pytest.raises(DataError, match="no compound card at"):
        load_card("nowhere/x.yaml")


@pytest.mark.parametrize(
    ("old", "new", "why", "fix"),
    [
        ("smiles:", "smile:", "smile: unknown key", "smiles"),
        ("  logp:", "  logP:", "properties.logP: unknown key", "logp"),
        ("value: 46.07", "valeu: 46.07", "properties.molar_mass.valeu: unknown key", "value"),
        ("status: assumed, ", "", "fu_plasma.status: missing", "measured, predicted or assumed"),
        (", source: no binding known", "", "fu_plasma.source: missing", "author, year"),
        ("unit: g/mol", "unit: mg", "another dimension", ""),
        ("unit: g/mol", "unit: gram/mole/foo", "Unknown unit", ""),
        ("value: 1,", "value: 1.2,", "outside (0, 1]", ""),
        ("value: 0.9,", "value: 0,", "outside (0, 100]", ""),
        ("value: 1,", "value: 1, cv: 0.2,", "reaches above 1", ""),
        ("status: assumed", "status: guessed", "'measured', 'predicted' or 'assumed'", ""),
        ("value: 46.07", "value: heavy", "valid number", ""),
    ],
)
def test_faults_are_named(old: str, new: str, why: str, fix: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_card(GOOD.replace(old, new, 1), where="my card")
    assert caught.value.where == "my card"
    assert why in caught.value.why
    assert fix in caught.value.fix


def test_all_faults_at_once() -> None:
    bad = GOOD.replace("smiles:", "smile:").replace("unit: g/mol", "unit: mg")
    with pytest.raises(SchemaError) as caught:
        parse_card(bad)
    assert len(caught.value.details["faults"]) == 3  # unknown key, missing smiles, wrong unit


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: [", "while parsing"),
        ("- a\n- b", "holds a list"),
        ("", "holds a NoneType"),
        (GOOD + "\nname: twice\n", "given twice"),
    ],
)
def test_text_that_is_no_card(text: str, why: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_card(text)
    assert why in caught.value.why


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{enzyme: CYP3A4, system: microsome, fu_incubation: F}", "either vmax with km, or clint"),
        ("{enzyme: CYP3A4, system: microsome, vmax: V, fu_incubation: F}", "either vmax with km"),
        ("{enzyme: CYP3A4, system: hepatocyte, vmax: V, km: K, fu_incubation: F}", "give clint"),
        ("{enzyme: CYP3A4, system: hepatocyte, clint: C, fu_incubation: F}", "1e6 cells"),
    ],
)
def test_pathways_that_contradict_themselves(entry: str, why: str) -> None:
    source = "status: measured, source: Smith 2001"
    for mark, number in {
        " V": f" {{value: 3, unit: pmol/min/mg, {source}}}",
        " K": f" {{value: 3, unit: umol/L, {source}}}",
        " C": f" {{value: 3, unit: uL/min/mg, {source}}}",
        " F": f' {{value: 1, unit: "", {source}}}',
    }.items():
        for end in (",", "}"):
            entry = entry.replace(mark + end, number + end)
    with pytest.raises(SchemaError) as caught:
        parse_card(GOOD + f"metabolism:\n  - {entry}\n")
    assert why in caught.value.why
