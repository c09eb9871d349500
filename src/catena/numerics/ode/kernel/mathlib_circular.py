"""Vector circular functions and their inverses in the mini language.

Arguments are reduced by pi/2 in three parts with exact products (Cody and Waite 1980; Dekker 1971,
doi:10.1007/BF01397083) up to 1e9 in absolute value; lanes beyond go to the C library.
Coefficients: ``tools/mathlib_coefficients.py``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    V,
    any_,
    bits,
    c_cos,
    c_sin,
    c_tan,
    copysign,
    fabs,
    fma,
    fmax,
    fmin,
    function,
    rint,
    select,
    splat,
    sqrt,
)
from catena.numerics.ode.kernel.mathlib_exponential import INFINITY, MAGIC, polynomial

HALF_PI = 1.5707963267948966
HALF_PI_REST = 6.123233995736766e-17
HALF_PI_LAST = -1.4973849048591698e-33
TWO_OVER_PI = 0.6366197723675814
FAR = 1e9

_SIN = (
    -0.16666666666666666, 0.008333333333330925, -0.00019841269836722418, 2.755731608381636e-06,
    -2.5051127944014188e-08, 1.5917848524808262e-10,
)  # fmt: skip
_COS = (
    0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
    2.0876143827993133e-09, -1.1382456778061306e-11,
)  # fmt: skip
_ATAN = (
    -0.3333333333333333, 0.19999999999999804, -0.14285714285659779, 0.11111111105150588,
    -0.09090908753259112, 0.07692296368042296, -0.0666642476020052, 0.05878927554473807,
    -0.05230443640686948, 0.045515447340221615, -0.03456931506332609, 0.016284375050043393,
)  # fmt: skip
_ASIN = (
    0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247,
    0.02237217294214989, 0.017352392720869973, 0.013971212973552933, 0.011479177415184906,
    0.01032281435018578, 0.005457506718640358, 0.01740087944269402, -0.014851887071247204,
    0.028757851367421566,
)  # fmt: skip

_sin_tail = polynomial(_SIN)
_cos_tail = polynomial(_COS)
_atan_tail = polynomial(_ATAN)
_asin_tail = polynomial(_ASIN)


@function(contract=False, inline="always")
def sine_and_cosine(x: V) -> tuple[V, V, V]:
    """Return sin(r), cos(r) and k with x = k pi/2 + r, abs(r) <= pi/4; zero where x is far."""
    inside = select(fabs(x) <= FAR, x, 0.0)
    k = rint(inside * TWO_OVER_PI)
    first = fma(k, -HALF_PI, inside)  # exact
    product = k * HALF_PI_REST
    rest = fma(k, HALF_PI_REST, -product)
    r = first - product
    part = r - first
    low = (first - (r - part)) - (product + part) - fma(k, HALF_PI_LAST, rest)
    total = r + low
    low = (r - total) + low
    z = total * total
    half = 0.5 * z
    sine = total + fma(total * z, _sin_tail(z), low * (1.0 - half))
    c = 1.0 - half
    cosine = c + (((1.0 - c) - half) + fma(z * z, _cos_tail(z), -(total * low)))
    return sine, cosine, k


@function(contract=False, inline="always")
def quarter_turn(sine: V, cosine: V, k: V) -> V:
    """Return sin(r + k pi/2)."""
    turns = bits(k + MAGIC)
    value = select((turns & 1) == 0, sine, cosine)
    return select((turns & 2) == 0, value, -value)


@function(contract=False, inline="never")
def sin(x: V) -> V:
    """Sine, below 1 ulp."""
    sine, cosine, k = sine_and_cosine(x)
    result = select(x == 0.0, x, quarter_turn(sine, cosine, k))
    far = ~(fabs(x) <= FAR)
    if any_(far):
        result = select(far, c_sin(x), result)
    return result


@function(contract=False, inline="never")
def cos(x: V) -> V:
    """Cosine, below 1 ulp."""
    sine, cosine, k = sine_and_cosine(x)
    result = quarter_turn(sine, cosine, k + 1.0)
    far = ~(fabs(x) <= FAR)
    if any_(far):
        result = select(far, c_cos(x), result)
    return result


@function(contract=False, inline="never")
def tan(x: V) -> V:
    """Tangent, below 3 ulp."""
    sine, cosine, k = sine_and_cosine(x)
    even = (bits(k + MAGIC) & 1) == 0
    result = select(even, sine, -cosine) / select(even, cosine, sine)
    result = select(x == 0.0, x, result)
    far = ~(fabs(x) <= FAR)
    if any_(far):
        result = select(far, c_tan(x), result)
    return result


@function(contract=False, inline="always")
def angle(y: V, x: V) -> tuple[V, V]:
    """Return the angle of (x, y) for x, y >= 0, not both infinite or zero, and its low part.

    One division: the quotient is turned by 0, 45 or 90 degrees so that it is below tan(pi/8).
    """
    flat = y <= 0.41421356237309503 * x
    middle = y <= 2.414213562373095 * x
    above = select(flat, y, select(middle, y - x, -x))
    below = select(flat, x, select(middle, y + x, y))
    q = above / below
    z = q * q
    start = select(flat, 0.0, select(middle, 0.5 * HALF_PI, HALF_PI))
    start_low = select(flat, 0.0, select(middle, 0.5 * HALF_PI_REST, HALF_PI_REST))
    tail = fma(q * z, _atan_tail(z), start_low)
    total = start + q
    return total, ((start - total) + q) + tail


@function(contract=False, inline="never")
def atan(x: V) -> V:
    """Inverse tangent, below 2 ulp."""
    size = fabs(x)
    high, low = angle(fmin(size, 1e300), splat(1.0))
    result = select(size < 1e-9, size, high + low)
    return select(x == x, copysign(result, x), x)


@function(contract=False, inline="never")
def atan2(y: V, x: V) -> V:
    """Angle of the point (x, y) with the special cases of C, below 3 ulp."""
    a = fabs(y)
    b = fabs(x)
    both = (a == INFINITY) & (b == INFINITY)
    # Near the ends of the range the sum would overflow, or lose digits among the denormals.
    scale = select(fmax(a, b) > 1e300, 1e-150, select(fmax(a, b) < 1e-200, 1e100, 1.0))
    a = select(both, 1.0, a * scale)
    b = select(both | ((a == 0.0) & (b == 0.0)), 1.0, b * scale)
    high, low = angle(a, b)
    ahead = high + low
    behind = 2.0 * HALF_PI - (high - (2.0 * HALF_PI_REST - low))
    result = select(copysign(1.0, x) < 0.0, behind, ahead)
    return select((x == x) & (y == y), copysign(result, y), x + y)


@function(contract=False, inline="always")
def half_angle(size: V) -> tuple[V, V]:
    """Return s = sqrt((1 - size)/2) or size itself, whichever is small, and asin of it less s."""
    near = size <= 0.5
    z = select(near, size * size, 0.5 * (1.0 - size))
    root = sqrt(z)
    s = select(near, size, root)
    lost = select(near | (root == 0.0), 0.0, fma(-root, root, z) / (root + root))
    return s, fma(s * z, _asin_tail(z), lost)


@function(contract=False, inline="never")
def asin(x: V) -> V:
    """Inverse sine, below 2 ulp; NaN beyond -1..1."""
    size = fabs(x)
    s, tail = half_angle(size)
    far = HALF_PI - (2.0 * s - (HALF_PI_REST - 2.0 * tail))
    return copysign(select(size <= 0.5, s + tail, far), x)


@function(contract=False, inline="never")
def acos(x: V) -> V:
    """Inverse cosine, below 2 ulp; NaN beyond -1..1."""
    size = fabs(x)
    s, tail = half_angle(size)
    signed = copysign(s, x)
    middle = HALF_PI - (signed - (HALF_PI_REST - copysign(tail, x)))
    below = 2.0 * HALF_PI - (2.0 * s - (2.0 * HALF_PI_REST - 2.0 * tail))
    above = 2.0 * (s + tail)
    return select(size <= 0.5, middle, select(x > 0.0, above, below))
