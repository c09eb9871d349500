"""Derive the polynomial coefficients of the kernel's vector mathematics.

Each line of output is one tuple of ``catena.numerics.ode.kernel.mathlib*``: the coefficients,
lowest power first, of a near-minimax polynomial (Chebyshev interpolation in 100 digits, rounded to
double), with the greatest error of the fit over its interval.

    python tools/mathlib_coefficients.py
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import asin, atan, chebyfit, erf, erfc, exp, log, loggamma, mp, mpf, pi, sin, sqrt, tanh

mp.dps = 100
LN2_IN_42_BITS = float.fromhex("0x1.62e42fefa38p-1")
NEAR_ZERO = mpf(10) ** -25
HALF_LN2 = log(2) / 2
S2 = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2  # greatest s^2 of log, s = (m - 1)/(m + 1)


def odd(f: Callable[[mpf], mpf]) -> Callable[[mpf], mpf]:
    """Return g with f(x) = x + x^3 g(x^2)."""
    return lambda z: (f(sqrt(z)) / sqrt(z) - 1) / z


FITS: dict[str, tuple[Callable[[mpf], mpf], tuple[mpf, mpf], int]] = {
    # exp(r) = 1 + r + r^2 g(r)
    "EXP": (lambda r: (exp(r) - 1 - r) / r**2, (-HALF_LN2, HALF_LN2), 10),
    # log((1 + s)/(1 - s)) = 2 s + s^3 g(s^2)
    "LOG": (lambda z: (log((1 + sqrt(z)) / (1 - sqrt(z))) / sqrt(z) - 2) / z, (mpf(0), S2), 7),
    # the same with its first coefficient taken out: 2 s + s^3 (2/3 + s^2 g(s^2))
    "LOG_PAIR": (
        lambda z: ((log((1 + sqrt(z)) / (1 - sqrt(z))) / sqrt(z) - 2) / z - mpf(2) / 3) / z,
        (mpf(0), S2),
        10,
    ),
    "SIN": (odd(sin), (mpf(0), (pi / 4 * mpf("1.001")) ** 2), 6),
    # cos(r) = 1 - r^2/2 + r^4 g(r^2)
    "COS": (
        lambda z: (sin(pi / 2 - sqrt(z)) - 1 + z / 2) / z**2,
        (mpf(0), (pi / 4 * mpf("1.001")) ** 2),
        6,
    ),
    "TANH": (odd(tanh), (mpf(0), mpf("0.625") ** 2), 12),
    "ATAN": (odd(atan), (mpf(0), (sqrt(2) - 1) ** 2 * mpf("1.0001")), 12),
    "ASIN": (odd(asin), (mpf(0), mpf("0.25")), 13),
    # erf(x) = x + x g(x^2)
    "ERF": (lambda z: erf(sqrt(z)) / sqrt(z) - 1, (mpf(0), mpf(1)), 13),
    # (1 + 2 x) exp(x^2) erfc(x) = g((x - 3.75)/(x + 3.75)), Shepherd and Laframboise 1981
    "ERFC": (
        lambda t: (lambda x: (1 + 2 * x) * exp(x * x) * erfc(x))(mpf("3.75") * (1 + t) / (1 - t)),
        (mpf(-1), (28 - mpf("3.75")) / (28 + mpf("3.75"))),
        24,
    ),
    # lgamma(2 + u) = u (1 + u) g(u)
    "LGAMMA": (lambda u: loggamma(2 + u) / (u * (1 + u)), (mpf("-0.5"), mpf("0.5")), 18),
    # cbrt(a), a starting value only
    "CBRT": (lambda a: a ** (mpf(1) / 3), (mpf("0.7"), mpf("5.7")), 5),
}


def main() -> None:
    """Print every tuple."""
    for name, (function, interval, terms) in FITS.items():
        # A removable singularity at 0 may lie on the grid of the error estimate.
        moved = lambda z, f=function: f(z if abs(z) > NEAR_ZERO else NEAR_ZERO)  # noqa: E731
        coefficients, error = chebyfit(moved, interval, terms, error=True)
        numbers = ", ".join(repr(float(c)) for c in reversed(coefficients))
        print(f"_{name} = ({numbers})  # error {float(error):.1e}")
    for name, value in (("PI/2", pi / 2), ("LN2", log(2)), ("2/3", mpf(2) / 3)):
        parts = []
        for _ in range(3):
            parts.append(float(value - sum(mpf(part) for part in parts)))
        print(f"{name}: {parts}")
    rounded = mpf(LN2_IN_42_BITS)
    print(f"LN2: {LN2_IN_42_BITS.hex()} + {float(log(2) - rounded)!r}")


if __name__ == "__main__":
    main()
