from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from catena.core.errors import Infeasible, InputError
from catena.ops.control.controller import Controller
from catena.ops.control.loop import Plant, closed_loop
from catena.ops.control.stating import Problem
from catena.ops.estimate import estimator
from tests.ops.control.tanks import stated, tank


@cache
def plain() -> Problem:
    """Return the problem without limits, once: what a problem compiled serves every test."""
    return stated()


@cache
def limited() -> Problem:
    return stated(limited=("x <= 2.0 L/h", "h <= 3.5 L"), loose=("k",))


def test_the_solution_is_that_of_the_exact_quadratic_programme() -> None:
    """Without limits a linear plant with squared costs has a least-squares solution."""
    import jax
    from scipy.optimize import minimize

    ask = plain()
    move = Controller(ask, tolerance=1e-8).step(0.0, ask.start)
    flow = jax.jit(ask.horizon.flow)  # called hundreds of times

    def cost(u: np.ndarray) -> float:
        x, last, total = ask.start, 0.5, 0.0
        for value in u:
            total += (x[1] / 3 - 1) ** 2 + 0.01 * ((value - last) / 4) ** 2
            x, last = np.asarray(flow(0.0, x, np.array([value]), ask.dynamics.nominal)), value
        return total + (x[1] / 3 - 1) ** 2

    assert move.status == "solved"
    assert move.objective == pytest.approx(cost(move.plan[:, 0]), rel=1e-9)
    near = minimize(cost, move.plan[:, 0], bounds=[(0, 4)] * 12, options={"maxiter": 3})
    assert near.fun > move.objective * (1 - 1e-4)


def test_ipopt_finds_the_same_plan() -> None:
    pytest.importorskip("casadi")
    from catena.ops.control.casadi_check import Ipopt

    ask = limited()
    move = Controller(ask, tolerance=1e-6).step(0.0, ask.start)
    objective, _ = Ipopt(ask).solve(0.0, ask.start, ask.before)
    assert move.objective == pytest.approx(objective, rel=1e-4)


def test_limits_hold_in_the_loop_and_the_set_point_is_reached() -> None:
    ask = limited()
    record = closed_loop(Plant(ask), Controller(ask), 4.0)
    assert record.excess.max() < 1e-3  # of a tenth of the limit: the prediction's accuracy
    assert record.states[:, 0].max() > 1.95  # the limit was worth reaching
    assert record.states[-1, 1] == pytest.approx(3.0, abs=0.02)
    assert {move.status for move in record.moves} == {"solved"}


@pytest.mark.parametrize("how", ["nan", "raise", "time", "iterations", "infeasible", "state"])
def test_a_failed_solve_falls_back_to_the_shifted_plan_with_an_alarm(how: str) -> None:
    ask = limited()
    controller = Controller(ask)
    first = controller.step(0.0, ask.start)
    x, limit, whole = first.path[1], None, ask.horizon.iterate

    def broken(setting: Any, guess: Any) -> Any:
        new, judged = whole(setting, guess)
        if how == "raise":
            raise RuntimeError("no memory")
        changes = {"nan": {"finite": np.array(False)}, "iterations": {"gap": 1.0, "step": 1.0},
                   "infeasible": {"excess": np.array([0.5, 0.0])}}  # fmt: skip
        return new, judged._replace(**changes.get(how, {}))

    if how == "time":
        limit = 0.0
    if how == "state":
        x = np.array([np.nan, 1.0])
    ask.horizon.__dict__["iterate"] = broken
    try:
        move = controller.step(0.1, x, limit=limit)
    finally:
        ask.horizon.__dict__["iterate"] = whole
    assert move.status == "fallback"
    assert move.alarm
    assert controller.alarms == [move]
    assert move.action["feed"] == pytest.approx(first.plan[1, 0])
    assert controller.step(0.2, first.path[2]).status == "solved"


def test_before_any_plan_the_fallback_holds_the_inputs() -> None:
    ask = limited()
    move = Controller(ask).step(0.0, np.array([np.nan, 0.0]))
    assert move.status == "fallback"
    assert move.action == {"feed": 0.5}


def test_single_shooting_and_exact_curvature_agree_with_multiple_shooting() -> None:
    others = [stated(shooting="single"), stated(hessian="exact")]
    plans = [Controller(ask, tolerance=1e-7).step(0.0, ask.start) for ask in (plain(), *others)]
    for plan in plans[1:]:
        assert plan.objective == pytest.approx(plans[0].objective, rel=1e-6)


def test_an_economic_cost_is_minimised_up_to_a_soft_limit() -> None:
    ask = stated(
        track=None, minimise="feed", minimise_end="-40 * h", limited=("h <= 2.0 L",), soft=("h",)
    )
    controller = Controller(ask)
    move = controller.step(0.0, ask.start)
    assert move.status == "solved"
    assert move.path[-1, 1] == pytest.approx(2.0, abs=1e-3)
    above = controller.step(0.1, np.array([0.0, 2.2]))  # a soft limit may be broken at the start
    assert above.status == "solved"
    assert above.excess > 0.1


def test_rates_blocks_and_impulses_are_kept() -> None:
    ask = stated(rates={"feed": "0.3 L/h"}, blocks=(1, 1, 2, 4, 4), impulses={"h": "0..0.5 L"},
                 moves={"feed": 0.0})  # fmt: skip
    move = Controller(ask).step(0.0, ask.start)
    feed, bolus = move.plan.T
    assert np.abs(np.diff(feed, prepend=0.5)).max() < 0.3 + 1e-6
    assert np.ptp(feed[2:4]) < 1e-9
    assert np.ptp(feed[4:8]) < 1e-9
    assert bolus[0] == pytest.approx(0.5, abs=1e-3)


def test_scenarios_share_the_first_input_and_keep_limits_in_all_of_them() -> None:
    plain = stated(limited=("h <= 3.0 L",), track={"h": "3 L"}, loose=("k",))
    robust = stated(limited=("h <= 3.0 L",), track={"h": "3 L"}, scenarios={"k": [0.8, 1.0, 1.2]})
    assert robust.horizon.maps.shape[-1] == 1 + 3 * 11
    worst = {}
    for name, ask in {"plain": plain, "robust": robust}.items():
        record = closed_loop(Plant(ask, {"k": 0.8}), Controller(ask), 3.0)
        worst[name] = record.excess.max()
    assert worst["robust"] < 5e-3
    assert worst["plain"] > 2e-2


def test_an_estimated_disturbance_removes_the_offset() -> None:
    ask = stated(disturbed=("h",), limited=())

    def run(disturbed: tuple[str, ...]) -> float:
        follower = estimator(tank(), ["h"], width=0.1, held=("feed",), key=1,
                             disturbed=dict.fromkeys(disturbed, 1.0), process={"h": 0.01, "x": 0.01})  # fmt: skip
        plant = Plant(ask, rates={"h": -0.4})
        record = closed_loop(plant, Controller(ask), 5.0, estimator=follower, measured={"h": 1e-4})
        return abs(record.states[-1, 1] - 3.0)

    assert run(("h",)) < 0.02
    assert run(()) > 0.1


def test_set_points_are_seen_ahead_and_limits_that_contradict_are_named() -> None:
    ask = stated(track={"h": [(0, 2), ("1 h", "3 L")]})
    np.testing.assert_array_equal(ask.reference(0.5)[:, 0], [2.0] * 5 + [3.0] * 8)
    with pytest.raises(Infeasible) as caught:
        stated(limited=("h <= 1 L", "h >= 2 L"))
    assert caught.value.details["conflicts"] == ["h >= 2 L", "h <= 1 L"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"track": None}, "No aim"),
        ({"track": {"q": 1}}, "'q' cannot follow"),
        ({"limited": ("h ~ 3",)}, "Not a limit"),
        ({"limited": ("level <= 3",)}, "Cannot read the formula"),
        ({"minimise": "__import__('os')"}, "Cannot read the formula"),
        ({"blocks": (3, 3)}, "Blocks do not fill"),
        ({"horizon": 0}, "No horizon"),
        ({"before": {"feed": 9}}, "outside its range"),
        ({"rates": {"food": 1}}, "not decided on"),
        ({"disturbed": ("z",)}, "'z' is not among"),
        ({"margins": {"x": 0.1}}, "'x' has no limit"),
        ({"start": {"y": 1}}, "No state 'y'"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        stated(**changes)
