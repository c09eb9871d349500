"""What a CellML file declares, in the file's own terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from catena.core.errors import DataError, did_you_mean
from catena.numerics.ode.cellml.mathml import Equation
from catena.numerics.ode.cellml.units import Units, UnitTable


@final
@dataclass(frozen=True)
class Variable:
    """One declared variable.

    Args:
        component: The component around it.
        name: Its name there.
        units: Name of its units.
        initial: A number, the name of a variable, or None.
        given: Its value comes from another component (an "in" interface of CellML 1.x).
        place: File and line, for errors.
    """

    component: str
    name: str
    units: str
    initial: float | str | None
    given: bool
    place: str

    @property
    def path(self) -> str:
        """The variable as ``component.variable``."""
        return f"{self.component}.{self.name}"


@final
@dataclass
class CellmlFile:
    """The declarations of one file and of what it imports.

    Args:
        name: Name of the model.
        file: Name of the file, for errors.
        version: 1.0, 1.1 or 2.0.
        shared: Units of the whole model.
        variables: By ``component.variable``.
        links: Connected pairs of such paths, with the place of the connection.
        equations: All equations.
        units: Units of every component.
        inside: Components that each component encapsulates.
    """

    name: str
    file: str
    version: str
    shared: UnitTable
    variables: dict[str, Variable] = field(default_factory=dict)
    links: list[tuple[str, str, str]] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    units: dict[str, UnitTable] = field(default_factory=dict)
    inside: dict[str, list[str]] = field(default_factory=dict)

    def unit_of(self, path: str) -> Units:
        """Return the meaning of a variable's units."""
        variable = self.variables[path]
        return self.units[variable.component].find(variable.units, variable.place)

    def known(self, path: str, where: str) -> str:
        """Return ``path`` if it names a variable, else raise a DataError."""
        if path not in self.variables:
            raise DataError(f"No variable {path!r}", where=where,
                            why=f"{self.file} declares {len(self.variables)} variables, not it",
                            fix=did_you_mean(path, self.variables,
                                             "write component.variable"))  # fmt: skip
        return path
