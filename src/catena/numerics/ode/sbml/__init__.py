"""SBML models as OdeSystems."""

from __future__ import annotations

from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.sbml.system import load_sbml

__all__ = ["load_sbml", "read_sbml"]
