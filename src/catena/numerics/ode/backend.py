"""What a solver returns for one row, and what can end an integration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from catena.numerics.ode.calls import Row

#: ``forward`` loops run until done and take tangents; ``reverse`` loops keep checkpoints.
Direction = Literal["forward", "reverse"]

#: What ended the integration of a row (``Solution.code``); the kernel uses the same numbers.
DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_A_NUMBER, SINGULAR, STORM, ENDED, CANCELLED = range(8)
#: Codes that are no failure.
GOOD = (DONE, ENDED)
REASONS = {
    TOO_MANY_STEPS: "needed more than max_steps steps",
    STEP_TOO_SMALL: "the step size fell below the resolution of time",
    NOT_A_NUMBER: "the right-hand side is not a number there",
    SINGULAR: "the matrix of the implicit step is singular",
    STORM: "crossings follow one another without end",
    CANCELLED: "the run was cancelled",
}


class Solution(NamedTuple):
    """States at the output times and how the integration went (floats, so tangents can ride)."""

    states: Any  # (t, n)
    code: Any
    time: Any  # last time reached
    state: Any  # (n,) state there
    worst: Any  # position of the state with the largest error when the last step was refused
    steps: Any
    refused: Any


#: A way to solve one row inside a JAX trace, from the state before slot 0 (``row.y0``).
Solve = Callable[[Row, Direction], Solution]
