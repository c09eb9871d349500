"""What a compiled system is asked to integrate and what comes back, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np


@final
@dataclass
class Call:
    """Rows to integrate; the first axis of every array is ``rows``, or 1 for what all rows share.

    Args:
        rows: Number of rows.
        p: Parameters (R, np).
        times: Output times (R, nt), not decreasing.
        start: Start times (R,).
        slot_time: Times of slots 1, 2, ... (R, S), not decreasing, padded with inf. Slot 0 is the
            start.
        slot_action: Action at each slot (R, S + 1), int64; 0 for none.
        slot_amount: Its amount (R, S + 1).
        segment: Segment values from each slot on (R, S + 1, ns).
        y0: Initial states (R, n); None takes those of the system.
    """

    rows: int
    p: np.ndarray
    times: np.ndarray
    start: np.ndarray
    slot_time: np.ndarray
    slot_action: np.ndarray
    slot_amount: np.ndarray
    segment: np.ndarray
    y0: np.ndarray | None = None


@final
@dataclass
class Seeds:
    """Directions of a derivative: changes of what a call holds, None where nothing changes.

    Args:
        directions: Number of directions nd.
        p: (R, nd, np).
        amount: (R, nd, S + 1).
        segment: (R, nd, S + 1, ns).
        y0: (R, nd, n).
    """

    directions: int
    p: np.ndarray | None = None
    amount: np.ndarray | None = None
    segment: np.ndarray | None = None
    y0: np.ndarray | None = None


@final
@dataclass
class Outcome:
    """What came of every row.

    Args:
        out: Outputs (rows, nt, no); NaN from where a row failed on.
        state: Last states (rows, n).
        code: Why the row ended (rows,), see ``workspace.CODES``.
        time: Time reached (rows,).
        worst: State to blame where a row failed (rows,).
        steps: Steps taken (rows,).
        refused: Steps refused (rows,).
        tangents: Derivatives of the outputs (rows, nd, nt, no), or None.
        time_slopes: Derivatives of the outputs to time (rows, nt, no), or None.
    """

    out: np.ndarray
    state: np.ndarray
    code: np.ndarray
    time: np.ndarray
    worst: np.ndarray
    steps: np.ndarray
    refused: np.ndarray
    tangents: np.ndarray | None = None
    time_slopes: np.ndarray | None = None
