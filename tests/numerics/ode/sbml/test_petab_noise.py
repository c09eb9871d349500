from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from catena.core.errors import DataError
from catena.formats.petab import Measurement, Observable, PetabProblem
from catena.numerics.ode.sbml.petab_noise import Noise
from catena.numerics.ode.sbml.petab_readings import log_density

OBSERVABLES = {
    o.name: o
    for scale in ("lin", "log", "log10")
    for shape in ("normal", "laplace")
    for o in [Observable(f"{scale}_{shape}", "x", "s", scale, shape)]  # type: ignore[arg-type]
}


def noise_of(values: list[float]) -> Noise:
    measured = tuple(
        Measurement(name, "", "", 0.0, value)
        for name, value in zip(OBSERVABLES, values, strict=True)
    )
    return Noise(PetabProblem("p", Path("m.xml"), {}, {}, OBSERVABLES, measured))


def test_densities_are_those_read_one_by_one() -> None:
    measured, rng = [0.4, 1.2, 3.0, 0.7, 2.0, 5.0], np.random.default_rng(0)
    noise = noise_of(measured)
    values, sigmas = rng.uniform(0.5, 3.0, (4, 6)), rng.uniform(0.1, 2.0, (4, 6))
    expected = [
        sum(log_density(o, y, v, s) for o, y, v, s in
            zip(OBSERVABLES.values(), measured, row, spread, strict=True))
        for row, spread in zip(values.tolist(), sigmas.tolist(), strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(noise.log_likelihood(values, sigmas), expected, rtol=1e-12)


def test_slopes_are_those_of_differences() -> None:
    noise = noise_of([0.4, 1.2, 3.0, 0.7, 2.0, 5.0])
    values, sigmas, step = np.full((1, 6), 1.4), np.full((1, 6), 0.6), 1e-6
    to_value, to_sigma = noise.slopes(values, sigmas)
    for k in range(6):
        move = step * (np.arange(6) == k)
        for found, change in (
            (to_value, (values + move, sigmas, values - move, sigmas)),
            (to_sigma, (values, sigmas + move, values, sigmas - move)),
        ):
            a, b, c, d = change
            difference = noise.log_likelihood(a, b) - noise.log_likelihood(c, d)
            assert found[0, k] == pytest.approx(difference[0] / (2 * step), rel=1e-6)


def test_information_is_the_mean_square_of_the_slopes() -> None:
    rng = np.random.default_rng(1)
    drawn = 1.4 + 0.6 * rng.standard_normal(40_000)
    one = {"o": Observable("o", "x", "s")}
    measured = tuple(Measurement("o", "", "", 0.0, value) for value in drawn.tolist())
    noise = Noise(PetabProblem("p", Path("m.xml"), {}, {}, one, measured))
    values, sigmas = np.full((1, len(drawn)), 1.4), np.full((1, len(drawn)), 0.6)
    slopes, roots = noise.slopes(values, sigmas), noise.information(values, sigmas)
    for slope, root in zip(slopes, roots, strict=True):
        assert (slope**2).mean() == pytest.approx((root**2).mean(), rel=0.05)


def test_missing_measurements_count_nothing() -> None:
    noise = noise_of([0.4, math.nan, math.nan, 0.7, 2.0, math.nan])
    values, sigmas = np.full((1, 6), 1.4), np.full((1, 6), 0.6)
    assert np.isfinite(noise.log_likelihood(values, sigmas)).all()
    assert (np.stack([*noise.slopes(values, sigmas)])[..., [1, 2, 5]] == 0).all()
    assert (noise.residuals(values, sigmas)[0, [1, 2, 5]] == 0).all()


def test_measurements_without_a_logarithm_are_refused() -> None:
    with pytest.raises(DataError, match="log_normal at time 0 is -1"):
        noise_of([0.4, 1.2, -1.0, 0.7, 2.0, 5.0])


def test_values_that_cannot_be_give_no_number() -> None:
    noise = noise_of([0.4, 1.2, 3.0, 0.7, 2.0, 5.0])
    values = np.array([[1.0, 1.0, -1.0, 1.0, 1.0, 1.0]])
    assert not np.isfinite(noise.log_likelihood(values, np.ones((1, 6)))).any()
