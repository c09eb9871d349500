"""Steps of a trust region inside bounds, for many searches at once.

The interior reflective method of Coleman and Li: distances to the bounds that a step would meet
scale the step, a step that hits a bound is reflected from it, and the best of the shortened
Newton step, its reflection and the steepest descent is taken. All rows move together, so that
the searches of a multistart need one batch of model evaluations per iteration.

Sources: Coleman and Li 1996 (doi:10.1137/0806023); Branch, Coleman and Li 1999
(doi:10.1137/S1064827595289108); More and Sorensen 1983 (doi:10.1137/0904038).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

Array = np.ndarray[Any, Any]

#: Newton iterations for the multiplier that puts a step on the edge of the trust region.
_MULTIPLIER_STEPS = 24
#: Curvatures below this fraction of the largest count as flat.
_FLAT = 1e-15


@final
@dataclass(frozen=True)
class Step:
    """What one iteration proposes.

    Args:
        move: Change of the position (n, p); the new position lies strictly inside the bounds.
        predicted: Decrease the quadratic model promises (n,).
        length: Length of the step in the scaled space of the trust region (n,).
        slope: Largest component of the scaled gradient (n,), zero at a first-order optimum.
    """

    move: Array
    predicted: Array
    length: Array
    slope: Array


def propose(
    x: Array, gradient: Array, curvature: Array, radius: Array, lower: Array, upper: Array
) -> Step:
    """Return one trust-region step per row.

    Args:
        x: Positions strictly inside the bounds (n, p).
        gradient: Gradients (n, p).
        curvature: Positive semi-definite approximations of the second derivatives (n, p, p).
        radius: Radii of the trust regions in scaled space (n,).
        lower: Lower bounds (p,), may be -inf.
        upper: Upper bounds (p,), may be inf.
    """
    distance, bends = _distances(x, gradient, lower, upper)
    scale = np.sqrt(distance)
    slope = scale * gradient
    diagonal = gradient * bends
    hessian = scale[:, :, None] * curvature * scale[:, None, :]
    rows = np.arange(x.shape[1])
    hessian[:, rows, rows] += diagonal
    newton = _on_sphere(slope, hessian, radius)
    # Close to an optimum the whole step to a bound is safe; far from one a little is left.
    largest = np.abs(distance * gradient).max(axis=1)
    keep = np.maximum(0.995, 1.0 - largest)[:, None]
    scaled = _best_inside(x, newton, scale, slope, hessian, radius, lower, upper, keep)
    move = scale * scaled
    linear = (gradient * move).sum(axis=1)
    bent = np.einsum("ni,nij,nj->n", move, curvature, move)
    return Step(move, -(linear + 0.5 * bent), np.linalg.norm(scaled, axis=1), largest)


def inside(x: Array, lower: Array, upper: Array, margin: float) -> Array:
    """Return positions moved off the bounds by a fraction of the box, where they touch them."""
    wide = np.where(np.isfinite(upper - lower), upper - lower, 1.0)
    return np.asarray(np.clip(x, lower + margin * wide, upper - margin * wide))


def _distances(x: Array, gradient: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return distances to the bounds that descent would meet (1 where none) and their slopes."""
    up = (gradient < 0) & np.isfinite(upper)
    down = (gradient > 0) & np.isfinite(lower)
    distance = np.where(up, upper - x, np.where(down, x - lower, 1.0))
    return distance, np.where(up, -1.0, np.where(down, 1.0, 0.0))


def _on_sphere(slope: Array, hessian: Array, radius: Array) -> Array:
    """Minimise quadratics inside spheres exactly, through eigenvectors (More and Sorensen)."""
    values, vectors = np.linalg.eigh(hessian)
    floor = _FLAT * np.maximum(values[:, -1:], np.finfo(float).tiny)
    values = np.maximum(values, floor)
    along = np.einsum("nji,nj->ni", vectors, slope)
    shift = np.zeros(len(radius))
    plain = np.linalg.norm(along / values, axis=1)
    outside = plain > radius
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        low = np.where(outside, np.linalg.norm(along, axis=1) / radius - values[:, -1], 0.0)
        shift = np.where(outside, np.maximum(low, 0.0), 0.0)
        for _ in range(_MULTIPLIER_STEPS):
            damped = values + shift[:, None]
            length = np.linalg.norm(along / damped, axis=1)
            change = (along**2 / damped**3).sum(axis=1)
            newton = shift + (length - radius) / radius * length**2 / change
            shift = np.where(outside & np.isfinite(newton), np.maximum(newton, 0.0), shift)
    step = -np.einsum("nij,nj->ni", vectors, along / (values + shift[:, None]))
    length = np.linalg.norm(step, axis=1)
    short = np.where(length > radius, radius / np.maximum(length, np.finfo(float).tiny), 1.0)
    return np.asarray(step * short[:, None])


def _best_inside(
    x: Array,
    newton: Array,
    scale: Array,
    slope: Array,
    hessian: Array,
    radius: Array,
    lower: Array,
    upper: Array,
    keep: Array,
) -> Array:
    """Return the best of the shortened step, its reflection and steepest descent (scaled)."""
    whole = scale * newton
    fits = ((x + whole > lower) & (x + whole < upper)).all(axis=1)
    if fits.all():
        return newton
    stride, hits = _to_bound(x, whole, lower, upper)
    touched = newton * stride[:, None]
    turned = np.where(hits, -newton, newton)
    room, _ = _to_bound(x + scale * touched, scale * turned, lower, upper)
    edge = _to_sphere(touched, turned, radius)
    reach = np.minimum(keep[:, 0] * room, edge)
    least = (1.0 - keep[:, 0]) * stride / np.maximum(np.minimum(room, edge), 1e-300)
    extra = _along(slope, hessian, turned, least, np.maximum(reach, least), touched)
    reflected = touched + extra[:, None] * turned
    reflected = np.where((reach > least)[:, None], reflected, touched * keep)
    descent = -slope
    room, _ = _to_bound(x, scale * descent, lower, upper)
    far = np.minimum(keep[:, 0] * room, radius / np.maximum(np.linalg.norm(slope, axis=1), 1e-300))
    length = _along(slope, hessian, descent, np.zeros(len(x)), far, np.zeros_like(x))
    choices = np.stack([touched * keep, reflected, length[:, None] * descent])
    linear = np.einsum("cni,ni->cn", choices, slope)
    bent = np.einsum("cni,nij,cnj->cn", choices, hessian, choices)
    best = np.argmin(linear + 0.5 * bent, axis=0)
    found = choices[best, np.arange(len(x))]
    return np.asarray(np.where(fits[:, None], newton, found))


def _to_bound(x: Array, direction: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return how many steps fit between a position and the bounds, and which bounds stop them."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steps = np.where(
            direction > 0,
            (upper - x) / direction,
            np.where(direction < 0, (lower - x) / direction, np.inf),
        )
    steps = np.maximum(np.where(np.isnan(steps), np.inf, steps), 0.0)
    least = steps.min(axis=1)
    return least, (steps == least[:, None]) & (direction != 0)


def _to_sphere(start: Array, direction: Array, radius: Array) -> Array:
    """Return how far a direction leads from a point inside a sphere to its surface."""
    a = np.maximum((direction**2).sum(axis=1), 1e-300)
    b = (start * direction).sum(axis=1)
    c = np.minimum((start**2).sum(axis=1) - radius**2, 0.0)
    return np.asarray((-b + np.sqrt(b * b - a * c)) / a)


def _along(
    slope: Array, hessian: Array, direction: Array, low: Array, high: Array, start: Array
) -> Array:
    """Minimise quadratics along directions from ``start`` between two step lengths."""
    curved = np.einsum("ni,nij,nj->n", direction, hessian, direction)
    bent = np.einsum("ni,nij,nj->n", direction, hessian, start)
    linear = (direction * slope).sum(axis=1) + bent
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        free = np.where(curved > 0, -linear / curved, np.where(linear < 0, np.inf, -np.inf))
    return np.asarray(np.clip(np.where(np.isnan(free), low, free), low, high))
