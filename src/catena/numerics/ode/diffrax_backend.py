"""General systems: adaptive diffrax solvers, stiff by default."""

from __future__ import annotations

from typing import Any

import diffrax
import jax.numpy as jnp

from catena.numerics.ode.backend import Direction, Problem, Row, Solution
from catena.numerics.ode.rodas import Rodas4
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.steady import after_start
from catena.numerics.ode.stepper import integrate


def solver_of(settings: SolverSettings, free: tuple[int, ...]) -> Any:
    """Return the diffrax solver a method name stands for."""
    newton = diffrax.VeryChord(rtol=settings.rtol, atol=settings.atol)
    if settings.method == "kvaerno5":
        return diffrax.Kvaerno5(root_finder=newton)
    if settings.method == "kvaerno4":
        return diffrax.Kvaerno4(root_finder=newton)
    if settings.method == "tsit5":
        return diffrax.Tsit5()
    if settings.method == "dopri8":
        return diffrax.Dopri8()
    return Rodas4(free)


class DiffraxBackend:
    """Solves rows with the stepper."""

    def solve(
        self, problem: Problem, row: Row, settings: SolverSettings, direction: Direction
    ) -> Solution:
        """Integrate one row adaptively."""
        row = row._replace(parameters=problem.parameters(row))
        solver = solver_of(settings, problem.free)

        def flow(row: Row, y: Any, t: Any, length: Any, rate: Any, way: Direction) -> Any:
            """Return the state ``length`` after ``t`` under constant infusion."""
            nothing = jnp.zeros((1, len(problem.dosed)))
            leg = row._replace(
                times=jnp.stack([t + length]), start=t, stops=jnp.zeros(0), bolus=nothing,
                rate=rate[None], reset=jnp.zeros(1), steady=None,
            )  # fmt: skip
            return integrate(problem, leg, y, solver, settings, way).state

        y0 = after_start(problem, row, flow, direction)
        return integrate(problem, row, y0, solver, settings, direction)
