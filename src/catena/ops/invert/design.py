"""The largest box inside the region: a range for every input, free of the others' values.

Candidates of many shapes grow from the middle of decided boxes as long as these cover them, then
face by face. Decided boxes do not overlap, so that covered means: the parts of a candidate in
them add up to its volume.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catena.ops.invert.boxes import IN, Boxes

Floats = NDArray[np.float64]
_STARTS, _SHAPES, _HALVINGS = 12, 24, 14
#: Gap between volumes that rounding may leave.
_ROUNDING = 1e-9


class Design(NamedTuple):
    """A box inside the region, in unit coordinates of the real inputs."""

    low: Floats
    high: Floats
    combo: int
    volume: float


def largest(boxes: Boxes, key: int) -> Design | None:
    """Return the largest box found inside the decided boxes, or None where there are none."""
    inner = boxes.of(IN)
    if not len(inner.low):
        return None
    random = np.random.Generator(np.random.Philox(key=key))
    best: Design | None = None
    for combo in np.unique(inner.combo):
        here = inner.combo == combo
        low, high = inner.low[here], inner.high[here]
        volume = np.prod(high - low, axis=1)
        seeds = np.argsort(-volume)[: _STARTS // 2]
        # The middle of the whole set is where a convex region has its largest boxes.
        centre = np.average((low + high) / 2.0, axis=0, weights=volume)
        near = np.argsort(np.linalg.norm((low + high) / 2.0 - centre, axis=1))[: _STARTS // 2]
        for seed in np.unique(np.concatenate([seeds, near])):
            for _ in range(_SHAPES):
                found = _grown(low, high, seed, random)
                size = float(np.prod(found[1] - found[0]))
                if best is None or size > best.volume:
                    best = Design(*found, int(combo), size)
    return best


def _covered(low: Floats, high: Floats, a: Floats, b: Floats) -> bool:
    parts = np.prod(np.clip(np.minimum(high, b) - np.maximum(low, a), 0.0, None), axis=1).sum()
    whole = float(np.prod(b - a))
    return bool(parts >= whole * (1.0 - _ROUNDING))


def _grown(
    low: Floats, high: Floats, seed: int, random: np.random.Generator
) -> tuple[Floats, Floats]:
    d = low.shape[1]
    middle = (low[seed] + high[seed]) / 2.0
    shape = np.exp(random.normal(0.0, 0.5, d))
    shape /= shape.max()
    fits, fails = 0.0, 1.0
    for _ in range(_HALVINGS):
        size = (fits + fails) / 2.0
        a, b = (np.clip(middle + side * size * shape, 0.0, 1.0) for side in (-1.0, 1.0))
        if _covered(low, high, a, b):
            fits = size
        else:
            fails = size
    a, b = (np.clip(middle + side * fits * shape, 0.0, 1.0) for side in (-1.0, 1.0))
    if not np.all(b > a):
        a, b = low[seed].copy(), high[seed].copy()
    for face in random.permutation(2 * d):
        axis, upper = int(face) // 2, bool(face % 2)
        edge = b if upper else a
        candidates = np.unique(high[:, axis] if upper else low[:, axis])
        candidates = candidates[candidates > b[axis]] if upper else candidates[candidates < a[axis]]
        for value in candidates if upper else candidates[::-1]:
            before, edge[axis] = edge[axis], value
            if not _covered(low, high, a, b):
                edge[axis] = before
                break
    return a, b
