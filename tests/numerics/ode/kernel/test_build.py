"""The key of a compiled system: equal for equal equations, another for any change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel import build, cache
from catena.numerics.ode.kernel.program import Kernel
from catena.numerics.ode.kernel.tableau import RODAS4, RODAS5P
from tests.numerics.ode.kernel import flat_systems as systems


def key(flat: Flat, **changes: Any) -> str:
    options = {"tableau": RODAS5P, "lanes": 4, "tangents": False, **changes}
    return build.fingerprint(flat, build.trace_all(flat), **options)


def scaled(factor: float) -> Flat:
    table = np.array([1.0, 2.0])

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        return -factor * jax.nn.relu(p[0]) * y * jnp.asarray(table)[:1]

    return Flat(1, 1, 0, 1, rhs, lambda t, y, p, s: y, lambda p: jnp.ones(1))


def test_equal_equations_have_equal_keys() -> None:
    # Two traces of jax.nn.relu hold different function objects; their addresses must not count.
    assert key(scaled(0.5)) == key(scaled(0.5))


def test_the_last_digit_of_a_constant_counts() -> None:
    assert key(scaled(0.1)) != key(scaled(np.nextafter(0.1, 1.0)))


def test_method_lanes_mass_and_derivatives_count() -> None:
    flat = systems.decay()
    keys = [
        key(flat), key(flat, tableau=RODAS4), key(flat, lanes=8), key(flat, tangents=True),
        key(replace(flat, mass=np.array([[2.0]]))),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_a_second_kernel_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel.build(systems.ball())
    monkeypatch.setattr(cache, "put", lambda *_: pytest.fail("compiled again"))
    outcome = Kernel.build(systems.ball()).run(
        systems.call([[9.81, 0.5, 1.0]], [0.2]), 1e-8, np.full(2, 1e-10), 1_000
    )
    np.testing.assert_allclose(outcome.out[0, 0, 0], 1.0 - 9.81 * 0.02, rtol=1e-9)
