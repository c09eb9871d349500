"""Reads an SBML document (levels 1 to 3) into a plain description, or says what it cannot read.

Sources: SBML Level 2 Version 5 and Level 3 Version 2 Core specifications (Hucka et al. 2015,
doi:10.2390/biecoll-jib-2015-271; Hucka et al. 2019, doi:10.1515/jib-2019-0021).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catena.core.errors import BackendError, DataError
from catena.numerics.ode.sbml.description import Description, Event, Reaction, Symbol
from catena.numerics.ode.sbml.expression import Expr, number, symbol
from catena.numerics.ode.sbml.mathml import Translator, refused
from catena.numerics.ode.sbml.units import Units

#: Packages that change what a model means; others (layout, groups) only add to it.
_REFUSED_PACKAGES = frozenset(
    {"comp", "fbc", "qual", "multi", "distrib", "spatial", "arrays", "dyn"}
)


def read_sbml(source: str | Path) -> Description:
    """Read a model.

    Args:
        source: Path of an SBML file, or its text.

    Raises:
        DataError: the document is not SBML, is invalid, or holds something that is not
            supported (delays, fast reactions, packages); element, id and line are named.
        BackendError: python-libsbml is not installed.
    """
    text, document = _text(source)
    model = _parsed(text, document)
    translator = Translator(document=document)
    _refuse(model, document)
    _define(translator, model)
    units = Units(model)
    symbols = {s.name: s for s in _symbols(model, units, document)}
    reactions = {r.name: r for r in _reactions(model, translator, symbols, document)}
    assignment, rate, algebraic = _rules(model, translator)
    time_unit = units.time()
    return Description(
        name=model.getId() or "model",
        title=model.getName(),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        symbols=symbols,
        reactions=reactions,
        assignment=assignment,
        rate=rate,
        algebraic=algebraic,
        initial=_initial(model, translator),
        events=tuple(_events(model, translator)),
        time_unit=time_unit,
        notes=tuple(dict.fromkeys(units.notes)),
    )


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<"):
        return source.lstrip("\ufeff \t\r\n"), ""
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8-sig"), path.name
    except (OSError, UnicodeError) as error:
        raise DataError("Cannot read the SBML file", where=str(path)[:200],
                        why=getattr(error, "strerror", None) or "it is not UTF-8 text",
                        fix="check the path, or pass the text itself") from None  # fmt: skip


def _parsed(text: str, document: str) -> Any:
    """Return the libSBML model, at least of level 2; its document stays alive with it."""
    try:
        import libsbml
    except ImportError:
        raise BackendError("SBML needs python-libsbml", where="read_sbml",
                           why="it is not installed", fix="pip install python-libsbml") from None  # fmt: skip
    read = libsbml.readSBMLFromString(text)
    for error in (read.getError(k) for k in range(read.getNumErrors())):
        harmless = error.getErrorId() == libsbml.MissingXMLEncoding
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR and not harmless:
            raise DataError("This is not a valid SBML document",
                            where=f"{document or 'text'}, line {error.getLine()}",
                            why=" ".join(error.getMessage().split())[:300],
                            fix="correct the document")  # fmt: skip
    if read.getLevel() == 1:
        read.setLevelAndVersion(2, 4, False)
    model = read.getModel()
    if model is None:
        raise DataError("This SBML document holds no model", where=document or "text",
                        why="there is no model element", fix="give a document with a model")  # fmt: skip
    return _Held(read, model)


class _Held:
    """A libSBML model together with the document that owns its memory."""

    def __init__(self, document: Any, model: Any) -> None:
        self._document = document
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _refuse(model: Any, document: str) -> None:
    for k in range(model.getNumPlugins()):
        package = model.getPlugin(k).getPackageName()
        if package in _REFUSED_PACKAGES:
            raise refused(f"package {package!r}", document, "this package changes what a model means",
                          "export the model without it (flatten a composed model)")  # fmt: skip
    for reaction in model.getListOfReactions():
        if reaction.isSetFast() and reaction.getFast():
            raise refused(reaction, document, "it is a fast reaction (an equilibrium)",
                          "write the equilibrium as an algebraic rule or as a quick reaction")  # fmt: skip
    for event in model.getListOfEvents():
        if event.isSetDelay():
            raise refused(event, document, "it has a delay",
                          "let a second event follow on a timer parameter")  # fmt: skip


def _define(translator: Translator, model: Any) -> None:
    """Define functions after those they call, in whatever order they stand."""
    waiting = list(model.getListOfFunctionDefinitions())
    names = {function.getId() for function in waiting}
    while waiting:
        ready = [f for f in waiting if not _called(f.getMath()) & names - set(translator.functions)]
        if not ready:
            raise refused(waiting[0], translator.document, "it calls itself, directly or in a circle",
                          "write the function without recursion")  # fmt: skip
        for function in ready:
            translator.define(function.getId(), function.getMath(), function)
        waiting = [function for function in waiting if function not in ready]


def _called(ast: Any) -> set[str]:
    import libsbml

    if ast is None:
        return set()
    found = {ast.getName()} if ast.getType() == libsbml.AST_FUNCTION else set()
    for k in range(ast.getNumChildren()):
        found |= _called(ast.getChild(k))
    return found


# Quantities ---------------------------------------------------------------------------------


def _symbols(model: Any, units: Units, document: str) -> Iterator[Symbol]:
    for item in model.getListOfCompartments():
        pointlike = item.getSpatialDimensionsAsDouble() == 0
        size = item.getSize() if item.isSetSize() else None
        yield Symbol(item.getId(), "compartment", item.getConstant(), 1.0 if pointlike else _finite(size),
                     unit=units.of(item), given_unit=units.of(item), line=item.getLine(),
                     title=item.getName())  # fmt: skip
    for item in model.getListOfSpecies():
        yield _species(item, model, units, document)
    for item in model.getListOfParameters():
        value = item.getValue() if item.isSetValue() else None
        yield _parameter(item.getId(), item, item.getConstant(), value, units)
    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw()
        for item in _local_parameters(law) if law is not None else ():
            value = item.getValue() if item.isSetValue() else None
            yield _parameter(_local(reaction, item), item, True, value, units)
        for item in _references(reaction):
            if item.isSetIdAttribute() and model.getLevel() > 2:
                yield Symbol(item.getIdAttribute(), "stoichiometry", item.getConstant(),
                             _finite(item.getStoichiometry() if item.isSetStoichiometry() else None),
                             line=item.getLine())  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _parameter(name: str, item: Any, constant: bool, value: float | None, units: Units) -> Symbol:
    unit = units.of(item)
    return Symbol(name, "parameter", constant, _finite(value), unit=unit, given_unit=unit,
                  line=item.getLine(), title=item.getName())  # fmt: skip


def _species(item: Any, model: Any, units: Units, document: str) -> Symbol:
    place = model.getCompartment(item.getCompartment())
    if place is None:
        raise refused(item, document, f"its compartment {item.getCompartment()!r} does not exist",
                      "declare the compartment")  # fmt: skip
    pointlike = place.getSpatialDimensionsAsDouble() == 0
    amount = item.isSetInitialAmount()
    value = item.getInitialAmount() if amount else None
    if item.isSetInitialConcentration():
        value = item.getInitialConcentration()
    concentration = not (item.getHasOnlySubstanceUnits() or pointlike)
    given_amount = not concentration if value is None else amount or pointlike
    unit = units.of(item)
    factor = item.getConversionFactor() if item.isSetConversionFactor() else ""
    return Symbol(
        name=item.getId(),
        kind="species",
        constant=item.getConstant(),
        value=_finite(value),
        unit=unit,
        given_unit=units.substance(item) if given_amount else unit if concentration else "",
        compartment=item.getCompartment(),
        concentration=concentration,
        given_amount=given_amount,
        boundary=item.getBoundaryCondition(),
        conversion=factor or (model.getConversionFactor() if model.isSetConversionFactor() else ""),
        line=item.getLine(),
        title=item.getName(),
    )


def _local_parameters(law: Any) -> list[Any]:
    return [*law.getListOfParameters()] or [*law.getListOfLocalParameters()]


def _local(reaction: Any, item: Any) -> str:
    return f"{reaction.getId()}__{item.getId()}"


def _references(reaction: Any) -> list[Any]:
    return [*reaction.getListOfReactants(), *reaction.getListOfProducts()]


# Mathematics --------------------------------------------------------------------------------


def _reactions(
    model: Any, translator: Translator, symbols: dict[str, Symbol], document: str
) -> Iterator[Reaction]:
    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw()
        sides = [(item, -1.0) for item in reaction.getListOfReactants()]
        sides += [(item, 1.0) for item in reaction.getListOfProducts()]
        if law is None or law.getMath() is None:
            raise refused(reaction, document, "it has no kinetic law", "give it a kinetic law")
        local = {item.getId(): _local(reaction, item) for item in _local_parameters(law)}
        changes = []
        for item, sign in sides:
            if item.getSpecies() not in symbols:
                raise refused(reaction, document, f"its species {item.getSpecies()!r} does not exist",
                              "declare the species")  # fmt: skip
            amount = _stoichiometry(item, model, translator)
            changes.append((item.getSpecies(), Expr("neg", (amount,)) if sign < 0 else amount))
        yield Reaction(
            reaction.getId(), translator.formula(law.getMath(), law, local), tuple(changes)
        )


def _stoichiometry(item: Any, model: Any, translator: Translator) -> Expr:
    if model.getLevel() > 2:
        if item.isSetIdAttribute():
            return symbol(item.getIdAttribute())
        return number(item.getStoichiometry() if item.isSetStoichiometry() else 1.0)
    if item.isSetStoichiometryMath():
        return translator.formula(item.getStoichiometryMath().getMath(), item)
    return number(item.getStoichiometry() / item.getDenominator())


def _rules(
    model: Any, translator: Translator
) -> tuple[dict[str, Expr], dict[str, Expr], tuple[tuple[Expr, int], ...]]:
    assignment, rate, algebraic = {}, {}, []
    for rule in model.getListOfRules():
        tree = translator.formula(rule.getMath(), rule)
        if rule.isAlgebraic():
            algebraic.append((tree, rule.getLine()))
        elif rule.isAssignment():
            assignment[rule.getVariable()] = tree
        else:
            rate[rule.getVariable()] = tree
    return assignment, rate, tuple(algebraic)


def _initial(model: Any, translator: Translator) -> dict[str, Expr]:
    return {
        item.getSymbol(): translator.formula(item.getMath(), item)
        for item in model.getListOfInitialAssignments()
    }


def _events(model: Any, translator: Translator) -> Iterator[Event]:
    for index, event in enumerate(model.getListOfEvents()):
        trigger, priority = event.getTrigger(), event.getPriority()
        if trigger is None:
            raise refused(event, translator.document, "it has no trigger", "give it a trigger")
        modern = model.getLevel() > 2
        yield Event(
            name=event.getId() or f"event_{index + 1}",
            trigger=translator.formula(trigger.getMath(), event),
            initial=trigger.getInitialValue() if modern else True,
            persistent=trigger.getPersistent() if modern else True,
            at_trigger=event.getUseValuesFromTriggerTime(),
            priority=None if priority is None else translator.formula(priority.getMath(), event),
            assignments=tuple(
                (item.getVariable(), translator.formula(item.getMath(), event))
                for item in event.getListOfEventAssignments()
            ),
            line=event.getLine(),
        )
