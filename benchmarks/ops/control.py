"""Control against do-mpc and IPOPT: the van de Vusse reactor and a ten-state fed-batch."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from benchmarks.ops.control_plants import penicillin, reactor
from benchmarks.ops.rows import Row, Store
from catena.core.errors import SolverError
from catena.ops.control.casadi_check import Ipopt
from catena.ops.control.controller import Controller
from catena.ops.control.loop import Plant, closed_loop
from catena.ops.control.stating import Problem, problem

VERSION = 3
#: Samples at which both controllers are timed and IPOPT solves the same problem.
PAIRED = {"small": 20, "full": 60}
#: Closed-loop hours, and seeds of the parameter error.
LOOP = {"small": (1.0, 2), "full": (24.0, 6)}
ERROR = 0.05
PLANTS = ("reactor", "penicillin")


def stated(plant: str, robust: bool = False) -> Problem:
    """Return the control problem of a plant, horizon 20.

    Args:
        plant: ``reactor`` or ``penicillin``.
        robust: Stay inside the limits by margins.
    """
    if plant == "reactor":
        return problem(
            reactor(), {"f": "5..100 1/h", "q_dot": "-8500..0 kJ/h"}, interval_="0.005 h",
            horizon=20, track={"c_b": _course()}, moves={"f": 1e-3, "q_dot": 1e-3},
            limited=("t_r <= 140 degC", "t_k >= 50 degC", "t_k <= 140 degC", "c_a >= 0.1",
                     "c_b >= 0.1"),
            margins={"t_r": 2.0} if robust else {}, loose=("alpha", "beta"),
        )  # fmt: skip
    return problem(
        penicillin(), {"feed": "0.01..0.2 L/h", "coolant": "0..60 L/h", "power": "15..60 W"},
        interval_="0.05 h", horizon=20, before={"coolant": 12.0, "feed": 0.06},
        minimise="0.02 * power + 0.01 * coolant + 2 * feed",
        minimise_end="-p * v", limited=("o2 >= 0.35", "temp <= 26", "temp >= 24", "v <= 115"),
        margins={"o2": 0.05, "temp": 0.15} if robust else {}, loose=("mu_x", "mu_p"),
    )  # fmt: skip


def _course() -> list[tuple[float, float]]:
    """Return set points of the product that change every two hours."""
    return [(2.0 * k, 0.6 if k % 2 == 0 else 0.7) for k in range(13)]


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of the control benchmark."""
    rows: list[Row] = []
    for plant in PLANTS:
        paired = store.cell({"v": VERSION, "paired": plant, "size": size},
                            lambda plant=plant: _paired(plant, PAIRED[size]))  # fmt: skip
        rows += _speed_rows(plant, paired)
        hours, seeds = LOOP[size]
        loops = store.cells([{"v": VERSION, "loop": plant, "seed": seed, "hours": hours}
                             for seed in range(seeds)], _loop, f"{plant} loops")  # fmt: skip
        rows.append(_loop_row(plant, loops, hours))
    failures = store.cell({"v": VERSION, "failures": "reactor"}, _failures)
    rows.append(
        Row("control: solver failure falls back within 10 ms with an alarm",
            f"worst {1e3 * failures['worst']:.2f} ms over {failures['count']} injected failures, "
            f"{failures['alarms']} alarms", 1e3 * failures["worst"], "<= 10 ms, all alarmed",
            failures["worst"] <= 0.01 and failures["alarms"] == failures["count"])
    )  # fmt: skip
    return rows


def _paired(plant: str, count: int) -> dict[str, Any]:
    """Run our controller in a loop; do-mpc and IPOPT solve at the same states."""
    ask = stated(plant)
    controller, check, peer = Controller(ask), Ipopt(ask), _do_mpc(plant, ask)
    controller.prepare()
    truth = Plant(ask)
    x, before = ask.start, ask.before
    out: dict[str, Any] = {name: [] for name in
                           ("ours", "peer", "gap", "status", "peer_cpu", "cpu", "lost")}  # fmt: skip
    for k in range(count + 1):
        t = k * ask.width
        started = time.process_time()
        move = controller.step(t, x)
        cpu = time.process_time() - started
        best = _least(check, t, x, before, [None, _decisions(ask, move.plan)])
        wall, peer_cpu = peer(t, x)
        if k:  # the first sample starts cold on both sides
            out["ours"].append(move.seconds)
            out["cpu"].append(cpu)
            out["peer"].append(wall)
            out["peer_cpu"].append(peer_cpu)
            out["status"].append(move.status)
            if best is None:
                out["lost"].append(k)
            else:
                out["gap"].append((move.objective - best) / max(abs(best), 1e-9))
        before = np.array(list(move.action.values()))
        x = np.asarray(truth.advance(t, x, before, truth.loose(t))[0])[-1]
    return out


def _least(check: Ipopt, t: float, x: np.ndarray, before: np.ndarray, starts: list[Any]) -> Any:
    """Return the least objective IPOPT finds from some starts; None where it fails from all."""
    found = []
    for z in starts:
        with contextlib.suppress(SolverError):
            found.append(check.solve(t, x, before, z=z)[0])
    return min(found, default=None)


def _decisions(ask: Problem, plan: np.ndarray) -> np.ndarray:
    shape = ask.horizon
    flat = shape.maps.reshape(-1, shape.maps.shape[-1])
    return np.asarray(np.linalg.pinv(flat) @ ((plan - shape.low) / shape.span).ravel())


def _do_mpc(plant: str, ask: Problem) -> Any:
    """Return ``(t, x) -> (seconds, cpu seconds)`` of do-mpc on the same equations and costs."""
    import do_mpc

    model = do_mpc.model.Model("continuous")
    dynamics, shape = ask.dynamics, ask.horizon
    x = [model.set_variable("_x", n) for n in dynamics.states]
    u = [model.set_variable("_u", n) for n in dynamics.inputs]
    wanted = model.set_variable("_tvp", "wanted")
    check = Ipopt(ask)
    ca = check.casadi
    xs, us, q = ca.vertcat(*x), ca.vertcat(*u), ca.DM(dynamics.nominal)
    n, nu, nq = len(x), len(u), len(dynamics.nominal)
    slope = check._function(dynamics.rhs, [(), (n,), (nu,), (nq,)], "rhs")(0, xs, us, q)
    for k, name in enumerate(dynamics.states):
        model.set_rhs(name, slope[k])
    model.setup()
    mpc = do_mpc.controller.MPC(model)
    mpc.settings.n_horizon, mpc.settings.t_step = shape.count, ask.width
    mpc.settings.n_robust = 0
    mpc.settings.collocation_deg, mpc.settings.collocation_ni = 2, 1
    mpc.settings.nlpsol_opts = {"ipopt.print_level": 0, "print_time": 0, "ipopt.sb": "yes"}
    r = wanted if ask.tracked else ca.DM.zeros(0)
    state, inputs = model.x.cat, model.u.cat
    stage = check.stage(0, state, inputs, q, model.tvp["wanted"] if ask.tracked else r)
    end = check.end(0, state, q, model.tvp["wanted"] if ask.tracked else r)
    mpc.set_objective(mterm=end, lterm=stage)
    weights = {name: float(w / s**2) for name, w, s in
               zip(dynamics.inputs, shape.move_weights, shape.span, strict=True)}  # fmt: skip
    mpc.set_rterm(**weights)
    for name, low, high in zip(dynamics.inputs, shape.low, shape.high, strict=True):
        mpc.bounds["lower", "_u", name], mpc.bounds["upper", "_u", name] = low, high
        mpc.scaling["_u", name] = high - low
    for name, size in zip(dynamics.states, shape.scale, strict=True):
        mpc.scaling["_x", name] = size
    for limit in ask.limits:
        side = "upper" if limit.sign > 0 else "lower"
        mpc.bounds[side, "_x", limit.subject] = limit.bound - limit.sign * limit.margin
    template = mpc.get_tvp_template()

    def course(now: float) -> Any:
        wish = ask.reference(float(np.ravel(now)[0]))
        for k in range(shape.count + 1):
            template["_tvp", k, "wanted"] = wish[k, 0] if wish.shape[1] else 0.0
        return template

    mpc.set_tvp_fun(course)
    mpc.setup()
    mpc.x0, mpc.u0 = ask.start, ask.before
    mpc.set_initial_guess()

    def step(t: float, x: np.ndarray) -> tuple[float, float]:
        started, cpu = time.perf_counter(), time.process_time()
        mpc.make_step(np.asarray(x).reshape(-1, 1))
        return time.perf_counter() - started, time.process_time() - cpu

    return step


def _loop(key: dict[str, Any]) -> dict[str, Any]:
    ask = stated(key["loop"], robust=True)
    draws = np.random.default_rng(key["seed"])
    factors = {name: 1 + ERROR * draws.choice([-1.0, 1.0]) for name in ask.dynamics.loose}
    controller = Controller(ask)
    controller.prepare()
    record = closed_loop(Plant(ask, factors), controller, key["hours"])
    return {"broken": int((record.excess > 1e-6).any(axis=1).sum()), "samples": len(record.moves),
            "worst": float(record.excess.max()), "alarms": len(controller.alarms),
            "factors": factors}  # fmt: skip


def _failures() -> dict[str, Any]:
    """Break the solver in every second sample and time the answer from the failure on."""
    ask = stated("reactor", robust=True)
    controller, truth = Controller(ask), Plant(ask)
    controller.prepare()
    whole, x, worst, count = ask.horizon.iterate, ask.start, 0.0, 0
    for k in range(40):
        t = k * ask.width
        if k % 2:
            ask.horizon.__dict__["iterate"] = _broken(k // 2 % 3, whole)
        move = controller.step(t, x, limit=0.0 if k % 8 == 7 else None)
        ask.horizon.__dict__["iterate"] = whole
        if k % 2:
            count, worst = count + 1, max(worst, move.fallback_seconds)
        x = np.asarray(
            truth.advance(t, x, np.array(list(move.action.values())), truth.loose(t))[0]
        )[-1]
    return {"worst": worst, "count": count, "alarms": len(controller.alarms)}


def _broken(how: int, whole: Any) -> Any:
    def iterate(setting: Any, guess: Any) -> Any:
        new, judged = whole(setting, guess)
        if how == 0:
            raise FloatingPointError("injected")
        changes = {1: {"finite": np.array(False)}, 2: {"gap": 1.0, "step": 1.0}}[how]
        return new, judged._replace(**changes)

    return iterate


def _speed_rows(plant: str, found: dict[str, Any]) -> list[Row]:
    ours, peer = np.array(found["ours"]), np.array(found["peer"])
    median, rival = float(np.median(ours)), float(np.median(peer))
    tail, gap = float(np.quantile(ours, 0.99)), float(np.max(found["gap"]))
    name = f"control {plant}, horizon 20"
    cpu = f"CPU {1e3 * np.median(found['cpu']):.1f} ms against {1e3 * np.median(found['peer_cpu']):.1f} ms"
    return [
        Row(f"{name}: median step", f"{1e3 * median:.1f} ms", 1e3 * median, "<= do-mpc and <= 100 ms",
            median <= rival and median <= 0.1, peer=f"do-mpc {1e3 * rival:.1f} ms", note=cpu),
        Row(f"{name}: 99th percentile", f"{1e3 * tail:.1f} ms", 1e3 * tail, "<= 500 ms", tail <= 0.5,
            peer=f"do-mpc {1e3 * float(np.quantile(peer, 0.99)):.1f} ms"),
        Row(f"{name}: objective above IPOPT", f"{100 * gap:.4f} % at worst", 100 * gap, "<= 0.1 %",
            gap <= 1e-3, note=f"same discretised problem, {len(ours)} samples, "
            f"{found['status'].count('solved')} converged, {len(found['lost'])} where IPOPT failed"),
    ]  # fmt: skip


def _loop_row(plant: str, loops: list[dict[str, Any]], hours: float) -> Row:
    broken, alarms = sum(x["broken"] for x in loops), sum(x["alarms"] for x in loops)
    return Row(
        f"control {plant}: limits broken in {hours:g} h with 5 % parameter error",
        f"{broken} of {sum(x['samples'] for x in loops)} samples, {alarms} alarms", float(broken), "0",
        broken == 0, note=f"{len(loops)} seeds, judged at 8 moments per sample, worst "
        f"{max(x['worst'] for x in loops):.2g}",
    )  # fmt: skip
