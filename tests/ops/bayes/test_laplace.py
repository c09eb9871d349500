"""Normal approximation at the mode."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from catena.core.distribution import Distribution
from catena.core.errors import SolverError
from catena.ops.bayes.density import Posterior
from catena.ops.bayes.laplace import laplace, tail_index
from catena.ops.bayes.prior import Prior
from catena.ops.space import Space
from catena.ops.variable import Variable

DESIGN, SEEN = np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([2.0, 1.0])
PRIOR = Prior(Space([
    Variable("a", low=-9, high=11, distribution=Distribution(name="normal", parameters=(1.0, 2.0))),
    Variable("b", low=-5, high=5, distribution=Distribution(name="normal", parameters=(0.0, 1.0))),
]))  # fmt: skip


class Linear:
    names = ("a", "b")

    @staticmethod
    def traced(theta):
        import jax.numpy as jnp

        residual = jnp.asarray(DESIGN) @ theta - SEEN
        return -0.5 * jnp.sum(residual**2) / 0.25 - jnp.log(2 * jnp.pi * 0.25)


def test_exact_for_a_linear_model():
    found = laplace(Posterior(PRIOR, Linear()), draws=4000, key=1)
    precision = np.diag([0.25, 1.0]) + DESIGN.T @ DESIGN / 0.25
    mean = np.linalg.solve(precision, DESIGN.T @ SEEN / 0.25 + np.array([0.25, 0.0]))
    np.testing.assert_allclose(PRIOR.values(found.mode[None])[0], mean, rtol=1e-6)
    spread = np.diag([2.0, 1.0])
    np.testing.assert_allclose(
        spread @ found.covariance @ spread, np.linalg.inv(precision), rtol=1e-5
    )
    marginal = DESIGN @ np.diag([4.0, 1.0]) @ DESIGN.T + 0.25 * np.eye(2)
    wanted = multivariate_normal.logpdf(SEEN, DESIGN @ [1.0, 0.0], marginal)
    assert found.evidence == pytest.approx(wanted, abs=1e-6)
    assert found.khat < 0.5


def test_failing_everywhere_says_why():
    class Broken:
        names = ("a", "b")

        @staticmethod
        def traced(theta):
            return theta[0] * np.nan

    with pytest.raises(SolverError, match="No place to start"):
        laplace(Posterior(PRIOR, Broken()))


@pytest.mark.parametrize("shape", [0.3, 0.7, 1.2])
def test_tail_index_of_pareto_ratios(shape):
    ratios = np.random.default_rng(4).pareto(1 / shape, 20_000) + 1
    assert tail_index(np.log(ratios)) == pytest.approx(shape, abs=0.12)
