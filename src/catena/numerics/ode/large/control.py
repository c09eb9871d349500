"""How long the next step is: Hairer's first guess, then Gustafsson's prediction."""

from __future__ import annotations

import numpy as np

from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.method import Point

SAFETY, LEAST, MOST = 0.9, 0.2, 6.0
#: Factor after a step that did not give numbers.
BACK_OFF = 0.1


class Control:
    """Step control of one row.

    Args:
        rtol: Relative tolerance.
        atol: Absolute tolerance per state, (n,).
        order: Order of the method.

    Attributes:
        natural: Length the error asks for, not cut at stops.
    """

    def __init__(self, rtol: float, atol: np.ndarray, order: int) -> None:
        self.rtol, self.atol, self.order = rtol, atol, order
        self.natural = 0.0
        self._held = False
        self._last: tuple[float, float] | None = None

    def share(self, error: np.ndarray, y: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return each state's error as a share of its tolerance."""
        return np.asarray(error / (self.atol + self.rtol * np.maximum(np.abs(y), np.abs(end))))

    def norm(self, error: np.ndarray, y: np.ndarray, end: np.ndarray) -> float:
        """Return the root mean square of the shares."""
        share = self.share(error, y, end)
        return float(np.sqrt(np.mean(share * share)))

    def begin(self, functions: Functions, point: Point, span: float) -> None:
        """Guess a first step (Hairer, Norsett and Wanner 1993, section II.4).

        Args:
            functions: The system.
            point: Where integration starts or starts anew.
            span: Time to the next stop.
        """
        self._held, self._last = False, None
        mass = np.where(functions.mass == 0, np.inf, functions.mass)
        slope = point.force / mass
        zero = np.zeros_like(slope)
        size, speed = self.norm(point.y, point.y, zero), self.norm(slope, point.y, zero)
        guess = 1e-6 if min(size, speed) < 1e-5 else 0.01 * size / speed
        guess = min(guess, span)
        ahead = functions.rhs(point.t + guess, point.y + guess * slope, point.p, point.s) / mass
        bend = self.norm(ahead - slope, point.y, zero) / guess
        worst = max(speed, bend)
        second = max(1e-6, guess * 1e-3)
        if worst > 1e-15:
            second = float((0.01 / worst) ** (1.0 / (self.order + 1)))
        found = min(100.0 * guess, second, span)
        self.natural = found if np.isfinite(found) and found > 0.0 else 1e-6 * span

    def propose(self, left: float) -> float:
        """Return the step to try with ``left`` to the next stop, never leaving a sliver."""
        return left if self.natural * 1.000001 >= left else self.natural

    def refused(self, h: float, error: float) -> None:
        """Shorten after a step with too large an error, or one without numbers."""
        change = self._growth(h, error) if np.isfinite(error) else BACK_OFF
        self.natural, self._held = h * min(change, 0.9), True

    def accepted(self, h: float, error: float) -> None:
        """Choose the next length after a good step."""
        change = self._growth(h, error)
        if self._held:
            change = min(change, 1.0)
        # A step cut short at a stop says little: keep what was natural before.
        after = h * change
        self.natural = max(after, self.natural) if h < self.natural else after
        self._held, self._last = False, (h, max(error, 0.01))

    def _growth(self, h: float, error: float) -> float:
        """Return the factor for the step (Gustafsson 1994, doi:10.1145/198429.198437)."""
        divisor = error ** (1.0 / self.order) / SAFETY
        if self._last is not None and error <= 1.0:
            before, last = self._last
            ratio = (error * error / last) ** (1.0 / self.order)
            divisor = max(divisor, before / h * ratio / SAFETY)
        return float(1.0 / max(1.0 / MOST, min(1.0 / LEAST, divisor)))
