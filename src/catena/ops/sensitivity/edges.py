"""Exchanges signals on the links of a chain between two runs.

Everything downstream of an exchanged link is computed anew, so that the chain answers what would
come out if this link alone had carried something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.chain.flow import Flow
from catena.core.chain.judge import shown
from catena.core.chain.model import Chain
from catena.core.chain.ports import Port
from catena.core.chain.trace import Trace
from catena.core.errors import InputError
from catena.core.values import Batch, Padded, broadcast, rows_of

Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True)
class Link:
    """A coupling whose signal can be exchanged.

    Args:
        source: Output of a node, or a chain input (node "").
        target: Input port of a node.
        step: Position of the target's node in the order of execution.
        made: Position of the source's node; -1 for a chain input.
    """

    source: Port
    target: Port
    step: int
    made: int

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


@final
class Exchange:
    """Runs a chain with signals of some links taken from another run.

    Args:
        chain: The chain; links inside its feedback groups are left as they are.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain.with_cache(None)
        self.flow = self.chain._flow
        place = {name: k for k, step in enumerate(self.flow.steps) for name in step.nodes}
        self.links = [
            Link(feed.source, Port(name, feed.port), k, place.get(feed.source.node, -1))
            for k, step in enumerate(self.flow.steps)
            for name in step.nodes
            for feed in self.flow.wiring.feeds[name]
            if feed.source.node not in step.nodes
        ]

    def run(self, batch: Batch, key: int) -> Trace:
        """Return one run of the chain as it is."""
        return self.flow.run(batch.values_, batch.size, key)

    def differing(self, base: Trace, donor: Trace) -> list[Link]:
        """Return the links whose signals differ anywhere between two runs."""
        return [k for k in self.links if _differ(base.read(k.source), donor.read(k.source))]

    def outputs(
        self, base: Trace, donor: Trace, links: Sequence[Link], taken: Mask, blocks: int
    ) -> dict[str, Any]:
        """Return outputs (blocks * n, *shape) with links of some rows taken from the donor.

        Args:
            base: A run of n rows.
            donor: Another run of n rows.
            links: Links that may be exchanged (p).
            taken: Per row of the answer, which links the donor feeds (blocks * n, p).
            blocks: How often the n rows are repeated.
        """
        flow = self._cut(links)
        trace = Trace({n: _tile(v, base.size, blocks) for n, v in base.batch.items()},
                      blocks * base.size, base.key)  # fmt: skip
        mixed = dict(trace.batch)
        trace.batch = mixed
        for index, step in enumerate(flow.steps):
            for column, link in enumerate(links):
                if link.step == index:
                    theirs = _tile(donor.read(link.source), donor.size, blocks)
                    mixed[_slot(link)] = _mixed(
                        trace.read(link.source), theirs, taken[:, column], link
                    )
            flow.run_step(step, trace)
        return shown(trace, self.chain._built.wiring.exposed)

    def _cut(self, links: Sequence[Link]) -> Flow:
        """Return the flow in which the given links read exchanged signals."""
        cut = {link.target: Port("", _slot(link)) for link in links}
        feeds = {
            name: tuple(
                replace(feed, source=cut.get(Port(name, feed.port), feed.source)) for feed in fed
            )
            for name, fed in self.flow.wiring.feeds.items()
        }
        wiring = replace(self.flow.wiring, feeds=feeds)
        return Flow(self.flow.chain, self.flow.nodes, wiring, self.flow.steps, None)


def _slot(link: Link) -> str:
    return f"exchanged {link.target}"


def _tile(value: Any, size: int, blocks: int) -> Any:
    """Repeat rows block by block; constants stay constants."""
    if value is None or rows_of(value) == 1:
        return value
    rows = np.tile(np.arange(size), blocks)
    return value.take(rows) if isinstance(value, Padded) else value[rows]


def _differ(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return False
    if isinstance(first, Padded):
        a, b = first.columns() or {"": first.values}, second.columns() or {"": second.values}
        return not np.array_equal(first.mask, second.mask) or any(_differ(a[n], b[n]) for n in a)
    return not np.array_equal(first, second)


def _mixed(mine: Any, theirs: Any, taken: Mask, link: Link) -> Any:
    if isinstance(mine, Padded):
        if mine.mask.shape[1:] != theirs.mask.shape[1:]:
            raise InputError(f"Cannot exchange {link}", where="links",
                             why="the signals of the two runs differ in length",
                             fix="vary inputs that leave the lengths alone")  # fmt: skip
        size = len(taken)
        columns, others = mine.columns(), theirs.columns()
        values: Any = (
            {n: _chosen(columns[n], others[n], taken, size) for n in columns}
            if columns
            else _chosen(mine.values, theirs.values, taken, size)
        )
        return Padded(values, _chosen(mine.mask, theirs.mask, taken, size))
    return _chosen(mine, theirs, taken, len(taken))


def _chosen(mine: Any, theirs: Any, taken: Mask, size: int) -> Any:
    a, b = broadcast(np.asarray(mine), size), broadcast(np.asarray(theirs), size)
    return np.where(taken.reshape(-1, *(1,) * (a.ndim - 1)), b, a)
