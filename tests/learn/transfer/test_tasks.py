"""A Gaussian process over groups: exact algebra, and what it shares."""

from __future__ import annotations

import numpy as np
import pytest

from catena.learn.transfer.tasks import TaskProcess

FEW = np.array([0.1, 0.4, 0.6, 0.9])


def fitted(few, second):
    x = np.linspace(0, 1, 20)
    z = np.concatenate([x, few])[:, None]
    group = np.repeat([0, 1], [20, len(few)])
    return TaskProcess.fit(z, group, np.concatenate([np.sin(6 * x), second]), 2, 0)


@pytest.fixture(scope="module")
def process():
    return fitted(FEW, 1.5 * np.sin(6 * FEW))


def test_related_groups_lend_each_other_rows(process):
    z = np.linspace(0.05, 0.95, 10)[:, None]
    mean, spread = process.mean_and_spread(z, np.ones(10, int))
    assert mean == pytest.approx(1.5 * np.sin(6 * z[:, 0]), abs=0.15)
    assert process.likeness(0, 1) > 0.9
    assert (spread > 0).all()


def test_an_unrelated_source_does_little_harm():
    few = np.linspace(0.02, 0.98, 14)
    second = np.cos(9 * few + 2)
    own = TaskProcess.fit(few[:, None], np.zeros(14, int), second, 1, 0)
    shared = fitted(few, second).left_out()[20:]
    assert np.sqrt((shared**2).mean()) < 0.1 + 2.0 * np.sqrt((own.left_out() ** 2).mean())


def test_left_out_errors_agree_with_leaving_out(process):
    from dataclasses import replace

    keep = np.arange(24) != 21
    one = replace(process, z=process.z[keep], group=process.group[keep], y=process.y[keep])
    mean, _ = one.mean_and_spread(process.z[21:22], np.array([1]))
    truth = process.centre + process.scale * process.y[21]
    assert process.left_out()[21] == pytest.approx(truth - mean[0], rel=1e-6)


def test_arrays_rebuild_it(process):
    again = TaskProcess.restored(process.arrays())
    z, group = np.array([[0.3]]), np.array([1])
    assert again.mean_and_spread(z, group) == process.mean_and_spread(z, group)
