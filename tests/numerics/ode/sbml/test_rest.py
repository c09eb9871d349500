from __future__ import annotations

import numpy as np
import pytest
from sbml_builder import document

from catena.core.errors import SolverError
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml import load_sbml
from catena.numerics.ode.sbml.rest import Rest

TIGHT = SolverSettings(rtol=1e-8, atol=1e-12)


def rest(text: str, size: int = 1, **inputs: float | list[float]) -> np.ndarray:
    system = load_sbml(text, settings=TIGHT)
    batch = {f.name: np.atleast_1d(inputs.get(f.name, f.default)) for f in system.parameters}
    return Rest(system).states(batch, size)


def test_conserved_totals_survive() -> None:
    text = document(
        species={"A": {"conc": 7.0}, "B": {"conc": 3.0}, "C": {"conc": 2.0}, "D": {"conc": 0.0}},
        parameters={"k": 0.3, "q": 0.2},
        reactions={
            "r": ("A -> B", "k * A"), "s": ("B -> A", "q * B"),
            "u": ("2 C -> D", "k * C^2"), "v": ("D -> 2 C", "q * D"),
        },
    )  # fmt: skip
    found = rest(text, 2, A_initial=[7.0, 17.0])
    np.testing.assert_allclose(found[:, :2], [[4.0, 6.0], [8.0, 12.0]], rtol=1e-12)
    c = (-1 + np.sqrt(1 + 8 * 1.5 * 2)) / (4 * 1.5)  # D = 1.5 C^2 and C + 2 D = 2
    np.testing.assert_allclose(found[:, 2], c, rtol=1e-12)


def test_of_two_states_of_rest_the_start_chooses() -> None:
    text = document(
        parameters={"x": {"value": 0.4, "constant": False}}, rate={"x": "x * (1 - x) * (x - 0.5)"}
    )
    found = rest(text, 2, x_initial=[0.4, 0.6])
    np.testing.assert_allclose(found[:, 0], [0.0, 1.0], atol=1e-9)


def test_slow_models_are_waited_for() -> None:
    text = document(
        parameters={"x": {"value": 1.0, "constant": False}, "k": 1e-5}, rate={"x": "k * (3 - x)"}
    )
    np.testing.assert_allclose(rest(text), [[3.0]], rtol=1e-9)


def test_everything_may_vanish() -> None:
    text = document(species={"A": {"conc": 1.0}}, reactions={"r": ("A ->", "A")})
    np.testing.assert_allclose(rest(text), [[0.0]], atol=1e-10)


def test_what_keeps_moving_is_named() -> None:
    text = document(
        parameters={"x": {"value": 1.0, "constant": False}, "z": {"value": 0.0, "constant": False}},
        rate={"x": "-x", "z": "1"},
    )
    with pytest.raises(SolverError, match="z still moves"):
        rest(text)
