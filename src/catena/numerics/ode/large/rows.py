"""One row of a call, and how its integration may end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from catena.numerics.ode.kernel.calls import Call, Seeds
from catena.numerics.ode.kernel.workspace import CODES

#: ``Flat.on_crossing`` entry that ends the row.
END_ROW = -1


class RowStopped(Exception):
    """The row cannot or need not go on.

    Args:
        why: A key of ``kernel.workspace.CODES``.
        worst: State to blame.
    """

    def __init__(self, why: str, worst: int = 0) -> None:
        super().__init__(why)
        self.code, self.worst = CODES[why], worst


@dataclass(frozen=True)
class Row:
    """One row of a call; see ``kernel.calls.Call``, without its first axis."""

    p: np.ndarray
    times: np.ndarray
    start: float
    slot_time: np.ndarray
    action: np.ndarray
    amount: np.ndarray
    segment: np.ndarray
    y0: np.ndarray | None


@dataclass(frozen=True)
class RowSeeds:
    """Directions of one row, each with nd first; ``y0`` counts where the row gives one."""

    p: np.ndarray
    amount: np.ndarray
    segment: np.ndarray
    y0: np.ndarray


def row_of(call: Call, index: int) -> Row:
    """Take one row of a call; arrays with a single row are shared."""

    def pick(values: np.ndarray, kind: type = float) -> Any:
        return np.asarray(values[index if len(values) > 1 else 0], kind)

    return Row(
        p=pick(call.p),
        times=pick(call.times),
        start=float(pick(call.start)),
        slot_time=pick(call.slot_time),
        action=pick(call.slot_action, np.int64),
        amount=pick(call.slot_amount),
        segment=pick(call.segment),
        y0=None if call.y0 is None else pick(call.y0),
    )


def seeds_of(seeds: Seeds, row: Row, index: int, states: int, span: slice) -> RowSeeds:
    """Take some directions of one row, with zeros for what does not move.

    Args:
        seeds: The directions.
        row: The row.
        index: Its number.
        states: Number of states.
        span: Which directions.
    """

    def pick(values: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        if values is None:
            return np.zeros((span.stop - span.start, *shape))
        return np.asarray(values[index if len(values) > 1 else 0][span], float)

    return RowSeeds(
        pick(seeds.p, row.p.shape),
        pick(seeds.amount, row.amount.shape),
        pick(seeds.segment, row.segment.shape),
        pick(seeds.y0, (states,)),
    )
