"""Priors as maps of normal scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from catena.core.distribution import Distribution
from catena.ops.bayes.prior import Prior
from catena.ops.space import Space
from catena.ops.variable import Variable

U = np.array([1e-5, 0.01, 0.3, 0.5, 0.77, 0.99, 1.0 - 1e-5])
TEXTS = ("normal(3, 2)", "lognormal(3, 50 %)", "triangular(1, 2, 5)", "triangular(1, 1, 5)",
         "triangular(1, 5, 5)", "2..7", "loguniform(0.1, 30)")  # fmt: skip


def variable(text: str, **parts: object) -> Variable:
    distribution = Distribution.parse(text)
    low, high = distribution.ppf(np.array([1e-6, 1 - 1e-6]))
    if distribution.name in ("uniform", "loguniform"):
        low, high = distribution.parameters
        scale = "log" if distribution.name == "loguniform" else "linear"
        return Variable("x", low=low, high=high, scale=scale)
    return Variable("x", low=low, high=high, distribution=distribution, **parts)


@pytest.mark.parametrize("text", TEXTS)
def test_scores_have_the_quantiles_of_the_distribution(text):
    prior = Prior(Space([variable(text)]))
    wanted = Distribution.parse(text).ppf(U)
    np.testing.assert_allclose(prior.values(ndtri(U)[:, None])[:, 0], wanted, rtol=1e-9)


@pytest.mark.parametrize("text", TEXTS)
def test_traced_values_and_slopes_are_those_of_numpy(text):
    import jax

    from catena.core.jaxconfig import enable_x64

    enable_x64()
    prior = Prior(Space([variable(text)]))
    scores = np.array([[-7.0], [-1.3], [0.0], [0.4], [9.0]])
    np.testing.assert_allclose(prior.traced(scores), prior.values(scores), rtol=1e-12)
    slopes = np.asarray(jax.vmap(jax.jacfwd(prior.traced))(scores))[:, 0, 0]
    step = 1e-5
    near = (prior.values(scores + step) - prior.values(scores - step))[:, 0] / (2 * step)
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes, near, rtol=1e-5, atol=1e-9)


def test_bounds_cut_normal_priors_in_both_tails():
    normal = Distribution(name="normal", parameters=(1.0, 1.0))
    cut = Variable("x", low=0.0, high=3.0, distribution=normal)
    values = Prior(Space([cut]), {"x": (0.0, 3.0)}).values(ndtri(U)[:, None])[:, 0]
    wanted = stats.truncnorm(-1.0, 2.0, loc=1.0, scale=1.0).ppf(U)
    np.testing.assert_allclose(values, wanted, rtol=1e-9)
    far = Prior(Space([cut]), {"x": (0.0, 3.0)}).values(np.array([[-30.0], [30.0]]))
    assert 0.0 <= far[0, 0] < 1e-9
    assert 3.0 - 1e-9 < far[1, 0] <= 3.0


def test_printed_range_of_a_distribution_is_no_bound():
    prior = Prior(Space([variable("normal(0, 1)")]))
    assert prior.values(np.array([[-8.0]]))[0, 0] == -8.0


def test_whole_numbers_and_choices_share_the_probability():
    space = Space([Variable("n", "integer", 2, 5), Variable("c", "category", choices=("a", "b"))])
    prior = Prior(space)
    values = prior.values(prior.draw(40_000, 3))
    assert prior.discrete == ("n", "c")
    shares = [np.mean(values[:, 0] == n) for n in (2, 3, 4, 5)]
    np.testing.assert_allclose(shares, 0.25, atol=0.02)
    np.testing.assert_allclose(np.mean(values[:, 1] == 1.0), 0.5, atol=0.02)
