"""From a CellML file to one set of equations: connections followed, units converted, ordered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

from catena.core.errors import DataError, UnitError
from catena.numerics.ode.cellml.declared import CellmlFile
from catena.numerics.ode.cellml.expression import Expression, Name, Number, names, renamed, scaled
from catena.numerics.ode.cellml.mathml import Equation, Rate
from catena.numerics.ode.cellml.units import conversion


@final
@dataclass(frozen=True)
class Read:
    """How one declared variable is read: the value of ``owner`` * factor + offset."""

    owner: str
    factor: float = 1.0
    offset: float = 0.0

    @property
    def value(self) -> Expression:
        """The variable as an expression of its owner."""
        return scaled(Name(self.owner), self.factor, self.offset)


@final
@dataclass
class Equations:
    """The equations of a model over owners: one path per connected set of variables.

    Args:
        source: The file they came from.
        reads: How every declared variable is read.
        time: The variable of integration, None for a purely algebraic model.
        values: Right sides by path; ``path'`` holds the rate of a state.
        initial: Initial value of every state.
        constants: Variables that are plain numbers.
        places: File and line of each equation.
    """

    source: CellmlFile
    reads: dict[str, Read]
    time: str | None = None
    values: dict[str, Expression] = field(default_factory=dict)
    initial: dict[str, Expression] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def owner(self, path: str, where: str) -> str:
        """Return the owner of a variable named by a person.

        Raises:
            DataError: there is no such variable.
        """
        return self.reads[self.source.known(path, where)].owner

    def where(self, path: str) -> str:
        """Say where a variable is defined, for errors."""
        place = self.places.get(path) or self.source.variables[path.rstrip("'")].place
        return f"{place}, variable {path!r}"


def resolve(source: CellmlFile) -> Equations:
    """Follow connections and bring all equations into the units of the owners.

    Args:
        source: What the file declares.

    Returns:
        Equations over owners.

    Raises:
        DataError: a variable is defined twice, not declared or has no initial value.
        UnitError: connected variables differ in dimension.
    """
    model = Equations(source, _reads(source))
    for equation in source.equations:
        _add(model, equation)
    _values(model)
    for path in model.initial:
        if path in model.values:
            _fault(model, path, "it has both a derivative and an algebraic equation")
    return model


def ordered(
    model: Equations, wanted: Iterable[str], values: Mapping[str, Expression], given: set[str]
) -> list[str]:
    """Return the paths needed for ``wanted`` so that each comes after what it reads.

    Args:
        model: Where the equations came from, for errors.
        wanted: Paths whose values are needed.
        values: Right sides.
        given: Paths known without an equation.

    Raises:
        DataError: variables define each other in a circle, or one has no value.
    """
    done: dict[str, None] = {}
    path: list[str] = []
    on_path: set[str] = set()
    # Depth first without recursion: chains of equations may be longer than Python's stack.
    stack: list[tuple[str, bool]] = [(name, False) for name in reversed(list(wanted))]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            done[name] = None
            on_path.discard(path.pop())
        elif name in on_path:
            circle = [*path[path.index(name) :], name]
            _fault(model, name, "circular algebra: " + " reads ".join(circle),
                   "solve these equations for their variables by hand")  # fmt: skip
        elif name not in given and name not in done:
            if name not in values:
                _fault(model, name, "it is read but has no equation and no initial value",
                       "give it an initial_value, an equation or a connection")  # fmt: skip
            path.append(name)
            on_path.add(name)
            stack.append((name, True))
            stack += [(read, False) for read in sorted(set(names(values[name])), reverse=True)]
    return list(done)


def _reads(source: CellmlFile) -> dict[str, Read]:
    """Return how each variable is read, from the connected sets."""
    parent = {path: path for path in source.variables}

    def root(path: str) -> str:
        while parent[path] != path:
            parent[path] = parent[parent[path]]
            path = parent[path]
        return path

    for one, two, _ in source.links:
        parent[root(one)] = root(two)
    members: dict[str, list[str]] = {}
    for path in source.variables:
        members.setdefault(root(path), []).append(path)
    defined = {
        f"{e.component}.{e.target.of if isinstance(e.target, Rate) else e.target}"
        for e in source.equations
    }
    reads = {}
    for group in members.values():
        owner = min(group, key=lambda path: _rank(source, path, path in defined))
        for path in group:
            reads[path] = Read(owner) if path == owner else _converted(source, path, owner)
    return reads


def _rank(source: CellmlFile, path: str, defined: bool) -> tuple[bool, ...]:
    """Order candidates for the owner of a connected set: the one that is defined where it is."""
    variable = source.variables[path]
    return (not defined, variable.given, variable.initial is None)


def _converted(source: CellmlFile, path: str, owner: str) -> Read:
    change = conversion(source.unit_of(owner), source.unit_of(path))
    if change is None:
        variables = source.variables
        place = next((at for one, two, at in source.links if path in (one, two)), source.file)
        raise UnitError("Connected variables differ in dimension",
                        where=place,
                        why=f"{owner} is in {variables[owner].units}, "
                        f"{path} in {variables[path].units}",
                        fix="correct the units of one of them")  # fmt: skip
    return Read(owner, *change)


def _add(model: Equations, equation: Equation) -> None:
    """Add one equation, in the units of the owners."""
    where = f"{equation.place}, component {equation.component!r}"

    def read(name: str) -> Read:
        return model.reads[model.source.known(f"{equation.component}.{name}", where)]

    def change(name: str) -> Expression:
        of, prime, by = name.partition("'")
        if not prime:
            return read(of).value
        return scaled(Name(read(of).owner + "'"), read(of).factor / read(by).factor)

    target, value = equation.target, renamed(equation.value, change)
    if isinstance(target, Rate):
        owner, clock = read(target.of).owner, read(target.by)
        if model.time not in (None, clock.owner):
            _fault(model, owner, f"it changes with {clock.owner}, others with {model.time}")
        model.time = clock.owner
        path, value = owner + "'", scaled(value, clock.factor / read(target.of).factor)
        model.initial[owner] = Number(0.0)
    else:
        path = read(target).owner
        value = scaled(value, 1.0 / read(target).factor,
                       -read(target).offset / read(target).factor)  # fmt: skip
    if path in model.values:
        _fault(model, path, f"it is defined twice, also in {equation.place}")
    model.values[path] = value
    model.places[path] = equation.place


def _values(model: Equations) -> None:
    """Sort initial values into those of states, constants and equations."""
    found = _initial_values(model)
    for path in model.initial:
        if path not in found:
            _fault(model, path, "the state has no initial value", "give it an initial_value")
        model.initial[path] = found.pop(path)
    found.pop(model.time or "", None)
    for path, value in found.items():
        if path in model.values:
            _fault(model, path, "it has both an initial value and an equation")
        model.values[path] = value
    for path, value in list(model.values.items()):
        if isinstance(value, Number) and not path.endswith("'"):
            model.constants[path] = value.value
            del model.values[path]


def _initial_values(model: Equations) -> dict[str, Expression]:
    """Return the initial values given, by owner and in its units."""
    found: dict[str, Expression] = {}
    for path, variable in model.source.variables.items():
        if variable.initial is None:
            continue
        read = model.reads[path]
        if read.owner in found:
            _fault(model, path, "connected variables have more than one initial value")
        value: Expression
        if isinstance(variable.initial, str):
            name = f"{variable.component}.{variable.initial}"
            value = model.reads[model.source.known(name, model.where(path))].value
        else:
            value = Number(variable.initial)
        if (read.factor, read.offset) != (1.0, 0.0):
            value = scaled(value, 1.0 / read.factor, -read.offset / read.factor)
        found[read.owner] = value
    return found


def _fault(model: Equations, path: str, why: str, fix: str = "define it once") -> None:
    raise DataError("The equations do not determine the model", where=model.where(path), why=why,
                    fix=fix)  # fmt: skip
