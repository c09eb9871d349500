"""The inputs that make outputs of a Model or Chain best, and the next experiments to try."""

from __future__ import annotations

from catena.ops.optimise.optimisation import OPERATION, optimise
from catena.ops.optimise.suggest import suggest

__all__ = ["OPERATION", "optimise", "suggest"]
