"""NUTS against closed forms, in a trace and through the host."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import SolverError
from catena.core.work import Work
from catena.ops.bayes.density import on_host
from catena.ops.bayes.nuts import nuts

PRECISION = np.linalg.inv(0.01 * np.array([[1.0, 0.9], [0.9, 1.0]]))
#: Posterior of that likelihood around (1, 1) under a standard normal prior.
COVARIANCE = np.linalg.inv(PRECISION + np.eye(2))
MEAN = COVARIANCE @ PRECISION @ np.ones(2)


def likelihood(scores):
    from jax.numpy import asarray

    off = scores - 1.0
    return -0.5 * off @ asarray(PRECISION) @ off


class Host:
    """The same likelihood as plain NumPy, noting the most points of a call."""

    names = ("a", "b")
    traced = None

    def __init__(self):
        self.most = 0

    def value(self, theta):
        off = theta - 1.0
        return -0.5 * np.einsum("np,pq,nq->n", off, PRECISION, off)

    def value_and_gradient(self, theta):
        self.most = max(self.most, len(theta))
        return self.value(theta), -(theta - 1.0) @ PRECISION


@pytest.fixture(scope="module")
def chains():
    from catena.core.jaxconfig import enable_x64

    enable_x64()
    return nuts(likelihood, 2, 4, draws=500, warmup=150, key=1)


def test_mean_and_covariance_of_a_normal_posterior(chains):
    flat = chains.scores.reshape(-1, 2)
    np.testing.assert_allclose(flat.mean(axis=0), MEAN, atol=4 * 0.1 / np.sqrt(400))
    np.testing.assert_allclose(np.cov(flat.T), COVARIANCE, rtol=0.25)
    assert not chains.diverging.any()
    off = flat - 1.0
    wanted = -0.5 * np.einsum("np,pq,nq->n", off, PRECISION, off)
    np.testing.assert_allclose(chains.likelihood.ravel(), wanted, rtol=1e-6, atol=1e-9)


def test_host_density_gives_the_same_draws_in_one_call_for_all_chains(chains):
    host = Host()
    found = nuts(on_host(host), 2, 4, draws=50, warmup=150, key=1)
    np.testing.assert_allclose(found.scores, chains.scores[:, :50], atol=1e-6)
    assert host.most == 4


def test_failing_everywhere_says_why():
    with pytest.raises(SolverError, match="No place to start") as error:
        nuts(lambda z: z[0] * 0.0 - np.inf, 2, 2, draws=100, warmup=100, why=lambda: "it broke")
    assert "it broke" in error.value.why


def test_a_stopped_run_goes_on_where_it_was(chains):
    class Stopping:  # a cache that lets a run die after some blocks
        def __init__(self):
            self.kept, self.room = {}, 2

        def get(self, key):
            return self.kept.get(key)

        def put(self, key, value):
            if len(self.kept) >= self.room:
                raise KeyboardInterrupt
            self.kept[key] = value

    def start():
        return nuts(likelihood, 2, 4, draws=50, warmup=150, key=1, work=Work(cache=cache),
                    cache_key="normal")  # fmt: skip

    cache = Stopping()
    with pytest.raises(KeyboardInterrupt):
        start()
    cache.room = 99
    np.testing.assert_array_equal(start().scores, chains.scores[:, :50])
    assert len(cache.kept) == 4
