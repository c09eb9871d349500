"""Chains: models coupled port to port, with feedback groups, slots and named bridges.

``model`` is the Chain itself; ``wiring`` checks the edges, ``plan`` orders the nodes, ``flow``
runs them, ``judge`` checks each node on the way, ``loops`` solves feedback groups.
"""

from catena.core.chain.feedback import Feedback
from catena.core.chain.model import Chain
from catena.core.chain.ports import Edge
from catena.core.chain.slot import Slot

__all__ = ["Chain", "Edge", "Feedback", "Slot"]
