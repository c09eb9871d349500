from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.learn.gp import process as module
from catena.learn.gp.bank import ProcessBank
from catena.learn.gp.correlation import KERNELS, correlation
from catena.learn.gp.fit import fit_process, logarithms
from catena.learn.gp.likelihood import covariance, factorise, leave_one_out, negative_log_posterior
from catena.learn.gp.process import GaussianProcess, condition, spanning_points, trend_matrix

RNG = np.random.default_rng(3)
Z = RNG.random((40, 3))
Y = np.sin(3 * Z[:, 0]) + Z[:, 1] ** 2 - 0.5 * Z[:, 2]
Y = (Y - Y.mean()) / Y.std()
THETA = np.array([-0.5, 0.2, 0.9, -9.0])


@pytest.mark.parametrize("kernel", KERNELS)
def test_likelihood_gradient_is_exact(kernel: str) -> None:
    trend = trend_matrix("linear", Z)
    _, slope = negative_log_posterior(THETA, kernel, Z, trend, Y)  # type: ignore[arg-type]
    for k, step in enumerate(1e-5 * np.eye(4)):
        up, _ = negative_log_posterior(THETA + step, kernel, Z, trend, Y)  # type: ignore[arg-type]
        down, _ = negative_log_posterior(THETA - step, kernel, Z, trend, Y)  # type: ignore[arg-type]
        assert slope[k] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-4)


def test_leave_one_out_equals_refitting_without_the_point() -> None:
    matrix, _ = covariance("matern", Z, THETA)
    trend = trend_matrix("linear", Z)
    whole = factorise(matrix, trend, Y)
    assert whole is not None
    residuals, _ = leave_one_out(whole)
    for row in (0, 7, 39):
        keep = np.arange(len(Z)) != row
        part = factorise(matrix[np.ix_(keep, keep)], trend[keep], Y[keep])
        assert part is not None
        predicted = trend[row] @ part.coefficients + matrix[row, keep] @ part.residual
        assert residuals[row] == pytest.approx(Y[row] - predicted, rel=1e-6)


def test_a_singular_covariance_has_no_factor_and_a_high_cost() -> None:
    twice = np.concatenate([Z[:5], Z[:5]])
    y = np.arange(10.0)
    assert factorise(np.ones((10, 10)), np.ones((10, 1)), y) is None
    value, slope = negative_log_posterior(
        np.array([0.0, 0.0, 0.0, -60.0]), "gauss", twice, np.ones((10, 1)), y
    )
    assert value == 1e10
    assert not slope.any()


def test_a_fit_interpolates_and_predicts_a_smooth_function() -> None:
    fitted = fit_process(Z, Y)
    np.testing.assert_allclose(fitted.mean(Z), Y, atol=1e-4)
    new = np.random.default_rng(4).random((200, 3))
    truth = np.sin(3 * new[:, 0]) + new[:, 1] ** 2 - 0.5 * new[:, 2]
    raw = np.sin(3 * Z[:, 0]) + Z[:, 1] ** 2 - 0.5 * Z[:, 2]
    error = fitted.mean(new) * raw.std() + raw.mean() - truth
    assert np.sqrt((error**2).mean()) < 0.01 * truth.std()
    again = fit_process(Z, Y, start=logarithms(fitted))
    np.testing.assert_allclose(again.mean(new), fitted.mean(new), atol=1e-3)


def test_spread_is_small_at_points_and_large_far_away() -> None:
    fitted = condition("matern", "constant", Z, Y, THETA)
    assert fitted is not None
    mean, near = fitted.mean_and_spread(Z)
    np.testing.assert_allclose(mean, fitted.mean(Z))
    _, far = fitted.mean_and_spread(Z + 30.0)
    assert near.max() < 0.05 * far.min()
    # The unknown trend adds to the signal.
    assert np.all((far >= np.sqrt(fitted.variance)) & (far < 1.3 * np.sqrt(fitted.variance)))


def test_covariance_agrees_with_the_stated_spread() -> None:
    fitted = condition("gauss", "linear", Z, Y, THETA)
    assert fitted is not None
    new = np.random.default_rng(5).random((6, 3))
    _, spread = fitted.mean_and_spread(new)
    own = np.diag(fitted.covariance(new, new)) + fitted.nugget
    np.testing.assert_allclose(np.sqrt(fitted.variance * own), spread, rtol=1e-6)


def test_spread_from_a_subset_bounds_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    full = condition("matern", "linear", Z, Y, THETA)
    monkeypatch.setattr(module, "MAX_SPREAD_POINTS", 25)
    part = condition("matern", "linear", Z, Y, THETA)
    assert full is not None
    assert part is not None
    assert part.anchors.shape == (25, 3)
    new = np.random.default_rng(6).random((50, 3))
    np.testing.assert_allclose(part.mean(new), full.mean(new))
    assert np.all(part.mean_and_spread(new)[1] >= full.mean_and_spread(new)[1] * (1 - 1e-9))
    np.testing.assert_allclose(part.residuals, full.residuals)
    assert np.all(part.spreads > 0)


def test_spanning_points_are_those_that_differ() -> None:
    line = np.array([[0.0], [1e-6], [0.5], [1.0], [1.0 + 1e-6]])
    matrix = np.exp(-0.5 * (line - line.T) ** 2 / 0.01)
    chosen = spanning_points(matrix, 3)
    assert {0, 1} & set(chosen.tolist())
    assert 2 in chosen
    assert {3, 4} & set(chosen.tolist())


def test_a_bank_travels_as_arrays_and_facts() -> None:
    bank = ProcessBank.fit(Z, np.stack([Y, Y**2 - 1.0], axis=1), kernel="matern", trend="constant")
    back = ProcessBank.restored(bank.facts(), bank.arrays())
    new = np.random.default_rng(7).random((5, 3))
    for ours, theirs in zip(bank.mean_and_spread(new), back.mean_and_spread(new), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert isinstance(back.processes[0], GaussianProcess)
    assert bank.residuals.shape == bank.spreads.shape == (40, 2)


def test_unknown_kernels_are_refused() -> None:
    with pytest.raises(InputError, match="Unknown kernel"):
        correlation("mattern", np.zeros(1))  # type: ignore[arg-type]
