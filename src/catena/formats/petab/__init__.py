"""PEtab problems: a model, the experiments done with it, and what was measured."""

from __future__ import annotations

from catena.formats.petab.problem import (
    Condition,
    Measurement,
    Observable,
    Parameter,
    PetabProblem,
    Prior,
)
from catena.formats.petab.reader import read_measurements, read_petab

__all__ = [
    "Condition",
    "Measurement",
    "Observable",
    "Parameter",
    "PetabProblem",
    "Prior",
    "read_measurements",
    "read_petab",
]
