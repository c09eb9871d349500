"""One row of a large system from its start to its last output time.

The order of things is that of the machine-code kernel: a slot's segment comes into force, then its
action; outputs at the moment of a slot are the values right after it; a state event is bracketed
on the interpolant and the step tried again so that it lands there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from catena.numerics.ode.kernel.tableau import Tableau
from catena.numerics.ode.kernel.workspace import CODES
from catena.numerics.ode.large.band import SingularError
from catena.numerics.ode.large.control import Control
from catena.numerics.ode.large.crossing import Crossings
from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.method import Point, Step, take
from catena.numerics.ode.large.record import Record
from catena.numerics.ode.large.rows import Row, RowStopped
from catena.numerics.ode.large.tangents import Directions

#: Newton rounds that make algebraic states consistent, and the share of the tolerance to reach.
ROUNDS, CLOSE = 30, 1e-6


class Walk:
    """The integration of one row.

    Args:
        functions: The system.
        method: The Rosenbrock method.
        row: What to integrate.
        control: Tolerances and step lengths.
        max_steps: Steps, accepted or refused, before the row is given up.
        directions: Derivatives to carry along, or None.
        slopes: Whether the derivatives of the outputs by time are wanted, too.
        alive: Returns False when the caller wants to stop.
    """

    def __init__(
        self,
        functions: Functions,
        method: Tableau,
        row: Row,
        control: Control,
        max_steps: int,
        directions: Directions | None,
        slopes: bool,
        alive: Callable[[], bool],
    ) -> None:
        self.functions, self.method, self.row = functions, method, row
        self.control, self.max_steps, self.alive = control, max_steps, alive
        self.directions = directions
        self.t, self.slot, self.s = row.start, 0, row.segment[0]
        self.y = np.full(functions.size, np.nan)
        self.end = float(row.times[-1])
        self.crossings = Crossings(functions) if functions.crossings is not None else None
        self.record = Record(functions, row, directions, slopes)
        self.steps = self.refused = 0
        self._restart = True

    @property
    def point(self) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Where the row is: (t, y, p, s)."""
        return self.t, self.y, self.row.p, self.s

    def run(self) -> RowStopped:
        """Integrate; the outputs are in ``record``.

        Returns:
            How the row ended.
        """
        try:
            # A step that leaves the range of numbers is refused, not warned about.
            with np.errstate(all="ignore"):
                self._begin()
                while self.t < self.end:
                    self._advance(min(self._next_slot(), self.end))
                    self._pass_slots()
        except RowStopped as stopped:
            if stopped.code == CODES["TERMINAL"]:
                self.record.rest(self.point)
            return stopped
        except SingularError:
            return RowStopped("SINGULAR")
        self.record.rest(self.point)
        return RowStopped("OK")

    # Stops ----------------------------------------------------------------------------------

    def _begin(self) -> None:
        given = self.row.y0
        self.y = self.functions.initial(self.row.p) if given is None else given
        if self.directions is not None:
            self.directions.begin(self.row.p, given is not None)
        self._act(first=True)
        self._pass_slots()

    def _next_slot(self) -> float:
        times = self.row.slot_time
        return float(times[self.slot]) if self.slot < times.size else np.inf

    def _pass_slots(self) -> None:
        """Pass all slots at or before this moment."""
        while self._next_slot() <= self.t:
            self.slot += 1
            self.s = self.row.segment[self.slot]
            if self.directions is not None:
                self.directions.enter(self.slot)
            self._act(first=False)

    def _act(self, first: bool) -> None:
        """Apply the action of the slot, then what it sets off."""
        number, amount = int(self.row.action[self.slot]), float(self.row.amount[self.slot])
        if number > 0:
            if self.directions is not None:
                da = self.directions.seeds.amount[:, self.slot]
                self.directions.act(number, self.point, amount, da)
            self.y = self.functions.actions[number - 1](*self.point, amount)
            self._restart = True
        self.make_consistent()
        if self.crossings is not None:
            if first:
                self.crossings.look(self.point)
            else:
                self._restart |= self.crossings.settle(self, None)

    def make_consistent(self) -> None:
        """Solve the algebraic equations for the algebraic states (Newton)."""
        algebraic = self.functions.algebraic
        if algebraic is None:
            return
        for _ in range(ROUNDS):
            force = self.functions.rhs(*self.point)
            if not np.isfinite(force).all():
                raise RowStopped("NOT_A_NUMBER", int(np.argmin(np.isfinite(force))))
            move = self.functions.constrained(*self.point)(algebraic * force)
            self.y = self.y + move
            if self.control.norm(move, self.y, self.y) <= CLOSE:
                break
        else:
            raise RowStopped("SINGULAR", int(np.argmax(np.abs(move))))
        if self.directions is not None:
            self.directions.constrain(self.point)

    # Steps ----------------------------------------------------------------------------------

    def _advance(self, stop: float) -> None:
        """Step until ``stop``."""
        while self.t < stop:
            start = Point.at(self.functions, *self.point)
            if not start.finite():
                broken = ~np.isfinite(start.force)
                raise RowStopped("NOT_A_NUMBER", int(np.argmax(broken)))
            if self._restart:
                self.control.begin(self.functions, start, stop - self.t)
                self._restart = False
            step, now = self._accepted_step(start, stop)
            self._finish(step, now)

    def _accepted_step(self, start: Point, stop: float) -> tuple[Step, float]:
        """Try steps from a point until one is accurate and passes no event."""
        landing = 0.0
        while True:
            self._check_limits()
            left = stop - self.t
            h = landing if landing > 0.0 else self.control.propose(left)
            now = stop if h == left else self.t + h
            step, error = self._try(start, h)
            if step is None or not error <= 1.0:
                self.refused += 1
                self.control.refused(h, error)
                self._check_size(step, error)
                landing = 0.0
                continue
            if self.crossings is not None and landing == 0.0:
                landing = self.crossings.bracket(self, step, now)
                if landing > 0.0:
                    self.refused += 1
                    continue
            self.control.accepted(h, error)
            self._check_size(step, error)
            return step, now

    def _try(self, start: Point, h: float) -> tuple[Step | None, float]:
        """Return a step and its error norm; no step where the matrix is singular."""
        try:
            step = take(self.functions, self.method, start, h)
        except SingularError:
            return None, np.nan
        return step, self.control.norm(step.error, start.y, step.end)

    def _check_limits(self) -> None:
        if self.steps + self.refused >= self.max_steps:
            raise RowStopped("TOO_MANY")
        if not self.alive():
            raise RowStopped("CANCELLED")

    def _check_size(self, step: Step | None, error: float) -> None:
        """End the row when the step has become too small."""
        if self.control.natural > max(1e-14 * abs(self.t), 1e-40):
            return
        if step is None:
            raise RowStopped("SINGULAR")
        share = np.abs(self.control.share(step.error, self.y, step.end))
        if np.isnan(error):
            # The solution spreads it to all states; the right-hand side tells where it began.
            ahead = self.functions.rhs(self.t + step.h, self.y, self.row.p, self.s)
            broken = ~np.isfinite(ahead)
            raise RowStopped("NOT_A_NUMBER", int(np.argmax(broken if broken.any() else share)))
        raise RowStopped("TOO_SMALL", int(np.nanargmax(share)))

    def _finish(self, step: Step, now: float) -> None:
        """Go to the end of an accepted step; write what lies inside; let events happen."""
        pushed = None if self.directions is None else self.directions.push(step)
        self.record.inside(self.point, step, pushed, now)
        self.t, self.y = now, step.end
        self.steps += 1
        if self.directions is not None and pushed is not None:
            self.directions.dy = pushed.end
        if self.crossings is not None:
            self._restart |= self.crossings.settle(self, step)
