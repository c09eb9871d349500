"""How uncertain an output is, and which input that comes from."""

from __future__ import annotations

from catena.ops.uncertainty.analysis import OPERATION, uncertainty

__all__ = ["OPERATION", "uncertainty"]
