"""Rank correlations and rank regression on answers whose drivers are known."""

from __future__ import annotations

import numpy as np
import pytest

from catena.study.dose.sensitivity import influences


def draws(n: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.normal(size=n) for name in ("a", "b", "idle")}


def test_drivers_are_ranked_with_their_sign() -> None:
    x = draws(200)
    found = influences(x, np.exp(3 * x["a"] - x["b"]))
    assert [item.name for item in found[:2]] == ["a", "b"]
    assert found[0].rank > 0.8
    assert found[1].rank < -0.2
    assert found[0].clear
    assert not found[2].clear
    assert found[0].regression == pytest.approx(0.94, abs=0.05)


def test_a_monotone_driver_correlates_fully() -> None:
    x = draws(32)
    (first, *_) = influences(x, np.exp(x["a"]) ** 3)
    assert first.rank == pytest.approx(1.0)


def test_few_draws_give_no_regression_and_constants_no_correlation() -> None:
    x = draws(5)
    found = influences(x, np.arange(5.0))
    assert all(item.regression is None for item in found)
    assert all(item.rank == 0.0 for item in influences(x, np.ones(5)))
    assert not any(
        item.clear for item in influences({n: v[:3] for n, v in x.items()}, np.arange(3.0))
    )
