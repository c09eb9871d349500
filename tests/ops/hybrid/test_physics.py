"""Parameters found by networks that are held to the equations."""

from __future__ import annotations

from functools import partialmethod

import numpy as np
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.learn.hybrid.informed import Problem
from catena.ops.hybrid import hybrid
from tests.learn.hybrid.cultures import MU, K, monod, runs


def test_finds_the_parameters_of_the_true_law(monkeypatch):
    # A third of the steps brings mumax within 2 % and half within 12 % (four seeds).
    monkeypatch.setattr(Problem, "solve", partialmethod(Problem.solve, steps=1500))
    data = runs(((0.1, 10.0), (0.3, 6.0)))
    found = hybrid(monod(), data[data.time <= 10], method="physics", terms=["mumax", "half"],
                   members=1, hidden=[12], collocation=30)  # fmt: skip
    values = dict(zip(found["parameter"], found["value"], strict=True))
    assert values["mumax"] == pytest.approx(MU, rel=0.05)
    assert values["half"] == pytest.approx(K, rel=0.3)
    assert found.model.inputs["mumax"].default == pytest.approx(values["mumax"])
    assert found.summary["misfit"] < 0.02


def test_refuses_other_models():
    @ct.model(id="toy.flat", inputs="x", outputs="y", backend="numpy")
    def flat(x):
        return {"y": np.ones_like(x)}

    with pytest.raises(InputError):
        hybrid(flat, runs(), method="physics", terms=["x"])
