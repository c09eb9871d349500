from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError, SchemaError
from catena.core.model import ModelInfo
from catena.numerics.ode import Crossing, OdeSystem, Periodic, SolverSettings


def system(**options: Any) -> OdeSystem:
    return OdeSystem(
        ModelInfo(id="test.declared", backend="jax"),
        "x [g] = 1, z [g] = 0",
        "k [1/h] = 0.5, on [h] = 1, strength [g] = 2, minutes [min] = 3, many (a)",
        lambda t, y, p, u: {"x": -p["k"] * y["x"], "z": y["x"]},
        "x [g] (time)",
        lambda t, y, p, u: {"x": y["x"]},
        **options,
    )


def pulse(**changes: Any) -> Periodic:
    return Periodic(**{"name": "light", "unit": "g", "start": 0.0, "period": 2.0,
                       "duration": "on", "amplitude": "strength", **changes})  # fmt: skip


def test_declarations_are_kept_and_change_the_key() -> None:
    plain = system()
    act = {"halve": lambda t, y, p, u, amt: {"x": y["x"] / 2}}
    cross = Crossing("low", lambda t, y, p, u: 0.1 - y["x"], terminal=True)
    variants = [
        system(actions=act), system(stimuli=(pulse(),)), system(stimuli=(pulse(start=1.0),)),
        system(crossings=(cross,)), system(mass={"z": 0.0}),
        system(settings=SolverSettings(atol={"x": 1e-3})),
    ]  # fmt: skip
    assert len({plain.key, *(v.key for v in variants)}) == 1 + len(variants)
    assert variants[0].inputs["events"].columns["cmt"].choices == ("halve",)


@pytest.mark.parametrize(
    "options",
    [
        {"doses": ("x",), "actions": {"x": lambda t, y, p, u, amt: {}}},
        {"actions": {"a": 3}},
        {"stimuli": (pulse(), pulse())},
        {"stimuli": (pulse(name="q"),), "forcing": "q [g]"},
        {"stimuli": (pulse(period=0.0),)},
        {"stimuli": (pulse(duration=3.0),)},
        {"stimuli": (pulse(count=-1),)},
        {"stimuli": (pulse(amplitude="nothing"),)},
        {"stimuli": (pulse(amplitude="many"),)},
        {"stimuli": (pulse(start="minutes"),)},
        {"crossings": (Crossing("a", lambda t, y, p, u: t), Crossing("a", lambda t, y, p, u: t))},
        {"crossings": (Crossing("a", lambda t, y, p, u: t, direction="up"),)},  # type: ignore[arg-type]
        {"crossings": (Crossing("a", lambda t, y, p, u: t, action=lambda *a: {}, terminal=True),)},
        {"mass": {"nothing": 1.0}},
        {"mass": {"x": float("nan")}},
        {"settings": SolverSettings(atol={"nothing": 1.0})},
        {"linear": True, "forcing": "q [g]", "interpolation": "cubic"},
        {"forcing": "q [g]", "interpolation": {"r": "linear"}},
        {"forcing": "q [g]", "interpolation": "quintic"},
    ],
)
def test_contradictions_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        system(**options)


def test_tolerances_by_state() -> None:
    from catena.numerics.ode.declare.checks import tolerances

    tight = SolverSettings(atol={"z": 1e-6})
    assert hash(tight) == hash(SolverSettings(atol={"z": 1e-6}))
    np.testing.assert_allclose(tolerances(tight, system().layout), [1e-9, 1e-6])
    assert system(settings=tight).solved_with(rtol=1e-3).settings.atol == tight.atol
    with pytest.raises(SchemaError):
        system().solved_with(atol={"nothing": 1.0})


@pytest.mark.parametrize("extra", [{"rate": 1.0}, {"ss": 1, "ii": 2.0}])
def test_an_action_is_instant(extra: dict[str, float]) -> None:
    act = {"halve": lambda t, y, p, u, amt: {"x": y["x"] / 2}}
    with pytest.raises(InputError) as caught:
        system(actions=act).predict(
            many=[[1.0, 2.0]], time=[0, 1], events=[{"time": 0, "amt": 1, **extra}]
        )
    assert "action" in str(caught.value.rows) or "doses" in str(caught.value.rows)
