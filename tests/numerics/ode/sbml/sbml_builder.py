"""Writes small SBML documents from a few lines, through libSBML, so that tests stay readable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import libsbml


def document(
    *,
    level: int = 3,
    version: int = 1,
    compartments: Mapping[str, Mapping[str, Any]] | None = None,
    species: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Mapping[str, float | Mapping[str, Any]] | None = None,
    reactions: Mapping[str, tuple[str, str]] | None = None,
    local: Mapping[str, Mapping[str, float]] | None = None,
    assignment: Mapping[str, str] | None = None,
    rate: Mapping[str, str] | None = None,
    algebraic: Sequence[str] = (),
    initial: Mapping[str, str] | None = None,
    functions: Mapping[str, str] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the text of a document.

    Args:
        compartments: Attributes by id (``size``, ``constant``); ``c`` of size 1 by default.
        species: Attributes by id; ``amount`` or ``conc`` is the start value.
        parameters: Value, or attributes with ``value`` and ``constant``.
        reactions: Equation (``2 A + B -> C``) and kinetic law by id.
        local: Local parameters by reaction.
        events: ``trigger``, ``set`` (id -> formula), and ``initial``, ``persistent``,
            ``at_trigger``, ``priority``, ``delay``.
    """
    doc = libsbml.SBMLDocument(level, version)
    model = doc.createModel()
    model.setId("small")
    for name, text in (functions or {}).items():
        item = model.createFunctionDefinition()
        item.setId(name)
        item.setMath(_math(text))
    for name, given in (compartments or {"c": {}}).items():
        item = model.createCompartment()
        item.setId(name)
        item.setSpatialDimensions(given.get("dimensions", 3))
        if given.get("size", 1.0) is not None and given.get("dimensions", 3):
            item.setSize(given.get("size", 1.0))
        item.setConstant(given.get("constant", True))
    for name, given in (species or {}).items():
        _species(model, name, given)
    for name, value in (parameters or {}).items():
        given = value if isinstance(value, Mapping) else {"value": value}
        item = model.createParameter()
        item.setId(name)
        if "value" in given:
            item.setValue(given["value"])
        item.setConstant(given.get("constant", True))
    for name, (equation, law) in (reactions or {}).items():
        _reaction(model, name, equation, law, (local or {}).get(name, {}))
    _rules(model, assignment or {}, rate or {}, algebraic)
    for name, text in (initial or {}).items():
        item = model.createInitialAssignment()
        item.setSymbol(name)
        item.setMath(_math(text))
    for number, given in enumerate(events):
        _event(model, f"e{number + 1}", given, level)
    text: str = libsbml.writeSBMLToString(doc)
    return text


def _math(text: str) -> Any:
    tree = libsbml.parseL3Formula(text)
    assert tree is not None, f"{text}: {libsbml.getLastParseL3Error()}"
    return tree


def _species(model: Any, name: str, given: Mapping[str, Any]) -> None:
    item = model.createSpecies()
    item.setId(name)
    item.setCompartment(given.get("compartment", "c"))
    if "amount" in given:
        item.setInitialAmount(given["amount"])
    if "conc" in given:
        item.setInitialConcentration(given["conc"])
    item.setHasOnlySubstanceUnits(given.get("only_amount", False))
    item.setBoundaryCondition(given.get("boundary", False))
    item.setConstant(given.get("constant", False))
    if "conversion" in given:
        item.setConversionFactor(given["conversion"])


def _reaction(model: Any, name: str, equation: str, law: str, local: Mapping[str, float]) -> None:
    item = model.createReaction()
    item.setId(name)
    item.setReversible(False)
    if model.getLevel() == 3 and model.getVersion() == 1:
        item.setFast(False)
    left, right = (side.strip() for side in equation.split("->"))
    for side, create in ((left, item.createReactant), (right, item.createProduct)):
        for term in filter(None, (part.strip() for part in side.split("+"))):
            amount, _, who = term.rpartition(" ")
            reference = create()
            reference.setSpecies(who)
            if amount.strip() and not amount.strip()[0].isdigit():
                reference.setId(amount.strip())
                reference.setConstant(False)
            else:
                reference.setStoichiometry(float(amount or 1.0))
                reference.setConstant(True)
    kinetic = item.createKineticLaw()
    kinetic.setMath(_math(law))
    for key, value in local.items():
        parameter = (
            kinetic.createLocalParameter() if model.getLevel() > 2 else kinetic.createParameter()
        )
        parameter.setId(key)
        parameter.setValue(value)


def _rules(
    model: Any, assignment: Mapping[str, str], rate: Mapping[str, str], algebraic: Sequence[str]
) -> None:
    for rules, create in (
        (assignment, model.createAssignmentRule),
        (rate, model.createRateRule),
    ):
        for name, text in rules.items():
            item = create()
            item.setVariable(name)
            item.setMath(_math(text))
    for text in algebraic:
        model.createAlgebraicRule().setMath(_math(text))


def _event(model: Any, name: str, given: Mapping[str, Any], level: int) -> None:
    item = model.createEvent()
    item.setId(name)
    item.setUseValuesFromTriggerTime(given.get("at_trigger", True))
    trigger = item.createTrigger()
    trigger.setMath(_math(given["trigger"]))
    if level > 2:
        trigger.setInitialValue(given.get("initial", True))
        trigger.setPersistent(given.get("persistent", True))
    if "priority" in given:
        item.createPriority().setMath(_math(given["priority"]))
    if "delay" in given:
        item.createDelay().setMath(_math(given["delay"]))
    for target, text in given["set"].items():
        assigned = item.createEventAssignment()
        assigned.setVariable(target)
        assigned.setMath(_math(text))
