"""Vector error function, its complement and the remainder in the mini language."""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    V,
    any_,
    c_fmod,
    copysign,
    fabs,
    fma,
    function,
    select,
    trunc,
)
from catena.numerics.ode.kernel.mathlib_exponential import INFINITY, exp_pair, polynomial

_ERF = (
    0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792,
    0.0052239776248180145, -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05,
    1.6461000484121368e-06, -1.6350312701054695e-07, 1.4659775274047436e-08,
    -1.1372848856791674e-09, 5.957176147748911e-11,
)  # fmt: skip
_ERFC = (
    1.2375126308378275, -0.14024059858554702, 0.0035854154854629045, 0.08227673849015113,
    -0.10880393014165805, 0.09230432116021522, -0.058693398591761654, 0.02836227742075386,
    -0.009746579532336114, 0.0017556258454484944, 0.0002937134832205404, -0.0002901540974049676,
    5.164990829645606e-05, 2.2384550628489278e-05, -1.1446444882750146e-05, -9.750133129744938e-07,
    1.7557572419630805e-06, -5.361966556540493e-08, -2.630076084593476e-07, 1.8148051418292806e-08,
    4.0773822695438946e-08, 2.0400958765405564e-10, -4.999295226477826e-09, -9.749977861841957e-10,
)  # fmt: skip

_erf_tail = polynomial(_ERF)
_erfc_scaled = polynomial(_ERFC)


@function(contract=False, inline="always")
def tail_probability(x: V) -> V:
    """Return erfc(x) for x >= 0: one polynomial for the whole half line.

    Shepherd and Laframboise 1981, Math. Comp. 36, 249, doi:10.1090/S0025-5718-1981-0595058-X:
    (1 + 2 x) exp(x^2) erfc(x) as a series in (x - 3.75)/(x + 3.75).
    """
    inside = select(x < 28.0, x, 28.0)
    t = (inside - 3.75) / (inside + 3.75)
    square = inside * inside
    low = fma(inside, inside, -square)
    return exp_pair(-square, -low) * (_erfc_scaled(t) / fma(2.0, inside, 1.0))


@function(contract=False, inline="never")
def erf(x: V) -> V:
    """Error function, below 2 ulp."""
    size = fabs(x)
    near = fma(x, _erf_tail(x * x), x)
    far = copysign(1.0 - tail_probability(size), x)
    return select(size < 1.0, near, select(x == x, far, x))


@function(contract=False, inline="never")
def erfc(x: V) -> V:
    """Complementary error function, below 4 ulp."""
    size = fabs(x)
    near = 1.0 - fma(x, _erf_tail(x * x), x)
    tail = tail_probability(size)
    far = select(x < 0.0, 2.0 - tail, tail)
    return select(size < 0.5, near, select(x == x, far, x))


@function(contract=False, inline="never")
def rem(x: V, y: V) -> V:
    """Remainder with the sign of x (C's fmod), exact."""
    size = fabs(y)
    a = fabs(x)
    quotient = a / size
    ordinary = (quotient < 4503599627370496.0) & (size > 1e-290) & (size < INFINITY)
    r = fma(-trunc(quotient), size, a)
    r = select(r < 0.0, r + size, r)
    result = copysign(select(r >= size, r - size, r), x)
    if any_(~ordinary):
        result = select(ordinary, result, c_fmod(x, y))
    return result
