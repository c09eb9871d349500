"""Controllers that solve nothing at a sample, and control as an operation."""

from __future__ import annotations

import pytest

from catena.core.errors import InputError
from catena.ops.control.loop import Plant, closed_loop
from catena.ops.control.operation import control
from catena.ops.control.pid import Pid, Tuning, sensitivity, tune
from tests.ops.control.tanks import stated, tank


def test_a_tuned_pid_tracks_robustly_and_does_not_wind_up() -> None:
    ask = stated(track={"h": [(0, 1.0), (1, 3.0)]})
    pid, found = tune(ask, candidates=64, key=2)
    assert found["ms"] < 1.8
    assert found["ms"] == pytest.approx(sensitivity(ask, pid.tuning, "h", "feed"))
    record = closed_loop(Plant(ask), pid, 6.0)
    assert record.states[-1, 1] == pytest.approx(3.0, abs=0.05)
    assert record.states[:, 1].max() < 3.6


def test_a_change_of_tuning_does_not_move_the_input() -> None:
    ask = stated()
    pid = Pid(ask, Tuning(1.0, 1.0))
    before = pid.step(0.0, ask.start).action["feed"]
    assert before == pytest.approx(0.5)
    pid.retune(Tuning(2.0, 5.0))
    after = pid.step(0.1, ask.start).action["feed"]
    assert after == pytest.approx(before, abs=2.0 * 2.0 * 0.1 / 5.0 + 0.3)


def test_a_policy_learns_on_simulated_plants() -> None:
    pytest.importorskip("torch")
    from catena.ops.control.policy import train

    ask = stated(moves={})
    policy, costs = train(ask, rounds=20, plants=16, length=16, key=1)
    assert costs[-5:].mean() < 0.7 * costs[:3].mean()
    record = closed_loop(Plant(ask), policy, 3.0)
    assert abs(record.states[-1, 1] - 3.0) < 1.0


def test_the_operation_returns_tables_and_figures() -> None:
    found = control(tank(), {"feed": "0..4 L/h"}, interval="0.1 h", hours="1 h", horizon=6,
                    track={"h": "3 L"}, limited=["x <= 2 L/h"], margins={"x": 0.02}, plant={"k": 1.05})  # fmt: skip
    assert found.size == 10
    assert found.summary["broken"] == 0
    assert found.parts["limits"]["limit"][0] == "x <= 2 L/h"
    assert found.plot("states").layout.yaxis.title.text == "x [L/h]"
    with pytest.raises(InputError, match="Bad settings"):
        control(tank(), {"feed": "0..4"}, interval=0.1, hours=1, horison=6)
