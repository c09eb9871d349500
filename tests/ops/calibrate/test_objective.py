from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fit_models import decay, slopes_of

from catena.core.distribution import Distribution
from catena.core.errors import InputError
from catena.ops.calibrate.objective import Pinned, Target
from catena.ops.likelihood import Likelihood
from catena.ops.space import Space
from catena.ops.variable import Variable

T = np.linspace(0.0, 5.0, 9)
SEEN = 10.0 * np.exp(-0.7 * T) * np.exp(0.1 * np.random.default_rng(3).standard_normal(9))
PRIORS = [
    {"k": "log 0.01..10 1/h", "a": "0.1..100 mg/L"},
    {"k": "lognormal(0.5 1/h, 40 %)", "a": "normal(12 mg/L, 2 mg/L)"},
    {"k": "triangular(0.1, 0.3, 2)", "a": "0.1..100 mg/L"},
]


def target(over: dict[str, str], noise: str, **options: Any) -> Target:
    model = decay()
    return Target(
        Likelihood(model, {"t": T, "c": SEEN}, Space.of(model, over), noise=noise), **options
    )


@pytest.mark.parametrize("over", PRIORS, ids=["none", "normal", "triangular"])
@pytest.mark.parametrize("noise", ["additive", "proportional", "lognormal", "combined"])
def test_gradients_in_search_coordinates(over: dict[str, str], noise: str) -> None:
    found = target(over, noise)
    theta = np.array([[0.6, 9.0], [0.9, 12.0]])
    theta = np.concatenate([theta, np.full((2, found.dim - 2), 0.3)], axis=1)
    x = found.inward(theta)
    np.testing.assert_allclose(found.outward(x), theta)
    value, gradient, curvature = found.value_gradient_curvature(x)
    np.testing.assert_allclose(value, found.value(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, found.value_and_gradient(x)[1], rtol=1e-10, atol=1e-10)
    expected = slopes_of(found.value, x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert np.linalg.eigvalsh(curvature).min() > -1e-9


def test_noise_in_closed_form_is_the_best_noise() -> None:
    short, long = target(PRIORS[0], "additive"), target(PRIORS[0], "additive", concentrate=False)
    assert (short.dim, long.dim) == (2, 3)
    x = short.inward(np.array([[0.6, 9.0]]))
    whole = short.full(x)
    assert long.value(long.inward(whole))[0] == pytest.approx(short.value(x)[0], rel=1e-12)
    for factor in (0.9, 1.1):
        worse = whole * np.array([1.0, 1.0, factor])
        assert long.value(long.inward(worse))[0] > short.value(x)[0]


def test_priors_are_densities() -> None:
    for text, scale in (
        ("normal(2, 0.5)", "linear"),
        ("lognormal(2, 0.5)", "log"),
        ("triangular(1, 2, 4)", "linear"),
    ):
        prior = Distribution.parse(text)
        model = decay()
        space = Space([Variable("k", "real", 0.01, 10.0, "1/h", scale, (), prior)])  # type: ignore[arg-type]
        found = Target(
            Likelihood(model, {"t": T, "c": SEEN}, space, noise="additive", given={"a": 10.0})
        )
        grid = np.linspace(0.011, 9.9, 40_001)[:, None]
        density = np.exp(found.log_prior(grid)[0])
        measure = grid[:, 0] if scale == "linear" else np.log(grid[:, 0])
        assert np.trapezoid(density, measure) == pytest.approx(1.0, abs=2e-3)


def test_a_pinned_coordinate_has_no_slope() -> None:
    free = target(PRIORS[0], "additive")
    x = free.inward(np.array([[0.6, 9.0], [0.9, 12.0]]))
    pinned = Pinned(free, np.array([0, 1, 1]))
    _, gradient, curvature = pinned.value_gradient_curvature(x, np.array([0, 2]))
    assert gradient[0, 0] == gradient[1, 1] == 0.0
    assert gradient[0, 1] != 0.0
    np.testing.assert_array_equal(curvature[0, 0], [1.0, 0.0])


def test_discrete_priors_are_refused() -> None:
    prior = Distribution(name="discrete", parameters=(0.5, 1.0))
    model = decay()
    space = Space([Variable("k", "real", 0.5, 1.0, "1/h", "linear", (), prior)])
    with pytest.raises(InputError, match="discrete"):
        Target(Likelihood(model, {"t": T, "c": SEEN}, space, given={"a": 10.0}))
