"""Learning over sites that keep their rows: exact Newton on sums, FedAvg, FedProx, secure sums."""

from __future__ import annotations

from catena.ops.federated.federated import OPERATION, federated

__all__ = ["OPERATION", "federated"]
