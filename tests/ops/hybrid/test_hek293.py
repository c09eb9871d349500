"""The public HEK293 cultures: what is read, and what the published error is defined as."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ops.hek293 import cultures
from benchmarks.ops.hybrid import PROTOCOLS, together
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.estimate import estimates
from catena.learn.hybrid.fit import state_scale
from catena.learn.hybrid.runs import windows
from catena.ops.hybrid.data import read_runs

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def data(data_dir):
    return cultures(data_dir)


def test_the_workbook_is_what_the_protocol_says(data):
    assert len(data.species) == 25
    assert data.concentrations.shape == (9, 21, 25)
    assert data.times[[0, -1]].tolist() == [0.0, 240.0]
    assert dict(zip(data.species, data.feed, strict=True))["Glc"] == pytest.approx(42.8)


def test_published_counts_follow_from_the_definition(data):
    errors = data.errors(data.concentrations[4], 5, data.largest(list(range(1, 10))))
    assert errors.shape == (20, 25)
    assert not errors.any()
    # Corrected information criteria of the published table: n ln(MSE) + 2 p + 2 p (p+1) / (n-p-1).
    n, p, mse = 20 * 25 * len(PROTOCOLS["published"]["test"]), 434, 2.26e-3
    assert n * np.log(mse) + 2 * p + 2 * p * (p + 1) / (n - p - 1) == pytest.approx(
        -7.91e3, rel=2e-3
    )


def test_protocols_never_share_cultures():
    for parts in PROTOCOLS.values():
        seen = [number for numbers in parts.values() for number in numbers]
        assert len(seen) == len(set(seen)) == 9
    assert together({"1": 3.0, "2": 4.0}, [1, 2]) == pytest.approx(np.sqrt(12.5))


def test_eight_latent_rates_carry_the_training_cultures(data):
    learning = data.learning
    slots = Slots.of(data.system(), tuple(learning["terms"]), tuple(learning["of"]))
    runs, _ = read_runs(slots, data.table(PROTOCOLS["corners"]["train"]), "run",
                        {"withdrawal_rate": 0.0})  # fmt: skip
    single = windows(slots, runs, 1, 3, 1)
    known = estimates(slots, single, state_scale(slots, runs), np.zeros(25))
    assert known.terms.shape == (100, 25)
    sizes = np.linalg.svd(known.terms * known.effect, compute_uv=False) ** 2
    assert sizes[:8].sum() / sizes.sum() > 0.999
