"""Ordinary differential equations: one declaration, several ways to solve it."""

from __future__ import annotations

from catena.numerics.ode.declare.crossings import Crossing
from catena.numerics.ode.declare.stimuli import Periodic
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.system import OdeSystem

__all__ = ["Crossing", "OdeSystem", "Periodic", "SolverSettings"]
