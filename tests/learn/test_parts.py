from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import DataError, InputError
from catena.learn.conformal import conformal_quantile, fewest_rows
from catena.learn.domain import Domain
from catena.learn.reduction import Reduction
from catena.learn.regressor import restored
from catena.learn.scaling import Column, Features, Target, contrasts


def test_conformal_intervals_cover_what_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(2000):
        scores = np.abs(rng.standard_t(3, 31))
        covered.append(scores[30] <= conformal_quantile(scores[:30]))
    # 28 of 31 ranks are covered: 0.903 on average, whatever the distribution.
    assert np.mean(covered) == pytest.approx(28 / 31, abs=0.02)


def test_too_few_rows_cannot_calibrate() -> None:
    assert fewest_rows(0.9) == 9
    assert conformal_quantile(np.arange(9.0)) == 8.0
    with pytest.raises(InputError, match="8 rows cannot calibrate"):
        conformal_quantile(np.arange(8.0))


def test_scores_of_curves_are_pooled() -> None:
    scores = np.tile(np.arange(1.0, 21.0)[:, None], (1, 7))
    assert conformal_quantile(scores) == 19.0


@given(st.integers(2, 9))
def test_choices_have_no_order(levels: int) -> None:
    corners = contrasts(levels)
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    np.testing.assert_allclose(apart[~np.eye(levels, dtype=bool)], 1.0)


def test_features_map_ranges_to_the_unit_cube() -> None:
    features = Features((Column(2.0, 4.0), Column(1.0, 100.0, log=True), Column(levels=3)))
    assert features.width == 4
    z = features.forward(np.array([[2.0, 1.0, 0.0], [4.0, 100.0, 2.0], [3.0, 10.0, 1.0]]))
    np.testing.assert_allclose(z[:, :2], [[0, 0], [1, 1], [0.5, 0.5]])
    assert features.with_logarithms().columns[0].log is False  # a factor of 2 is no factor
    assert Features.restored(features.facts()) == features


@settings(max_examples=25)
@given(st.booleans(), st.lists(st.floats(0.1, 1e3), min_size=3, max_size=9, unique=True))
def test_targets_come_back(log: bool, values: list[float]) -> None:
    y = np.array(values)
    target = Target.of(y, log)
    np.testing.assert_allclose(target.backward(target.forward(y)), y, rtol=1e-9)
    t = target.forward(y)
    slope = (target.backward(t + 1e-6) - target.backward(t - 1e-6)) / 2e-6
    np.testing.assert_allclose(target.slope(t), slope, rtol=1e-4)


def test_modes_keep_what_is_asked() -> None:
    rng = np.random.default_rng(1)
    grid = np.linspace(0, 1, 50)
    curves = rng.normal(size=(60, 1)) * np.sin(np.pi * grid) + 0.1 * rng.normal(size=(60, 1)) * grid
    curves = curves + 3.0
    reduction = Reduction.fit(curves, 1e-3)
    assert reduction.size == 2
    coefficients = reduction.forward(curves)
    np.testing.assert_allclose(coefficients.std(axis=0), 1.0)
    np.testing.assert_allclose(reduction.backward(coefficients), curves, atol=1e-9)
    rough = Reduction.fit(curves, 0.5)
    assert rough.size == 1
    assert np.all(rough.spread(np.zeros((1, 1))) == rough.missed)
    alone = Reduction.none()
    np.testing.assert_array_equal(alone.backward(alone.forward(curves[:, :1])), curves[:, :1])


def test_a_domain_flags_what_is_beyond_and_what_is_far() -> None:
    z = np.random.default_rng(2).random((200, 2))
    z = z[(z[:, 0] < 0.4) | (z[:, 0] > 0.6)]  # nothing was seen in the middle
    domain = Domain.of(z, np.zeros(2), np.ones(2), np.array([1.0, 0.0]), z + 0.02)
    excess = domain.excess(np.array([[0.2, 0.5], [1.5, 0.5], [0.5, 0.5], [0.2, -2.0]]))
    assert excess[0] == 0.0
    assert excess[1] >= 0.5
    assert excess[2] > 0.0  # a hole
    assert excess[3] == pytest.approx(2.0)
    back = Domain.restored(domain.arrays())
    np.testing.assert_array_equal(back.excess(z), domain.excess(z))


def test_unknown_kinds_cannot_be_read() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        restored({"kind": "forest"}, {})
