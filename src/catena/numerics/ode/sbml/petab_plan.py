"""Lays the experiments of a PEtab problem out as tables that a compiled model follows.

Experiments whose conditions set the same quantities share one compiled system, a ``Stage``. Where
each of its inputs comes from (a number, an estimated parameter, a state found at rest) is written
down once, so that simulating another thousand parameter vectors is indexing, not bookkeeping
(PEtab 1; Schmiester et al. 2021, doi:10.1371/journal.pcbi.1008646).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.formats.petab import PetabProblem
from catena.formats.petab.problem import Value
from catena.numerics.ode.sbml.description import Description
from catena.numerics.ode.sbml.equations import Equations
from catena.numerics.ode.sbml.expression import symbol
from catena.numerics.ode.sbml.structure import Structure, formulas, sort_out
from catena.numerics.ode.sbml.system import load_sbml
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.system import OdeSystem

#: An experiment: the condition it starts from rest in ("" for none), and its own condition.
Experiment = tuple[str, str]
#: Times at which a model is asked whether it has come to rest (its own unit).
DECADES = tuple(10.0**power for power in range(2, 10))
#: Formulas that matter only if something else refers to them.
_ASIDE = ("assignment rule", "initial assignment")


class Source(NamedTuple):
    """Where a number comes from: itself, an estimated parameter, or a state found at rest."""

    kind: Literal["number", "parameter", "rest"]
    place: int = -1
    number: float = math.nan


class Slots(NamedTuple):
    """Places (experiment, input) and what fills them; arrays of one length."""

    experiment: np.ndarray
    input: np.ndarray
    filler: np.ndarray


@final
@dataclass(frozen=True)
class Stage:
    """Experiments that one compiled system simulates together.

    Args:
        system: The model; its inputs are the columns of the tables here.
        experiments: The experiments.
        outputs: Quantities it returns.
        times: Times of each experiment (E, nt), padded with the last; ``DECADES`` where the state
            of rest is asked.
        settled: Whether the state of rest is asked, at infinite time.
        numbers: Inputs that never move (E, inputs).
        parameters: Inputs that are estimated parameters.
        states: Inputs that are states found at rest; indices of outputs of ``before``.
        before: The stage that finds them, or None.
        before_row: Its experiment, for each of ours (E,).
        active: Estimated parameters that each experiment depends on (E, nd), ascending, padded
            with their number.
    """

    system: OdeSystem
    experiments: tuple[Experiment, ...]
    outputs: tuple[str, ...]
    times: np.ndarray
    settled: bool
    numbers: np.ndarray
    parameters: Slots
    states: Slots
    before: Stage | None
    before_row: np.ndarray
    active: np.ndarray


@final
class Planner:
    """Makes the stages of a problem.

    Args:
        problem: The problem.
        model: Its model.
        estimated: Names of the parameters that move.
        settings: Solver choices.
    """

    def __init__(
        self,
        problem: PetabProblem,
        model: Description,
        estimated: Sequence[str],
        settings: SolverSettings,
    ) -> None:
        self.problem, self.model, self.settings = problem, model, settings
        self.place = {name: k for k, name in enumerate(estimated)}
        self._rests: dict[frozenset[str], Stage] = {}
        self._structures: dict[frozenset[str], Structure] = {}

    def source(self, name: str) -> Source | None:
        """Return what the parameter table says about a name, None if it does not list it."""
        if name in self.place:
            return Source("parameter", self.place[name])
        given = self.problem.parameters.get(name)
        if given is None:
            return None
        if given.nominal is None:
            raise InputError(f"{name!r} has no value", where=f"PEtab problem {self.problem.name}",
                             why="it is not estimated and its nominal value is empty",
                             fix="fill in nominalValue")  # fmt: skip
        return Source("number", number=given.nominal)

    def cell(self, value: Value, condition: str) -> Source:
        """Return what a cell of the condition table stands for.

        Raises:
            InputError: it names something without a value.
        """
        if not isinstance(value, str):
            return Source("number", number=value)
        found = self.source(value)
        if found is not None:
            return found
        given = self.model.symbols.get(value)
        if given is None or given.value is None:
            known = [*self.problem.parameters, *self.model.symbols]
            raise InputError(f"{value!r} has no value",
                             where=f"PEtab problem {self.problem.name}, condition {condition!r}",
                             why="neither the model nor the parameter table gives it one",
                             fix=did_you_mean(value, known, "list it in the parameter table"))  # fmt: skip
        return Source("number", number=given.value)

    def input_source(self, name: str, experiment: Experiment) -> Source | None:
        """Return what a quantity that never changes is in an experiment.

        None if it follows from formulas or is changed by something.
        """
        free = self._set_by(experiment[1])
        if free not in self._structures:
            self._structures[free] = sort_out(self.model, free)
        structure = self._structures[free]
        if name not in structure.inputs:
            return None
        own = self.problem.conditions[experiment[1]].values
        if name in own:
            return self.cell(own[name], experiment[1])
        found = self.source(name)
        if found is not None:
            return found
        value = self.model.symbols[name].value
        return None if value is None or self.model.symbols[name].converted else Source(
            "number", number=value
        )  # fmt: skip

    def stages(self, asked: Sequence[str]) -> list[Stage]:
        """Return the stages whose outputs the instruments read.

        Args:
            asked: Quantities of the model they look at.
        """
        times: dict[Experiment, set[float]] = {}
        for m in self.problem.measurements:
            times.setdefault((m.before, m.condition), set()).add(m.time)
        groups: dict[Any, list[Experiment]] = {}
        for experiment, found in times.items():
            for settled in sorted({math.isinf(time) for time in found}):
                key = (settled, bool(experiment[0]), *map(self._set_by, experiment))
                groups.setdefault(key, []).append(experiment)
        return [
            self._stage(group, asked, times, settled=key[0], rest=self._rest(group))
            for key, group in groups.items()
        ]

    def _rest(self, group: Iterable[Experiment]) -> Stage | None:
        """Return the stage that finds the states of rest a group starts from."""
        before = list(dict.fromkeys(first for first, _ in group if first))
        if not before:
            return None
        free = self._set_by(before[0])
        every = [m.before for m in self.problem.measurements]
        together = [c for c in dict.fromkeys(every) if c and self._set_by(c) == free]
        if free not in self._rests:
            states = sort_out(self.model, free).states
            self._rests[free] = self._stage([("", c) for c in together], states, {}, settled=True)
        return self._rests[free]

    def _set_by(self, condition: str) -> frozenset[str]:
        """Return the quantities of the model that the tables set under a condition."""
        if not condition:
            return frozenset()
        given = {*self.problem.conditions[condition].values, *self.problem.parameters}
        return frozenset(name for name in self.model.symbols if name in given)

    def _stage(
        self,
        experiments: Sequence[Experiment],
        outputs: Sequence[str],
        times: Mapping[Experiment, set[float]],
        *,
        settled: bool,
        rest: Stage | None = None,
    ) -> Stage:
        free = self._set_by(experiments[0][1]) | set(rest.outputs if rest else ())
        system = load_sbml(self.model, outputs=outputs, free=free, settings=self.settings)
        structure = structure_of(system)
        used = _used(structure, outputs)
        tables = [self._inputs(structure, e, rest) for e in experiments]
        columns = {field.name: k for k, field in enumerate(system.parameters)}
        numbers = np.array(
            [[math.nan if f.default is None else float(f.default) for f in system.parameters]]
            * len(experiments)
        )
        filled: dict[str, list[tuple[int, int, int]]] = {"parameter": [], "rest": []}
        for row, table in enumerate(tables):
            for name, source in table.items():
                column = columns[structure.input_name(name)]
                numbers[row, column] = source.number if source.kind == "number" else 1.0
                if source.kind != "number" and name in used:
                    filled[source.kind].append((row, column, source.place))
        self._check(system, numbers)
        rows = np.array([_row_of(rest, e) for e in experiments])
        parameters, states = _slots(filled["parameter"]), _slots(filled["rest"])
        return Stage(
            system, tuple(experiments), tuple(outputs), _grid(experiments, times, settled), settled,
            numbers, parameters, states, rest, rows,
            _active(len(experiments), len(self.place), parameters, rest, rows),
        )  # fmt: skip

    def _inputs(
        self, structure: Structure, experiment: Experiment, rest: Stage | None
    ) -> dict[str, Source]:
        """Return the inputs the tables fill: parameters, then states at rest, then conditions."""
        known = {*structure.inputs, *structure.states}
        found = {n: s for n in self.problem.parameters if n in known and (s := self.source(n))}
        for index, name in enumerate(rest.outputs if rest else ()):
            found[name] = Source("rest", index)
        for name, value in self.problem.conditions[experiment[1]].values.items():
            if name in known:
                found[name] = self.cell(value, experiment[1])
        return found

    def _check(self, system: OdeSystem, numbers: np.ndarray) -> None:
        for column, field in enumerate(system.parameters):
            if np.isnan(numbers[:, column]).any():
                raise InputError(f"{field.name!r} has no value",
                                 where=f"PEtab problem {self.problem.name}",
                                 why="neither the model nor a table gives it one",
                                 fix="list it in the parameter table")  # fmt: skip


def structure_of(system: OdeSystem) -> Structure:
    """Return what determines each quantity of a system read from SBML."""
    equations: Equations = system.rhs.__self__  # type: ignore[attr-defined]
    return equations.structure


def _used(structure: Structure, outputs: Iterable[str]) -> frozenset[str]:
    """Return the quantities that can matter to the states or the outputs.

    Many documents also carry rules for the instruments, with parameters that nothing else needs;
    derivatives to those would be integrated in vain.
    """
    model = structure.model
    always = [t for place, t in formulas(model).items() if not place.startswith(_ASIDE)]
    starts = [model.initial[name] for name in structure.states if name in model.initial]
    places = {s.compartment for s in model.symbols.values() if s.compartment}
    factors = {s.conversion for s in model.symbols.values() if s.conversion}
    seen = {*structure.needed([*always, *starts, *map(symbol, outputs)]), *places, *factors}
    while True:
        more = [tree for name, tree in structure.derived.items() if name in seen]
        found = seen | structure.needed([*more, *map(symbol, places)])
        if found == seen:
            return frozenset(seen) | frozenset(structure.states)
        seen = found


def _row_of(rest: Stage | None, experiment: Experiment) -> int:
    return 0 if rest is None else rest.experiments.index(("", experiment[0]))


def _slots(filled: list[tuple[int, int, int]]) -> Slots:
    table = np.array(filled, dtype=np.intp).reshape(-1, 3)
    return Slots(*table.T)


def _grid(
    experiments: Sequence[Experiment], times: Mapping[Experiment, set[float]], settled: bool
) -> np.ndarray:
    """Return the output times of each experiment (E, nt), padded with the last."""
    if settled:
        return np.tile(DECADES, (len(experiments), 1))
    rows = [sorted(t for t in times[e] if math.isfinite(t)) for e in experiments]
    longest = max(map(len, rows))
    return np.array([row + row[-1:] * (longest - len(row)) for row in rows])


def _active(
    size: int, count: int, parameters: Slots, rest: Stage | None, rows: np.ndarray
) -> np.ndarray:
    """Return the parameters that each experiment depends on (E, nd), padded with their number."""
    found = [set(parameters.filler[parameters.experiment == e].tolist()) for e in range(size)]
    if rest is not None:
        found = [
            own | set(rest.active[row]) - {count} for own, row in zip(found, rows, strict=True)
        ]
    most = max(map(len, found), default=0)
    table = np.full((size, most), count, dtype=np.intp)
    for row, own in enumerate(found):
        table[row, : len(own)] = sorted(own)
    return table
