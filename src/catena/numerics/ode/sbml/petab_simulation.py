"""Simulates the experiments of a PEtab problem: what each instrument would have read.

Experiments whose conditions set the same quantities run as one batch. Where an experiment starts
from rest, the state of rest under its earlier condition comes first; quantities that the condition
of the experiment sets replace the values found there (PEtab 1; Schmiester et al. 2021,
doi:10.1371/journal.pcbi.1008646).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.formats.petab import Measurement, PetabProblem
from catena.numerics.ode.sbml.equations import Equations
from catena.numerics.ode.sbml.petab_readings import Instruments, log_density
from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.sbml.rest import Rest
from catena.numerics.ode.sbml.structure import Structure, sort_out
from catena.numerics.ode.sbml.system import load_sbml
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.system import OdeSystem

#: An experiment: the condition it starts from rest in ("" for none), and its own condition.
Experiment = tuple[str, str]
#: Quantities by name, one value per experiment and time.
Columns = dict[str, np.ndarray]

SETTINGS = SolverSettings(rtol=1e-8, atol=1e-14, max_steps=200_000)
#: Time at which a model at rest is looked at.
_LATE = 1e9


@final
@dataclass(frozen=True)
class Simulated:
    """Readings of the instruments.

    Args:
        values: Simulated value of every measurement (m,), on the linear scale.
        sigmas: Scale of its noise (m,).
        diagnostics: What the solver reported, per batch of experiments.
    """

    values: np.ndarray
    sigmas: np.ndarray
    diagnostics: tuple[Mapping[str, Any], ...] = ()


@final
class PetabSimulator:
    """A PEtab problem ready to be simulated, again and again with other parameters.

    Args:
        problem: The problem.
        settings: Solver choices.

    Raises:
        DataError: the model or a formula holds something that is not supported.
    """

    def __init__(self, problem: PetabProblem, settings: SolverSettings = SETTINGS) -> None:
        self.problem, self.settings = problem, settings
        self.model = read_sbml(problem.model)
        self.instruments = Instruments(problem, self.model)
        self._asked = self.instruments.asked()
        self._systems: dict[Any, OdeSystem] = {}
        self._rests: dict[frozenset[str], Rest] = {}

    def simulate(self, parameters: Mapping[str, float] | None = None) -> Simulated:
        """Return what every measurement would have read.

        Args:
            parameters: Values on the linear scale that replace the nominal ones.

        Raises:
            InputError: a parameter is unknown, or a value is missing.
            SolverError: an experiment could not be integrated, or does not come to rest.
        """
        values = self.instruments.parameters(parameters)
        wanted = _wanted(self.problem.measurements)
        readings: dict[Experiment, Columns] = {}
        reports = [self._run(b, wanted, values, readings) for b in self._batches(wanted)]
        out = np.full((2, len(self.problem.measurements)), np.nan)
        for index, m in enumerate(self.problem.measurements):
            experiment = (m.before, m.condition)
            at = int(np.searchsorted(wanted[experiment], m.time))
            known = {name: column[at] for name, column in readings[experiment].items()}
            out[:, index] = self.instruments.read(m, known, values)
        return Simulated(out[0], out[1], tuple(reports))

    def log_likelihood(self, simulated: Simulated) -> float:
        """Return the log-likelihood of the measurements given what was simulated."""
        rows = zip(self.problem.measurements, simulated.values, simulated.sigmas, strict=True)
        return sum(
            log_density(self.problem.observables[m.observable], m.value, float(v), float(s))
            for m, v, s in rows
        )

    # Experiments --------------------------------------------------------------------------

    def _batches(self, wanted: Iterable[Experiment]) -> list[list[Experiment]]:
        """Group experiments that set the same quantities."""
        groups: dict[Any, list[Experiment]] = {}
        for before, condition in wanted:
            key = (bool(before), self._set_by(before), self._set_by(condition))
            groups.setdefault(key, []).append((before, condition))
        return list(groups.values())

    def _set_by(self, condition: str) -> frozenset[str]:
        """Return the quantities of the model that the tables set under a condition."""
        if not condition:
            return frozenset()
        given = {*self.problem.conditions[condition].values, *self.problem.parameters}
        return frozenset(name for name in self.model.symbols if name in given)

    def _run(
        self,
        batch: list[Experiment],
        wanted: Mapping[Experiment, np.ndarray],
        values: Mapping[str, float],
        readings: dict[Experiment, Columns],
    ) -> Mapping[str, Any]:
        """Simulate a batch of experiments; add what it gives to ``readings``."""
        free = self._set_by(batch[0][1])
        start: Columns = {}
        if batch[0][0]:
            start = self._started([before for before, _ in batch], values)
            free |= set(start)
        system = self._system(free, self._asked)
        inputs = self._inputs(system, [condition for _, condition in batch], values, start)
        times = [wanted[experiment] for experiment in batch]
        finite = [t[np.isfinite(t)] for t in times]
        longest = max(1, *(len(t) for t in finite))
        result = system.predict({**inputs, "time": np.array([_padded(t, longest) for t in finite])})
        columns = {n: [result[n][k, : len(t)] for k, t in enumerate(finite)] for n in self._asked}
        if any(np.isinf(t).any() for t in times):
            final = self._at_rest(free, inputs, len(batch), self._asked)
            columns = {
                name: [np.append(row, final[name][k]) for k, row in enumerate(rows)]
                for name, rows in columns.items()
            }
        for row, experiment in enumerate(batch):
            readings[experiment] = {name: rows[row] for name, rows in columns.items()}
        return result.diagnostics

    def _started(self, conditions: list[str], values: Mapping[str, float]) -> Columns:
        """Return the states at rest (n,) under each condition, in the sense of their symbols."""
        unique = list(dict.fromkeys(conditions))
        free = self._set_by(unique[0])
        states = sort_out(self.model, free).states
        inputs = self._inputs(self._system(free, states), unique, values, {})
        found = self._at_rest(free, inputs, len(unique), states)
        rows = [unique.index(condition) for condition in conditions]
        return {name: column[rows] for name, column in found.items()}

    def _at_rest(
        self, free: frozenset[str], inputs: Columns, size: int, asked: tuple[str, ...]
    ) -> Columns:
        """Return quantities at rest (size,)."""
        system = self._system(free, asked)
        if free not in self._rests:
            self._rests[free] = Rest(system)
        found = self._rests[free].states(inputs, size)
        looks = []
        for row in range(size):
            p = {name: float(column[row]) for name, column in inputs.items()}
            p |= system.derive(p) if system.derive is not None else {}
            states = dict(zip(system.layout.names, found[row], strict=True))
            looks.append(system.output(_LATE, states, p, {}))
        return {name: np.array([float(look[name]) for look in looks]) for name in asked}

    def _system(self, free: frozenset[str], outputs: tuple[str, ...]) -> OdeSystem:
        key = (free, outputs)
        if key not in self._systems:
            self._systems[key] = load_sbml(
                self.model, outputs=outputs, free=free, settings=self.settings
            )
        return self._systems[key]

    def _inputs(
        self,
        system: OdeSystem,
        conditions: list[str],
        values: Mapping[str, float],
        start: Columns,
    ) -> Columns:
        """Return inputs (n,): the document's values, then the tables', then the condition's."""
        structure = _structure(system)
        size = len(conditions)
        inputs: Columns = {
            field.name: np.full(size, np.nan if field.default is None else field.default)
            for field in system.parameters
        }
        known = {*structure.inputs, *structure.states}
        for table in (values, start):
            for name, column in table.items():
                if name in known:
                    inputs[structure.input_name(name)] = np.zeros(size) + column
        for row, condition in enumerate(conditions):
            for name, given in self.problem.conditions[condition].values.items():
                if name in known:
                    value = self.instruments.resolved(given, values)
                    inputs[structure.input_name(name)][row] = value
        return inputs


def _structure(system: OdeSystem) -> Structure:
    equations: Equations = system.rhs.__self__  # type: ignore[attr-defined]
    return equations.structure


def _wanted(measurements: Iterable[Measurement]) -> dict[Experiment, np.ndarray]:
    """Return the times at which each experiment is read, in order."""
    times: dict[Experiment, set[float]] = {}
    for m in measurements:
        times.setdefault((m.before, m.condition), set()).add(m.time)
    return {experiment: np.array(sorted(found)) for experiment, found in times.items()}


def _padded(times: np.ndarray, length: int) -> np.ndarray:
    """Fill up with the last time."""
    last = times[-1] if len(times) else 0.0
    return np.append(times, np.full(length - len(times), last))
