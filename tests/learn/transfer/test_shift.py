"""Tests for a shift between domains: level under no shift, power under one."""

from __future__ import annotations

import numpy as np
import pytest

from catena.learn.transfer.shift import shift


def draw(seed, n, m, move=0.0, spread=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), move + spread * rng.normal(size=(m, 3))


def test_no_shift_is_seldom_called_one():
    p = np.array([[s.p_discrepancy, s.p_accuracy] for s in
                  (shift(*draw(k, 20, 15), key=k, permutations=39) for k in range(20))])  # fmt: skip
    # 20 p-values under the null: more than five at or below 0.05 has probability below 3e-4.
    assert ((p <= 0.05).sum(axis=0) <= 5).all()
    assert (p.mean(axis=0) > 0.3).all()


@pytest.mark.parametrize("kind", ["mean", "spread"])
def test_shifts_are_found(kind):
    rows = draw(1, 60, 40, **({"move": 1.5} if kind == "mean" else {"spread": 3.0}))
    found = shift(*rows, key=0, permutations=99)
    assert found.p_discrepancy <= 0.02
    assert found.p_accuracy <= 0.02
    assert found.accuracy > 0.75


def test_weights_make_the_source_look_like_the_target():
    source, target = draw(2, 400, 400, move=0.7)
    found = shift(source, target, key=0, permutations=19)
    weighted = (found.weights[:, None] * source).mean(axis=0)
    assert (
        np.abs(weighted - target.mean(axis=0)).max()
        < 0.4 * np.abs(source.mean(0) - target.mean(0)).max()
    )
    assert found.weights.mean() == pytest.approx(1.0)
    assert 1.0 <= found.effective < 400


def test_same_key_gives_the_same_answer():
    rows = draw(3, 20, 20)
    assert (
        shift(*rows, key=5, permutations=19).p_accuracy
        == shift(*rows, key=5, permutations=19).p_accuracy
    )
