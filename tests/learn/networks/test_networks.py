from __future__ import annotations

import numpy as np
import pytest

from catena.learn.networks import ensemble as ensembles
from catena.learn.networks import operator as operators
from catena.learn.networks.ensemble import NetworkEnsemble, left_out
from catena.learn.networks.operator import OperatorEnsemble
from catena.learn.networks.training import folds


def test_every_row_is_left_out_by_exactly_one_member() -> None:
    seen = folds(23, 5, np.random.default_rng(0))
    np.testing.assert_array_equal((~seen).sum(axis=0), 1)
    assert set((~seen).sum(axis=1)) <= {4, 5}


def test_left_out_errors_come_from_the_member_that_did_not_see_the_row() -> None:
    seen = np.array([[False, True], [True, False]])
    outputs = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    residuals, spreads, floor = left_out(outputs, np.zeros((2, 1)), seen)
    np.testing.assert_array_equal(residuals[:, 0], [-1.0, -4.0])
    np.testing.assert_allclose(floor, np.sqrt(17 / 2))
    np.testing.assert_allclose(spreads, np.sqrt(1.0 + 17 / 2))


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for a seventh of the steps: errors of 1 %, where the tests ask for 10 %."""
    for module in (ensembles, operators):
        monkeypatch.setattr(module, "_STEPS", 200)


@pytest.mark.usefixtures("few_steps")
def test_an_ensemble_learns_and_warns() -> None:
    rng = np.random.default_rng(1)
    z = rng.random((120, 2))
    y = np.stack([np.sin(4 * z[:, 0]) * z[:, 1], z[:, 0] - z[:, 1]], axis=1)
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    fitted = NetworkEnsemble.fit(z, y, key=2)
    assert len(fitted.members) == ensembles.MEMBERS
    assert np.sqrt((fitted.residuals**2).mean()) < 0.1
    _, near = fitted.mean_and_spread(z)
    _, far = fitted.mean_and_spread(z + 3.0)
    assert far.mean() > 5.0 * near.mean()
    back = NetworkEnsemble.restored(fitted.facts(), fitted.arrays())
    np.testing.assert_array_equal(back.mean(z), fitted.mean(z))


@pytest.mark.usefixtures("few_steps")
def test_an_operator_network_learns_an_integral() -> None:
    rng = np.random.default_rng(2)
    grid = np.linspace(0, 1, 20)
    phases, sizes = rng.random((80, 1)) * 3, 0.5 + rng.random((80, 1))
    forcing = sizes * np.sin(3 * grid + phases)
    curves = np.cumsum(forcing, axis=1) / 20
    curves = (curves - curves.mean()) / curves.std()
    fitted = OperatorEnsemble.fit(0.5 + forcing / 4, curves, places=grid[:, None], key=1)
    assert np.sqrt((fitted.residuals**2).mean()) < 0.1
    back = OperatorEnsemble.restored(fitted.facts(), fitted.arrays())
    np.testing.assert_array_equal(back.mean(forcing), fitted.mean(forcing))
