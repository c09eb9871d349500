"""Small models that each stress one construct, beside libroadrunner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sbml_builder import document

from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml import load_sbml

TIMES = np.linspace(0.0, 10.0, 21)
TIGHT = SolverSettings(rtol=1e-9, atol=1e-12)

DECAY = {"r": ("A -> B", "k * A")}
AB = {"A": {"conc": 10.0}, "B": {"conc": 0.0}}

CASES: dict[str, dict[str, Any]] = {
    "mass action": {"species": AB, "parameters": {"k": 0.3}, "reactions": DECAY},
    "stoichiometries": {
        "species": {**AB, "C": {"conc": 1.0}},
        "parameters": {"k": 0.02},
        "reactions": {"r": ("2 A + C -> 3 B", "k * A^2 * C")},
    },
    "level 2": {
        "level": 2,
        "version": 4,
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": {"r": ("2 A -> B", "k * A * f")},
        "local": {"r": {"f": 0.5}},
    },
    "local parameters hide global ones": {
        "species": AB,
        "parameters": {"k": 7.0},
        "reactions": {"r": ("A -> B", "k * A"), "s": ("B -> A", "k * B")},
        "local": {"r": {"k": 0.3}, "s": {"k": 0.1}},
    },
    "two volumes": {
        "compartments": {"c": {"size": 2.0}, "d": {"size": 0.5}},
        "species": {"A": {"conc": 10.0}, "B": {"amount": 1.0, "compartment": "d"}},
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> B", "c * k * A - d * 0.1 * B")},
    },
    "amounts only": {
        "compartments": {"c": {"size": 2.0}},
        "species": {"A": {"amount": 10.0, "only_amount": True}, "B": {"amount": 3.0}},
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> B", "k * A + 0.1 * B")},
    },
    "amount given as a concentration": {
        "compartments": {"c": {"size": 2.0}},
        "species": {"A": {"conc": 5.0, "only_amount": True}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
    },
    "no dimensions": {
        "compartments": {"c": {"dimensions": 0}},
        "species": {"A": {"amount": 5.0}, "B": {"amount": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
    },
    "growing volume": {
        "compartments": {"c": {"size": 2.0, "constant": False}},
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> B", "c * k * A")},
        "rate": {"c": "0.2 * c"},
    },
    "volume by a rule": {
        "compartments": {"c": {"constant": False}},
        "species": {"A": {"amount": 10.0}, "B": {"amount": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> B", "c * k * A")},
        "assignment": {"c": "2 + sin(time)"},
    },
    "boundary species": {
        "species": {"A": {"conc": 10.0, "boundary": True}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
    },
    "boundary species with a rate rule": {
        "species": {"A": {"conc": 10.0, "boundary": True}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "rate": {"A": "-0.1 * A + cos(time)"},
    },
    "boundary species with an assignment rule": {
        "species": {"A": {"conc": 10.0, "boundary": True}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "assignment": {"A": "2 + time / 5"},
    },
    "constant species": {
        "species": {"A": {"conc": 4.0, "boundary": True, "constant": True}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3},
        "reactions": DECAY,
    },
    "conversion factor": {
        "species": {"A": {"conc": 10.0, "conversion": "f"}, "B": {"conc": 0.0}},
        "parameters": {"k": 0.3, "f": 0.25},
        "reactions": DECAY,
    },
    "rules in any order": {
        "species": AB,
        "parameters": {
            "k": {"constant": False}, "m": {"constant": False}, "n": {"constant": False}, "q": 0.1,
        },
        "reactions": DECAY,
        "assignment": {"k": "m / 2", "m": "n + q", "n": "B / 50"},
    },
    "initial assignments in a chain": {
        "species": {"A": {}, "B": {"conc": 1.0}},
        "parameters": {"k": {}, "m": {}, "q": 0.2},
        "reactions": DECAY,
        "initial": {"A": "m * 20", "m": "k + B", "k": "q * 1.5"},
    },
    "initial assignment of a volume": {
        "compartments": {"c": {"size": None}},
        "species": {"A": {"amount": 10.0}, "B": {"conc": 1.0}},
        "parameters": {"k": 0.3, "q": 4.0},
        "reactions": DECAY,
        "initial": {"c": "q / 2"},
    },
    "function definitions": {
        "species": AB,
        "parameters": {"k": 3.0, "K": 4.0},
        "functions": {"mm": "lambda(v, K, s, v * s / down(K, s))", "down": "lambda(a, b, a + b)"},
        "reactions": {"r": ("A -> B", "mm(k, K, A)")},
    },
    "rate rules of parameters": {
        "parameters": {"x": {"value": 1.0, "constant": False}, "v": {"value": 0.0, "constant": False}},
        "rate": {"x": "v", "v": "-4 * x"},
    },
    "reaction rates in formulas": {
        "species": AB,
        "parameters": {"k": 0.3, "x": {"value": 0.0, "constant": False}},
        "reactions": DECAY,
        "rate": {"x": "r^2"},
    },
    "variable stoichiometry": {
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> w B", "k * A")},
        "assignment": {"w": "1 + A / 10"},
    },
    "piecewise in time": {
        "species": AB,
        "parameters": {"k": {"constant": False}, "on": 2.25, "off": 7.125},
        "reactions": DECAY,
        "assignment": {"k": "piecewise(0.5, time >= on && time < off, 0.01)"},
    },
    "piecewise in a state": {
        "species": AB,
        "parameters": {"k": {"constant": False}},
        "reactions": DECAY,
        "assignment": {"k": "piecewise(1, A > 4, 0.05)"},
    },
    "event at a time": {
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "events": [{"trigger": "time > 3.3", "set": {"A": "A + 5", "B": "0"}}],
    },
    "event at a state": {
        "species": AB,
        "parameters": {"k": 0.8},
        "reactions": DECAY,
        "events": [{"trigger": "A < 2", "set": {"A": "10"}}],
    },
    "event of a parameter": {
        "species": AB,
        "parameters": {"k": {"value": 0.3, "constant": False}},
        "reactions": DECAY,
        "events": [{"trigger": "time >= 4", "set": {"k": "k / 10"}}],
    },
    "event that sets off another": {
        "species": AB,
        "parameters": {"k": {"value": 0.3, "constant": False}},
        "reactions": DECAY,
        "events": [
            {"trigger": "time > 4.1", "set": {"A": "20"}},
            {"trigger": "A > 15", "set": {"k": "0.9"}},
        ],
    },
    "event at the start": {
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "events": [{"trigger": "A > 5", "initial": False, "set": {"A": "3"}}],
    },
    "event that was already on": {
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "events": [{"trigger": "time >= 0", "set": {"A": "3"}}],
    },
    "events in order of priority": {
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": DECAY,
        "events": [
            {"trigger": "time > 2.2", "priority": "1", "set": {"A": "A * 2"}, "at_trigger": False},
            {"trigger": "time > 2.2", "priority": "5", "set": {"A": "A + 7"}, "at_trigger": False},
        ],
    },
    "event of a volume": {
        "compartments": {"c": {"size": 1.0, "constant": False}},
        "species": AB,
        "parameters": {"k": 0.3},
        "reactions": {"r": ("A -> B", "c * k * A")},
        "events": [{"trigger": "time > 2.2", "set": {"c": "4"}}],
    },
}  # fmt: skip


def peer(roadrunner: Any, text: str, names: list[str], species: set[str]) -> np.ndarray:
    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance = 1e-11
    runner.integrator.absolute_tolerance = 1e-13
    whole = {n for n in species if 'hasOnlySubstanceUnits="true"' in _element(text, n)}
    chosen = [f"[{n}]" if n in species - whole else n for n in names]
    return np.asarray(runner.simulate(times=TIMES.tolist(), selections=chosen))


def _element(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if f'<species id="{name}"' in line)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_libroadrunner(name: str, roadrunner: Any) -> None:
    text = document(**CASES[name])
    system = load_sbml(text, settings=TIGHT)
    names = list(system.outputs.names)
    got = system.predict(time=TIMES)
    expected = peer(roadrunner, text, names, set(CASES[name].get("species", {})))
    for column, output in enumerate(names):
        scale = np.abs(expected[:, column]).max() or 1.0
        np.testing.assert_allclose(
            got[output][0] / scale, expected[:, column] / scale, atol=1e-7, err_msg=output
        )
