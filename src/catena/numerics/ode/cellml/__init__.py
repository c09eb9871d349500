"""CellML models as OdeSystems: ``load_cellml``."""

from __future__ import annotations

from catena.numerics.ode.cellml.system import load_cellml

__all__ = ["load_cellml"]
