"""Which input, or which link of a chain, the variation of an output comes from."""

from __future__ import annotations

from catena.ops.sensitivity.analysis import OPERATION, sensitivity

__all__ = ["OPERATION", "sensitivity"]
