"""Ordered equations as the functions an OdeSystem calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from catena.core.identity import content_key
from catena.numerics.ode.cellml.expression import Call, Expression, Name, evaluate, names, real

Values: TypeAlias = Mapping[str, Any]
#: Where the value of a name comes from: the group (t, y, p or u) and its name there.
Places: TypeAlias = Mapping[str, tuple[str, str]]
Steps: TypeAlias = tuple[tuple[str, Expression], ...]


@final
@dataclass(frozen=True)
class Formula:
    """A function (t, y, p, u) -> results, from equations in order.

    Args:
        steps: Name and right side, each after what it reads.
        results: What is returned: name of the result, and of the value.
        places: Where names come from that no step computes.
    """

    steps: Steps
    results: tuple[tuple[str, str], ...]
    places: Places

    def __call__(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Return the results by name, as float64 scalars."""
        groups: dict[str, Values] = {"t": {"t": t}, "y": y, "p": p, "u": u}
        known: dict[str, Any] = {}

        def value(name: str) -> Any:
            if name not in known:
                group, place = self.places[name]
                known[name] = groups[group][place]
            return known[name]

        for name, expression in self.steps:
            known[name] = evaluate(expression, value)
        return {result: real(value(name)) for result, name in self.results}

    @property
    def key(self) -> str:
        """Content key: files with other equations are other models."""
        return content_key(repr(self.steps), repr(self.results), repr(sorted(self.places.items())))


@final
@dataclass(frozen=True)
class OfParameters:
    """A formula of parameters alone, called with them only."""

    formula: Formula

    def __call__(self, p: Values) -> dict[str, Any]:
        """Return the results by name."""
        return self.formula(None, {}, p, {})

    @property
    def key(self) -> str:
        """Content key."""
        return self.formula.key


@final
class Hoist:
    """Moves what does not change during a run out of expressions, each value once.

    Args:
        fixed: Names whose values do not change.
    """

    def __init__(self, fixed: set[str]) -> None:
        self._fixed = fixed
        self._found: dict[Expression, str] = {}

    @property
    def steps(self) -> Steps:
        """What was moved, under the names it was given."""
        return tuple((name, expression) for expression, name in self._found.items())

    def __call__(self, expression: Expression) -> Expression:
        """Return the expression with its fixed parts replaced by names."""
        if not isinstance(expression, Call):
            return expression
        if all(name in self._fixed for name in names(expression)):
            return Name(self._found.setdefault(expression, f"#{len(self._found)}"))
        return Call(expression.op, tuple(self(part) for part in expression.args))
