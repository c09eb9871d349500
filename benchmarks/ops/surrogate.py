"""Surrogates to a requested error: met or refused, coverage, speed, and what simple methods reach.

NRMSE is the root mean squared error over the standard deviation of the held-out outputs; 2,000
held-out points per run are drawn with a seed of their own and decide nothing. The naive methods and
the peer (scikit-learn's Gaussian process) get the same points, checked rows included.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from benchmarks.ops.rows import Row, Store
from benchmarks.ops.surrogate_problems import PROBLEMS, WIDE, Problem
from catena.core.work import Work
from catena.ops.space import Space
from catena.ops.surrogate import surrogate
from catena.ops.surrogate.parent import Parent

#: Changed whenever the method changes, so that old cells are not reused.
VERSION = 4
HELD_OUT, BUDGET = 2000, 400
_SEEDS = {"small": 2, "full": 20}
#: Rows per call and calls of the speed measurement.
_BATCH, _CALLS = 10_000, 7


def run(size: str, store: Store) -> list[Row]:
    """Return the figures of every problem, and of all together."""
    seeds = _SEEDS[size]
    rows, cells = [], []
    for name in PROBLEMS:
        keys = [{"version": VERSION, "problem": name, "seed": seed} for seed in range(seeds)]
        found = store.cells(keys, lambda key: _cell(PROBLEMS[key["problem"]], key["seed"]), name)
        cells += found
        rows.append(_accuracy(name, found))
    coverage = float(np.mean([cell["coverage"] for cell in cells]))
    rows.append(Row(
        "pooled coverage of 90 % intervals", f"{coverage:.1%}", coverage, "85-95 %", 0.85 <= coverage <= 0.95,
        note=f"{len(cells)} runs x {HELD_OUT} points; single runs "
        f"{min(c['coverage'] for c in cells):.0%} to {max(c['coverage'] for c in cells):.0%}",
    ))  # fmt: skip
    for points in (160, 360):
        key = {"version": VERSION, "speed": points}
        rows.append(_speed(points, store.cell(key, lambda points=points: _timed(points))))
    wide = [{"version": VERSION, "problem": "wide", "seed": s} for s in range(min(seeds, 3))]
    found = store.cells(wide, lambda key: _cell(WIDE, key["seed"]), "wide ranges")
    rows.append(_accuracy("PBPK AUC, ranges of factors 25 to 100 (beyond the acceptance)", found))
    return rows


# One run --------------------------------------------------------------------------------------


def _cell(problem: Problem, seed: int) -> dict[str, Any]:
    """Train once and measure on held-out points."""
    model, given = problem.make(), problem.given()
    started = time.process_time()
    result = surrogate(
        model, problem.ranges(), of=problem.of, given=given, budget=BUDGET,
        target_error=problem.target, allow_short=True, key=seed,
    )  # fmt: skip
    spent = time.process_time() - started
    space = Space.of(model, problem.ranges())
    parent = Parent(model, space, problem.of, given, 0, Work())
    held = parent(space.sample(HELD_OUT, 1_000_000 + seed, "random"), "held out")
    truth = held.values[problem.of]
    found = result.model.predict(space.columns(held.x))
    inside = (found.lower[problem.of] <= truth) & (truth <= found.upper[problem.of])
    x, y = result.diagnostics["points"], result.diagnostics["values"][problem.of]
    return {
        "met": bool(result.summary["met"]),
        "target": problem.target,
        "claimed": result.summary["achieved_error"],
        "evaluations": result.summary["evaluations"],
        "nrmse": _nrmse(found[problem.of], truth),
        "over_range": float(np.sqrt(np.mean((found[problem.of] - truth) ** 2)) / np.ptp(truth)),
        "coverage": float(inside.mean()),
        "in_domain": float(found.in_domain.mean()),
        "cpu_seconds": spent,
        **_others(space.to_unit(x), y, space.to_unit(held.x), truth),
    }


def _nrmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)) / truth.std())


def _others(x: np.ndarray, y: np.ndarray, new: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return errors of naive methods and of the peer on the same points."""
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(x).query(new)
    design, wanted = (
        np.column_stack([np.ones(len(x)), x]),
        np.column_stack([np.ones(len(new)), new]),
    )
    linear = wanted @ np.linalg.lstsq(design, y, rcond=None)[0]
    return {
        "mean": _nrmse(np.full(len(truth), y.mean()), truth),
        "nearest": _nrmse(y[nearest], truth),
        "linear": _nrmse(linear, truth),
        "peer": _nrmse(_peer(x, y, new), truth),
    }


def _peer(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return predictions of scikit-learn's Gaussian process (Matern 5/2, a length scale per input)."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0, (1e-3, 1e4)) * Matern(
        np.ones(x.shape[1]), (1e-2, 1e3), nu=2.5
    ) + WhiteKernel(1e-6, (1e-10, 1e-1))
    peer = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # length scales at their bounds
        peer.fit(x, y)
    return np.asarray(peer.predict(new))


# Speed ----------------------------------------------------------------------------------------


def _timed(points: int) -> dict[str, float]:
    """Time checked predictions with intervals and domain, from a borehole fit of so many points."""
    problem = PROBLEMS["borehole"]
    model = problem.make()
    result = surrogate(
        model, problem.ranges(), budget=points + 40, target_error=1e-9, allow_short=True, key=0
    )
    space = Space.of(model, problem.ranges())
    columns = space.columns(space.sample(_BATCH, 5, "random"))
    fast = result.model
    fast.predict(columns)  # compiles
    walls, cpus = [], []
    for _ in range(_CALLS):
        wall, cpu = time.perf_counter(), time.process_time()
        fast.predict(columns)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "rows": float(result.summary["training_rows"]),
        "wall": float(np.median(walls)),
        "best": float(min(walls)),
        "cpu": float(np.median(cpus)),
    }


# Rows -----------------------------------------------------------------------------------------


def _accuracy(name: str, cells: list[dict[str, Any]]) -> Row:
    honest = [(not c["met"]) or c["nrmse"] <= c["target"] for c in cells]
    met, good, wanted = sum(c["met"] for c in cells), sum(honest), int(np.ceil(0.95 * len(cells)))

    def median(what: str) -> float:
        return float(np.median([cell[what] for cell in cells]))

    return Row(
        f"{name}: NRMSE {cells[0]['target']:.0%}, met or refused",
        f"{good} of {len(cells)} ({met} met)",
        float(good),
        f">= {wanted} of {len(cells)}",
        good >= wanted,
        baseline=f"mean {median('mean'):.0%}, nearest {median('nearest'):.0%}, linear {median('linear'):.0%}",
        peer=f"scikit-learn {median('peer'):.2%}",
        note=f"held-out NRMSE median {median('nrmse'):.2%} (worst {max(c['nrmse'] for c in cells):.2%}), "
        f"over range {median('over_range'):.2%}, {median('evaluations'):.0f} evaluations, "
        f"coverage {median('coverage'):.0%}, {median('cpu_seconds'):.1f} s of CPU",
    )


def _speed(points: int, cell: dict[str, float]) -> Row:
    rate = _BATCH / cell["wall"]
    return Row(
        f"predictions with intervals and domain per second, {cell['rows']:.0f} points x 8 inputs",
        f"{rate:,.0f}",
        rate,
        ">= 100,000",
        rate >= 1e5,
        note=f"batches of {_BATCH:,}, median of {_CALLS}; best {_BATCH / cell['best']:,.0f}, per CPU second "
        f"{_BATCH / cell['cpu']:,.0f}",
    )
