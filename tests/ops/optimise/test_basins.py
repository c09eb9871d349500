"""What multistart searches tell about optima that were missed."""

from __future__ import annotations

import numpy as np
import pytest

from catena.ops.optimise.basins import Basins, basins


def test_ends_are_grouped_and_counted() -> None:
    ends = np.array([[0.1, 0.1], [0.9, 0.9], [0.101, 0.1], [0.9, 0.9], [0.1, 0.1]])
    found = basins(ends, np.array([1.0, 3.0, 1.0, 3.0, 1.0]))
    assert found.counts.tolist() == [3, 2]
    assert found.values.tolist() == [1.0, 3.0]


def test_probability_that_all_optima_are_seen_is_the_published_product() -> None:
    # Boender and Rinnooy Kan (1987): prod_{i=1}^{w-1} (n - 1 - i) / (n - 1 + i) for w = 1 is 1
    # as the share of unseen basins vanishes; the posterior here must shrink with more searches.
    few = Basins(np.zeros((3, 1)), np.arange(3.0), np.array([4, 3, 3]))
    many = Basins(np.zeros((3, 1)), np.arange(3.0), np.array([40, 30, 30]))
    assert many.missed_better < few.missed_better < 1.0
    assert many.unseen_share == pytest.approx(3 * 4 / (100 * 99))


def test_estimates_are_calibrated_on_simulated_landscapes() -> None:
    """Landscapes drawn from the prior: the stated probability is the observed frequency."""
    rng = np.random.default_rng(0)
    stated, missed = [], []
    for _ in range(1500):
        total = int(rng.integers(1, 40))
        shares = rng.dirichlet(np.ones(total))
        ends = rng.choice(total, size=40, p=shares)
        seen, counts = np.unique(ends, return_counts=True)
        found = Basins(np.zeros((len(seen), 1)), np.sort(seen).astype(float), counts)
        stated.append(found.missed_better)
        missed.append(0 not in seen)  # the best optimum is number 0
    stated_, missed_ = np.array(stated), np.array(missed)
    low = stated_ < 0.3
    assert np.mean(missed_[low]) == pytest.approx(np.mean(stated_[low]), abs=0.08)


def test_nothing_can_be_said_when_every_search_ends_elsewhere() -> None:
    found = Basins(np.zeros((9, 1)), np.arange(9.0), np.ones(9, dtype=int))
    assert found.missed_better == 1.0
    assert found.good_turing == 1.0
