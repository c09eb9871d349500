"""What a model of SBML says, as plain data: no libSBML object lives on beyond the reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, final

from catena.numerics.ode.sbml.expression import Expr

Kind = Literal["compartment", "species", "parameter", "stoichiometry"]


@final
@dataclass(frozen=True)
class Symbol:
    """A quantity that formulas may name.

    Args:
        name: SBML id; local parameters are called ``reaction__parameter``.
        kind: What it is.
        constant: Whether the document says that it never changes.
        value: Value given in the document, None if there is none.
        unit: Unit text of the quantity as the symbol means it.
        given_unit: Unit text of ``value`` (differs where an amount is given for a concentration).
        compartment: Where a species is.
        concentration: A species whose symbol means its concentration, not its amount.
        given_amount: ``value`` is an amount.
        boundary: Reactions leave a species alone.
        conversion: Parameter that converts the extent of reactions into the species' substance.
        line: Line in the document.
        title: Name for people.
    """

    name: str
    kind: Kind
    constant: bool
    value: float | None = None
    unit: str = ""
    given_unit: str = ""
    compartment: str = ""
    concentration: bool = False
    given_amount: bool = False
    boundary: bool = False
    conversion: str = ""
    line: int = 0
    title: str = ""

    @property
    def converted(self) -> bool:
        """Whether a species' value is given as what its symbol does not mean."""
        return self.kind == "species" and self.concentration == self.given_amount


@final
@dataclass(frozen=True)
class Reaction:
    """A reaction: how fast it goes, and what it takes (negative) and makes (positive)."""

    name: str
    rate: Expr
    changes: tuple[tuple[str, Expr], ...]


@final
@dataclass(frozen=True)
class Event:
    """A sudden change.

    Args:
        name: SBML id, or a made-up one.
        trigger: Condition whose change from false to true starts the event.
        initial: Value the condition is taken to have had before the start.
        persistent: The event happens even if its condition is false again by then.
        at_trigger: Assigned values are those of the moment of the trigger.
        priority: Among simultaneous events the highest goes first; None goes last.
        assignments: Changed quantities and their new values.
        line: Line in the document.
    """

    name: str
    trigger: Expr
    initial: bool
    persistent: bool
    at_trigger: bool
    priority: Expr | None
    assignments: tuple[tuple[str, Expr], ...]
    line: int = 0


@final
@dataclass(frozen=True)
class Description:
    """A whole model.

    Args:
        name: Model id.
        title: Model name.
        digest: Hash of the document.
        symbols: Quantities by id, in document order.
        reactions: Reactions by id.
        assignment: Assignment rules.
        rate: Rate rules.
        algebraic: Algebraic rules: formulas that are zero, with their lines.
        initial: Initial assignments.
        events: Events in document order.
        time_unit: Unit text of time.
        notes: What could not be carried over and does not change the numbers.
    """

    name: str
    title: str
    digest: str
    symbols: dict[str, Symbol]
    reactions: dict[str, Reaction]
    assignment: dict[str, Expr]
    rate: dict[str, Expr]
    algebraic: tuple[tuple[Expr, int], ...] = ()
    initial: dict[str, Expr] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    time_unit: str = ""
    notes: tuple[str, ...] = ()
