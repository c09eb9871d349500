"""Areas and terminal slopes against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.science.body.exposure import nca


def everywhere(time: np.ndarray) -> np.ndarray:
    return np.ones((1, len(time)), dtype=bool)


@settings(max_examples=30, deadline=None)
@given(rate=st.floats(1e-9, 50.0), start=st.floats(0.0, 100.0), step=st.floats(0.01, 10.0))
def test_one_falling_interval_is_exact(rate: float, start: float, step: float) -> None:
    time = np.array([start, start + step])
    conc = 7.0 * np.exp(-rate * (time - start))
    auc, aumc = nca.areas(time[None], conc[None], everywhere(time))
    decay = -np.expm1(-rate * step) / rate
    moment = 7.0 * (start * decay + decay / rate - step * np.exp(-rate * step) / rate)
    assert float(auc[0]) == pytest.approx(7.0 * decay, rel=1e-9)
    if rate * step > 1e-3:  # below, the closed form itself loses its digits
        assert float(aumc[0]) == pytest.approx(moment, rel=1e-6)


def test_one_rising_interval_is_a_straight_line() -> None:
    time, conc = np.array([[1.0, 3.0]]), np.array([[2.0, 6.0]])
    auc, aumc = nca.areas(time, conc, np.ones((1, 2), dtype=bool))
    assert float(auc[0]) == pytest.approx(8.0)
    assert float(aumc[0]) == pytest.approx(52.0 / 3.0)  # integral of t (2 t) from 1 to 3


def test_unused_intervals_do_not_count() -> None:
    time, conc = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 1.0, 1.0]])
    auc, _ = nca.areas(time, conc, np.array([[True, True, False, True]]))
    assert float(auc[0]) == pytest.approx(2.0)


def test_areas_have_finite_gradients_where_concentrations_hardly_fall() -> None:
    time = jnp.array([[0.0, 1.0, 2.0, 3.0]])
    conc = jnp.array([[1.0, 1.0, 1.0 - 1e-9, 0.0]])
    used = jnp.ones((1, 4), dtype=bool)
    gradient = jax.grad(lambda c: nca.areas(time, c, used)[0].sum())(conc)
    np.testing.assert_allclose(gradient[0, 1:3], [1.0, 1.0], rtol=1e-6)
    second = jax.grad(lambda c: nca.areas(time, c, used)[1].sum())(conc)
    assert np.all(np.isfinite(second))


def test_slope_of_an_exact_exponential() -> None:
    time = np.linspace(0.0, 20.0, 30)[None]
    conc = 3.0 * np.exp(-0.13 * time)
    fit = nca.terminal_slope(time, conc, np.array([0]))
    assert bool(fit.found[0])
    assert float(fit.rate[0]) == pytest.approx(0.13, rel=1e-12)
    assert float(fit.r2[0]) == pytest.approx(1.0)


def test_slope_of_two_phases_is_that_of_the_last() -> None:
    time = np.linspace(0.0, 48.0, 97)[None]
    conc = 9.0 * np.exp(-1.0 * time) + 1.0 * np.exp(-0.1 * time)
    fit = nca.terminal_slope(time, conc, np.array([0]))
    assert float(fit.rate[0]) == pytest.approx(0.1, rel=1e-4)


def test_noisy_profiles_take_most_points_among_equals() -> None:
    # Points 1 to 5 fit about as well as the last three (within 1e-4 of adjusted R2).
    time = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    wobble = np.array([[2.0, 0.01, -0.01, 0.01, -0.01, 0.01]])
    fit = nca.terminal_slope(time, np.exp(-time + wobble), np.array([1]))
    assert float(fit.points[0]) == 5


@pytest.mark.parametrize(
    "conc",
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 1.0, 1.0],
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [5.0, 1.0, 0.5, 0.0, 0.0],
    ],
)
def test_no_slope_without_three_falling_points_after_the_peak(conc: list[float]) -> None:
    values = np.array([conc])
    first = np.array([int(np.argmax(conc)) + 1])
    fit = nca.terminal_slope(np.arange(5.0)[None], values, first)
    assert not bool(fit.found[0])
    assert float(fit.points[0]) == 0


def test_back_extrapolation_is_log_linear_and_falls_back_to_the_first_point() -> None:
    time = np.array([[0.5, 1.0, 2.0], [0.5, 1.0, 2.0], [0.0, 1.0, 2.0]])
    conc = np.array([4.0 * np.exp(-time[0]), [1.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    start = nca.back_extrapolated(time, conc)
    np.testing.assert_allclose(start, [4.0, 1.0, 4.0])
