"""The network behind learned terms: limits, positivity, files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.jaxconfig import enable_x64
from catena.learn.hybrid.network import TermNetwork

enable_x64()


def network(**changes):
    parts = {
        "terms": ("a", "b"), "features": ("s", "u"), "low": np.array([0.0, -1.0]),
        "high": np.array([10.0, 1.0]), "amounts": np.array([True, False]), "mixing": np.eye(2),
        "offset": np.zeros(2), "positive": np.array([False, False]),
        "limited_by": np.array([0, -1]), "limits": np.array([0.1, 1.0]), "hidden": (4,),
    }  # fmt: skip
    return TermNetwork(**(parts | changes))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 20), st.floats(-2, 2))
def test_a_term_never_empties_an_empty_state(seed, s, u):
    net = network()
    weights = np.random.default_rng(seed).normal(size=net.size)
    terms, _ = net(weights, np.array([s, u]), np.zeros(0), np.array([0.0]))
    assert terms[0] >= 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 20), st.floats(-2, 2))
def test_positive_terms_are_positive(seed, s, u):
    net = network(positive=np.array([False, True]), offset=np.array([0.0, 0.5]))
    weights = 3.0 * np.random.default_rng(seed).normal(size=net.size)
    terms, _ = net(weights, np.array([s, u]), np.zeros(0), np.array([1.0]))
    assert terms[1] >= 0.0


def test_no_weight_gives_the_offset():
    terms, _ = network(offset=np.array([0.3, -2.0]))(
        np.zeros(network().size), np.array([1.0, 0.0]), np.zeros(0), np.array([5.0])
    )
    assert terms == pytest.approx([0.3, -2.0])


def test_memory_moves_towards_bounded_values_and_counts_as_input():
    net = network(memory=3, horizon=10.0)
    weights = np.random.default_rng(0).normal(size=net.size)
    _, slope = net(weights, np.array([1.0, 0.0]), np.full(3, 5.0), np.array([1.0]))
    assert (np.asarray(slope) < 0).all()
    first, _ = net(weights, np.array([1.0, 0.0]), np.zeros(3), np.array([1.0]))
    second, _ = net(weights, np.array([1.0, 0.0]), np.ones(3), np.array([1.0]))
    assert not np.allclose(first, second)


def test_facts_and_arrays_rebuild_it():
    net = network(memory=2)
    again = TermNetwork.restored(net.facts(), net.arrays())
    weights = net.start(np.random.default_rng(1))
    values = (np.array([3.0, 0.5]), np.zeros(2), np.array([3.0]))
    assert np.array_equal(again(weights, *values)[0], net(weights, *values)[0])


def test_layers_and_decay_cover_the_weights():
    net = network(memory=2)
    total = sum(net.layer(name).sum() for name in net.shapes)
    assert total == net.size
    assert 0 < net.decayed().sum() < net.size


def test_gains_multiply_terms_and_stay_out_of_a_first_training():
    net = network(offset=np.array([0.3, -2.0]))
    weights = np.zeros(net.size)
    weights[-2:] = np.log([2.0, 0.5])
    terms, _ = net(weights, np.array([1.0, 0.0]), np.zeros(0), np.array([5.0]))
    assert terms == pytest.approx([0.6, -1.0])
    assert net.trainable()[-2:].tolist() == [0.0, 0.0]
