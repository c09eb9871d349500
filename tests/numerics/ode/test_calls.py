from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import outputs
from systems import TIGHT, driven, one_compartment

from catena.core.errors import InputError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, Periodic

T = np.linspace(0.0, 12.0, 25)
PK = one_compartment()
METHODS = ("kernel", "rodas4")


def busy(**options: Any) -> OdeSystem:
    """A saturable decay with doses, actions, two forcings and a stimulus."""

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        lost = p["vmax"] * y["x"] / (1.0 + y["x"])
        return {"x": u["feed"] + u["pulse"] - lost, "z": 0.3 * u["warm"] * y["x"] - 0.1 * y["z"]}

    options.setdefault("settings", TIGHT)
    return OdeSystem(
        ModelInfo(id="test.busy", backend="jax"),
        "x [g] = 1, z [g] = 0",
        "vmax [g/h] = 0.8, height [g/h] = 2, every [h] = 3, long [h] = 0.5",
        rhs,
        "x [g] (time), z [g] (time), pulse [g/h] (time), feed [g/h] (time)",
        lambda t, y, p, u: {"x": y["x"], "z": y["z"], "pulse": u["pulse"], "feed": u["feed"]},
        forcing="feed [g/h], warm",
        interpolation={"feed": "cubic", "warm": "linear"},
        doses=("x", "z"),
        actions={
            "dilute": lambda t, y, p, u, amt: {"x": y["x"] / (1 + amt), "z": y["z"] / (1 + amt)},
            "square": lambda t, y, p, u, amt: {"z": y["z"] + amt * y["x"] ** 2},
        },
        stimuli=(Periodic("pulse", "g/h", 0.25, "every", "long", "height", baseline=0.1),),
        **options,
    )


BUSY = busy()
INPUTS: dict[str, Any] = {
    "time": T,
    "feed": {"time": [0.5, 2, 5, 6, 9], "value": [0.2, 1.5, 1.5, 0.1, 0.9]},
    "warm": {"time": [0, 4, 8], "value": [1.0, 2.0, 0.5]},
    "events": [
        {"time": 0, "amt": 1, "cmt": "x"}, {"time": 0, "amt": 0.5, "cmt": "dilute"},
        {"time": 2, "amt": 3, "rate": 2, "cmt": "z"}, {"time": 3, "amt": 0.2, "cmt": "square"},
        {"time": 3, "amt": 2, "cmt": "x"}, {"time": 3, "amt": 1, "cmt": "dilute"},
        {"time": 6, "amt": 1, "cmt": "x", "evid": 4, "ii": 2, "addl": 2},
    ],
}  # fmt: skip


def flat(result: Any) -> np.ndarray:
    return np.stack([result[name] for name in ("x", "z", "pulse", "feed")], axis=-1)


@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_slot_at_once(method: Any) -> None:
    rows = {"height": [2.0, 1.0, 3.0], "every": [3.0, 2.0, 1.25]}
    want = outputs(BUSY, **INPUTS, **rows)
    result = BUSY.solved_with(method=method).predict(**INPUTS, **rows)
    np.testing.assert_allclose(flat(result), want, rtol=1e-6, atol=1e-8)
    assert result.diagnostics["backend"] == ("kernel" if method == "kernel" else "diffrax")


@pytest.mark.parametrize("method", METHODS)
def test_tables_that_differ_between_rows(method: Any) -> None:
    events = [INPUTS["events"], INPUTS["events"][:2], [{"time": 5, "amt": 4, "cmt": "z"}]]
    feeds = [INPUTS["feed"], {"time": [3], "value": [2]}, {"time": [1, 2], "value": [3, 1]}]
    given = {**INPUTS, "events": events, "feed": feeds, "vmax": [0.8, 0.4, 1.2]}
    want = outputs(BUSY, **given)
    got = flat(BUSY.solved_with(method=method).predict(**given))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


def test_actions_of_one_moment_happen_in_the_order_of_their_records() -> None:
    def x_after(*order: str) -> float:
        amounts = {"x": 2.0, "dilute": 1.0}
        events = [{"time": 1, "amt": amounts[name], "cmt": name} for name in order]
        still = {"feed": {"time": [0], "value": [0.0]}, "warm": {"time": [0], "value": [0.0]}}
        result = BUSY.predict(time=[0, 1], events=events, vmax=0.0, height=0.1, **still)
        return float(result["x"][0, -1])

    before = 1.0 + 0.1
    assert x_after("x", "dilute") == pytest.approx((before + 2) / 2)
    assert x_after("dilute", "x") == pytest.approx(before / 2 + 2)


def test_pulses_come_and_go_on_time() -> None:
    time = np.sort(np.concatenate([T, 0.25 + 3 * np.arange(4), 0.75 + 3 * np.arange(4)]))
    got = BUSY.predict(**{**INPUTS, "time": time})["pulse"][0]
    phase = (time - 0.25) % 3
    np.testing.assert_allclose(got, np.where((time >= 0.25) & (phase < 0.5), 2.0, 0.1))


def counted(count: int | None, **options: Any) -> OdeSystem:
    pulse = Periodic("u", "g", start=-1.0, period=2.0, duration=1.0, amplitude=1.0, count=count)
    return OdeSystem(
        ModelInfo(id="test.counted", backend="jax"), "x [g] = 0", "k = 1",
        lambda t, y, p, u: {"x": u["u"]}, "x [g] (time)", lambda t, y, p, u: {"x": y["x"]},
        stimuli=(pulse,), settings=TIGHT, **options,
    )  # fmt: skip


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("count", "area"), [(None, 4.5), (3, 2.0), (0, 0.0)])
def test_the_number_of_pulses(count: int | None, area: float, linear: bool) -> None:
    got = counted(count, linear=linear).predict(time=[0, 9.5])["x"][0, -1]
    assert got == pytest.approx(area, abs=1e-7)


def test_a_thousand_pulses() -> None:
    got = counted(None).predict(time=[0, 2000.0])
    assert got["x"][0, -1] == pytest.approx(1000.0)
    assert got.diagnostics["steps"][0] >= 2000


def test_impossible_periods_are_refused() -> None:
    with pytest.raises(InputError, match="period"):
        BUSY.predict(**INPUTS, every=[3.0, 0.0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_curved_forcing(method: Any, kind: str) -> None:
    from scipy.interpolate import PchipInterpolator

    points, values = [1.0, 2.0, 4.0, 5.0], [0.0, 2.0, 3.0, 1.0]
    result = driven(kind).solved_with(method=method).predict(
        time=T, feed={"time": points, "value": values}
    )  # fmt: skip
    inside = np.clip(T, 1, 5)
    curve = PchipInterpolator(points, values)(inside)
    want = curve if kind == "cubic" else np.interp(T, points, values)
    np.testing.assert_allclose(result["feed"][0], want, atol=1e-12)
    want = outputs(driven(kind), time=T, feed={"time": points, "value": values})
    np.testing.assert_allclose(result["x"][0], want[0, :, 0], rtol=1e-6)


def test_outputs_before_the_first_event_see_the_initial_state() -> None:
    result = PK.predict(time=[1.0, 5.0], events=[{"time": 3, "amt": 100, "cmt": "central"}])
    assert result["conc"][0, 0] == 0.0


def test_the_tables_of_a_call() -> None:
    from catena.numerics.ode.calls import call_of

    events = [{"time": 0, "amt": 5, "cmt": "depot"}, {"time": 2, "amt": 6, "rate": 3},
              {"time": 2, "amt": 7, "cmt": "central"}, {"time": 4, "evid": 3}]  # fmt: skip
    batch = PK.inputs.validate({"time": T, "events": events})
    row = call_of(PK, batch, 1)
    assert row.slot_time.tolist() == [[2.0, 4.0]]
    assert row.slot_action.tolist() == [[2, 3, 1]]
    assert row.slot_amount.tolist() == [[5.0, 7.0, 0.0]]
    assert row.segment.tolist() == [[[0.0, 0.0], [3.0, 0.0], [0.0, 0.0]]]
