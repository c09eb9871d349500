"""Why a model says what it says about one case."""

from __future__ import annotations

from catena.ops.explain.analysis import OPERATION, explain

__all__ = ["OPERATION", "explain"]
