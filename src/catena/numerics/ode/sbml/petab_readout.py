"""What the instruments of a PEtab problem read, for many parameter vectors at once.

Where every number in an observable's formula comes from is settled once: an output of a stage at a
time, an estimated parameter, or a constant. Measurements whose formulas have the same form share one
tape, whose slots are filled by one gather.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from catena.core.errors import InputError
from catena.formats.petab import Measurement, PetabProblem
from catena.formats.petab.problem import Value
from catena.numerics.ode.sbml.description import Description
from catena.numerics.ode.sbml.expression import Expr, nodes, substitute, symbols
from catena.numerics.ode.sbml.mathml import from_text
from catena.numerics.ode.sbml.petab_plan import Planner, Source, Stage
from catena.numerics.ode.sbml.petab_run import Ran
from catena.numerics.ode.sbml.petab_tape import TIME, Tape, taped


@final
@dataclass(frozen=True)
class Reading:
    """Readings of all instruments.

    Args:
        values: Simulated measurements (n, m) on the linear scale.
        sigmas: Scales of their noise (n, m).
        value_slopes: Derivatives of the values (n, m, p) to the parameters on their scales, or None.
        sigma_slopes: The same of the scales of noise.
        faults: Reason by parameter vector that failed.
    """

    values: np.ndarray
    sigmas: np.ndarray
    value_slopes: np.ndarray | None
    sigma_slopes: np.ndarray | None
    faults: Mapping[int, str]


@final
class Formulas:
    """Observables and noises as trees, with the observable written out where a noise names it.

    Args:
        problem: The problem.
        model: Its model.

    Raises:
        DataError: a formula does not parse.
    """

    def __init__(self, problem: PetabProblem, model: Description) -> None:
        self.trees: dict[str, tuple[Expr, Expr]] = {}
        for o in problem.observables.values():
            seen = from_text(o.formula, f"observable {o.name}")
            noise = from_text(o.noise, f"noise of {o.name}")
            self.trees[o.name] = (seen, substitute(noise, {o.name: seen}))
        self.problem, self.model = problem, model

    def asked(self, planner: Planner) -> tuple[str, ...]:
        """Return the quantities of the model that instruments look at and that can move."""
        used: dict[str, None] = {}
        for m in self.problem.measurements:
            seen, noise = self.trees[m.observable]
            given = [
                v for v in (*m.observable_parameters, *m.noise_parameters) if isinstance(v, str)
            ]
            for name in (*sorted(symbols(seen) | symbols(noise)), *given):
                if (name in self.model.symbols or name in self.model.reactions) and (
                    planner.input_source(name, (m.before, m.condition)) is None
                ):
                    used[name] = None
        return tuple(used)


@final
@dataclass(frozen=True)
class _Form:
    """Measurements that share a tape, and where their part of all leaves lies."""

    tape: Tape
    members: np.ndarray
    first: int

    @property
    def part(self) -> slice:
        """Their leaves among all, slot by slot."""
        return slice(self.first, self.first + self.tape.slots * len(self.members))


@final
@dataclass(frozen=True)
class _Gather:
    """Leaves of all measurements that are outputs of one stage, ordered by measurement.

    Args:
        leaf: Positions among all leaves.
        experiment: Experiment of each; likewise its time and output.
        starts: Where the leaves of the next measurement begin.
        members: The measurements.
        columns: Parameters their experiments depend on (members, nd), padded with p.
    """

    leaf: np.ndarray
    experiment: np.ndarray
    time: np.ndarray
    output: np.ndarray
    starts: np.ndarray
    members: np.ndarray
    columns: np.ndarray


@final
class Readout:
    """Turns what stages return into readings.

    Args:
        formulas: The instruments.
        planner: The experiments.
        stages: What simulates them.
        count: Number of estimated parameters.
    """

    def __init__(
        self, formulas: Formulas, planner: Planner, stages: Sequence[Stage], count: int
    ) -> None:
        self.formulas, self.planner, self.stages, self.count = formulas, planner, stages, count
        self.measurements = formulas.problem.measurements
        self._places = _stage_places(stages)
        self._offsets = np.cumsum([0, *(_size(stage) for stage in stages)])
        self._constants: list[float] = []
        self._lay_out()

    # Layout -------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Find the tape of every measurement and the source of each of its slots."""
        groups: dict[tuple[Expr, Expr], tuple[list[str], list[int]]] = {}
        slots: list[list[int]] = []
        for number, m in enumerate(self.measurements):
            trees = self.formulas.trees[m.observable]
            names = _names(trees)
            key = tuple(_renamed(tree, names) for tree in trees)
            groups.setdefault((key[0], key[1]), (names, []))[1].append(number)
            slots.append([self._leaf(name, m) for name in names])
        self._forms: list[_Form] = []
        leaves: list[int] = []
        owner: list[int] = []
        for (seen, noise), (names, members) in groups.items():
            order = {str(k): k for k in range(len(names))}
            order[TIME] = len(names)
            tape = taped((seen, noise), order, self.formulas.problem.name)
            self._forms.append(_Form(tape, np.array(members), len(leaves)))
            for slot in range(len(names)):
                leaves += [slots[number][slot] for number in members]
                owner += members
            leaves += [self._constant(self.measurements[number].time) for number in members]
            owner += members
        self._leaves, self._owner = np.array(leaves, dtype=np.intp), np.array(owner, dtype=np.intp)
        self._gathers = [self._gather(k) for k in range(len(self.stages))]
        self._moving = self._moving_leaves()

    def _constant(self, value: float) -> int:
        self._constants.append(value)
        return int(self._offsets[-1]) + self.count + len(self._constants) - 1

    def _leaf(self, name: str, m: Measurement) -> int:
        """Return the place of a name's value among outputs, parameters and constants."""
        for kind, given in (("observable", m.observable_parameters), ("noise", m.noise_parameters)):
            prefix, _, rest = name.partition("_")
            number = prefix.removeprefix(f"{kind}Parameter")
            if rest == m.observable and number.isdigit() and 0 < int(number) <= len(given):
                value = given[int(number) - 1]
                return self._leaf(value, m) if isinstance(value, str) else self._constant(value)
        source = self._source(name, m)
        if source is None:
            experiment = ((m.before, m.condition), math.isinf(m.time))
            stage, row, grid, outputs = self._places[experiment]
            time = 0 if math.isinf(m.time) else int(np.searchsorted(grid, m.time))
            times = _count(self.stages[stage])
            index = (row * times + time) * len(outputs) + outputs.index(name)
            return int(self._offsets[stage]) + index
        if source.kind == "number":
            return self._constant(source.number)
        return int(self._offsets[-1]) + source.place

    def _source(self, name: str, m: Measurement) -> Source | None:
        """Return what a name stands for, None for an output of the simulation."""
        if name in self.formulas.model.symbols or name in self.formulas.model.reactions:
            return self.planner.input_source(name, (m.before, m.condition))
        own: Mapping[str, Value] = self.formulas.problem.conditions[m.condition].values
        found = (
            self.planner.cell(own[name], m.condition) if name in own else self.planner.source(name)
        )
        if found is None:
            raise InputError(f"{name!r} has no value",
                             where=f"PEtab problem {self.formulas.problem.name}, observable {m.observable!r}",
                             why="neither the model nor the parameter table gives it one",
                             fix="list it in the parameter table")  # fmt: skip
        return found

    def _gather(self, stage: int) -> _Gather:
        first, last = self._offsets[stage], self._offsets[stage + 1]
        leaf = np.flatnonzero((self._leaves >= first) & (self._leaves < last))
        leaf = leaf[np.argsort(self._owner[leaf], kind="stable")]
        shape = (len(self.stages[stage].experiments), _count(self.stages[stage]),
                 len(self.stages[stage].outputs))  # fmt: skip
        experiment, time, output = np.unravel_index(self._leaves[leaf] - first, shape)
        members, starts = np.unique(self._owner[leaf], return_index=True)
        columns = self.stages[stage].active[experiment[starts]]
        return _Gather(leaf, experiment, time, output, starts, members, columns)

    def _moving_leaves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return leaves that are parameters, grouped by (measurement, parameter)."""
        first = int(self._offsets[-1])
        leaf = np.flatnonzero((self._leaves >= first) & (self._leaves < first + self.count))
        code = self._owner[leaf] * self.count + (self._leaves[leaf] - first)
        leaf = leaf[np.argsort(code, kind="stable")]
        unique, starts = np.unique(np.sort(code), return_index=True)
        return leaf, starts, unique // max(self.count, 1), unique % max(self.count, 1)

    # Reading ------------------------------------------------------------------------------

    def read(self, values: np.ndarray, slopes: np.ndarray | None, ran: Sequence[Ran]) -> Reading:
        """Return the readings.

        Args:
            values: Estimated parameters on the linear scale (n, p).
            slopes: Their derivatives to their own scales, or None for readings without slopes.
            ran: What each stage returned.
        """
        size, number = len(values), len(self.measurements)
        constants = np.broadcast_to(np.array(self._constants), (size, len(self._constants)))
        outputs = [one.out.reshape(size, -1) for one in ran]
        leaves = np.concatenate([*outputs, values, constants], axis=1)[:, self._leaves]
        readings = np.empty((2, size, number))
        partials = np.zeros((2, size, len(self._leaves))) if slopes is not None else None
        with np.errstate(all="ignore"):
            for form in self._forms:
                shape = (size, form.tape.slots, len(form.members))
                known = form.tape.run(list(np.moveaxis(leaves[:, form.part].reshape(shape), 1, 0)))
                for which, end in enumerate(form.tape.ends):
                    readings[which][:, form.members] = known[end]
                    if partials is not None:
                        own = partials[which][:, form.part].reshape(shape)
                        for slot, part in form.tape.slopes(known, which).items():
                            own[:, slot] = part
                        partials[which][:, form.part] = own.reshape(size, -1)
        faults = {n: why for one in reversed(ran) for n, why in one.faults.items()}
        if partials is None or slopes is None:
            return Reading(readings[0], readings[1], None, None, faults)
        tables = [self._chained(part, slopes, ran) for part in partials]
        return Reading(readings[0], readings[1], tables[0], tables[1], faults)

    def _chained(self, part: np.ndarray, slopes: np.ndarray, ran: Sequence[Ran]) -> np.ndarray:
        """Return slopes to the parameters (n, m, p) from those to the leaves (n, leaves)."""
        size, number = len(part), len(self.measurements)
        table = np.zeros((size, number, self.count + 1))
        for gather, one in zip(self._gathers, ran, strict=True):
            weights = part[:, gather.leaf]
            if one.tangents is None or not gather.columns.size or not weights.any():
                continue
            moved = one.tangents[:, gather.experiment, :, gather.time, gather.output]
            moved = np.moveaxis(moved, 0, 1) * weights[..., None]
            total = np.add.reduceat(moved, gather.starts, axis=1)
            table[:, gather.members[:, None], gather.columns] += total
        leaf, starts, member, parameter = self._moving
        if len(leaf):
            total = np.add.reduceat(part[:, leaf], starts, axis=1)
            table[:, member, parameter] += total * slopes[:, parameter]
        return table[:, :, : self.count]


def _names(trees: Sequence[Expr]) -> list[str]:
    """Return the symbols of formulas in order of appearance."""
    found = [node.name for tree in trees for node in nodes(tree) if node.op == "symbol"]
    return list(dict.fromkeys(found))


def _renamed(tree: Expr, names: Sequence[str]) -> Expr:
    """Return a formula with its symbols called by their number."""
    return substitute(tree, {name: Expr("symbol", name=str(k)) for k, name in enumerate(names)})


def _count(stage: Stage) -> int:
    return 1 if stage.settled else stage.times.shape[1]


def _size(stage: Stage) -> int:
    return len(stage.experiments) * _count(stage) * len(stage.outputs)


def _stage_places(
    stages: Sequence[Stage],
) -> dict[tuple[tuple[str, str], bool], tuple[int, int, np.ndarray, tuple[str, ...]]]:
    """Return (stage, experiment, times, outputs) by experiment and whether at rest."""
    return {
        (experiment, stage.settled): (k, row, stage.times[row], stage.outputs)
        for k, stage in enumerate(stages)
        for row, experiment in enumerate(stage.experiments)
    }
