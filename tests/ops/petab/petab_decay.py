"""A small PEtab problem whose best fit is known: decay seen through a scaled instrument."""

from __future__ import annotations

import math
from pathlib import Path

import libsbml
import numpy as np

from catena.formats.petab import Condition, Measurement, Observable, Parameter, PetabProblem

TRUE = {"k": 0.4, "a0": 3.0, "scale": 2.0, "sd": 0.05}
TIMES = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)


def decay_problem(folder: Path) -> PetabProblem:
    """Return the problem; the model lies in ``folder``."""
    path = folder / "decay.xml"
    path.write_text(_model())
    rng = np.random.default_rng(5)
    bounds = {"k": (1e-3, 1e2), "a0": (1e-2, 1e2), "scale": (1e-2, 1e2), "sd": (1e-3, 1e1)}
    parameters = {
        name: Parameter(name, "log10", value, *bounds[name], estimated=True)
        for name, value in TRUE.items()
    }
    observables = {
        "seen": Observable("seen", "scale * A", "sd", "log10"),
        "total": Observable("total", "A", "0.1"),
    }
    measured = [
        Measurement("seen", "c", "", t, 6.0 * math.exp(-0.4 * t) * 10 ** (0.05 * noise))
        for t, noise in zip(TIMES, rng.standard_normal(len(TIMES)).tolist(), strict=True)
    ]
    measured += [Measurement("total", "c", "", 0.0, 3.02), Measurement("total", "c", "", 1.0, 2.0)]
    conditions = {"c": Condition("c", {})}
    return PetabProblem("decay", path, parameters, conditions, observables, tuple(measured))


def write_problem(folder: Path, problem: PetabProblem) -> Path:
    """Write the problem's tables next to its model; return the YAML file."""
    heads = "parameterId parameterScale lowerBound upperBound nominalValue estimate"
    rows = [(p.name, p.scale, p.lower, p.upper, p.nominal, 1) for p in problem.parameters.values()]
    _write(folder / "parameters.tsv", heads, rows)
    _write(folder / "conditions.tsv", "conditionId", [("c",)])
    seen = [(o.name, o.formula, o.noise, o.transformation) for o in problem.observables.values()]
    _write(folder / "observables.tsv",
           "observableId observableFormula noiseFormula observableTransformation", seen)  # fmt: skip
    rows = [(m.observable, m.condition, m.time, m.value) for m in problem.measurements]
    _write(folder / "measurements.tsv", "observableId simulationConditionId time measurement", rows)
    path = folder / "decay.yaml"
    path.write_text(
        "format_version: 1\nparameter_file: parameters.tsv\nproblems:\n"
        "- condition_files: [conditions.tsv]\n  measurement_files: [measurements.tsv]\n"
        "  observable_files: [observables.tsv]\n  sbml_files: [decay.xml]\n"
    )
    return path


def _write(path: Path, heads: str, rows: list[tuple[object, ...]]) -> None:
    lines = ["\t".join(heads.split()), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def _model() -> str:
    document = libsbml.SBMLDocument(3, 1)
    model = document.createModel()
    model.setId("decay")
    compartment = model.createCompartment()
    compartment.setId("c0")
    compartment.setSize(1.0)
    compartment.setConstant(True)
    species = model.createSpecies()
    for name, value in {
        "Id": "A", "Compartment": "c0", "InitialConcentration": 1.0, "Constant": False,
        "BoundaryCondition": False, "HasOnlySubstanceUnits": False,
    }.items():  # fmt: skip
        getattr(species, f"set{name}")(value)
    for name, value in (("k", 1.0), ("a0", 1.0)):
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setValue(value)
        parameter.setConstant(True)
    start = model.createInitialAssignment()
    start.setSymbol("A")
    start.setMath(libsbml.parseL3Formula("a0"))
    reaction = model.createReaction()
    reaction.setId("r")
    reaction.setReversible(False)
    reaction.setFast(False)
    reactant = reaction.createReactant()
    reactant.setSpecies("A")
    reactant.setStoichiometry(1.0)
    reactant.setConstant(True)
    reaction.createKineticLaw().setMath(libsbml.parseL3Formula("k * A * c0"))
    text: str = libsbml.writeSBMLToString(document)
    return text
