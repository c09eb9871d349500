"""The equations of an SBML model as JAX functions of named scalars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from catena.numerics.ode.sbml.expression import Expr, as_number, evaluate
from catena.numerics.ode.sbml.structure import Structure

Values = Mapping[str, Any]


class Moment:
    """Every quantity at one time, each computed once, when it is first asked for.

    Args:
        structure: What determines each quantity.
        t: Time.
        y: States by name; None at the start, where they follow from the inputs.
        p: Inputs and derived quantities.
    """

    def __init__(self, structure: Structure, t: Any, y: Values | None, p: Values) -> None:
        self.structure, self.t, self.y, self.p = structure, t, y, p
        self._known: dict[str, Any] = {}
        self._rates: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """Return the value of a quantity, in the sense of its symbol."""
        if name not in self._known:
            self._known[name] = self._value(name)
        return self._known[name]

    def of(self, tree: Expr) -> Any:
        """Return the value of a formula as a number."""
        return as_number(evaluate(tree, self, self.t, self.rate))

    def holds(self, tree: Expr) -> Any:
        """Return whether a condition holds."""
        return evaluate(tree, self, self.t, self.rate)

    def rate(self, name: str) -> Any:
        """Return the rate of change of a quantity, in the sense of its symbol."""
        if name not in self._rates:
            self._rates[name] = self._rate(name)
        return self._rates[name]

    def state_rate(self, name: str) -> Any:
        """Return the derivative of a state as it is held, or what an algebraic rule must zero."""
        structure = self.structure
        if name in structure.algebraic:
            return self.of(structure.algebraic[name])
        species = structure.model.symbols[name]
        if name in structure.terms:
            amount = self._turnover(name)
            whole = name in structure.amounts or not species.concentration
            return amount if whole else amount / self(species.compartment)
        if name not in structure.model.rate:
            return 0.0
        rate = self.of(structure.model.rate[name])
        if name not in structure.amounts:
            return rate
        return rate * self(species.compartment) + self(name) * self.rate(species.compartment)

    def held(self, name: str, value: Any) -> Any:
        """Return the state that corresponds to a value of its symbol."""
        if name not in self.structure.amounts:
            return value
        return value * self(self.structure.model.symbols[name].compartment)

    def _value(self, name: str) -> Any:
        structure = self.structure
        formula = structure.formula(name)
        if formula is not None:
            return self.of(formula)
        if self.y is None:
            return self._at_start(name)
        if name in structure.states:
            value = self.y[name]
            place = structure.model.symbols[name].compartment
            return value / self(place) if name in structure.amounts else value
        return self.p[name] if name in structure.derived else self._given(name)

    def _at_start(self, name: str) -> Any:
        formula = self.structure.initial_formula(name)
        return self._given(name) if formula is None else self.of(formula)

    def _given(self, name: str) -> Any:
        """Return a value of the document or of an input."""
        structure, symbol = self.structure, self.structure.model.symbols[name]
        if name not in structure.states and name not in structure.inputs:
            return symbol.value
        value = self.p[structure.input_name(name)]
        if not symbol.converted or name in structure.free:
            return value
        volume = self(symbol.compartment)
        return value / volume if symbol.concentration else value * volume

    def _turnover(self, name: str) -> Any:
        """Return the amount that reactions add to a species per time."""
        total: Any = None
        for reaction, change in self.structure.terms[name]:
            part = _times(self.of(change), self(reaction))
            total = part if total is None else total + part
        conversion = self.structure.model.symbols[name].conversion
        return total * self(conversion) if conversion else total

    def _rate(self, name: str) -> Any:
        structure, symbol = self.structure, self.structure.model.symbols[name]
        if name not in structure.states:
            return 0.0
        if name not in structure.amounts:
            return self.state_rate(name)
        if name in structure.model.rate:
            return self.of(structure.model.rate[name])
        place = symbol.compartment
        return (self.state_rate(name) - self(name) * self.rate(place)) / self(place)


def _times(factor: Any, value: Any) -> Any:
    if isinstance(factor, float) and abs(factor) == 1.0:
        return value if factor > 0 else -value
    return factor * value


@final
@dataclass(frozen=True)
class Equations:
    """The functions an OdeSystem is made of.

    Args:
        structure: What determines each quantity.
        outputs: Names of the quantities to return.
    """

    structure: Structure
    outputs: tuple[str, ...]

    def rhs(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Return the derivatives of all states (residuals where a rule is algebraic)."""
        now = Moment(self.structure, t, y, p)
        return {name: now.state_rate(name) for name in self.structure.states}

    def output(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Return the asked quantities."""
        now = Moment(self.structure, t, y, p)
        return {name: now(name) for name in self.outputs}

    def derive(self, p: Values) -> dict[str, Any]:
        """Return unchanging quantities that follow from the inputs."""
        start = Moment(self.structure, 0.0, None, p)
        return {name: start(name) for name in self.structure.derived}
