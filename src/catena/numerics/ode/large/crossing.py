"""State events of one row: functions of the state that bring something about when they rise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.numerics.ode.kernel.workspace import EVENT_LIMIT
from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.method import Step
from catena.numerics.ode.large.rows import END_ROW, RowStopped

if TYPE_CHECKING:
    from catena.numerics.ode.large.walk import Walk

#: What counts as time passing between two events, as a share of the time.
PASSING = 1e-9
#: Halvings of a step: 2**-36 of it is below 1e-10.
HALVINGS = 36


class Crossings:
    """The crossing functions of one row, and which of them are armed (<= 0).

    Args:
        functions: The system; it has crossings.
    """

    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self.numbers = tuple(functions.flat.on_crossing)
        self.values = np.zeros(len(self.numbers))
        self._count, self._since = 0, -np.inf

    def look(self, point: tuple[Any, ...]) -> None:
        """Take the present values as those to rise from."""
        self.values = self._at(*point)

    def _at(self, *point: Any) -> np.ndarray:
        assert self.functions.crossings is not None
        return np.asarray(self.functions.crossings(*point))

    def _risen(self, after: np.ndarray) -> np.ndarray:
        return (self.values <= 0.0) & (after > 0.0)

    def bracket(self, walk: Walk, step: Step, now: float) -> float:
        """Return the length after which a function has just risen inside a step, 0 for none."""
        start = step.start
        if not self._risen(self._at(now, step.end, start.p, start.s)).any():
            return 0.0
        before, behind = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = 0.5 * (before + behind)
            t = start.t + middle * step.h
            if self._risen(self._at(t, step.inside(middle), start.p, start.s)).any():
                behind = middle
            else:
                before = middle
        return behind * step.h if behind < 1.0 - 1e-9 else 0.0

    def settle(self, walk: Walk, step: Step | None) -> bool:
        """Let what has risen happen, and what that sets off in turn.

        Args:
            walk: The row, at the moment to look at.
            step: The step that led there; None right after the action of a slot.

        Returns:
            Whether anything happened.

        Raises:
            RowStopped: A terminal crossing, or an event storm.
        """
        happened, moved = False, None
        while True:
            after = self._at(*walk.point)
            risen = np.flatnonzero(self._risen(after))
            self.values = after
            if risen.size == 0:
                break
            if not happened and step is not None and walk.directions is not None:
                moved = self._shift(walk, int(risen[0]), step)
            happened = True
            for which in risen:
                self._count_event(walk)
                self._fire(walk, self.numbers[which], moved)
        if moved is not None and walk.directions is not None:
            walk.directions.shift_back(moved, self.functions.slope(*walk.point))
        return happened

    def _count_event(self, walk: Walk) -> None:
        if walk.t - self._since > PASSING * (abs(walk.t) + abs(walk.end)):
            self._count = 0
        self._since, self._count = walk.t, self._count + 1
        if self._count > EVENT_LIMIT:
            raise RowStopped("STORM")

    def _shift(self, walk: Walk, which: int, step: Step) -> np.ndarray:
        """Move the derivatives with the moment of the event; return by how much it moves."""
        assert walk.directions is not None
        # The slope just before the event; the event itself may switch the right-hand side.
        theta = 1.0 - 1e-6
        start = step.start
        slope = self.functions.slope(start.t + theta * step.h, step.inside(theta), start.p, start.s)
        return walk.directions.shift(which, walk.point, slope)

    def _fire(self, walk: Walk, number: int, moved: np.ndarray | None) -> None:
        """Bring about what one crossing asks for."""
        if number == END_ROW:
            raise RowStopped("TERMINAL")
        if number > 0:
            point = walk.point
            if walk.directions is not None:
                still = np.zeros(walk.directions.count)
                walk.directions.act(number, point, 0.0, still, moved)
            walk.y = self.functions.actions[number - 1](*point, 0.0)
            walk.make_consistent()
