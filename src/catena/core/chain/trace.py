"""What happened in one pass through a chain: each node's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.core.chain.ports import Port
from catena.core.errors import CatenaError
from catena.core.values import Padded, take

#: Tangents, slopes or cotangents by port.
Tangents = dict[Port, Any]


@final
@dataclass
class Run:
    """One evaluation of one node: what went in and what came out."""

    inputs: dict[str, Any]
    size: int
    key: int
    values: dict[str, Any] = field(default_factory=dict)


@final
@dataclass
class Trace:
    """All evaluations of one pass through a chain.

    Args:
        batch: The chain's inputs.
        size: Number of rows.
        key: The chain's random key.
        runs: Evaluations by node.
        origins: Cache keys by port (only when there is a cache).
        passes: Number of passes per row by feedback group.
        loops: Derivative (n, m, m) of each feedback group to its own unknowns.
    """

    batch: Mapping[str, Any]
    size: int
    key: int
    runs: dict[str, Run] = field(default_factory=dict)
    origins: dict[Port, str] = field(default_factory=dict)
    passes: dict[str, np.ndarray] = field(default_factory=dict)
    loops: dict[str, np.ndarray] = field(default_factory=dict)

    def read(self, port: Port) -> Any:
        """Return the value of an output port or chain input, or None where it is absent."""
        if not port.node:
            return self.batch.get(port.name)
        run = self.runs.get(port.node)
        return None if run is None else run.values.get(port.name)

    def keep_rows(self, rows: np.ndarray) -> None:
        """Drop all other rows everywhere."""
        old, self.size = self.size, len(rows)
        # A lone row is indistinguishable from a constant; without it nothing is left to share.
        pick = take if old != 1 and len(rows) else _pick
        self.batch = {name: pick(value, rows) for name, value in self.batch.items()}
        for run in self.runs.values():
            run.inputs = {name: pick(value, rows) for name, value in run.inputs.items()}
            run.values = {name: pick(value, rows) for name, value in run.values.items()}
            run.size = len(rows) if run.size == old else run.size
        self.passes = {name: take(value, rows) for name, value in self.passes.items()}
        self.origins.clear()


def _pick(value: Any, rows: np.ndarray) -> Any:
    return value.take(rows) if isinstance(value, Padded) else value[rows]


def locate(error: Exception, chain: str, node: str) -> None:
    """Tell in an error which node it happened in."""
    if isinstance(error, CatenaError):
        place = f"chain {chain!r}, node {node!r}"
        if place not in error.where:
            error.where = f"{place} ({error.where})" if error.where else place
    else:
        error.add_note(f"in node {node!r} of chain {chain!r}")
