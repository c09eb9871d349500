"""From a wanted outcome back to the inputs that give it."""

from __future__ import annotations

from catena.ops.invert.analysis import OPERATION, invert
from catena.ops.invert.region import Region

__all__ = ["OPERATION", "Region", "invert"]
