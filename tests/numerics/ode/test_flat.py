from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from systems import one_compartment
from test_calls import BUSY

from catena.core.errors import ContractError, SchemaError
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import Crossing, OdeSystem
from catena.numerics.ode.flat import Places, Vector, flat_of, outputs_of
from catena.numerics.ode.flat_augment import augment

T0, Y, P = 0.3, np.array([1.5, 0.4]), np.array([0.8, 2.0, 3.0, 0.5])


def test_sizes_and_places() -> None:
    flat, places = flat_of(BUSY), Places.of(BUSY)
    # Two rates, four coefficients of the cubic, two of the line, the origin, the stimulus.
    assert (flat.n, flat.np, flat.ns, flat.no) == (2, 4, 2 + 4 + 2 + 1 + 1, 4)
    assert places.forcing == {"feed": 2, "warm": 6}
    assert (places.origin, places.stimuli) == (8, {"pulse": 9})
    assert flat.labels == ("x", "z")


def test_a_segment_holds_rates_polynomials_and_stimuli() -> None:
    flat = flat_of(BUSY)
    s = np.array([10.0, 20.0, 1.0, 2.0, 3.0, 4.0, 0.5, 0.1, 0.2, 7.0])
    tau = T0 - 0.2
    feed, warm = 1 + 2 * tau + 3 * tau**2 + 4 * tau**3, 0.5 + 0.1 * tau
    x, z = Y
    want = [feed + 7 - 0.8 * x / (1 + x) + 10, 0.3 * warm * x - 0.1 * z + 20]
    np.testing.assert_allclose(flat.rhs(T0, Y, P, s), want)
    np.testing.assert_allclose(flat.outputs(T0, Y, P, s), [x, z, 7.0, feed])


def test_actions_are_reset_doses_and_what_is_declared() -> None:
    flat, s = flat_of(BUSY), np.zeros(10)
    after = [np.asarray(jax.jit(act)(T0, Y, P, s, 3.0)).tolist() for act in flat.actions]
    assert after == [[1.0, 0.0], [4.5, 0.4], [1.5, 3.4], [0.375, 0.1], [1.5, 0.4 + 3 * 2.25]]
    assert flat_of(one_compartment()).crossings is None


def test_crossings_rise_whatever_their_direction() -> None:
    crossings = tuple(
        Crossing(name, lambda t, y, p, u: y["x"] - 1, name, terminal=name == "falling",
                 action=(lambda t, y, p, u: {"x": 0.0}) if name == "both" else None)  # type: ignore[arg-type]
        for name in ("rising", "falling", "both")
    )  # fmt: skip
    flat = flat_of(tiny(crossings=crossings))
    assert flat.crossings is not None
    assert flat.crossings(0.0, np.array([3.0]), np.ones(1), np.zeros(0)).tolist() == [2, -2, 2, -2]
    assert flat.on_crossing == (0, -1, 1, 1)
    assert flat.actions[0](0.0, np.array([3.0]), np.ones(1), np.zeros(0), 0.0).tolist() == [0.0]


def tiny(**options: Any) -> OdeSystem:
    return OdeSystem(
        ModelInfo(id="test.tiny", backend="jax"), "x = 1", "k = 1",
        lambda t, y, p, u: {"x": -p["k"] * y["x"]}, "x (time)", lambda t, y, p, u: dict(y),
        **options,
    )  # fmt: skip


def test_an_action_that_changes_no_state_is_refused() -> None:
    wrong = tiny(actions={"feed": lambda t, y, p, u, amt: {"volume": amt}})
    with pytest.raises(SchemaError, match="volume"):
        wrong.predict(time=[0, 1.0], events=[{"time": 0, "amt": 1}])


def test_shapes_of_parameters_come_from_labels_defaults_or_values() -> None:
    fields = [Field("a", shape=("i",), labels=("p", "q")), Field("b", shape=("j",), default=[1.0]),
              Field("c", default=2.0)]  # fmt: skip
    system = tiny()
    system.parameters = Schema([*fields])
    assert Places.of(system).parameters.shapes == {"a": (2,), "b": (1,), "c": ()}
    system.parameters = Schema([Field("d", shape=("i",))])
    with pytest.raises(SchemaError, match="length"):
        Places.of(system)
    assert Places.of(system, {"d": (5,)}).parameters.size == 5


def test_outputs_that_are_not_declared_are_refused() -> None:
    system = tiny()
    system.output = lambda t, y, p, u: {"y": y["x"]}
    with pytest.raises(ContractError):
        outputs_of(system, Places.of(system))


def test_a_vector_splits_what_it_holds() -> None:
    vector = Vector.of({"a": (2, 2), "b": (), "c": (3,)})
    parts = vector.split(np.arange(16.0).reshape(2, 8))
    assert parts["a"][1].tolist() == [[8.0, 9.0], [10.0, 11.0]]
    assert parts["b"].tolist() == [4.0, 12.0]
    assert vector.span("c") == slice(5, 8)


def test_the_augmented_system_carries_the_derivative_of_everything() -> None:
    flat = flat_of(BUSY)
    wide = augment(flat)
    rng = np.random.default_rng(0)
    y, dy, p, dp, s, ds = (rng.uniform(0.5, 1.5, k) for k in (2, 2, 4, 4, 10, 10))
    a, da = 0.7, 0.3
    both = (np.r_[y, dy], np.r_[p, dp], np.r_[s, ds, da])
    for name in ("rhs", "outputs"):
        value, slope = jax.jvp(
            lambda *at, name=name: getattr(flat, name)(T0, *at), (y, p, s), (dy, dp, ds)
        )
        np.testing.assert_allclose(getattr(wide, name)(T0, *both), np.r_[value, slope])
    for narrow, act in zip(flat.actions, wide.actions, strict=True):
        value, slope = jax.jvp(lambda *at, act=narrow: act(T0, *at), (y, p, s, a), (dy, dp, ds, da))
        np.testing.assert_allclose(act(T0, *both, a), np.r_[value, slope])
    assert (wide.n, wide.np, wide.ns, wide.no) == (4, 8, 21, 8)
