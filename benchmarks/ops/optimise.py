"""Optimisation: 60 evaluations against BoTorch and pymoo, and twelve problems with many optima."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

from benchmarks.ops import peers_optimise as peers
from benchmarks.ops.problems_costly import PROBLEMS as COSTLY
from benchmarks.ops.problems_costly import Costly
from benchmarks.ops.problems_multimodal import PROBLEMS as MULTIMODAL
from benchmarks.ops.problems_multimodal import Multimodal
from benchmarks.ops.rows import Row, Store
from catena.ops.optimise import optimise
from catena.ops.optimise.pareto import hypervolume

#: Raised whenever Catena's method changes, so that its old cells do not count.
VERSION = 1
TOTAL, BATCH = 60, 4
#: 90 % quantile of Student's t (one side) by number of pairs.
_SIDES = 0.90


def run(size: str, store: Store) -> list[Row]:
    """Return the figures: ``small`` runs a few cells of each kind."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    costly = COSTLY if size == "full" else tuple(p for p in COSTLY if p.name in ("branin", "zdt1"))
    seeds = 10 if size == "full" else 2
    rows = _costly_rows(costly, seeds, store)
    many = (
        MULTIMODAL if size == "full" else tuple(p for p in MULTIMODAL if p.name in ("g06", "g08"))
    )
    rows += _multimodal_rows(many, 30 if size == "full" else 3, store)
    return [*rows, _suggestion_row(store)]


# Sixty evaluations -------------------------------------------------------------------------


def _costly_rows(problems: tuple[Costly, ...], seeds: int, store: Store) -> list[Row]:
    keys = [
        {
            "kind": "costly",
            "problem": p.name,
            "seed": seed,
            "method": method,
            "version": VERSION if method == "catena" else 1,
        }
        for seed in range(seeds)
        for p in problems
        for method in ("catena", "botorch", "pymoo", "random")
    ]
    by_name = {p.name: p for p in problems}
    values = store.cells(keys, lambda key: _costly_cell(by_name[key["problem"]], key), "costly")
    rows, better = [], 0
    for p in problems:
        got = {
            method: np.array([v for k, v in zip(keys, values, strict=True)
                              if k["problem"] == p.name and k["method"] == method])
            for method in ("catena", "botorch", "pymoo", "random")
        }  # fmt: skip
        row, won = _comparison(p, got)
        rows.append(row)
        better += won
    rows.append(Row(f"strictly better than BoTorch and pymoo on {better} of {len(problems)}",
                    f"{better}", float(better), ">= 3", better >= 3))  # fmt: skip
    return rows


def _costly_cell(problem: Costly, key: dict[str, Any]) -> float:
    seed = int(key["seed"])
    y = _evaluated(problem, key["method"], seed)[:TOTAL]
    m = problem.objectives
    kept = y[np.all(y[:, m:] <= 0.0, axis=1)][:, :m]
    if m > 1:
        return hypervolume(kept, np.array(problem.reference))
    return float(kept.min())


def _evaluated(problem: Costly, method: str, seed: int) -> np.ndarray:
    if method == "pymoo":
        return peers.pymoo_run(problem, TOTAL, seed)
    model = problem.as_model()
    if method == "catena":
        found = optimise(model, list(model.inputs.names),
                         minimise=[f"y{k}" for k in range(problem.objectives)],
                         subject_to=[f"c{k} <= 0" for k in range(problem.limits)],
                         method="bayesian", budget=TOTAL, batch=BATCH,
                         reference=problem.reference or None, key=seed)  # fmt: skip
        return _table(found, problem)
    from catena.core.identity import split_key
    from catena.ops.optimise.bayesian import design_size
    from catena.ops.space import Space

    space = Space.of(model, list(model.inputs.names))
    if method == "random":
        return np.hstack(problem.function(space.sample(TOTAL, seed, "random")))
    # Both start from the same design, so that pairs differ in the method alone.
    start = space.sample(design_size(space.dim, BATCH), split_key(seed, "start"))
    return peers.botorch_loop(problem, start, TOTAL, BATCH, seed)


def _table(found: Any, problem: Costly) -> np.ndarray:
    history = found.parts["history"]
    names = [f"y{k}" for k in range(problem.objectives)] + [f"c{k}" for k in range(problem.limits)]
    return np.stack([np.asarray(history[name], dtype=float) for name in names], axis=1)


def _comparison(problem: Costly, got: dict[str, np.ndarray]) -> tuple[Row, bool]:
    """Compare pairs by seed: log regret in decades gained over random, or hypervolume."""
    if problem.objectives > 1:
        gains = {name: values for name, values in got.items()}
        label = "hypervolume"
    else:
        assert problem.best is not None  # published, or found by searching all of the space
        best, floor = problem.best, 1e-9 * max(abs(problem.best), 1.0)
        gains = {name: -np.log10(np.maximum(values - best, floor)) for name, values in got.items()}
        label = "-log10 regret"
    bounds, wins = {}, {}
    for peer in ("botorch", "pymoo"):
        size = max(float(np.abs(gains[peer].mean())), 1e-12)
        difference = (gains["catena"] - gains[peer]) / size
        bounds[peer] = _lower(difference)
        wins[peer] = bounds[peer] > 0.0
    holds = all(bound >= -0.05 for bound in bounds.values())
    row = Row(
        f"{problem.name}: {label} at {TOTAL} evaluations, q = {BATCH}",
        f"{gains['catena'].mean():.4g}; paired difference, lower 90 % bound: "
        f"{100 * bounds['botorch']:+.1f} % of BoTorch, {100 * bounds['pymoo']:+.1f} % of pymoo",
        min(bounds.values()),
        ">= -5 % of each peer",
        holds,
        baseline=f"random {gains['random'].mean():.4g}",
        peer=f"BoTorch {gains['botorch'].mean():.4g}, pymoo {gains['pymoo'].mean():.4g}",
        note=f"{len(got['catena'])} seeds",
    )
    return row, all(wins.values())


def _lower(difference: np.ndarray) -> float:
    from scipy.stats import t

    n = len(difference)
    if n < 2:
        return float(difference.mean())
    return float(difference.mean() - t.ppf(_SIDES, n - 1) * difference.std(ddof=1) / np.sqrt(n))


def _suggestion_row(store: Store) -> Row:
    """Time eight suggestions in ten factors, three of them with five choices."""
    key = {"kind": "suggestion", "version": VERSION}
    seconds = float(store.cell(key, _suggestion_cell))
    return Row("8 suggestions in a mixed space of ten factors", f"{seconds:.1f} s of CPU",
               seconds, "<= 20 s", seconds <= 20.0, note="40 noisy results")  # fmt: skip


def _suggestion_cell() -> float:
    import time

    from catena.ops.optimise import suggest
    from catena.ops.space import Space
    from catena.ops.variable import Variable

    numbers = [Variable(f"r{k}") for k in range(7)]
    choices = [Variable(f"c{k}", "category", choices=tuple("abcde")) for k in range(3)]
    space = Space([*numbers, *choices])
    rng = np.random.default_rng(0)
    x, effect = space.sample(40, 0), rng.normal(size=(3, 5))
    y = -((x[:, :7] - 0.4) ** 2).sum(1) + 0.02 * rng.standard_normal(40)
    y += 0.3 * sum(effect[k][x[:, 7 + k].astype(int)] for k in range(3))
    suggest(space, x, y[:, None], goals=["maximise"], q=1)  # imports
    started = time.process_time()
    suggest(space, x, y[:, None], goals=["maximise"], q=8)
    return time.process_time() - started


# Many optima -------------------------------------------------------------------------------


def _multimodal_rows(problems: tuple[Multimodal, ...], seeds: int, store: Store) -> list[Row]:
    rows, reached, never_worse = [], 0, 0
    for p in problems:
        keys = [
            {"kind": "multimodal", "problem": p.name, "seed": seed, "method": method,
             "version": VERSION if method == "catena" else 1, "budget": p.budget}
            for seed in range(seeds)
            for method in ("catena", "evolution")
        ]  # fmt: skip
        values = store.cells(keys, lambda key, p=p: _multimodal_cell(p, key), p.name)
        ours = np.array([v for k, v in zip(keys, values, strict=True) if k["method"] == "catena"])
        peer = np.array([v for k, v in zip(keys, values, strict=True) if k["method"] != "catena"])
        allowed = p.best + 0.01 * max(abs(p.best), 1.0)
        rate, peer_rate = float(np.mean(ours <= allowed)), float(np.mean(peer <= allowed))
        slack = 1e-6 * max(abs(p.best), 1.0)
        worse = int(np.sum((ours > peer + slack) & (ours > allowed)))
        reached += rate >= 0.95
        never_worse += worse == 0
        rows.append(Row(f"{p.name}: within 1 % of {p.best:g} at {p.budget:,} calls",
                        f"{rate:.0%} of {seeds} runs; worse than the peer in {worse}", rate,
                        ">= 95 %, never worse", rate >= 0.95 and worse == 0,
                        peer=f"SciPy differential evolution {peer_rate:.0%}",
                        note=f"median {np.median(ours):.6g} against {np.median(peer):.6g}"))  # fmt: skip
        if p.name == "park-ramirez":
            value = -float(np.median(ours))
            rows.append(Row("park-ramirez: published 32.68 to 0.5 %", f"median {value:.4f}", value,
                            ">= 32.52", value >= 32.68 * 0.995,
                            note="feed linear between 26 values"))  # fmt: skip
    count = len(problems)
    rows.append(Row("problems with the optimum in >= 95 % of runs", f"{reached} of {count}",
                    float(reached), f"{count} of {count}", reached == count))  # fmt: skip
    rows.append(Row("problems never worse than differential evolution", f"{never_worse} of {count}",
                    float(never_worse), f"{count} of {count}", never_worse == count))  # fmt: skip
    return rows


def _multimodal_cell(problem: Multimodal, key: dict[str, Any]) -> float:
    seed = int(key["seed"])
    if key["method"] == "evolution":
        return _evolution(problem, seed)
    found = optimise(problem.as_model(), problem.over(), minimise="f",
                     subject_to=[f"c{k} <= 0" for k in range(problem.limits)],
                     method="hybrid", budget=problem.budget, key=seed)  # fmt: skip
    return float(found["f"][0])


@cache
def _compiled(problem: Multimodal) -> Any:
    import jax

    return jax.jit(problem.function)


def _evolution(problem: Multimodal, seed: int) -> float:
    import jax.numpy as jnp

    function = _compiled(problem)

    def evaluated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f, c = function(jnp.asarray(x))
        return np.asarray(f), np.asarray(c)

    low, high = np.array(problem.low), np.array(problem.high)
    return peers.evolution_run(evaluated, low, high, problem.budget, seed)[0]
