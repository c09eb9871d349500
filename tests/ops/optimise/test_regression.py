"""Fits of Gaussian processes."""

from __future__ import annotations

import numpy as np
import pytest

from catena.ops.optimise import regression
from catena.ops.optimise.outcome import forward, model_outcome


def _data(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((n, 4))
    x[:, 3] = rng.integers(0, 3, n)
    y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.5 * (x[:, 3] == 1)
    return x, (y - y.mean()) / y.std()


@pytest.mark.parametrize("kernel", ["matern", "gauss"])
def test_gradient_of_the_evidence_is_exact(kernel: regression.Kernel) -> None:
    x, y = _data()
    distances = regression._distances(x, [3])
    numeric = np.array([True, True, True, False])
    basis = np.ones((len(y), 1))

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        level = np.full(len(y), np.exp(theta[-1]))
        return regression._evidence(theta[:4], level, True, distances, numeric, y, basis, kernel)

    at = np.array([0.1, -0.3, 0.5, 0.2, -4.0])
    steps = 1e-5 * np.eye(5)
    differences = [(value(at + s)[0] - value(at - s)[0]) / 2e-5 for s in steps]
    np.testing.assert_allclose(value(at)[1], differences, rtol=1e-5, atol=1e-6)


def test_scales_tell_which_inputs_matter() -> None:
    x, y = _data(60)
    found = regression.fit(x, y, kernel="gauss", categories=[3], noise=0.0)
    assert found.scales[0] < found.scales[2]
    assert found.scales[1] < found.scales[2]


def test_noise_is_found() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((80, 1))
    y = np.sin(6 * x[:, 0]) + 0.3 * rng.standard_normal(80)
    found = regression.fit(x, (y - y.mean()) / y.std(), kernel="matern")
    sd = np.sqrt(found.noise * found.variance) * y.std()
    assert 0.2 < sd < 0.4


def test_scale_of_a_sharp_optimum_is_the_logarithm() -> None:
    rng = np.random.default_rng(2)
    x = rng.random((40, 2))
    y = np.exp(12 * ((x - 0.4) ** 2).sum(1))
    assert model_outcome(x, y, noise=0.0).exponent != 1.0


@pytest.mark.parametrize(
    ("form", "exponent"),
    [("power", 0.0), ("power", 0.5), ("power", 1.0), ("power", 1.5), ("floor", 0.1)],
)
def test_scales_are_monotone_and_inverted(form: str, exponent: float) -> None:
    import torch

    from catena.ops.optimise.outcome import Outcome

    z = np.linspace(0.0 if form == "floor" else -2.0, 3.0, 50)
    mapped, jacobian = forward(form, exponent, z)
    assert np.all(np.diff(mapped) > 0)
    slope = np.gradient(mapped, z)
    assert np.log(slope).sum() == pytest.approx(jacobian, abs=2.0)
    fit = regression.Fit("gauss", np.ones(1), 0.0, 1.0, np.zeros(1), 0.0)
    outcome = Outcome(form, exponent, 2.0, 3.0, 0.5, 1.5, fit)  # type: ignore[arg-type]
    back = outcome.inverse(torch.as_tensor((mapped - 0.5) / 1.5)).numpy()
    np.testing.assert_allclose(back, 2.0 + 3.0 * z, atol=1e-9)
