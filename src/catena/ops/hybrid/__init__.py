"""Learning inside and around written equations: neural terms, learned corrections, physics-informed fits."""

from __future__ import annotations

from catena.ops.hybrid.operation import OPERATION, hybrid

__all__ = ["OPERATION", "hybrid"]
