"""Drift: whether inputs and errors still look as when the model was judged."""

from __future__ import annotations

from catena.ops.drift.drift import OPERATION, drift

__all__ = ["OPERATION", "drift"]
