"""Searches on functions with known minima, by each kind of objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.core.work import Work
from catena.ops.calibrate.multistart import Stops, draw_starts, multistart

BOX = np.array([[-5.0, -5.0], [5.0, 5.0]])


class Rosenbrock:
    """Half of 100 (y - x^2)^2 + (1 - x)^2 doubled, as residuals."""

    calls = 0

    def value_and_gradient(self, theta: np.ndarray) -> Any:
        r, jacobian = self.residuals(theta)
        return 0.5 * (r**2).sum(axis=1), np.einsum("nk,nkp->np", r, jacobian)

    def residuals(self, theta: np.ndarray) -> Any:
        self.calls += 1
        r = np.stack([10 * (theta[:, 1] - theta[:, 0] ** 2), 1 - theta[:, 0]], axis=1)
        jacobian = np.zeros((len(theta), 2, 2))
        jacobian[:, 0, 0], jacobian[:, 0, 1], jacobian[:, 1, 0] = -20 * theta[:, 0], 10, -1
        return r, jacobian


class ByResiduals(Rosenbrock):
    def residuals_and_jacobian(self, theta: np.ndarray) -> Any:
        return self.residuals(theta)


class ByCurvature(Rosenbrock):
    def value_gradient_curvature(self, theta: np.ndarray) -> Any:
        jacobian = self.residuals(theta)[1]
        return (*self.value_and_gradient(theta), np.einsum("nki,nkj->nij", jacobian, jacobian))


@pytest.mark.parametrize("kind", [Rosenbrock, ByResiduals, ByCurvature])
@pytest.mark.parametrize(
    ("box", "minimum"),
    [(BOX, (1.0, 1.0)), ([[-5, -5], [0.5, 5]], (0.5, 0.25)), ([[1.5, -5], [5, 2]], (1.5, 2.0))],
    ids=["inside", "one bound", "corner"],
)
def test_every_search_finds_the_minimum(kind: Any, box: Any, minimum: tuple[float, float]) -> None:
    found = multistart(kind(), box, draw_starts(box, 25, 1))
    np.testing.assert_allclose(found.theta[found.best], minimum, atol=1e-6)
    assert found.converged.all()
    assert np.ptp(found.value) < 1e-6
    inside = (found.theta >= np.asarray(box)[0]) & (found.theta <= np.asarray(box)[1])
    assert inside.all()


def test_all_searches_share_their_evaluations() -> None:
    objective = ByResiduals()
    found = multistart(objective, BOX, draw_starts(BOX, 25, 1))
    assert objective.calls <= found.iterations.max() + 2
    assert found.evaluations.sum() > 5 * objective.calls


def test_infinite_bounds_are_allowed() -> None:
    box = [[-np.inf, -np.inf], [np.inf, np.inf]]
    found = multistart(ByResiduals(), box, [[-3.0, 4.0], [8.0, -8.0]])
    np.testing.assert_allclose(found.theta, [[1, 1], [1, 1]], atol=1e-6)


class Failing(ByResiduals):
    """Cannot be evaluated right of a line."""

    def residuals_and_jacobian(self, theta: np.ndarray) -> Any:
        r, jacobian = self.residuals(theta)
        r[theta[:, 0] > 2.0] = np.nan
        return r, jacobian


def test_failures_shorten_steps_and_failed_starts_are_told() -> None:
    found = multistart(Failing(), BOX, [[-4.0, -4.0], [1.9, -4.0], [3.0, 0.0]])
    np.testing.assert_allclose(found.theta[:2], [[1, 1], [1, 1]], atol=1e-6)
    assert found.value[2] == np.inf
    assert not found.converged[2]
    assert "cannot be evaluated" in found.status[2]
    assert found.order.tolist()[-1] == 2


class Padded(ByResiduals):
    pads = True

    def __init__(self) -> None:
        self.sizes: set[int] = set()

    def residuals_and_jacobian(self, theta: np.ndarray) -> Any:
        self.sizes.add(len(theta))
        return self.residuals(theta)


def test_padding_keeps_to_few_batch_sizes() -> None:
    objective = Padded()
    padded = multistart(objective, BOX, draw_starts(BOX, 30, 2))
    plain = multistart(ByResiduals(), BOX, draw_starts(BOX, 30, 2))
    assert objective.sizes <= {30, 8, 2, 1}
    np.testing.assert_allclose(padded.theta, plain.theta)


class Shifted:
    """Searches with different minima."""

    by_row = True

    def value_and_gradient(self, theta: np.ndarray, rows: np.ndarray) -> Any:
        off = theta - rows[:, None]
        return 0.5 * (off**2).sum(axis=1), off


def test_objectives_may_differ_from_search_to_search() -> None:
    found = multistart(Shifted(), BOX, np.zeros((4, 2)))
    np.testing.assert_allclose(found.theta, np.arange(4)[:, None] * np.ones(2), atol=1e-8)


def test_a_killed_run_resumes_from_the_cache() -> None:
    work, objective = Work(), ByResiduals()
    first = multistart(objective, BOX, draw_starts(BOX, 5), work=work, key="one")
    before = objective.calls
    again = multistart(objective, BOX, draw_starts(BOX, 5), work=work, key="one")
    assert objective.calls == before
    np.testing.assert_array_equal(first.theta, again.theta)
    assert first.status == again.status


def test_searches_stop_where_that_is_enough() -> None:
    found = multistart(ByResiduals(), BOX, draw_starts(BOX, 10), stops=Stops(enough=1.0))
    assert (found.value <= 1.0).all()
    assert set(found.status) == {"value reached"}
    short = multistart(ByResiduals(), BOX, draw_starts(BOX, 10), stops=Stops(iterations=2))
    assert "iterations used up" in short.status


def test_starts_fill_the_box() -> None:
    for method in ("latin", "sobol"):
        starts = draw_starts(BOX, 16, 3, method)
        cells = np.floor((starts[:, 0] + 5) / 10 * 16).astype(int)
        assert sorted(cells) == list(range(16))
        np.testing.assert_array_equal(starts, draw_starts(BOX, 16, 3, method))


@pytest.mark.parametrize(
    ("bounds", "starts", "words"),
    [
        ([[1.0], [0.0]], [[0.5]], "Contradictory bounds"),
        ([[0.0], [1.0]], [[2.0]], "outside the bounds"),
        ([[0.0], [1.0]], [[0.5, 0.5]], "do not fit"),
        ([0.0, 1.0], [[0.5]], "two rows"),
        ([[0.0], [np.nan]], [[0.5]], "Contradictory bounds"),
    ],
)
def test_nonsense_is_refused(bounds: Any, starts: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        multistart(ByResiduals(), bounds, starts)


def test_starts_need_a_finite_box() -> None:
    with pytest.raises(InputError, match="finite box"):
        draw_starts([[0.0], [np.inf]], 3)
    with pytest.raises(InputError, match="Unknown way"):
        draw_starts([[0.0], [1.0]], 3, 0, "grid")


class Valley(Rosenbrock):
    """A curvature that is far too small along a curved valley, as with large residuals."""

    def value_gradient_curvature(self, theta: np.ndarray) -> Any:
        value, gradient = self.value_and_gradient(theta)
        steep = np.stack([-2 * theta[:, 0], np.ones(len(theta))], axis=1)
        return value, gradient, 100 * steep[:, :, None] * steep[:, None, :] + 1e-3 * np.eye(2)


def test_searches_that_take_long_learn_the_curvature() -> None:
    starts = draw_starts(BOX, 10, 4)
    learning = multistart(Valley(), BOX, starts, stops=Stops(learn_after=20))
    creeping = multistart(Valley(), BOX, starts, stops=Stops(learn_after=10_000))
    assert learning.converged.all()
    np.testing.assert_allclose(learning.theta, 1.0, atol=1e-4)
    assert learning.evaluations.sum() < creeping.evaluations.sum()
