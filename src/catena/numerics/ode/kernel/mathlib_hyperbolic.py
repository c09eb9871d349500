"""Vector hyperbolic functions and their inverses in the mini language."""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import V, copysign, fabs, fma, function, select, sqrt
from catena.numerics.ode.kernel.mathlib_exponential import (
    INFINITY,
    LN2,
    NAN,
    exp,
    exp_half,
    expm1,
    log,
    log1p,
    polynomial,
)

_TANH = (
    -0.3333333333333333, 0.13333333333333042, -0.05396825396789699, 0.021869488519008305,
    -0.008863235103240878, 0.0035921217511549622, -0.0014557754120478055, 0.0005896606577757043,
    -0.0002375906496055562, 9.257116129556769e-05, -3.12011014257974e-05, 6.485163482793113e-06,
)  # fmt: skip

_tanh_tail = polynomial(_TANH)


@function(contract=False, inline="never")
def tanh(x: V) -> V:
    """Hyperbolic tangent, below 2 ulp."""
    size = fabs(x)
    z = x * x
    near = fma(x * z, _tanh_tail(z), x)
    e = exp(2.0 * select(size < 25.0, size, 25.0))
    far = copysign(1.0 - 2.0 / (e + 1.0), x)
    return select(size < 0.625, copysign(near, x), select(x == x, far, x))


@function(contract=False, inline="never")
def sinh(x: V) -> V:
    """Hyperbolic sine, below 3 ulp."""
    size = fabs(x)
    t = expm1(select(size < 40.0, size, 40.0))
    near = 0.5 * (t + t / (t + 1.0))
    near = select(size < 1e-9, size, near)
    far = exp_half(size)
    return copysign(select(size < 22.0, near, far), x)


@function(contract=False, inline="never")
def cosh(x: V) -> V:
    """Hyperbolic cosine, below 2 ulp."""
    size = fabs(x)
    half = exp_half(size)
    return select(size < 22.0, half + 0.25 / half, half)


@function(contract=False, inline="never")
def asinh(x: V) -> V:
    """Inverse hyperbolic sine, below 4 ulp."""
    size = fabs(x)
    inside = select(size < 1e8, size, 1.0)
    square = inside * inside
    near = log1p(inside + square / (1.0 + sqrt(1.0 + square)))
    far = log(size) + LN2
    return copysign(select(size < 1e8, select(size < 1e-9, size, near), far), x)


@function(contract=False, inline="never")
def acosh(x: V) -> V:
    """Inverse hyperbolic cosine, below 4 ulp; NaN below 1."""
    u = select(x < 1e8, x, 1.0) - 1.0
    near = log1p(u + sqrt(u * (2.0 + u)))
    far = log(x) + LN2
    return select(x < 1e8, select(x < 1.0, NAN, near), far)


@function(contract=False, inline="never")
def atanh(x: V) -> V:
    """Inverse hyperbolic tangent, below 4 ulp; infinite at -1 and 1, NaN beyond."""
    size = fabs(x)
    inside = select(size < 1.0, size, 0.5)
    result = 0.5 * log1p(2.0 * inside / (1.0 - inside))
    result = select(size < 1e-9, size, result)
    result = select(size < 1.0, result, select(size == 1.0, INFINITY, NAN))
    return select(x == x, copysign(result, x), x)
