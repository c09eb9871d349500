"""Subdivides the space of inputs into boxes that are in, out or undecided.

Every box is judged from its centre, faces, corners and one point inside: where the margin, with
an allowance for its curvature between these points, keeps its sign, the box is decided; else it
is halved along the direction in which the margin changes most. The idea is that of set inversion
by interval analysis (L. Jaulin, E. Walter, Automatica 29 (1993) 1053,
doi:10.1016/0005-1098(93)90106-4) with sampled instead of guaranteed ranges: how often these err
is measured afterwards on fresh points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from catena.ops.invert.margin import FAILED, Margin

Floats = NDArray[np.float64]
OUT, MAYBE, IN = 0, 1, 2
#: Corners are sampled up to this many real inputs.
_CORNERS = 5
#: Allowance for curvature: 1/8 of the second differences is exact for a parabola.
_CURVED = 0.25
#: Distance of the confidence limits over the change of the margin in a box: above the first more
#: draws bring more than halving it, above the second halving brings nothing.
_WORTH, _HOPELESS = 0.5, 2.0
#: Boxes judged in one batch, and draws per point for boxes of full size.
_BATCH, _FIRST_DRAWS = 256, 64


@final
@dataclass
class Boxes:
    """Boxes in unit coordinates of the real inputs.

    Args:
        low: Lower corners (k, d).
        high: Upper corners (k, d).
        combo: Which combination of discrete inputs (k,).
        status: OUT, MAYBE or IN (k,).
    """

    low: Floats
    high: Floats
    combo: NDArray[np.intp]
    status: NDArray[np.intp]

    @property
    def volume(self) -> Floats:
        """Volumes (k,) of one combination's unit cube."""
        return np.asarray(np.prod(self.high - self.low, axis=1))

    def of(self, status: int) -> Boxes:
        """Return the boxes with one status."""
        chosen = self.status == status
        return Boxes(self.low[chosen], self.high[chosen], self.combo[chosen], self.status[chosen])


@final
class Frame:
    """Places boxes of the real inputs into the full unit cube and evaluates their points once.

    Args:
        margin: Margins of points.
        combos: Unit coordinates of every combination of discrete inputs (c, d).
    """

    def __init__(self, margin: Margin, combos: Floats) -> None:
        self.margin, self.combos = margin, combos
        self.real = np.flatnonzero(~margin.space.discrete)
        self._known: dict[bytes, Floats] = {}

    def full(self, combo: NDArray[np.intp], u: Floats) -> Floats:
        """Return unit coordinates of all inputs (n, D) from those of the real ones (n, d)."""
        points = self.combos[combo].copy()
        points[:, self.real] = u
        return points

    def margins(self, points: Floats, draws: int) -> Floats:
        """Return margins (3, n) of points (n, D); neighbouring boxes share corners and faces."""
        names = [row.tobytes() + draws.to_bytes(4, "little") for row in points]
        new = {name: k for k, name in enumerate(names) if name not in self._known}
        if new:
            found = self.margin(points[list(new.values())], draws)
            self._known.update(zip(new, found.T, strict=True))
        return np.stack([self._known[name] for name in names], axis=1)


class _Box(NamedTuple):
    """A box that waits to be judged."""

    low: Floats
    high: Floats
    combo: int
    depth: int
    draws: int


def subdivide(frame: Frame, n: int, resolution: float) -> Boxes:
    """Judge and halve boxes until all are decided, small enough, or n evaluations are used."""
    d, most = len(frame.real), frame.margin.draws
    todo = [
        _Box(np.zeros(d), np.ones(d), k, 0, min(_FIRST_DRAWS, most))
        for k in range(len(frame.combos))
    ]
    done: list[tuple[_Box, int]] = []
    pattern, evaluator = _pattern(d), frame.margin.evaluator
    while todo:
        # The largest boxes first: what the budget leaves undecided is then least.
        todo.sort(key=lambda box: (box.depth, box.draws))
        draws = todo[0].draws
        room = (n - evaluator.calls) // (len(pattern) * draws)
        if room < 1:
            done += [(box, MAYBE) for box in todo]
            break
        some = [box for box in todo[: min(_BATCH, room)] if box.draws == draws]
        todo = todo[len(some) :]
        for box, verdict in zip(some, _judge(frame, some, pattern, draws), strict=True):
            if verdict.status == MAYBE and verdict.noise > _WORTH and draws < most:
                todo.append(box._replace(draws=min(most, 4 * draws)))
            elif (
                verdict.status != MAYBE
                or verdict.noise > _HOPELESS
                or np.all(box.high - box.low <= resolution)
            ):
                done.append((box, verdict.status))
            else:
                todo += _halves(box, verdict.along, resolution)
    return Boxes(
        np.array([box.low for box, _ in done]).reshape(-1, d),
        np.array([box.high for box, _ in done]).reshape(-1, d),
        np.array([box.combo for box, _ in done], dtype=np.intp),
        np.array([status for _, status in done], dtype=np.intp),
    )


def _halves(box: _Box, along: Floats, resolution: float) -> list[_Box]:
    """Halve a box where the margin changes most."""
    width = box.high - box.low
    axis = int(np.argmax(np.where(width <= resolution, -1.0, along + 1e-12 * width)))
    left, right = box.high.copy(), box.low.copy()
    left[axis] = right[axis] = (box.low[axis] + box.high[axis]) / 2.0
    first = box._replace(high=left, depth=box.depth + 1)
    return [first, box._replace(low=right, depth=box.depth + 1)]


def _pattern(d: int) -> Floats:
    """Return points of a box in [-1, 1]: centre, faces, corners, and one off the axes."""
    points = [np.zeros(d)]
    for axis in range(d):
        for side in (-1.0, 1.0):
            point = np.zeros(d)
            point[axis] = side
            points.append(point)
    if 1 < d <= _CORNERS:
        points += [np.array(corner) for corner in product((-1.0, 1.0), repeat=d)]
    # Golden-ratio coordinates meet no symmetry of the box.
    points.append(2.0 * np.mod(0.5 + 0.6180339887498949 * np.arange(1, d + 1), 1.0) - 1.0)
    return np.array(points).reshape(-1, d)


class _Verdict(NamedTuple):
    """What the points of a box say: its status, how the margin changes, and how noisy it is."""

    status: int
    along: Floats
    noise: float


def _judge(frame: Frame, boxes: list[_Box], pattern: Floats, draws: int) -> list[_Verdict]:
    """Judge boxes from the margins at the points of the pattern."""
    low, high = np.array([box.low for box in boxes]), np.array([box.high for box in boxes])
    combo = np.repeat(np.array([box.combo for box in boxes], dtype=np.intp), len(pattern))
    centre, half = (low + high) / 2.0, (high - low) / 2.0
    u = (centre[:, None] + half[:, None] * pattern).reshape(-1, low.shape[1])
    margins = frame.margins(frame.full(combo, u), draws).reshape(3, len(boxes), len(pattern))
    return [_decided(margins[:, k], low.shape[1]) for k in range(len(boxes))]


def _decided(g: Floats, d: int) -> _Verdict:
    """Decide a box from margins (3, points): value, lower and upper confidence limit."""
    value, sure, possible = g
    failed = value <= FAILED
    if failed.any():
        return _Verdict(OUT if failed.all() else MAYBE, np.ones(d), 0.0)
    sides = value[1 : 1 + 2 * d].reshape(d, 2)
    slope = (sides[:, 1] - sides[:, 0]) / 2.0
    second = sides.sum(axis=1) - 2.0 * value[0]
    allowance = _CURVED * float(np.abs(second).sum())
    if 1 < d <= _CORNERS:
        corners = value[1 + 2 * d : -1]
        signs = np.array(list(product((-1.0, 1.0), repeat=d)))
        expected = value[0] + signs @ slope + second.sum() / 2.0
        allowance += _CURVED * float(np.abs(corners - expected).max())
    elif d > _CORNERS:
        allowance += float(np.abs(slope).sum())
    along = np.abs(slope) + np.abs(second)
    if float(sure.min()) - allowance >= 0.0:
        return _Verdict(IN, along, 0.0)
    if float(possible.max()) + allowance < 0.0:
        return _Verdict(OUT, along, 0.0)
    width = float(value.max() - value.min()) + 2.0 * allowance
    return _Verdict(MAYBE, along, float(np.median(possible - sure)) / max(width, 1e-300))
