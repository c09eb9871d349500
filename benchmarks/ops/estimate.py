"""Estimation: ten-state fed-batch followed from sensors and laboratory results twelve hours late."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.ops.control_plants import penicillin
from benchmarks.ops.rows import Row, Store
from catena.numerics.horizon.dynamics import dynamics
from catena.numerics.horizon.stepping import Stepping, compiled
from catena.ops.estimate import estimator

VERSION = 1
SEEDS = {"small": 2, "full": 10}
#: Hours followed, time between on-line samples, and how late the laboratory is.
HOURS, ONLINE, LATE, LABORATORY = 60.0, 0.5, 12.0, 6.0
#: Deviations of probes (0.5 % of saturation, 0.05 K, a load cell of 0.05 %) and of the laboratory.
SENSORS = {"o2": 0.006, "temp": 0.05, "v": 0.05}
LAB = {"x": 0.04, "p": 0.05}
HELD = {"feed": 0.06, "coolant": 14.0, "power": 40.0}
METHODS = ("ekf", "ukf", "mhe")
#: Noise of the states: the equations are right up to their parameters; flows are metered.
PROCESS = "0.1 %"
METERED = {"v": 0.005, "fed": 0.0005}
#: What the model does not know: parameters, and the first state.
WRONG = {"mu_x": 0.10, "mu_p": 0.15}
FIRST = {"x": 0.15, "s": 0.3, "p": 0.3}


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of the estimation benchmark."""
    rows = []
    for method in METHODS:
        keys = [{"v": VERSION, "method": method, "seed": seed} for seed in range(SEEDS[size])]
        found = store.cells(keys, _followed, f"estimate by {method}")
        share = float(np.median([x["error"] / x["open"] for x in found]))
        worst = max(x["error"] / x["open"] for x in found)
        rows.append(
            Row(f"estimate: {method} with results 12 h late, state error against open loop",
                f"{100 * share:.0f} % (worst {100 * worst:.0f} %)", 100 * share, "<= 50 %",
                share <= 0.5, baseline="open loop 100 %",
                note=f"{len(found)} batches of {HOURS:g} h; {np.median([x['ms'] for x in found]):.0f} ms "
                "per step, median")
        )  # fmt: skip
    return rows


def _followed(key: dict[str, Any]) -> dict[str, Any]:
    """Follow one simulated batch and compare with an estimator that is told nothing."""
    draws = np.random.default_rng(key["seed"])
    truth, times = _batch(draws)
    model = penicillin()
    follower = estimator(
        model, (*SENSORS, *LAB), width=ONLINE, method=key["method"], held=tuple(HELD),
        unknown={name: f"{100 * share:g} %" for name, share in WRONG.items()},
        start={name: (float(value), f"{100 * FIRST[name]:g} %" if name in FIRST else 0.001 * abs(value))
               for name, value in _guess().items()},
        process={**dict.fromkeys(_guess(), PROCESS), **METERED}, window=24.0, lag=LATE + 1.0, key=key["seed"], accuracy=1e-4,
    )  # fmt: skip
    blind = _open_loop(_guess(), times)
    pending: list[dict[str, Any]] = []
    states, slow = [], []
    for k, t in enumerate(times[1:], 1):
        samples = [_sample(truth, name, sd, k, t, draws) for name, sd in SENSORS.items()]
        if abs(t / LABORATORY - round(t / LABORATORY)) < 1e-9:
            pending += [_sample(truth, name, share * truth[name][k], k, t, draws)
                        for name, share in LAB.items()]  # fmt: skip
        due = [s for s in pending if s["time"] <= t - LATE + 1e-9]
        pending = [s for s in pending if s not in due]
        started = time.perf_counter()
        found = follower.step(float(t), samples + due, inputs=HELD)
        slow.append(time.perf_counter() - started)
        states.append([found.mean[name] for name in blind])
    names = list(blind)
    right = np.array([truth[name] for name in names]).T[1:]
    size = right.max(axis=0) - right.min(axis=0)
    open_ = np.array([blind[name] for name in names]).T[1:]
    error = np.sqrt((((np.array(states) - right) / size) ** 2).mean())
    return {"error": float(error), "open": float(np.sqrt((((open_ - right) / size) ** 2).mean())),
            "ms": 1e3 * float(np.median(slow))}  # fmt: skip


def _sample(
    truth: dict[str, np.ndarray], name: str, sd: float, k: int, t: float, draws: Any
) -> dict[str, Any]:
    value = float(truth[name][k] + sd * draws.normal())
    return {"time": float(t), "output": name, "value": value, "sd": float(sd)}


def _guess() -> dict[str, float]:
    view = dynamics(penicillin(), held=tuple(HELD))
    return dict(zip(view.states, view.started().tolist(), strict=True))


def _batch(draws: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Simulate a batch whose growth, production and start differ from the model's."""
    factors = {name: 1 + share * draws.normal() for name, share in WRONG.items()}
    start = {
        name: value * (1 + FIRST.get(name, 0.0) * draws.normal())
        for name, value in _guess().items()
    }
    times = np.arange(0.0, HOURS + ONLINE / 2, ONLINE)
    return _open_loop(start, times, factors), times


def _open_loop(
    start: dict[str, float], times: np.ndarray, factors: dict[str, float] | None = None
) -> dict[str, np.ndarray]:
    view = dynamics(penicillin(), held=tuple(HELD), loose=tuple(WRONG))
    q = view.nominal * np.array([(factors or {}).get(name, 1.0) for name in WRONG])
    flow = compiled(Stepping("rodas4", 16).across(view.rhs))
    x, u = np.array(list(start.values())), np.array(list(HELD.values()))
    path = [x]
    for t in times[:-1]:
        x = np.asarray(flow(t, x, u, q, ONLINE))
        path.append(x)
    return {name: np.array(path)[:, k] for k, name in enumerate(view.states)}
