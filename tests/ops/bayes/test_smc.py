"""Sequential Monte Carlo against closed forms: evidence, modes, discrete numbers."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import SolverError
from catena.ops.bayes import diagnostics
from catena.ops.bayes.density import on_host
from catena.ops.bayes.smc import family_ess, smc


class Modes:
    """Two modes of unequal weight in two dimensions, without gradients."""

    names = ("a", "b")
    traced = None
    calls = 0

    def value(self, theta):
        self.calls += 1
        near = [np.log(w) - 0.5 * np.sum((theta - m) ** 2, axis=1) / 0.01 for w, m in ((0.3, 1.5), (0.7, -1.5))]  # fmt: skip
        return np.logaddexp(*near)

    def value_and_gradient(self, theta):
        raise AssertionError("no gradient is asked for")


@pytest.fixture(scope="module")
def found():
    from catena.core.jaxconfig import enable_x64

    enable_x64()
    modes = Modes()
    result = smc(on_host(modes, gradients=False), 2, particles=800, key=2)
    return modes, result


def test_both_modes_in_their_proportions(found):
    _, result = found
    share = np.mean(result.scores[..., 0] > 0)
    assert share == pytest.approx(0.3, abs=0.05)
    assert diagnostics.rhat(result.scores).max() < 1.01
    # The share is as uncertain as the families say.
    draws = (result.scores[..., :1] > 0).astype(float)
    effective = family_ess(draws, result.families)[0]
    assert 100 < effective < draws.size


def test_evidence_of_the_mixture(found):
    _, result = found
    # Each mode is N(m, 0.01) times 2 pi 0.01 under a standard normal prior in two dimensions.
    wanted = np.log(2 * np.pi * 0.01) - np.log(2 * np.pi * 1.01) - 1.5**2 / 1.01
    assert np.mean(result.evidence) == pytest.approx(wanted, abs=0.15)
    assert result.temperatures[-1].min() == 1.0
    assert np.all(np.diff(result.temperatures, axis=0) >= 0)


def test_one_call_evaluates_all_particles(found):
    modes, result = found
    stages = len(result.temperatures)
    assert modes.calls < 30 * stages  # a stage moves 20 times and weighs


def test_failing_everywhere_says_why():
    with pytest.raises(SolverError, match="No place to start"):
        smc(lambda z: z[0] * 0.0 - 1e300, 2, particles=100, populations=2)


def test_family_size_counts_independent_families():
    rng = np.random.default_rng(0)
    parents = rng.standard_normal((2, 50, 1))
    families = np.tile(np.repeat(np.arange(50), 10), (2, 1))
    draws = np.take_along_axis(parents, families[..., None], axis=1)
    assert family_ess(draws, families)[0] == pytest.approx(100, rel=0.05)
    own = np.tile(np.arange(500), (2, 1))
    assert family_ess(rng.standard_normal((2, 500, 1)), own)[0] == pytest.approx(1000)
