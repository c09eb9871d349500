"""From an SBML document to an OdeSystem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from catena.core.errors import DataError, InputError, did_you_mean
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode.declare.crossings import Crossing
from catena.numerics.ode.sbml.description import Description, Symbol
from catena.numerics.ode.sbml.equations import Equations
from catena.numerics.ode.sbml.events import Group, Margin, Start, grouped
from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.sbml.structure import Structure, sort_out
from catena.numerics.ode.sbml.switches import parts_of_triggers, switched
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.system import OdeSystem


def load_sbml(
    source: str | Path | Description,
    *,
    outputs: Iterable[str] | None = None,
    free: Iterable[str] = (),
    settings: SolverSettings | None = None,
    id: str | None = None,
) -> OdeSystem:
    """Build an OdeSystem from an SBML model (levels 1 to 3).

    Every unchanging quantity without a formula is an input under its SBML id (local parameters
    are ``reaction__parameter``); the start value of every state is the input ``<id>_initial``, in
    the form the document gives it (its amount where an amount is given). A clash with a name in
    use gets a trailing underscore. Numbers are in the units of the document.

    Args:
        source: Path of an SBML file, its text, or what ``read_sbml`` returned.
        outputs: SBML ids to return over time: species, parameters, compartments, reactions (their
            rates). By default all species, and the parameters and compartments that vary. A
            species is an amount or a concentration, as its symbol means.
        free: Quantities whose start value is an input although the document has an initial
            assignment for it, and that is given in the sense of the symbol (a concentration for
            most species).
        settings: Solver choices.
        id: Id of the model; ``sbml.<model id>`` by default.

    Raises:
        DataError: the document is invalid or holds something that is not supported; element,
            id and line are named.
        InputError: ``outputs`` or ``free`` name something that does not exist.
        BackendError: python-libsbml is not installed.
    """
    model = source if isinstance(source, Description) else read_sbml(source)
    structure = sort_out(model, free)
    names = _outputs(structure, outputs)
    if not structure.states:
        raise DataError("Nothing changes in this SBML model", where=f"SBML model {model.name}",
                        why="no reaction, rate rule or event sets a quantity",
                        fix="add what makes it dynamic")  # fmt: skip
    structure, turns = switched(structure)
    equations = Equations(structure, names)
    groups = grouped(structure)
    at_start = tuple(group for group in groups if not group.members[0].initial)
    return OdeSystem(
        _info(model, id),
        Schema(
            Field(name, default=0.0, unit=_state_unit(structure, name)) for name in structure.states
        ),
        Schema(_parameters(structure)),
        equations.rhs,
        Schema(
            Field(n, unit=_unit(model, n), shape=("time",), title=_title(model, n)) for n in names
        ),
        equations.output,
        initial=Start(structure, at_start),
        derive=equations.derive if structure.derived else None,
        crossings=(*turns, *_events(structure, groups)),
        mass=dict.fromkeys(structure.algebraic, 0.0),
        settings=settings,
        time_unit=model.time_unit,
    )


def _events(structure: Structure, groups: tuple[Group, ...]) -> Iterator[Crossing]:
    for group in groups:
        yield Crossing(group.name, Margin(structure, group.trigger), action=group)
    for index, condition in enumerate(parts_of_triggers(structure), start=1):
        yield Crossing(f"part_{index}_", Margin(structure, condition), direction="both")


def _info(model: Description, id: str | None) -> ModelInfo:
    doc = f"Read from SBML ({model.title or model.name})."
    if model.notes:
        doc += f" Units: {'; '.join(model.notes)}."
    # The document is part of what the model is; the functions alone do not tell.
    return ModelInfo(id=id or f"sbml.{model.name}", version=f"0.1.0+{model.digest[:16]}",
                     title=model.title, backend="jax", doc=doc, tags=("sbml",))  # fmt: skip


def _outputs(structure: Structure, asked: Iterable[str] | None) -> tuple[str, ...]:
    model = structure.model
    if asked is None:
        return tuple(s.name for s in model.symbols.values() if _shown(structure, s))
    names = tuple(dict.fromkeys(asked))
    for name in names:
        if name not in model.symbols and name not in model.reactions:
            known = [*model.symbols, *model.reactions]
            raise InputError(f"No quantity {name!r}", where=f"SBML model {model.name}",
                             why="it is neither a quantity nor a reaction",
                             fix=did_you_mean(name, known, "name another one"))  # fmt: skip
    return names


def _shown(structure: Structure, symbol: Symbol) -> bool:
    if symbol.kind == "species" or symbol.name in structure.states:
        return True
    rule = structure.model.assignment.get(symbol.name)
    return rule is not None and structure.varying(rule)


def _parameters(structure: Structure) -> list[Field]:
    model = structure.model
    fields = [_parameter(structure, model.symbols[name]) for name in structure.inputs]
    starts = [name for name in structure.states if structure.initial_formula(name) is None]
    return fields + [_parameter(structure, model.symbols[name]) for name in starts]


def _parameter(structure: Structure, symbol: Symbol) -> Field:
    as_symbol = symbol.name in structure.free
    default = symbol.value
    if symbol.name in structure.algebraic and default is None:
        default = 0.0  # only where the search for the consistent value begins
    if as_symbol and symbol.converted:
        default = None  # the document gives the other form
    what = "value at the start" if symbol.name in structure.states else "value"
    amount = not symbol.concentration if as_symbol else symbol.given_amount
    return Field(
        structure.input_name(symbol.name),
        unit=symbol.unit if as_symbol else symbol.given_unit,
        default=default,
        title=symbol.title,
        doc=f"{symbol.kind.capitalize()} {symbol.name}: {what}"
        + (f" ({'amount' if amount else 'concentration'})" if symbol.kind == "species" else ""),
    )


def _state_unit(structure: Structure, name: str) -> str:
    symbol = structure.model.symbols[name]
    if name not in structure.amounts:
        return symbol.unit
    return symbol.given_unit if symbol.given_amount else ""


def _unit(model: Description, name: str) -> str:
    return model.symbols[name].unit if name in model.symbols else ""


def _title(model: Description, name: str) -> str:
    return model.symbols[name].title if name in model.symbols else ""
