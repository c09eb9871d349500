"""Profile likelihoods: how far one parameter can go while the others make up for it.

All parameters and both directions advance together. Steps adapt to the drop of the likelihood,
every point is re-optimised, and the ends of the intervals are refined by the secant method on
the signed root of the likelihood ratio. Source: Raue and others 2009
(doi:10.1093/bioinformatics/btp358).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.core.work import Work
from catena.ops.calibrate.multistart import Stops, multistart
from catena.ops.calibrate.objective import Pinned, Target

Array = np.ndarray[Any, Any]

#: Levels of the intervals, and their quantiles of chi-square with one degree of freedom.
LEVELS = (0.90, 0.95)
_QUANTILES = (2.705543454095404, 3.841458820694124)
#: Growth of the root of the likelihood ratio that a step aims at.
_STRIDE = 0.45
#: Steps of one side.
_STEPS = 60
#: Secant steps at each end of an interval.
_SECANTS = 4


@dataclass
class Side:
    """One parameter followed in one direction.

    Args:
        parameter: Its coordinate.
        direction: 1 upwards, -1 downwards.
        points: Positions of the parameter, in search coordinates.
        roots: Signed roots of twice the drop of the log-likelihood.
        others: The whole vectors there.
        stride: Length of the next step.
        ended: Why the side ended, "" while it goes on.
    """

    parameter: int
    direction: int
    points: list[float]
    roots: list[float]
    others: list[Array]
    stride: float
    ended: str = ""
    ends: dict[float, float] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Profile:
    """The profile of one parameter, in natural units.

    Args:
        name: The parameter.
        points: Values, ascending.
        ratio: Twice the drop of the log-likelihood at each value.
        lower: Lower ends by level, -inf where open.
        upper: Upper ends by level, inf where open.
        reason: Per side (lower, upper), why it ended.
    """

    name: str
    points: Array
    ratio: Array
    lower: dict[float, float]
    upper: dict[float, float]
    reason: tuple[str, str]


@final
@dataclass(frozen=True)
class Profiles:
    """All profiles, and a better optimum should one of them have found it."""

    profiles: tuple[Profile, ...]
    better: Array | None


def profile(
    target: Target,
    best: Array,
    value: float,
    spread: Array,
    which: list[int],
    work: Work | None = None,
    stops: Stops | None = None,
) -> Profiles:
    """Follow the likelihood along some parameters.

    Args:
        target: What is minimised.
        best: The estimate (d,), in search coordinates.
        value: Its value.
        spread: First guess of the standard errors (d,), in search coordinates.
        which: Coordinates to profile.
        work: Progress.
        stops: When the inner searches end.

    Returns:
        One profile per coordinate asked for.
    """
    low, high = target.bounds
    stops = stops or Stops(iterations=60, gradient=1e-7, decrease=1e-10)
    sides = []
    for k in which:
        guess = spread[k] if np.isfinite(spread[k]) and spread[k] > 0 else high[k] - low[k]
        for direction in (-1, 1):
            stride = direction * min(_STRIDE * guess, 0.2 * (high[k] - low[k]))
            sides.append(Side(k, direction, [float(best[k])], [0.0], [best.copy()], stride))
    walker = _Walker(target, value, low, high, stops)
    with (work or Work()).bar(len(sides), "profiles") as advance:
        for _ in range(_STEPS):
            going = [side for side in sides if not side.ended]
            if not going:
                break
            walker.step(going)
            advance(sum(bool(side.ended) for side in going))
    for side in sides:
        side.ended = side.ended or "steps used up"
    walker.refine(sides)
    found = [_finished(target, sides[2 * k], sides[2 * k + 1]) for k in range(len(which))]
    better = walker.better if walker.lowest < value - 1e-3 else None
    return Profiles(tuple(found), better)


@final
class _Walker:
    """Evaluates points of many profiles in one multistart."""

    def __init__(self, target: Target, value: float, low: Array, high: Array, stops: Stops) -> None:
        self.target, self.value, self.low, self.high, self.stops = target, value, low, high, stops
        self.lowest, self.better = value, np.zeros(0)

    def optimised(self, sides: list[Side], starts: Array) -> tuple[Array, Array]:
        """Re-optimise all but the profiled parameter; return values (n,) and vectors (n, d)."""
        pinned = np.array([side.parameter for side in sides])
        wanted = starts[np.arange(len(sides)), pinned]
        box = np.stack([self.low, self.high])
        searches = multistart(Pinned(self.target, pinned), box, starts, stops=self.stops)
        theta = searches.theta.copy()
        theta[np.arange(len(sides)), pinned] = wanted
        best = int(np.argmin(searches.value))
        if searches.value[best] < self.lowest:
            self.lowest, self.better = float(searches.value[best]), theta[best]
        return searches.value, theta

    def root(self, value: float) -> float:
        """Return the signed root of twice the drop."""
        drop = 2.0 * (value - self.value)
        return float(np.sign(drop) * np.sqrt(abs(drop))) if np.isfinite(drop) else np.inf

    def step(self, sides: list[Side]) -> None:
        """Take one step of every side."""
        starts = np.stack([self._guess(side) for side in sides])
        values, theta = self.optimised(sides, starts)
        for side, value, vector in zip(sides, values, theta, strict=True):
            root = self.root(float(value))
            grown = root - side.roots[-1]
            if not np.isfinite(root) or grown > 4.0 * _STRIDE:
                if abs(side.stride) > 1e-10 * (
                    self.high[side.parameter] - self.low[side.parameter]
                ):
                    side.stride *= (
                        0.25 if not np.isfinite(root) else max(0.1, 1.5 * _STRIDE / grown)
                    )
                    continue
                side.ended = "simulations fail beyond"
                continue
            side.points.append(float(vector[side.parameter]))
            side.roots.append(root)
            side.others.append(vector)
            factor = 3.0 if grown <= _STRIDE / 3.0 else float(np.clip(_STRIDE / grown, 0.3, 3.0))
            side.stride *= factor
            self._end(side)

    def _end(self, side: Side) -> None:
        k = side.parameter
        edge = self.high[k] if side.direction > 0 else self.low[k]
        if side.roots[-1] >= 1.05 * np.sqrt(_QUANTILES[-1]):
            side.ended = "threshold"
        elif abs(side.points[-1] - edge) <= 1e-6 * (self.high[k] - self.low[k]):
            side.ended = "bound"

    def _guess(self, side: Side) -> Array:
        """Return the next vector: the others follow the line through the last two points."""
        k = side.parameter
        point = float(np.clip(side.points[-1] + side.stride, self.low[k], self.high[k]))
        vector = side.others[-1].copy()
        if len(side.points) > 1 and side.points[-1] != side.points[-2]:
            along = (point - side.points[-1]) / (side.points[-1] - side.points[-2])
            vector = vector + np.clip(along, -3.0, 3.0) * (side.others[-1] - side.others[-2])
            vector = np.clip(vector, self.low, self.high)
        vector[k] = point
        return np.asarray(vector)

    def refine(self, sides: list[Side]) -> None:
        """Find the ends of the intervals of all sides by interpolation and re-optimisation."""
        for level, quantile in zip(LEVELS, _QUANTILES, strict=True):
            wanted = float(np.sqrt(quantile))
            for _ in range(_SECANTS):
                chosen, starts = [], []
                for side in sides:
                    around = _bracket(side, wanted)
                    if around is None:
                        continue
                    vector, done = _between(side, around[0], around[1], wanted)
                    if not done:
                        chosen.append(side)
                        starts.append(vector)
                if not chosen:
                    break
                values, theta = self.optimised(chosen, np.stack(starts))
                for side, value, vector in zip(chosen, values, theta, strict=True):
                    _insert(side, float(vector[side.parameter]), self.root(float(value)), vector)
            for side in sides:
                around = _bracket(side, wanted)
                if around is not None:
                    vector, _ = _between(side, around[0], around[1], wanted)
                    side.ends[level] = float(vector[side.parameter])


def _bracket(side: Side, wanted: float) -> tuple[int, int] | None:
    """Return the two points between which the root of the ratio passes a level."""
    for k in range(1, len(side.roots)):
        if side.roots[k - 1] < wanted <= side.roots[k]:
            return k - 1, k
    return None


def _between(side: Side, a: int, b: int, wanted: float) -> tuple[Array, bool]:
    """Interpolate the vector at a level, and tell whether one of the ends is there already."""
    low, high = side.roots[a], side.roots[b]
    part = (wanted - low) / (high - low)
    vector = side.others[a] + part * (side.others[b] - side.others[a])
    vector[side.parameter] = side.points[a] + part * (side.points[b] - side.points[a])
    return vector, min(wanted - low, high - wanted) < 1e-5


def _insert(side: Side, point: float, root: float, vector: Array) -> None:
    if not np.isfinite(root):
        return
    place = int(np.searchsorted(side.direction * np.array(side.points), side.direction * point))
    side.points.insert(place, point)
    side.roots.insert(place, root)
    side.others.insert(place, vector)


def _finished(target: Target, down: Side, up: Side) -> Profile:
    k = down.parameter
    points = np.array([*down.points[::-1], *up.points[1:]])
    roots = np.array([*down.roots[::-1], *up.roots[1:]])
    log = bool(target.log[k])

    def natural(value: float) -> float:
        return float(np.exp(value)) if log else value

    return Profile(
        name=target.variables[k].name,
        points=np.exp(points) if log else points,
        ratio=np.sign(roots) * roots**2,
        lower={level: natural(down.ends[level]) if level in down.ends else -np.inf for level in LEVELS},
        upper={level: natural(up.ends[level]) if level in up.ends else np.inf for level in LEVELS},
        reason=(down.ended, up.ended),
    )  # fmt: skip
