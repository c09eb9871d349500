"""Limited-memory quasi-Newton descent for thousands of free numbers without bounds.

Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 3.1, 7.4 and 7.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
#: Pairs remembered, share of the promised decrease a step must bring, halvings tried.
_MEMORY, _DECREASE, _HALVINGS = 20, 1e-4, 30
#: Relative decrease over ``_PATIENCE`` steps below which the search ends.
_STILL, _PATIENCE = 1e-4, 25


def descend(loss: Loss, start: np.ndarray, steps: int) -> np.ndarray:
    """Return where a smooth loss is small.

    Args:
        loss: Returns value and gradient.
        start: Where to begin (n,).
        steps: Limit of the steps.
    """
    x, (value, slope) = start, loss(start)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    trail = [value]
    for _ in range(steps):
        direction = _direction(slope, pairs)
        promise = float(slope @ direction)
        if promise >= 0.0:  # the memory misleads: start again from the gradient
            pairs, direction = [], -slope
            promise = -float(slope @ slope)
        size = 1.0 if pairs else min(1.0, 1.0 / max(float(np.abs(slope).sum()), 1e-300))
        for _ in range(_HALVINGS):
            moved = x + size * direction
            new, new_slope = loss(moved)
            if new <= value + _DECREASE * size * promise:
                break
            size *= 0.5
        else:
            return x
        step, change = moved - x, new_slope - slope
        if float(step @ change) > 1e-12 * float(change @ change):
            pairs = [*pairs[-_MEMORY + 1 :], (step, change)]
        x, value, slope = moved, new, new_slope
        trail.append(value)
        if len(trail) > _PATIENCE and trail[-_PATIENCE] - value < _STILL * value:
            return x
    return x


def _direction(slope: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return minus the approximate inverse Hessian times the slope (two-loop recursion)."""
    direction = -slope
    if not pairs:
        return direction
    weights = []
    for step, change in reversed(pairs):
        weight = float(step @ direction) / float(step @ change)
        weights.append(weight)
        direction = direction - weight * change
    step, change = pairs[-1]
    direction = direction * (float(step @ change) / float(change @ change))
    for (step, change), weight in zip(pairs, reversed(weights), strict=True):
        direction = direction + (weight - float(change @ direction) / float(step @ change)) * step
    return direction
