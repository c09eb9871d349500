from __future__ import annotations

import numpy as np

from catena.core.spec import Schema
from catena.numerics.ode.flat import Vector
from catena.numerics.ode.shaping import flattened, shaped

SCHEMA = Schema.parse("a (time), b (organ, time), c (organ), d")
PLACES = Vector.of({"a": (), "b": (3,), "c": (3,), "d": ()})


def test_every_output_has_its_declared_shape() -> None:
    out = np.random.default_rng(0).normal(size=(2, 5, 8))
    named = shaped(SCHEMA, PLACES, out, np)
    assert {name: value.shape for name, value in named.items()} == {
        "a": (2, 5), "b": (2, 3, 5), "c": (2, 3), "d": (2,)
    }  # fmt: skip
    np.testing.assert_array_equal(named["b"][1, 2], out[1, :, 3])
    np.testing.assert_array_equal(named["c"], out[:, -1, 4:7])


def test_cotangents_go_the_other_way() -> None:
    rng = np.random.default_rng(1)
    out = rng.normal(size=(2, 5, 8))
    named = shaped(SCHEMA, PLACES, out, np)
    seeds = {name: rng.normal(size=value.shape) for name, value in named.items()}
    flat = flattened(SCHEMA, PLACES, seeds, 5)
    direct = sum((seeds[name] * named[name]).sum() for name in named)
    np.testing.assert_allclose((flat * out).sum(), direct)
