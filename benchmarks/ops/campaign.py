"""Campaigns: optimal designs against the best known, time per suggestion, what priors are worth.

Designs: saturated two-level designs of n runs are measured against the largest determinants of
+-1 matrices (Hadamard's maximal determinant problem, orders 5 to 13), regular fractions against
the orthogonal optimum 1, and second-order designs against the best of 400 starts on a fine grid
in the same run.

Priors: the response of six factors is y = 10 exp(-sum w_k (u_k - c_k)^2 / 2) (1 + 0.3 u_1 u_2),
u in [0, 1]; the optimum c is drawn per seed in [0.2, 0.8], widths w = 6, 3, 3, 1.5, 1.5, 0.7 times
4; noise 5 %. A right prior is an expert's rough curve: centre off by 0.08 (normal) per factor, 30 %
too wide, in other units; a wrong one has its centre mirrored through the middle of the space. Runs
are counted until the best point tried has 95 % of the true optimum; batches of four.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.ops.rows import Row, Store

#: Largest determinants of +-1 matrices by order (OEIS A003433).
LARGEST = {
    5: 48,
    6: 160,
    7: 576,
    8: 4096,
    9: 14336,
    10: 73728,
    11: 327680,
    12: 2985984,
    13: 14929920,
}
WIDTHS = 4.0 * np.array([6.0, 3.0, 3.0, 1.5, 1.5, 0.7])
VERSION = 1
BUDGET = 80


def _design(key: dict[str, Any]) -> dict[str, float]:
    """Return the share of the best known D-efficiency, and that of random designs."""
    from catena.ops.campaign.designs.optimal import Terms, d_efficiency, d_optimal

    terms = Terms(key["order"], (0,) * key["factors"])
    runs, p = key["runs"], terms.count
    started = time.perf_counter()
    grid = 3 if key["order"] == "quadratic" else 2
    found = d_efficiency(d_optimal(terms, runs, key=1, grid=grid), terms)
    seconds = time.perf_counter() - started
    if key["order"] == "linear":
        known = LARGEST[runs] ** (2 / p) / runs
    elif key["order"] == "interactions":
        known = 1.0
    else:
        known = d_efficiency(d_optimal(terms, runs, key=2, starts=400, grid=21), terms)
    rng = np.random.default_rng(0)
    random = np.median(
        [d_efficiency(rng.uniform(-1, 1, (runs, key["factors"])), terms) for _ in range(200)]
    )
    return {"share": found / known, "random": float(random) / known, "seconds": seconds}


CATALOGUE = [
    *({"order": "linear", "factors": n - 1, "runs": n} for n in (5, 6, 7, 9, 10, 11, 12, 13)),
    {"order": "interactions", "factors": 5, "runs": 16},
    {"order": "interactions", "factors": 3, "runs": 8},
    {"order": "quadratic", "factors": 2, "runs": 9},
    {"order": "quadratic", "factors": 3, "runs": 14},
]


def _suggestion(key: dict[str, Any]) -> float:
    """Return the seconds of suggesting 8 points of 10 factors, three of them with 5 choices."""
    from catena.ops.campaign import campaign

    factors: dict[str, Any] = {f"f{k}": "0..1" for k in range(7)}
    factors |= {f"c{k}": list("ABCDE") for k in range(3)}
    camp = campaign(factors, "y", key=key["seed"])
    camp.suggest(40)
    points = np.array([e.point for e in camp.state.experiments])
    y = -((points[:, :7] - 0.6) ** 2).sum(axis=1) + 0.2 * points[:, 7:].sum(axis=1)
    camp.record({"experiment": [e.id for e in camp.state.experiments], "y": y})
    camp.suggest(1)  # imports and first use
    started = time.perf_counter()
    camp.suggest(8)
    return time.perf_counter() - started


def response(centre: np.ndarray, scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """Return the stated response with its curve around a centre, ``scale`` times as wide."""

    def compute(u: np.ndarray) -> np.ndarray:
        bell = np.exp(-0.5 * (WIDTHS / scale**2 * (u - centre) ** 2).sum(axis=-1))
        return np.asarray(10 * bell * (1 + 0.3 * u[..., 0] * u[..., 1]))

    return compute


def _runs(key: dict[str, Any]) -> int:
    """Return the number of runs until 95 % of the optimum has been tried."""
    from scipy.optimize import minimize

    from catena.ops.campaign import campaign

    rng = np.random.default_rng(1000 + key["seed"])
    centre = rng.uniform(0.2, 0.8, 6)
    truth = response(centre)
    top = -minimize(lambda u: -truth(u), centre, bounds=[(0, 1)] * 6).fun
    belief = np.clip(centre + 0.08 * rng.standard_normal(6), 0, 1)
    priors = {
        "none": None,
        "right": lambda u: 700 * response(belief, 1.3)(u)[:, None],
        "wrong": lambda u: 700 * response(1 - belief, 1.3)(u)[:, None],
    }
    if key["arm"] == "random":
        y = truth(rng.random((100_000, 6)))
        hit = np.flatnonzero(y >= 0.95 * top)
        return int(hit[0]) + 1 if len(hit) else 100_000
    camp = campaign(
        {f"f{k}": "0..1" for k in range(6)}, "y", prior=priors[key["arm"]], key=key["seed"]
    )
    while (count := len(camp.state.experiments)) < BUDGET:
        asked = camp.suggest(4)
        points = np.array([e.point for e in camp.state.experiments[-4:]])
        true = truth(points)
        for k, value in enumerate(true):
            if value >= 0.95 * top:
                return count + k + 1
        noisy = true * (1 + 0.05 * rng.standard_normal(4))
        camp.record({"experiment": list(asked["experiment"]), "y": noisy})
    return BUDGET + 1


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of K2, K3 and K4."""
    keys = [{**entry, "version": VERSION} for entry in CATALOGUE]
    cells = store.cells(keys if size == "full" else keys[:4], _design, "designs")
    worst = min(cells, key=lambda c: c["share"])
    good = sum(c["share"] >= 0.95 for c in cells)
    rows = [Row(f"D-efficiency of {len(cells)} catalogue designs against the best known",
                f"smallest {worst['share']:.3f}, {good} of {len(cells)}", worst["share"], ">= 0.95",
                good == len(cells), baseline=f"random designs {np.median([c['random'] for c in cells]):.2f}",
                note=f"slowest {max(c['seconds'] for c in cells):.1f} s")]  # fmt: skip
    times = store.cells([{"seed": s, "version": VERSION} for s in range(3 if size == "full" else 1)],
                        _suggestion, "suggestions")  # fmt: skip
    rows.append(Row("8 points, 10 factors (3 categories of 5)", f"{np.median(times):.1f} s",
                    float(np.median(times)), "<= 20 s", bool(np.median(times) <= 20)))  # fmt: skip
    seeds = range(20 if size == "full" else 2)
    medians = {}
    for arm in ("none", "right", "wrong", "random"):
        runs = store.cells(
            [{"arm": arm, "seed": s, "version": VERSION} for s in seeds], _runs, f"prior: {arm}"
        )
        medians[arm] = float(np.median(runs))
    for arm, target, limit in (
        ("right", "cuts runs by >= 30 %", -0.3),
        ("wrong", "costs <= 20 %", 0.2),
    ):
        change = medians[arm] / medians["none"] - 1
        rows.append(Row(f"a {arm} prior: median runs to 95 % of the optimum", f"{medians[arm]:g} ({change:+.0%})",
                        change, target, change <= limit, baseline=f"random search {medians['random']:,.0f}{' or more' * (medians['random'] >= 1e5)}",
                        peer=f"no prior {medians['none']:g}", note=f"{len(seeds)} seeds"))  # fmt: skip
    return rows
