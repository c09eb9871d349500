"""A small PEtab problem with all that a condition, an observable or a measurement can ask for."""

from __future__ import annotations

import math
from pathlib import Path

from sbml_builder import document

from catena.formats.petab import Condition, Measurement, Observable, Parameter, PetabProblem

#: A is fed and turns into B, which leaves; at rest A = feed / k and B = feed / out.
MODEL = document(
    species={"A": {"conc": 1.0}, "B": {}},
    parameters={"k": 9.0, "feed": 0.0, "out": 0.5, "b0": 4.0, "unused": 1.0, "half": 0.0},
    reactions={"in": ("-> A", "feed"), "r": ("A -> B", "k * A"), "o": ("B ->", "out * B")},
    initial={"B": "b0 / 2", "half": "out / 2"},
)
PARAMETERS = (
    Parameter("k", "log10", 0.3, 1e-3, 1e3, estimated=True),
    Parameter("out", "log", 0.5, 1e-2, 1e2, estimated=True),
    Parameter("offset", "lin", 0.25, -1.0, 1.0, estimated=True),
    Parameter("scale", "log10", 2.0, 1e-3, 1e3, estimated=True),
    Parameter("sd", "log10", 0.5, 1e-3, 1e3, estimated=True),
    Parameter("spike", "log10", 8.0, 1e-3, 1e3, estimated=True),
    Parameter("unused", "log10", 1.0, 1e-3, 1e3, estimated=True),
    Parameter("dose", nominal=2.0),
)


def measured(
    observable: str, before: str, condition: str, time: float, value: float
) -> Measurement:
    given = (("scale",), (0.1,)) if observable == "o" else ((), ())
    return Measurement(observable, condition, before, time, value, *given)


MEASURED = (
    measured("o", "", "fed", 1.0, 3.0), measured("o", "", "fed", 4.0, 5.0),
    measured("o", "", "starved", 2.0, 1.5), measured("o", "fed", "starved", 2.0, 8.0),
    measured("o", "fed", "starved", 0.0, 13.0), measured("b", "fed", "spiked", 1.5, 5.0),
    measured("b", "starved", "spiked", 3.0, math.nan), measured("b", "", "bare", 0.5, 2.0),
    measured("o", "", "fed", math.inf, 14.0), measured("l", "", "starved", 1.0, 1.1),
    measured("h", "", "starved", 1.0, 0.3), measured("b", "", "fed", 0.0, 2.2),
)  # fmt: skip


def small_problem(folder: Path) -> PetabProblem:
    """Return a problem with every way to set a quantity: tables, rest, overrides, infinite time."""
    path = folder / "model.xml"
    path.write_text(MODEL)
    conditions = [
        Condition("fed", {"feed": "dose"}),
        Condition("starved", {"feed": 0.0}),
        Condition("spiked", {"A": "spike", "feed": 0.0}),
        Condition("bare", {"A": 0.0, "B": 3.0}),
    ]
    observables = [
        Observable("o", "offset + observableParameter1_o * A", "noiseParameter1_o * o"),
        Observable("b", "B", "0.1 * B + sd", "log10"),
        Observable("l", "A + B", "sd", "log", "laplace"),
        Observable("h", "half + A * unused", "sd"),
    ]
    return PetabProblem(
        "small", path, {p.name: p for p in PARAMETERS}, {c.name: c for c in conditions},
        {o.name: o for o in observables}, MEASURED,
    )  # fmt: skip
