"""Pareto sets and hypervolumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.ops.optimise.pareto import hypervolume, pareto


def _beaten(y: np.ndarray, k: int) -> bool:
    return any(np.all(o <= y[k]) and np.any(o < y[k]) for o in y)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_front_holds_exactly_what_nothing_beats(seed: int, m: int, n: int) -> None:
    y = np.random.default_rng(seed).integers(0, 6, (n, m)).astype(float)
    front = pareto(y)
    assert not any(_beaten(y, k) for k in front)
    missing = {tuple(y[k]) for k in range(n) if not _beaten(y, k)} - {tuple(y[k]) for k in front}
    assert not missing


def test_front_leaves_out_what_breaks_limits() -> None:
    y = np.array([[0.0, 0.0], [1.0, 0.5], [0.5, 1.0]])
    assert pareto(y, np.array([1.0, 0.0, 0.0])).tolist() == [1, 2]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_hypervolume_of_random_sets_agrees_with_counting(m: int) -> None:
    rng = np.random.default_rng(m)
    y = rng.random((12, m))
    points = rng.random((100_000, m))
    share = np.mean([np.any(np.all(y <= p, axis=1)) for p in points[:20_000]])
    assert hypervolume(y, np.ones(m)) == pytest.approx(share, abs=0.015)
