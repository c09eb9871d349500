"""Closed-loop experiments: designs, Bayesian batches, plates and worklists, one JSON as state."""

from __future__ import annotations

from catena.ops.campaign.campaign import Campaign, campaign
from catena.ops.campaign.designs import DESIGNS, design
from catena.ops.campaign.virtual import OPERATION

__all__ = ["DESIGNS", "OPERATION", "Campaign", "campaign", "design"]
