from __future__ import annotations

import math

import numpy as np
import pytest
from compiled import over_arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from catena.numerics.ode.kernel.mathlib import FUNCTIONS

LONG = np.longdouble
pytestmark = pytest.mark.skipif(
    np.finfo(LONG).nmant < 63, reason="no wider floating point to compare with"
)


def c_lgamma(x):
    """As in C: infinite at the poles and where the result is too large. SciPy overflows for denormal arguments."""
    pole = ((x <= 0) & (np.rint(x) == x)) | (x > 1e306)
    return np.array([np.inf if p else math.lgamma(v) for v, p in zip(x, pole, strict=True)])


BINARY = {"pow", "atan2", "rem"}
NUMPY = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    "rem": np.fmod, "lgamma": c_lgamma, "digamma": special.digamma, "erf": special.erf,
    "erfc": special.erfc,
}  # fmt: skip
RUN = {
    name: over_arrays(function, 2 if name in BINARY else 1) for name, function in FUNCTIONS.items()
}
SPECIAL = np.array([0.0, 1.0, 2.0, 3.0, 0.5, 4.5, 1e16, 709.9, 745.2, 746.0, 1.797e308, np.inf])
SPECIAL = np.concatenate([SPECIAL, [5e-324, 1e-320, 2.3e-308]])
SPECIAL = np.concatenate([SPECIAL, -SPECIAL, [np.nan]])

random = np.random.default_rng(20240601)
SIZE = 20_000


def reference(name):
    return NUMPY[name] if name in NUMPY else getattr(np, name)


def uniform(low, high):
    return random.uniform(low, high, SIZE)


def logarithmic(low, high):
    """Both signs, every magnitude between 10^low and 10^high."""
    return 10.0 ** uniform(low, high) * random.choice([-1.0, 1.0], SIZE)


def every_double():
    """Finite numbers, all bit patterns alike."""
    positive = random.integers(0, 0x7FF0000000000000, SIZE).view(float)
    return np.copysign(positive, random.choice([-1.0, 1.0], SIZE))


def units(got, exact):
    """Return the greatest error in units in the last place; infinite for a wrong special value."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(float)
    finite = np.isfinite(got) & np.isfinite(rounded)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    with np.errstate(invalid="ignore"):
        error = np.abs(got.astype(LONG) - exact) / np.spacing(np.abs(rounded))
    return float(np.max(np.where(finite, error, np.where(same, 0.0, np.inf))))


MULTIPLES = np.arange(1, 20_001) * (np.pi / 2)  # the worst for the reduction
NEAR_ONE = 1 + logarithmic(-15, -1)


@pytest.mark.parametrize(
    ("name", "limit", "samples"),
    [
        ("exp", 1.0, [uniform(-750, 712), uniform(-2, 2), every_double()]),
        ("log", 1.0, [np.abs(every_double()), uniform(0.5, 2), NEAR_ONE]),
        ("tanh", 1.5, [uniform(-30, 30), uniform(-1, 1), logarithmic(-300, 2), every_double()]),
        ("expm1", 2.0, [uniform(-60, 712), logarithmic(-20, 0), every_double()]),
        ("log1p", 1.0, [uniform(-1, 2), logarithmic(-20, -0.1), np.abs(every_double())]),
        ("cbrt", 1.0, [every_double(), uniform(-10, 10)]),
        ("sin", 1.0, [uniform(-20, 20), logarithmic(-300, 9), MULTIPLES, -MULTIPLES]),
        ("cos", 1.0, [uniform(-20, 20), logarithmic(-300, 9), MULTIPLES, -MULTIPLES]),
        ("tan", 3.0, [uniform(-20, 20), logarithmic(-300, 9), MULTIPLES, -MULTIPLES]),
        ("asin", 2.0, [uniform(-1, 1), logarithmic(-300, 0), NEAR_ONE]),
        ("acos", 2.0, [uniform(-1, 1), logarithmic(-300, 0), NEAR_ONE]),
        ("atan", 2.0, [uniform(-5, 5), logarithmic(-300, 300)]),
        ("sinh", 3.0, [uniform(-720, 720), logarithmic(-300, 1)]),
        ("cosh", 2.0, [uniform(-720, 720), logarithmic(-300, 1)]),
        ("asinh", 3.0, [uniform(-5, 5), logarithmic(-300, 300)]),
        ("acosh", 4.0, [uniform(1, 5), np.abs(NEAR_ONE), 10 ** uniform(0, 300)]),
        ("atanh", 3.0, [uniform(-1, 1), logarithmic(-300, 0)]),
    ],
)
def test_accuracy(name, limit, samples):
    for x in samples:
        with np.errstate(all="ignore"):
            exact = reference(name)(x.astype(LONG))
        assert units(RUN[name](x), exact) <= limit


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (uniform(0, 20), uniform(-10, 10)),
        (np.exp(uniform(-700, 700)), logarithmic(-3, 0)),
        (np.exp(uniform(-0.01, 0.01)), logarithmic(0, 4.8)),
        (1 + logarithmic(-15, -9), logarithmic(0, 15)),
        (np.abs(every_double()), every_double()),
        (uniform(-5, 5), np.rint(uniform(-40, 40))),
    ],
)
def test_accuracy_of_powers(x, y):
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(LONG), y.astype(LONG))
    assert units(RUN["pow"](x, y), exact) <= 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-290, 1e300])
def test_accuracy_of_the_angle(scale):
    y, x = scale * logarithmic(-5, 5), scale * logarithmic(-5, 5)
    exact = np.arctan2(y.astype(LONG), x.astype(LONG))
    assert units(RUN["atan2"](y, x), exact) <= 3.0


@pytest.mark.parametrize("sizes", [(-5, 5), (-300, 300)])
def test_remainder_is_exact(sizes):
    x, y = logarithmic(*sizes), logarithmic(*sizes)
    assert (RUN["rem"](x, y) == np.fmod(x, y)).all()


@pytest.mark.parametrize(("name", "limit"), [("erf", 1.5), ("erfc", 4.0)])
def test_accuracy_of_the_error_function(name, limit):
    mpmath = pytest.importorskip("mpmath")
    samples = [uniform(-6, 6), uniform(-1.2, 1.2), uniform(0, 26.5), logarithmic(-300, 0)]
    x = np.concatenate([each[:300] for each in samples])
    with mpmath.workdps(40):
        exact = [LONG(mpmath.nstr(getattr(mpmath, name)(float(each)), 30)) for each in x]
    assert units(RUN[name](x), np.array(exact)) <= limit


@pytest.mark.parametrize("low", [0.0, 0.4, 0.9, 1.9, 7.9, 100.0])
def test_accuracy_of_the_gamma_function(low):
    mpmath = pytest.importorskip("mpmath")
    x = low + 10 ** uniform(-6, 0.5)[:300]
    with mpmath.workdps(40):
        exact = [LONG(mpmath.nstr(mpmath.loggamma(float(each)), 30)) for each in x]
        slope = [float(mpmath.digamma(float(each))) for each in x]
    assert units(RUN["lgamma"](x), np.array(exact)) <= 8.0
    assert RUN["digamma"](x) == pytest.approx(slope, rel=1e-15, abs=4e-15)


def test_gamma_function_of_negative_numbers():
    x = -uniform(0, 20)
    x = x[np.abs(x - np.rint(x)) > 1e-3]
    assert RUN["lgamma"](x) == pytest.approx(special.gammaln(x), rel=1e-12, abs=1e-13)
    assert RUN["digamma"](x) == pytest.approx(special.digamma(x), rel=1e-11, abs=1e-12)


def test_error_function_against_tables():
    # Abramowitz and Stegun 1964, table 7.1 and its complement by series, 20 digits.
    assert RUN["erf"]([0.5, 1.0, 2.0]) == pytest.approx(
        [0.52049987781304653768, 0.84270079294971486934, 0.99532226501895273416], rel=2e-16
    )
    assert RUN["erfc"]([1.0, 5.0, 10.0]) == pytest.approx(
        [0.15729920705028513066, 1.5374597944280348502e-12, 2.0884875837625447570e-45], rel=4e-16
    )


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - BINARY))
def test_special_values(name):
    with np.errstate(all="ignore"):
        expected = reference(name)(SPECIAL)
    _assert_same(RUN[name](SPECIAL), expected)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_special_pairs(name):
    x, y = (side.ravel() for side in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        expected = reference(name)(x, y)
    _assert_same(RUN[name](x, y), expected)


def _assert_same(got, expected):
    same = np.isclose(got, expected, rtol=1e-13, atol=0, equal_nan=True)
    assert (np.signbit(got) == np.signbit(expected))[~np.isnan(expected)].all()
    assert same.all()


def test_far_arguments_go_to_the_library():
    x = np.array([1e10, -1e300, 1.0, 2.0**60])
    for name in ("sin", "cos", "tan"):
        assert RUN[name](x) == pytest.approx(getattr(np, name)(x), rel=1e-15)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@settings(max_examples=40)
@given(x=st.floats(), y=st.floats(), neighbours=st.lists(st.floats(), min_size=7, max_size=7))
def test_a_lane_does_not_see_its_neighbours(name, x, y, neighbours):
    arity = 2 if name in BINARY else 1
    alone = RUN[name](*([each] * 4 for each in (x, y)[:arity]))[0]
    for lanes, place in ((4, 2), (4, 0)):
        columns = []
        for each in (x, y)[:arity]:
            column = np.array(neighbours[:lanes])
            column[place] = each
            columns.append(column)
        assert RUN[name](*columns)[place : place + 1].tobytes() == np.array([alone]).tobytes()


def test_the_width_of_vectors_does_not_matter():
    x, y = uniform(0, 3)[:1000], uniform(-3, 3)[:1000]
    for name, function in FUNCTIONS.items():
        arguments = (x, y) if name in BINARY else (x,)
        wide = over_arrays(function, len(arguments), lanes=8)
        assert wide(*arguments).tobytes() == RUN[name](*arguments).tobytes()
