"""Non-compartmental analysis as pure JAX: areas and the terminal slope, batch first.

Areas are linear while concentrations rise and logarithmic while they fall, up to the last positive
concentration.  The terminal slope is the log-linear regression with the best adjusted R2 over the
last three or more positive points; among fits equally good to 1e-4 the one with most points wins, as is
usual.  Where the best fit misses less than that, as on simulated profiles, its own misfit (at least
1e-9) is the tolerance: the usual one would reach back into the distribution phase and bias a known
half-life by half a percent.

Source: Gabrielsson and Weiner (2012), doi:10.1007/978-1-62703-050-2_16 (methods);
Purves (1992), doi:10.1007/BF01062525 (linear-up/log-down areas).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from catena.core.jaxconfig import enable_x64

enable_x64()

__all__ = ["Terminal", "areas", "back_extrapolated", "terminal_slope"]

_SERIES_BELOW = 0.02
_MIN_POINTS = 3
_R2_TIE = 1e-4
_R2_EXACT = 1e-9


class Terminal(NamedTuple):
    """The terminal log-linear fit of every row.

    Args:
        rate: lambda_z (n,) [1/time]; 1 where there is no fit, so that nothing divides by zero.
        r2: adjusted R2 (n,); 0 where there is no fit.
        points: number of points used (n,); 0 where there is no fit.
        found: whether at least three points with a falling slope exist (n,).
    """

    rate: Array
    r2: Array
    points: Array
    found: Array


def _decay_mean(r: Array) -> Array:
    """Mean of ``exp(-r u)`` over u in (0, 1): ``(1 - e^-r) / r``, smooth at r = 0."""
    small = r < _SERIES_BELOW
    safe = jnp.where(small, 1.0, r)
    s = jnp.where(small, r, 0.0)
    series = 1 - s / 2 * (1 - s / 3 * (1 - s / 4 * (1 - s / 5 * (1 - s / 6))))
    return jnp.where(small, series, -jnp.expm1(-safe) / safe)


def _decay_moment(r: Array) -> Array:
    """Mean of ``u exp(-r u)`` over u in (0, 1): ``(1 - (1 + r) e^-r) / r^2``, smooth at r = 0."""
    small = r < _SERIES_BELOW
    safe = jnp.where(small, 1.0, r)
    s = jnp.where(small, r, 0.0)
    series = 1 / 2 - s * (1 / 3 - s * (1 / 8 - s * (1 / 30 - s * (1 / 144 - s / 840))))
    return jnp.where(small, series, (1 - (1 + safe) * jnp.exp(-safe)) / safe**2)


def areas(time: Array, concentration: Array, use: Array) -> tuple[Array, Array]:
    """Area under the curve and under its first moment, linear up and logarithmic down.

    Args:
        time: increasing times (n, time).
        concentration: concentrations, not negative (n, time).
        use: whether the interval that ends at a point counts (n, time); the first entry is unused.

    Returns:
        AUC (n,) [concentration x time] and AUMC (n,) [concentration x time^2].
    """
    t0, t1 = time[:, :-1], time[:, 1:]
    c0, c1 = concentration[:, :-1], concentration[:, 1:]
    dt = t1 - t0
    falls = (c1 > 0) & (c1 < c0)
    ratio = jnp.log(jnp.where(falls, c0, 1.0) / jnp.where(falls, c1, 1.0))
    auc = dt * jnp.where(falls, c0 * _decay_mean(ratio), (c0 + c1) / 2)
    linear_moment = dt * (t0 * c0 + t1 * c1) / 2
    # On a straight line t*c is a parabola; the trapezoid on t*c alone overstates its area.
    linear_moment = linear_moment - dt**2 * (c1 - c0) / 6
    aumc = jnp.where(falls, t0 * auc + c0 * dt**2 * _decay_moment(ratio), linear_moment)
    used = use[:, 1:]
    return jnp.sum(jnp.where(used, auc, 0.0), axis=1), jnp.sum(jnp.where(used, aumc, 0.0), axis=1)


def _pick(values: Array, index: Array) -> Array:
    """One entry per row: ``values[i, index[i]]``."""
    return jnp.take_along_axis(values, index[:, None], axis=1)[:, 0]


def back_extrapolated(time: Array, concentration: Array) -> Array:
    """Concentration at time zero after a bolus, log-linear through the first two positive points.

    Args:
        time: increasing times after the dose (n, time).
        concentration: (n, time).

    Returns:
        C0 (n,); the first positive concentration where that is at time zero or the two do not fall.
    """
    positive = concentration > 0
    first = jnp.argmax(positive, axis=1)
    second = jnp.minimum(first + 1, time.shape[1] - 1)
    t1, t2 = _pick(time, first), _pick(time, second)
    c1, c2 = _pick(concentration, first), _pick(concentration, second)
    falls = (c2 > 0) & (c2 < c1) & (t2 > t1)
    slope = jnp.log(jnp.where(falls, c1, 1.0) / jnp.where(falls, c2, 1.0))
    slope = slope / jnp.where(falls, t2 - t1, 1.0)
    return jnp.where(falls, c1 * jnp.exp(slope * t1), c1)


def _suffix(values: Array) -> Array:
    """Sums from every point to the last one."""
    return jnp.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def terminal_slope(time: Array, concentration: Array, first: Array) -> Terminal:
    """Best terminal log-linear regression of every row.

    Args:
        time: increasing times (n, time).
        concentration: (n, time); points that are not positive are left out.
        first: earliest point a fit may start at (n,), as an index.

    Returns:
        The fits; see :class:`Terminal`.
    """
    positive = concentration > 0
    last = time.shape[1] - 1 - jnp.argmax(positive[:, ::-1], axis=1)
    safe = jnp.where(positive, concentration, 1.0)
    end = jnp.where(jnp.any(positive, axis=1), _pick(safe, last), 1.0)
    weight = positive.astype(safe.dtype)
    # Measured from the last point, suffix sums of the late, decisive points lose no digits.
    x = (time - _pick(time, last)[:, None]) * weight
    y = jnp.log(safe / end[:, None]) * weight
    count = _suffix(weight)
    n = jnp.maximum(count, 1.0)
    mean_x, mean_y = _suffix(x) / n, _suffix(y) / n
    var_x = _suffix(x * x) / n - mean_x**2
    var_y = _suffix(y * y) / n - mean_y**2
    cov = _suffix(x * y) / n - mean_x * mean_y
    enough = (count >= _MIN_POINTS) & positive & (jnp.arange(time.shape[1]) >= first[:, None])
    usable = enough & (var_x > 0) & (var_y > 1e-14) & (cov < 0)
    rate = -jnp.where(usable, cov, -1.0) / jnp.where(usable, var_x, 1.0)
    r2 = jnp.where(usable, cov, 0.0) ** 2 / jnp.where(usable, var_x * var_y, 1.0)
    adjusted = 1.0 - (1.0 - jnp.minimum(r2, 1.0)) * (n - 1.0) / jnp.maximum(n - 2.0, 1.0)
    adjusted = jnp.where(usable, adjusted, -jnp.inf)
    best = jnp.max(adjusted, axis=1, keepdims=True)
    tie = jnp.clip(1.0 - best, _R2_EXACT, _R2_TIE)
    chosen = jnp.argmax(usable & (adjusted >= best - tie), axis=1)
    found = jnp.any(usable, axis=1)
    return Terminal(
        rate=jnp.where(found, _pick(rate, chosen), 1.0),
        r2=jnp.where(found, _pick(adjusted, chosen), 0.0),
        points=jnp.where(found, _pick(count, chosen), 0.0),
        found=found,
    )
