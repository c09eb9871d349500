"""The experiments of a PEtab problem as libroadrunner simulates them.

Nothing of Catena's SBML code takes part: each experiment is a document of its own, changed through
libSBML. Only the formulas of the observables are evaluated by Catena.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libsbml
import numpy as np

from catena.numerics.ode.sbml.petab_simulation import PetabSimulator

#: What stands for a moment that never comes, or that has passed.
_NEVER, _PAST = 1e30, -1.0
#: Time by which a model counts as at rest, in its own unit.
_LONG = 1e6


def simulated_by_roadrunner(simulator: PetabSimulator) -> np.ndarray:
    """Return the simulated value of every measurement at nominal parameters (m,)."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    problem, instruments = simulator.problem, simulator.instruments
    values = instruments.parameters(None)
    text = problem.model.read_text(encoding="utf-8")
    times: dict[tuple[str, str], set[float]] = {}
    for m in problem.measurements:
        times.setdefault((m.before, m.condition), set()).add(m.time)
    rest: dict[str, dict[str, float]] = {}
    tables = {}
    for (before, condition), wanted in times.items():
        changes = dict(values)
        if before:
            if before not in rest:
                given = values | _resolved(simulator, before, values)
                rest[before] = _final(_changed(text, given))
            changes |= rest[before]
        own = _resolved(simulator, condition, values)
        jumps = {name: value for name, value in own.items() if name.endswith("_time")}
        table = _run(_changed(text, changes | own), sorted(wanted), jumps, instruments.asked())
        tables[before, condition] = dict(zip(sorted(wanted), table, strict=True))
    return np.array(
        [
            instruments.read(m, tables[m.before, m.condition][m.time], values)[0]
            for m in problem.measurements
        ]
    )


def _resolved(
    simulator: PetabSimulator, condition: str, values: Mapping[str, float]
) -> dict[str, float]:
    given = simulator.problem.conditions[condition].values
    return {name: simulator.instruments.resolved(value, values) for name, value in given.items()}


def _changed(text: str, changes: Mapping[str, float]) -> str:
    """Return the document with other values in place of its values and initial assignments."""
    document = libsbml.readSBMLFromString(text)
    model = document.getModel()
    for name, value in changes.items():
        model.removeInitialAssignment(name)
        species, compartment = model.getSpecies(name), model.getCompartment(name)
        if species is not None:
            species.unsetInitialAmount()
            species.unsetInitialConcentration()
            if species.getHasOnlySubstanceUnits():
                species.setInitialAmount(float(value))
            else:
                species.setInitialConcentration(float(value))
        elif compartment is not None:
            compartment.setSize(float(value))
        elif model.getParameter(name) is not None:
            model.getParameter(name).setValue(float(value))
    changed: str = libsbml.writeSBMLToString(document)
    return changed


def _runner(text: str) -> Any:
    import roadrunner

    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance = 1e-12
    runner.integrator.absolute_tolerance = 1e-15
    runner.integrator.maximum_num_steps = 1_000_000
    return runner


def _symbols(text: str) -> dict[str, str]:
    """Return the selections that give species in the sense of SBML."""
    document = libsbml.readSBMLFromString(text)
    return {
        s.getId(): s.getId() if s.getHasOnlySubstanceUnits() else f"[{s.getId()}]"
        for s in document.getModel().getListOfSpecies()
    }


def _run(
    text: str,
    times: list[float],
    jumps: Mapping[str, float],
    asked: tuple[str, ...],
) -> list[dict[str, float]]:
    """Return the asked quantities at the given times.

    CVODE cannot step over a jump, so the parameters that hold the moments of
    jumps are set to "never" before and to "past" after them, one stretch at a time.
    """
    runner, symbols = _runner(text), _symbols(text)
    selections = [symbols.get(name, name) for name in asked]
    rows: dict[float, list[float]] = {}
    ends = sorted({jump for jump in jumps.values() if 0.0 < jump < times[-1]} | {times[-1]})
    start = 0.0
    for end in ends:
        for name, jump in jumps.items():
            runner.setValue(name, _PAST if jump <= start else _NEVER)
        if start == 0.0:
            rows[0.0] = [runner.getValue(selection) for selection in selections]
        if end > start:
            inside = [time for time in times if start < time < end]
            table = np.asarray(runner.simulate(times=[start, *inside, end], selections=selections))
            rows |= dict(zip([*inside, end], table[1:].tolist(), strict=True))
        start = end
    return [dict(zip(asked, map(float, rows[time]), strict=True)) for time in times]


def _final(text: str) -> dict[str, float]:
    """Return the species and rate-rule variables at rest."""
    runner, symbols = _runner(text), _symbols(text)
    runner.simulate(0.0, _LONG, 2)
    names = [*runner.model.getFloatingSpeciesIds(), *runner.model.getRateRuleSymbols()]
    values = {name: float(runner.getValue(symbols.get(name, name))) for name in names}
    # Libroadrunner lowers its absolute tolerance to the smallest start value above zero.
    least = 1e-18 * max(map(abs, values.values()))
    return {name: value if abs(value) > least else 0.0 for name, value in values.items()}
