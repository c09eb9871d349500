"""What determines each quantity of a model: a state, a rule, or a value that never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from catena.core.errors import DataError, InputError, did_you_mean
from catena.numerics.ode.sbml.description import Description, Symbol
from catena.numerics.ode.sbml.expression import Expr, nodes, rates, symbols
from catena.numerics.ode.sbml.mathml import refused

#: Names that an OdeSystem keeps for itself.
_TAKEN = frozenset({"time", "events"})


@final
@dataclass(frozen=True)
class Structure:
    """A description sorted by what determines each quantity.

    Args:
        model: The description.
        free: Quantities whose initial assignment is replaced by an input.
        states: Names of the states in order.
        amounts: States held as amounts although their symbol means a concentration, because
            their compartment changes.
        terms: Per state that reactions change: reactions and what one turn of each adds.
        algebraic: Per state that an algebraic rule determines: the formula that is zero.
        derived: Unchanging quantities with a formula for their value at the start.
        inputs: Unchanging quantities whose value is an input of the model.
    """

    model: Description
    free: frozenset[str]
    states: tuple[str, ...]
    amounts: frozenset[str]
    terms: Mapping[str, tuple[tuple[str, Expr], ...]]
    algebraic: Mapping[str, Expr]
    derived: Mapping[str, Expr]
    inputs: tuple[str, ...]

    def initial_formula(self, name: str) -> Expr | None:
        """Return the initial assignment of a quantity, unless an input replaces it."""
        return None if name in self.free else self.model.initial.get(name)

    def input_name(self, name: str) -> str:
        """Return the input that holds a quantity's (initial) value."""
        wanted = f"{name}_initial" if name in self.states else name
        while wanted in _TAKEN or (name in self.states and wanted in self.model.symbols):
            wanted += "_"
        return wanted

    def varying(self, tree: Expr) -> bool:
        """Tell whether a formula's value can change during a simulation."""
        waiting = [tree]
        seen: set[str] = set()
        while waiting:
            part = waiting.pop()
            if any(node.op in ("time", "rate") for node in nodes(part)):
                return True
            for name in symbols(part) - seen:
                seen.add(name)
                if name in self.states:
                    return True
                formula = self.formula(name)
                if formula is not None:
                    waiting.append(formula)
        return False

    def formula(self, name: str) -> Expr | None:
        """Return the formula that determines a quantity at every time, if one does."""
        if name in self.model.assignment:
            return self.model.assignment[name]
        reaction = self.model.reactions.get(name)
        return None if reaction is None else reaction.rate

    def needed(self, trees: Iterable[Expr]) -> frozenset[str]:
        """Return all names that formulas refer to, directly or through other formulas."""
        waiting = list(trees)
        seen: set[str] = set()
        while waiting:
            tree = waiting.pop()
            for name in (symbols(tree) | rates(tree)) - seen:
                seen.add(name)
                formula = self.formula(name)
                if formula is not None:
                    waiting.append(formula)
        return frozenset(seen)


def sort_out(model: Description, free: Iterable[str] = ()) -> Structure:
    """Sort a description by what determines each quantity.

    Args:
        model: The description.
        free: Quantities whose value at the start becomes an input even if the document has an
            initial assignment for it.

    Raises:
        DataError: a formula refers to something unknown or to itself, or there are more
            algebraic rules than quantities they could determine.
        InputError: ``free`` names something that is not a quantity with a start value.
    """
    _check_names(model)
    _check_circles(model)
    free = _checked_free(model, free)
    algebraic = _unknowns(model)
    terms = _terms(model)
    changed = {name for event in model.events for name, _ in event.assignments}
    moving = {*model.rate, *algebraic, *terms, *changed}
    volumes = {s.name for s in model.symbols.values() if s.kind == "compartment"}
    volumes = {name for name in volumes if name in moving or name in model.assignment}
    amounts = {
        s.name
        for s in model.symbols.values()
        if s.compartment in volumes and s.concentration and s.name not in model.assignment
        and not (s.name in {*model.rate, *algebraic} and s.compartment not in changed)
    }  # fmt: skip
    states = tuple(name for name in model.symbols if name in moving or name in amounts)
    still = [n for n in model.symbols if n not in states and n not in model.assignment]
    derived = {n: model.initial[n] for n in still if n in model.initial and n not in free}
    inputs = tuple(n for n in still if n not in derived and not _is_plain(model.symbols[n], free))
    return Structure(model, free, states, frozenset(amounts), terms, algebraic, derived, inputs)


def _is_plain(symbol: Symbol, free: frozenset[str]) -> bool:
    """Tell whether a quantity is a mere number of the document (a named stoichiometry)."""
    plain = symbol.kind == "stoichiometry" and symbol.value is not None
    return plain and symbol.name not in free


def _terms(model: Description) -> dict[str, tuple[tuple[str, Expr], ...]]:
    found: dict[str, list[tuple[str, Expr]]] = {}
    for reaction in model.reactions.values():
        for name, change in reaction.changes:
            species = model.symbols[name]
            if not (species.boundary or species.constant):
                found.setdefault(name, []).append((reaction.name, change))
    return {name: tuple(terms) for name, terms in found.items()}


# Checks -------------------------------------------------------------------------------------


def formulas(model: Description) -> dict[str, Expr]:
    """Return every formula of a model by the place it stands in."""
    found = {f"assignment rule for {n!r}": tree for n, tree in model.assignment.items()}
    found |= {f"rate rule for {n!r}": tree for n, tree in model.rate.items()}
    found |= {f"initial assignment of {n!r}": tree for n, tree in model.initial.items()}
    found |= {f"kinetic law of {r.name!r}": r.rate for r in model.reactions.values()}
    for reaction in model.reactions.values():
        found |= {f"stoichiometry of {n!r} in {reaction.name!r}": t for n, t in reaction.changes}
    for tree, line in model.algebraic:
        found[f"algebraic rule, line {line}"] = tree
    for event in model.events:
        place = f"event {event.name!r}, line {event.line}"
        found[f"{place}, trigger"] = event.trigger
        found |= {f"{place}, assignment of {n!r}": tree for n, tree in event.assignments}
        if event.priority is not None:
            found[f"{place}, priority"] = event.priority
    return found


def _check_names(model: Description) -> None:
    known = [*model.symbols, *model.reactions]
    for place, tree in formulas(model).items():
        for name in sorted(symbols(tree) | rates(tree)):
            if name not in model.symbols and name not in model.reactions:
                raise refused(place, model.name, f"it refers to {name!r}, which does not exist",
                              did_you_mean(name, known, "declare it"))  # fmt: skip
        for name in sorted(rates(tree)):
            if name in model.assignment or name in model.reactions:
                raise refused(place, model.name, f"it asks for the rate of {name!r}, which a rule sets",
                              "write that rate out")  # fmt: skip
    targets = [*model.assignment, *model.rate, *model.initial]
    targets += [name for event in model.events for name, _ in event.assignments]
    for name in targets:
        if name not in model.symbols:
            raise refused(f"rule, initial assignment or event for {name!r}", model.name,
                          f"there is no quantity {name!r}",
                          did_you_mean(name, list(model.symbols), "declare it"))  # fmt: skip


def _check_circles(model: Description) -> None:
    always = {**model.assignment, **{r.name: r.rate for r in model.reactions.values()}}
    at_start = {**always, **model.initial}
    for table, what in ((always, "rules"), (at_start, "initial assignments")):
        done: set[str] = set()
        for name in table:
            path = _circle(name, table, done, [])
            if path:
                raise refused(f"{what} of {path[0]!r}", model.name,
                              f"they refer to each other in a circle: {' -> '.join(path)}",
                              "break the circle, or write it as an algebraic rule")  # fmt: skip


def _circle(name: str, table: Mapping[str, Expr], done: set[str], path: list[str]) -> list[str]:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done or name not in table:
        return []
    for other in sorted(symbols(table[name])):
        found = _circle(other, table, done, [*path, name])
        if found:
            return found
    done.add(name)
    return []


def _checked_free(model: Description, free: Iterable[str]) -> frozenset[str]:
    names = frozenset(free)
    for name in sorted(names):
        if name not in model.symbols or name in model.assignment:
            why = "a rule sets it" if name in model.assignment else "there is no such quantity"
            raise InputError(f"{name!r} cannot be an input", where=f"SBML model {model.name}", why=why,
                             fix=did_you_mean(name, list(model.symbols), "name another one"))  # fmt: skip
    return names


# Algebraic rules ----------------------------------------------------------------------------


def _unknowns(model: Description) -> dict[str, Expr]:
    """Assign to each algebraic rule the quantity it determines (a matching)."""
    if not model.algebraic:
        return {}
    known = {*model.assignment, *model.rate, *_terms(model)}
    known |= {name for event in model.events for name, _ in event.assignments}
    candidates = {s.name for s in model.symbols.values() if not s.constant} - known
    options = [_reached(model, tree) & candidates for tree, _ in model.algebraic]
    taken: dict[str, int] = {}
    for rule in range(len(options)):
        if not _place(rule, options, taken, set()):
            line = model.algebraic[rule][1]
            raise _no_unknown(model, line)
    return {name: model.algebraic[rule][0] for name, rule in taken.items()}


def _reached(model: Description, tree: Expr) -> set[str]:
    """Return the names in a formula and in the assignment rules it leads to."""
    waiting = [tree]
    seen: set[str] = set()
    while waiting:
        for name in symbols(waiting.pop()) - seen:
            seen.add(name)
            if name in model.assignment:
                waiting.append(model.assignment[name])
    return seen


def _place(rule: int, options: list[set[str]], taken: dict[str, int], tried: set[str]) -> bool:
    for name in sorted(options[rule] - tried):
        tried.add(name)
        if name not in taken or _place(taken[name], options, taken, tried):
            taken[name] = rule
            return True
    return False


def _no_unknown(model: Description, line: int) -> DataError:
    return refused(f"algebraic rule, line {line}", model.name,
                   "every quantity in it is already determined by something else",
                   "leave one of its quantities (constant=false) without rule and reaction")  # fmt: skip
