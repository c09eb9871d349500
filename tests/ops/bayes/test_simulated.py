"""Posteriors learned from simulations, against a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.distribution import Distribution
from catena.core.errors import InputError, SolverError
from catena.ops.bayes.calibration import uniform_p
from catena.ops.bayes.prior import Prior
from catena.ops.bayes.simulated import learn
from catena.ops.space import Space
from catena.ops.variable import Variable

NORMAL = Distribution(name="normal", parameters=(0.0, 1.0))
PRIOR = Prior(Space([Variable("a", low=-5, high=5, distribution=NORMAL)]))
SEEN = np.array([1.0, 1.4])


def twice_measured(theta, key):
    """Return two measurements of a with noise 0.5."""
    rng = np.random.default_rng(key % 2**32)
    return theta + 0.5 * rng.standard_normal((len(theta), 2))


@pytest.fixture(scope="module")
def learned():
    return learn(twice_measured, SEEN, PRIOR, simulations=600, draws=2000, key=3)


def closed_form(seen):
    precision = 1.0 + 2 / 0.25
    return np.sum(seen) / 0.25 / precision, 1 / np.sqrt(precision)


def test_learned_posterior_is_that_of_the_closed_form(learned):
    mean, sd = closed_form(SEEN)
    assert learned.scores.mean() == pytest.approx(mean, abs=0.12)
    assert learned.scores.std() == pytest.approx(sd, rel=0.25)
    assert learned.simulations == 600
    assert learned.failed == 0
    assert learned.outside == ()


def test_it_is_amortised_and_calibrated(learned):
    other = np.array([-1.0, -0.2])
    mean, _ = closed_form(other)
    draws = learned.sampler(other, 500, 7)
    assert draws.mean() == pytest.approx(mean, abs=0.15)
    np.testing.assert_array_equal(draws, learned.sampler(other, 500, 7))
    assert learned.ranks.shape == (200, 1)
    assert uniform_p(learned.ranks, 100, 10)[0] > 0.001


def test_rounds_go_where_the_data_are_and_no_file_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = learn(twice_measured, SEEN, PRIOR, simulations=300, rounds=2, draws=1000, key=4)
    mean, _ = closed_form(SEEN)
    assert found.scores.mean() == pytest.approx(mean, abs=0.2)
    assert found.ranks.size == 0
    assert list(tmp_path.iterdir()) == []


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="not finite"):
        learn(twice_measured, np.array([np.nan, 1.0]), PRIOR)
    whole = Prior(Space([Variable("n", "integer", 1, 4)]))
    with pytest.raises(InputError, match="cannot be learned"):
        learn(twice_measured, SEEN, whole)
    with pytest.raises(SolverError, match="Too few"):
        learn(lambda theta, key: np.full((len(theta), 2), np.nan), SEEN, PRIOR, simulations=200)
