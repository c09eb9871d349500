"""Vector logarithm of the gamma function and its derivative in the mini language.

Asymptotic series with Bernoulli numbers (Abramowitz and Stegun 1964, 6.1.40 and 6.3.18) for large
arguments, the recurrence towards them or towards a polynomial about 2 for smaller ones, and the
reflection formulas for negative ones. Coefficients: ``tools/mathlib_coefficients.py``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    V,
    fabs,
    floor,
    fma,
    function,
    rint,
    select,
    splat,
    unroll,
)
from catena.numerics.ode.kernel.mathlib_circular import cos, sin
from catena.numerics.ode.kernel.mathlib_exponential import INFINITY, NAN, log, polynomial

PI = 3.141592653589793
LOG_PI = 1.1447298858494002
HALF_LOG_TWO_PI = 0.9189385332046728

_LGAMMA = (
    0.42278433509846713, -0.10031730167435392, 0.03296500062115359, -0.012384192193370211,
    0.0049986411649353725, -0.002108130834069472, 0.0009153769125087831, -0.00040570739285611585,
    0.0001825528383907226, -8.309522146915126e-05, 3.816660593339992e-05,
    -1.7660586231652296e-05, 8.23747667463625e-06, -3.854622136251583e-06, 1.749054030806819e-06,
    -8.247688082905913e-07, 5.236568534841362e-07, -2.489029529650396e-07,
)  # fmt: skip
#: B_2k / (2k (2k - 1)) and B_2k / 2k for k = 1, 2, ...
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
    43867 / 244188,
)  # fmt: skip
_DIGAMMA = (
    1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160,
    43867 / 14364,
)  # fmt: skip

_lgamma_middle = polynomial(_LGAMMA)
_stirling_tail = polynomial(_STIRLING)
_digamma_tail = polynomial(_DIGAMMA)


@function(contract=False, inline="always")
def lgamma_positive(x: V) -> V:
    """Return log(gamma(x)) for x > 0."""
    below = x < 1.5
    tiny = x < 0.5
    up = select(tiny, x * (x + 1.0), x)  # gamma(x) = gamma(2 + u) / up for small x
    t = x
    product = splat(1.0)  # gamma(x) = gamma(2 + u) product for larger x
    for _ in unroll(6):
        large = (t >= 2.5) & (x < 8.0)
        t = select(large, t - 1.0, t)
        product = select(large, product * t, product)
    u = select(tiny, x, select(below, x - 1.0, t - 2.0))  # exact
    middle = u * (1.0 + u) * _lgamma_middle(u)
    logarithm = log(select(below, up, select(x < 8.0, product, x)))
    inverse = 1.0 / x
    tail = inverse * _stirling_tail(inverse * inverse)
    far = fma(x - 0.5, logarithm - 1.0, (HALF_LOG_TWO_PI - 0.5) + tail)
    near = select(below, middle - logarithm, middle + logarithm)
    return select(x < 8.0, near, select(x < INFINITY, far, x))


@function(contract=False, inline="never")
def lgamma(x: V) -> V:
    """Logarithm of the absolute value of the gamma function, below 8 ulp for positive arguments.

    For negative ones the error is that of the reflection formula, 1e-15 of its terms.
    """
    size = fabs(x)
    positive = lgamma_positive(size)
    turned = size * fabs(sin(PI * (size - rint(size))))
    reflected = (LOG_PI - log(turned)) - positive
    reflected = select(size < 1e-100, positive, reflected)  # where the product underflows
    pole = (x <= 0.0) & (rint(x) == x)
    result = select(x > 0.0, positive, select(pole, INFINITY, reflected))
    return select(x == x, result, x)


@function(contract=False, inline="never")
def digamma(x: V) -> V:
    """Derivative of log(gamma(x)); absolute error below 4e-15 for arguments of order 1.

    Zero gives minus or plus infinity by its sign, and negative integers give NaN.
    """
    negative = x < 0.0
    t = select(negative, 1.0 - x, x)
    total = splat(0.0)
    for _ in unroll(10):
        small = t < 10.0
        total = total - select(small, 1.0 / t, 0.0)
        t = select(small, t + 1.0, t)
    inverse = 1.0 / t
    square = inverse * inverse
    series = fma(square, _digamma_tail(square), 0.5 * inverse)
    result = select(t < INFINITY, (log(t) - series) + total, t)
    angle = PI * (x - rint(x))
    result = select(negative, result - PI * cos(angle) / sin(angle), result)
    result = select(negative & (floor(x) == x), NAN, result)
    return select(x == 0.0, -1.0 / x, result)
