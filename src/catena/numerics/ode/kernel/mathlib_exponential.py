"""Vector exp, log, pow and cbrt in the mini language.

Argument reduction after Cody and Waite (1980, Software Manual for the Elementary Functions) with
fused multiply-add; the logarithm for pow carries about 66 bits as an unevaluated sum of two
doubles (Dekker 1971, doi:10.1007/BF01397083). Coefficients: ``tools/mathlib_coefficients.py``.
No function here lets products and sums fuse by themselves: every rounding is where it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catena.numerics.ode.kernel.lang import (
    M,
    V,
    bits,
    copysign,
    fabs,
    fma,
    fmax,
    fmin,
    from_bits,
    function,
    rint,
    select,
    shift_right,
    splat,
    unroll,
)

INFINITY = float("inf")
NAN = float("nan")
#: Adding it to an integer below 2^51 leaves that integer in the low bits.
MAGIC = 6755399441055744.0
#: Bit pattern of 2^52: or-ing an integer below 2^52 into it adds the integer.
TWO_52_BITS = 0x4330000000000000
TWO_52 = 4503599627370496.0
ONE_BITS = 0x3FF0000000000000
#: Bit pattern of sqrt(1/2), the least significand after reduction.
LOW_BITS = 0x3FE6A09E667F3BCD
FRACTION = 0x000FFFFFFFFFFFFF
TINY = 2.2250738585072014e-308

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453
LN2_REST = 2.3190468138462996e-17
#: LN2 in 42 bits, exact when multiplied by an exponent, and what that leaves.
LN2_HIGH = float.fromhex("0x1.62e42fefa38p-1")
LN2_LOW = 5.497923018708371e-14
TWO_THIRDS = 0.6666666666666666
TWO_THIRDS_REST = 3.700743415417188e-17

_EXP = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065,
    0.0013888888917196719, 0.00019841269863040545, 2.4801521322368692e-05, 2.7557268480310024e-06,
    2.7620075879983367e-07, 2.5100375832561234e-08,
)  # fmt: skip
_LOG = (
    0.666666666666667, 0.39999999999899505, 0.28571428625975487, 0.2222221113479508,
    0.18182889125261723, 0.15331721600556042, 0.14616449685043406,
)  # fmt: skip
_LOG_PAIR = (
    0.4, 0.2857142857142857, 0.22222222222222157, 0.1818181818184646, 0.15384615378384117,
    0.1333333412115341, 0.11764645342260827, 0.10529187349009726, 0.09441934167897782,
    0.09971201290638848,
)  # fmt: skip
_CBRT = (
    0.5825399747033058, 0.5188392505597309, -0.120620220137105, 0.017460162196196508,
    -0.001012768914025325,
)  # fmt: skip


def polynomial(coefficients: tuple[float, ...]) -> Callable[..., Any]:
    """Return a language function V -> V for a polynomial, lowest power first.

    Even and odd powers are two independent chains, which halves the wait for each result.
    """
    even, odd = coefficients[0::2], coefficients[1::2]
    even_first, odd_first = even[-1], odd[-1]
    even_rest, odd_rest = even[-2::-1], odd[-2::-1]

    @function(contract=False, inline="always")
    def polynomial(x: V) -> V:
        square = x * x
        p = splat(even_first)
        q = splat(odd_first)
        for c in unroll(even_rest):
            p = fma(p, square, c)
        for c in unroll(odd_rest):
            q = fma(q, square, c)
        return fma(q, x, p)

    return polynomial


_exp_tail = polynomial(_EXP)
_log_tail = polynomial(_LOG)
_log_pair_tail = polynomial(_LOG_PAIR)
_cbrt_start = polynomial(_CBRT)


@function(contract=False, inline="always")
def power_of_two(k: V) -> V:
    """Return 2^k for an integer k in -1022..1023."""
    return from_bits((bits(k + MAGIC) << 52) + ONE_BITS)


@function(contract=False, inline="always")
def reduced(x: V) -> tuple[V, V, V]:
    """Return k, r and the rounding error of r with x = k ln 2 + r, abs(r) <= ln(2)/2."""
    k = rint(x * LOG2_E)
    high = fma(k, -LN2, x)
    r = fma(k, -LN2_REST, high)
    return k, r, fma(k, -LN2_REST, high - r)


@function(contract=False, inline="always")
def exp_reduced(k: V, r: V, low: V) -> V:
    """Return 2^k exp(r + low) for abs(r) <= ln(2)/2 and a low part below 1 ulp of 1.

    The power of two is applied in two steps, so that results are rounded once into the denormal
    range and overflow exactly where they should.
    """
    p = fma(r * r, _exp_tail(r), low) + r
    half = rint(k * 0.5)
    return (p + 1.0) * power_of_two(half) * power_of_two(k - half)


@function(contract=False, inline="never")
def exp(x: V) -> V:
    """Exponential, below 1 ulp, denormal results included."""
    k, r, error = reduced(fmin(712.0, fmax(-750.0, x)))
    return exp_reduced(k, r, error)


@function(contract=False, inline="always")
def exp_half(x: V) -> V:
    """Return exp(x)/2, which overflows later than exp."""
    k, r, error = reduced(fmin(712.0, fmax(-750.0, x)))
    return exp_reduced(k - 1.0, r, error)


@function(contract=False, inline="always")
def exp_pair(x: V, low: V) -> V:
    """Return exp(x + low) for a low part below 1 ulp of x."""
    inside = fmin(712.0, fmax(-750.0, x))
    k, r, error = reduced(inside)
    rest = error + select(inside == x, low, 0.0)
    total = r + rest
    return exp_reduced(k, total, (r - total) + rest)


@function(contract=False, inline="never")
def expm1(x: V) -> V:
    """Exponential less 1 without cancellation, below 2 ulp."""
    inside = fmin(710.0, fmax(-50.0, x))
    k, r, error = reduced(inside)
    p = r + fma(r * r, _exp_tail(r), error)
    scale = power_of_two(k - 1.0)  # halved: 2^1024 is no number
    far = 2.0 * fma(scale, p, scale - 0.5)
    return select(x == 0.0, x, select(k == 0.0, p, far))


@function(contract=False, inline="always")
def split(x: V) -> tuple[V, V]:
    """Return k and m with x = 2^k m, sqrt(1/2) <= m < sqrt(2), for positive finite x."""
    small = x < TINY
    normal = select(small, x * 18014398509481984.0, x)
    moved = bits(normal) + (ONE_BITS - LOW_BITS)
    k = from_bits(shift_right(moved, 52) | TWO_52_BITS) - (TWO_52 + 1023.0)
    m = from_bits((moved & FRACTION) + LOW_BITS)
    return k - select(small, 54.0, 0.0), m


@function(contract=False, inline="always")
def log_special(x: V, result: V) -> V:
    """Replace the logarithm of zero, infinity, NaN and negative numbers by what it should be."""
    ordinary = (x > 0.0) & (x < INFINITY)
    outside = select(x == 0.0, -INFINITY, select(x > 0.0, x, NAN))
    return select(ordinary, result, select(x == x, outside, x))


@function(contract=False, inline="always")
def log_sum(x: V, addend: V) -> V:
    """Return log(x) + addend for positive finite x; the addend is small beside log(x) or 1 ulp."""
    k, m = split(x)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    tail = fma(s, fma(z, _log_tail(z), half_square), fma(k, LN2_LOW, addend))
    return fma(k, LN2_HIGH, f - (half_square - tail))


@function(contract=False, inline="never")
def log(x: V) -> V:
    """Natural logarithm, below 1 ulp."""
    return log_special(x, log_sum(x, splat(0.0)))


@function(contract=False, inline="never")
def log1p(x: V) -> V:
    """Logarithm of 1 + x without cancellation, below 2 ulp."""
    u = 1.0 + x
    part = u - x
    lost = (1.0 - part) + (x - (u - part))  # exact: u + lost = 1 + x
    result = log_special(u, log_sum(u, lost / u))
    return select(fabs(x) < 1e-300, x, result)


@function(contract=False, inline="always")
def log_pair(x: V) -> tuple[V, V]:
    """Return log(x) as an unevaluated sum of two doubles, for positive finite x.

    log(m) = 2 s + s^3 (2/3 + s^2 Q(s^2)), s = (m - 1)/(m + 1); only Q is computed in plain
    double precision, which leaves a relative error near 2^-65.
    """
    k, m = split(x)
    f = m - 1.0
    t = 2.0 + f
    t_low = f - (t - 2.0)
    s = f / t
    s_low = fma(-s, t_low, fma(-s, t, f)) / t
    z = s * s
    z_low = fma(s, s, -z) + 2.0 * s * s_low
    a = z * _log_pair_tail(z)
    w = TWO_THIRDS + a
    w_low = (TWO_THIRDS - w) + a + TWO_THIRDS_REST
    c = s * z
    c_low = fma(s, z, -c) + fma(s, z_low, s_low * z)
    v = c * w
    v_low = fma(c, w, -v) + fma(c, w_low, c_low * w)
    log_m = 2.0 * s + v
    log_m_low = (2.0 * s - log_m) + v + fma(2.0, s_low, v_low)
    whole = k * LN2_HIGH
    high = whole + log_m
    low = (whole - high) + log_m + fma(k, LN2_LOW, log_m_low)
    total = high + low
    return total, (high - total) + low


@function(contract=False, inline="never")
def pow(x: V, y: V) -> V:
    """Power x^y with the special cases of IEEE 754 and C, below 1 ulp."""
    size = fabs(x)
    high, low = log_pair(size)
    plain = (size > 0.0) & (size < INFINITY)
    high = select(plain, high, select(size == 0.0, -INFINITY, size))
    product = y * high
    rest = fma(y, high, -product) + y * low
    finite = plain & (fabs(product) < 1000.0)
    result = exp_pair(product, select(finite, rest, 0.0))
    result = select(size == 1.0, 1.0, result)
    return pow_signed(x, y, result)


@function(contract=False, inline="always")
def pow_signed(x: V, y: V, result: V) -> V:
    """Give abs(x)^y its sign, or NaN for a negative base with a fractional exponent."""
    whole = rint(y) == y
    half = 0.5 * y
    odd: M = whole & (rint(half) != half)
    negative = copysign(1.0, x) < 0.0
    result = select(negative & odd, -result, result)
    fractional = (x < 0.0) & (x > -INFINITY) & ~whole
    result = select(fractional, NAN, result)
    result = select((x != x) | (y != y), x + y, result)
    return select((y == 0.0) | (x == 1.0), 1.0, result)


@function(contract=False, inline="never")
def cbrt(x: V) -> V:
    """Cube root, below 1 ulp: one step of Halley's method, one of Newton's with exact residual."""
    k, m = split(fabs(x))
    third = rint((k - 1.0) * (1.0 / 3.0))
    a = m * power_of_two(k - 3.0 * third)  # between sqrt(1/2) and 4 sqrt(2)
    y = _cbrt_start(a)
    cube = y * y * y
    y = y * (cube + 2.0 * a) / (2.0 * cube + a)
    cube = y * y * y
    y = y * (cube + 2.0 * a) / (2.0 * cube + a)
    square = y * y
    error = fma(y, y, -square)
    residual = fma(square, y, -a) + error * y
    y = y - residual / (3.0 * square)
    result = copysign(y * power_of_two(third), x)
    ordinary = (fabs(x) > 0.0) & (fabs(x) < INFINITY)
    return select(ordinary, result, x)
