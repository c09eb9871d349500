"""A fast stand-in for a slow model: a Model again, with intervals, a domain and gradients."""

from __future__ import annotations

from catena.ops.surrogate.files import load_surrogate
from catena.ops.surrogate.replace import OPERATION, save_surrogate, surrogate

__all__ = ["OPERATION", "load_surrogate", "save_surrogate", "surrogate"]
