"""A hybrid model carried over to a relative of the culture it learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from catena.core.errors import InputError
from catena.learn.hybrid.network import TermNetwork
from catena.ops.hybrid import hybrid
from catena.ops.transfer import transfer
from catena.ops.transfer.tuning import freed
from tests.learn.hybrid.cultures import culture, law, monod, runs

LEARNING = {"terms": ["mu"], "of": ["s"], "hidden": [8], "members": 1, "regression": 300,
            "stages": [(1, 50)], "steps": 3, "limited_by": {"mu": "s"}}  # fmt: skip
FASTER = 1.3


def relative(x0=0.2, s0=4.0):
    """Return one run of a culture that grows faster; it never sees high substrate."""
    times = np.linspace(0.0, 14.0, 15)
    found = solve_ivp(
        lambda t, y: [FASTER * law(y[1]) * y[0], -2.0 * FASTER * law(y[1]) * y[0]], (0.0, 14.0),
        [x0, s0], t_eval=times, rtol=1e-9, atol=1e-11,
    )  # fmt: skip
    frame = pd.DataFrame(found.y.T, columns=["x", "s"])
    return frame.assign(run=f"new{s0:g}", time=times, x_0=x0, s_0=s0)


@pytest.fixture(scope="module")
def found():
    source = hybrid(culture(), runs(), **LEARNING).model
    target = pd.concat([relative(), relative(0.15, 11.0)], ignore_index=True)
    return transfer(source, runs(), target, holdout=["new11"], learning=LEARNING, permutations=19,
                    stages=[(1, 75)])  # fmt: skip


def test_one_run_is_enough_where_scratch_must_extrapolate(found):
    held = found.summary["held_out_error"]
    assert held["tuned"] < held["source"]
    assert found.summary["share_of_scratch"] <= 0.5
    assert not found.summary["negative_transfer"]
    assert found.parts["comparison"].size == 3


def test_the_new_model_has_the_new_law(found):
    s = np.array([2.0, 5.0, 9.0])
    assert found.model.terms({"s": s})["mu"].mean(axis=0) == pytest.approx(
        FASTER * law(s), rel=0.12
    )


def test_the_trunk_stays(found):
    network = found.model.trained.network
    free = freed(network, "last")
    assert network.layer("weights0").sum() > 0
    assert not (free & network.layer("weights0").astype(bool)).any()


def test_what_moves():
    network = TermNetwork(
        ("a",), ("s",), np.zeros(1), np.ones(1), np.array([True]), np.eye(1), np.zeros(1),
        np.array([False]), np.array([-1]), np.ones(1), (3,),
    )  # fmt: skip
    assert freed(network, "embedding").sum() == 3 + 1
    assert freed(network, "last").sum() == 3 + 1 + 3 + 1
    assert freed(network, "all").all()


def test_refuses_what_cannot_be_tuned():
    with pytest.raises(InputError):
        transfer(culture(), None, relative(), learning=LEARNING)
    with pytest.raises(InputError):
        transfer("molecule.descriptors", None, relative())
    with pytest.raises(InputError):
        transfer(monod(), runs(), relative(), learning={"terms": ["mu"]})
