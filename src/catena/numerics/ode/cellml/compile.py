"""From a selection to the four functions of an OdeSystem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from catena.numerics.ode.cellml.expression import Expression, Name, Number, evaluate, names, renamed
from catena.numerics.ode.cellml.formula import Formula, Hoist, OfParameters, Steps
from catena.numerics.ode.cellml.resolve import ordered
from catena.numerics.ode.cellml.selection import Selection, varying
from catena.numerics.ode.cellml.singular import Smoother


@final
@dataclass(frozen=True)
class Functions:
    """What an OdeSystem is made of; ``initial`` and ``derive`` are None when nothing needs them."""

    rhs: Formula
    output: Formula
    initial: OfParameters | None
    derive: OfParameters | None


def compile_functions(chosen: Selection) -> Functions:
    """Write the equations as functions; what is fixed during a run is computed once, in derive."""
    return _Compiler(chosen).functions()


def start_input(chosen: Selection, state: str) -> str:
    """Return the name of the input that holds a state's initial value."""
    return f"initial_{chosen.names[state]}"


def default_values(chosen: Selection, paths: Iterable[str]) -> dict[str, float]:
    """Return the values of fixed variables and states' starts as the file gives them."""
    model = chosen.model
    known: dict[str, Any] = dict(model.constants)

    def value(name: str) -> Any:
        if name not in known:
            known[name] = evaluate(model.values[name], value)
        return known[name]

    return {path: float(evaluate(chosen.initial.get(path, Name(path)), value)) for path in paths}


@final
class _Compiler:
    def __init__(self, chosen: Selection) -> None:
        self.chosen = chosen
        self.moving = varying(chosen)
        self.needed = [p for p in chosen.needed() if p in chosen.values or p in self._constants]
        self.hoist = Hoist({*self.needed, *chosen.inputs} - self.moving)

    def functions(self) -> Functions:
        """Build the functions."""
        names_ = self.chosen.names
        rates = {names_[state]: state + "'" for state in self.chosen.initial}
        shown = {names_[path]: path for path in self.chosen.outputs}
        parts = [self._steps(results.values()) for results in (rates, shown)]
        # Whatever these read that no step, state or input gives is computed once per row.
        free = {name for steps, reads in parts for name in reads}
        once = sorted(name for name in free if name not in self._places)
        places = {**self._places, **{name: ("p", name) for name in once}}
        rhs, output = (
            Formula(steps, tuple(results.items()), places)
            for (steps, _), results in zip(parts, (rates, shown), strict=True)
        )
        derive = Formula(self._fixed_steps(once), tuple((n, n) for n in once), self._places)
        return Functions(rhs, output, self._initial(), OfParameters(derive) if once else None)

    @cached_property
    def _constants(self) -> dict[str, Expression]:
        """Numbers that are no inputs; they are written into the equations."""
        inputs = set(self.chosen.inputs)
        constants = self.chosen.model.constants
        return {path: Number(value) for path, value in constants.items() if path not in inputs}

    @cached_property
    def _values(self) -> Mapping[str, Expression]:
        """Right sides with numbers written in, singularities filled and fixed parts hoisted."""
        values = self.chosen.values
        smoother = Smoother(values, self.moving.__contains__)
        ready: dict[str, Expression] = {}
        for path in self.needed:
            if path in values:
                moves = path in self.moving
                value = smoother.smooth(values[path]) if moves else values[path]
                value = renamed(value, lambda name: self._constants.get(name, Name(name)))
                ready[path] = self.hoist(value) if moves else value
        return {**ready, **self._constants, **dict(self.hoist.steps)}

    @cached_property
    def _places(self) -> dict[str, tuple[str, str]]:
        chosen, names_ = self.chosen, self.chosen.names
        return {
            chosen.time: ("t", "t"),
            **{state: ("y", names_[state]) for state in chosen.initial},
            **{path: ("u", names_[path]) for path in chosen.stimulus},
            **{path: ("p", names_[path]) for path in chosen.inputs},
        }

    def _steps(self, wanted: Iterable[str]) -> tuple[Steps, set[str]]:
        """Return the moving steps behind what is wanted, and all names read but not computed."""
        wanted = list(wanted)
        fixed = {path for path in self._values if path not in self.moving}
        order = ordered(self.chosen.model, wanted, self._values, set(self._places) | fixed)
        steps = tuple((path, self._values[path]) for path in order)
        reads = {name for _, value in steps for name in names(value)} | set(wanted)
        return steps, reads - set(order)

    def _fixed_steps(self, wanted: Iterable[str]) -> Steps:
        order = ordered(self.chosen.model, wanted, self._values, set(self._places))
        return tuple((path, self._values[path]) for path in order)

    def _initial(self) -> OfParameters | None:
        chosen = self.chosen
        steps, results, places = [], [], dict(self._places)
        for state, value in chosen.initial.items():
            start = f"{state}@start"
            if state in chosen.started:
                places[start] = ("p", start_input(chosen, state))
            elif not isinstance(value, Number):
                steps.append((start, value))
            else:
                continue
            results.append((chosen.names[state], start))
        read = {name for _, value in steps for name in names(value)}
        before = self._fixed_steps(sorted(read - set(self._places)))
        formula = Formula((*before, *steps), tuple(results), places)
        return OfParameters(formula) if results else None
