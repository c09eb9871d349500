"""General systems: adaptive diffrax solvers, stiff by default."""

from __future__ import annotations

from typing import Any

import diffrax
import numpy as np

from catena.core.errors import BackendError
from catena.numerics.ode.actions import masses
from catena.numerics.ode.backend import Direction, Solution, Solve
from catena.numerics.ode.calls import Row
from catena.numerics.ode.elimination import independent_states
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.rodas import Rodas4
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.steady import before_start
from catena.numerics.ode.stepper import integrate


def solver_of(
    method: str, rtol: float, atol: float, free: tuple[int, ...], mass: np.ndarray | None
) -> Any:
    """Return the diffrax solver a method name stands for."""
    newton = diffrax.VeryChord(rtol=rtol, atol=atol)
    if method == "kvaerno5":
        return diffrax.Kvaerno5(root_finder=newton)
    if method == "kvaerno4":
        return diffrax.Kvaerno4(root_finder=newton)
    if method == "tsit5":
        return diffrax.Tsit5()
    if method == "dopri8":
        return diffrax.Dopri8()
    return Rodas4(free, mass)


def _matrix(flat: Flat) -> np.ndarray | None:
    return None if flat.mass is None else np.diag(masses(flat))


def method_name(settings: SolverSettings) -> str:
    """Return the method in use: ``auto`` and the kernel's stand for ``rodas4``."""
    return "rodas4" if settings.method in ("auto", "kernel") else settings.method


def stepping(flat: Flat, settings: SolverSettings, atol: np.ndarray) -> Solve:
    """Return the function that integrates one row adaptively.

    Raises:
        BackendError: the method cannot take the system's mass matrix.
    """
    method = method_name(settings)
    if flat.mass is not None and method != "rodas4":
        raise BackendError(f"Method {method!r} takes no mass matrix", where="SolverSettings",
                           why="the system declares masses or algebraic equations",
                           fix='use method="auto"')  # fmt: skip
    free = independent_states(flat) if method == "rodas4" else ()
    solver = solver_of(method, settings.rtol, float(atol.min()), free, _matrix(flat))

    def leg(row: Row, direction: Direction) -> Solution:
        return integrate(flat, row, solver, settings, atol, direction)

    def solve(row: Row, direction: Direction) -> Solution:
        return leg(before_start(flat, row, leg, direction), direction)

    return solve
