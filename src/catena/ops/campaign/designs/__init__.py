"""Classical experimental designs on a space of factors."""

from __future__ import annotations

from catena.ops.campaign.designs.plan import DESIGNS, Design, design

__all__ = ["DESIGNS", "Design", "design"]
