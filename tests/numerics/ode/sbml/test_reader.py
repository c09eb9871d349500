from __future__ import annotations

import pytest
from sbml_builder import document

from catena.core.errors import DataError
from catena.numerics.ode.sbml import load_sbml, read_sbml

AB = {"A": {"conc": 10.0}, "B": {"conc": 0.0}}
K = {"k": 0.3}


def refusal(text: str) -> str:
    with pytest.raises(DataError) as caught:
        load_sbml(text)
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    return next(k for k, line in enumerate(text.splitlines(), start=1) if part in line)


def test_a_delay_is_named_with_its_line() -> None:
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * delay(A, 2)")})
    told = refusal(text)
    assert "delay()" in told
    assert "kineticLaw" in told
    assert f"line {line_of(text, '<kineticLaw')}" in told


def test_a_delayed_event_is_named_with_its_line() -> None:
    event = {"trigger": "time > 1", "set": {"A": "0"}, "delay": "3"}
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")}, events=[event])
    assert f"event 'e1', line {line_of(text, '<event ')}" in refusal(text)


def test_a_fast_reaction_is_refused() -> None:
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")})
    told = refusal(text.replace('fast="false"', 'fast="true"'))
    assert "reaction 'r'" in told
    assert "equilibrium" in told


def test_a_reaction_without_a_law_is_refused() -> None:
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")})
    start, end = text.index("<kineticLaw>"), text.index("</kineticLaw>") + len("</kineticLaw>")
    assert "reaction 'r'" in refusal(text[:start] + text[end:])


def test_a_package_that_changes_the_meaning_is_refused() -> None:
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")}).replace(
        'level="3"',
        'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1"'
        ' comp:required="true" level="3"',
    )
    assert "package 'comp'" in refusal(text)


@pytest.mark.parametrize(
    "text", ["<html></html>", "<sbml", "", "<?xml version='1.0'?><sbml xmlns='x' level='3'/>"]
)
def test_what_is_not_sbml_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        read_sbml(text)


def test_an_unknown_name_is_named() -> None:
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A * kk")})
    assert "'kk'" in refusal(text)


def test_rules_in_a_circle_are_named() -> None:
    text = document(
        species=AB,
        parameters={"x": {"constant": False}, "z": {"constant": False}},
        reactions={"r": ("A -> B", "x")},
        assignment={"x": "z + 1", "z": "x + 1"},
    )
    assert "circle: x -> z -> x" in refusal(text)


def test_initial_assignments_in_a_circle_are_named() -> None:
    text = document(
        species=AB,
        parameters={"x": {}, "z": {}},
        reactions={"r": ("A -> B", "x")},
        initial={"x": "z", "z": "x"},
    )
    assert "initial assignments" in refusal(text)


def test_an_algebraic_rule_without_an_unknown_is_refused() -> None:
    text = document(
        species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")}, algebraic=["A + B - 10"]
    )
    assert "algebraic rule, line" in refusal(text)


def test_priorities_that_are_formulas_are_refused_where_they_matter() -> None:
    events = [
        {"trigger": "time > 1", "set": {"A": "0"}, "priority": "A"},
        {"trigger": "time > 1", "set": {"B": "0"}, "priority": "B"},
    ]
    text = document(species=AB, parameters=K, reactions={"r": ("A -> B", "k * A")}, events=events)
    assert "priority" in refusal(text)


def test_level_one_is_read() -> None:
    text = """<?xml version="1.0"?>
    <sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="old">
    <listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
    <listOfSpecies><species name="A" compartment="c" initialAmount="4"/></listOfSpecies>
    <listOfParameters><parameter name="k" value="0.3"/></listOfParameters>
    <listOfReactions><reaction name="r" reversible="false">
    <listOfReactants><speciesReference species="A"/></listOfReactants>
    <kineticLaw formula="k * A"/></reaction></listOfReactions></model></sbml>"""
    model = read_sbml(text)
    assert model.symbols["A"].given_amount
    assert model.symbols["A"].concentration
    assert list(model.reactions) == ["r"]


UNITS = """<?xml version="1.0"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
<model id="m" timeUnits="minutes" substanceUnits="mmol" volumeUnits="ml" extentUnits="mmol">
<listOfUnitDefinitions>
<unitDefinition id="minutes"><listOfUnits>
<unit kind="second" exponent="1" scale="0" multiplier="60"/></listOfUnits></unitDefinition>
<unitDefinition id="mmol"><listOfUnits>
<unit kind="mole" exponent="1" scale="-3" multiplier="1"/></listOfUnits></unitDefinition>
<unitDefinition id="ml"><listOfUnits>
<unit kind="litre" exponent="1" scale="-3" multiplier="1"/></listOfUnits></unitDefinition>
<unitDefinition id="rate"><listOfUnits>
<unit kind="second" exponent="-1" scale="0" multiplier="60"/>
<unit kind="mole" exponent="2" scale="-6" multiplier="3"/></listOfUnits></unitDefinition>
</listOfUnitDefinitions>
<listOfCompartments><compartment id="c" size="2" units="ml" spatialDimensions="3" constant="true"/>
</listOfCompartments>
<listOfSpecies>
<species id="A" compartment="c" initialAmount="4" hasOnlySubstanceUnits="false"
 boundaryCondition="false" constant="false"/>
<species id="B" compartment="c" initialAmount="4" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies>
<listOfParameters>
<parameter id="k" value="1" units="rate" constant="true"/>
<parameter id="n" value="1" constant="true"/></listOfParameters>
</model></sbml>"""


def test_units_become_unit_texts() -> None:
    model = read_sbml(UNITS)
    units = {name: symbol.unit for name, symbol in model.symbols.items()}
    assert model.time_unit == "min"
    assert units["c"] == "mL"
    assert units["A"] == "mmol/mL"
    assert units["B"] == "mmol"
    assert model.symbols["A"].given_unit == "mmol"
    assert units["k"] == "9 * umol^2 / min"
    assert units["n"] == ""
    assert model.notes == ()
