"""Sensitivity: largest error of the indices over 20 seeds, against SALib and a plain estimator.

    python -m benchmarks.ops sensitivity [--size small|full]

Every method gets N = 8,192 base points and both orders. The largest error is over all indices of
a run: first, total and second order. Seeds are 0 to 19, none is chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import permutations
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.ops.rows import Row, Store
from catena.core.chain import Chain
from catena.core.function import model

VERSION = 2
N = 8192
_PI = "3.141592653589793"
_G = (0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0)


@model(
    id="bench.ishigami",
    inputs=f"a in -{_PI}..{_PI}, b in -{_PI}..{_PI}, c in -{_PI}..{_PI}",
    outputs="y",
    backend="jax",
)
def ishigami(a, b, c):
    """Return Ishigami and Homma's function (1990), doi:10.1109/ISUMA.1990.151285."""
    return {"y": jnp.sin(a) + 7.0 * jnp.sin(b) ** 2 + 0.1 * c**4 * jnp.sin(a)}


@model(
    id="bench.g",
    inputs=", ".join(f"x{k} in 0..1" for k in range(8)),
    outputs="y",
    backend="jax",
)
def g_function(x0, x1, x2, x3, x4, x5, x6, x7):
    """Return the g-function of Saltelli and Sobol (1995), doi:10.1016/0951-8320(95)00099-2."""
    value = 1.0
    for x, a in zip((x0, x1, x2, x3, x4, x5, x6, x7), _G, strict=True):
        value = value * (jnp.abs(4.0 * x - 2.0) + a) / (1.0 + a)
    return {"y": value}


@model(
    id="bench.waves",
    inputs=f"a in -{_PI}..{_PI}, b in -{_PI}..{_PI}",
    outputs="s, w",
    backend="jax",
)
def waves(a, b):
    """Return the first half of Ishigami's function."""
    return {"s": jnp.sin(a), "w": 7.0 * jnp.sin(b) ** 2}


@model(id="bench.joined", inputs=f"s, w, c in -{_PI}..{_PI}", outputs="y", backend="jax")
def joined(s, w, c):
    """Return its second half."""
    return {"y": s + w + 0.1 * c**4 * s}


def two_nodes() -> Chain:
    """Return Ishigami's function as a chain of two nodes."""
    return Chain({"waves": waves, "joined": joined},
                 ["waves.s -> joined.s", "waves.w -> joined.w"],
                 outputs={"y": "joined.y"}, id="bench.two_nodes")  # fmt: skip


def ishigami_truth() -> dict[str, np.ndarray]:
    """Return exact indices: first, total and second order (a b, a c, b c)."""
    one = 0.5 * (1.0 + 0.1 * np.pi**4 / 5.0) ** 2
    two, both = 49.0 / 8.0, 0.01 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    whole = one + two + both
    return {
        "first": np.array([one, two, 0.0]) / whole,
        "total": np.array([one + both, two, both]) / whole,
        "second": np.array([0.0, both, 0.0]) / whole,
    }


def g_truth() -> dict[str, np.ndarray]:
    """Return exact indices of the g-function."""
    part = 1.0 / (3.0 * (1.0 + np.array(_G)) ** 2)
    whole = np.prod(1.0 + part) - 1.0
    rest = np.array([np.prod(1.0 + np.delete(part, k)) for k in range(8)])
    pairs = [part[i] * part[j] for i in range(8) for j in range(i + 1, 8)]
    return {"first": part / whole, "total": part * rest / whole, "second": np.array(pairs) / whole}


PROBLEMS: dict[str, tuple[Any, dict[str, np.ndarray]]] = {
    "Ishigami": (ishigami, ishigami_truth()),
    "g-function": (g_function, g_truth()),
}


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of this benchmark."""
    seeds = range(20 if size == "full" else 3)
    rows = []
    for name in PROBLEMS:
        keys = [{"problem": name, "seed": seed, "version": VERSION} for seed in seeds]
        cells = store.cells(keys, _indices, name)
        rows += _accuracy(name, cells)
    keys = [{"problem": "two nodes", "seed": seed, "version": VERSION} for seed in seeds]
    errors = [cell["error"] for cell in store.cells(keys, _chained, "two nodes")]
    rows.append(Row("Ishigami as a chain of two nodes, N 8,192: largest error of first and total",
                    f"{max(errors):.4f}", max(errors), "<= 0.01", max(errors) <= 0.01))  # fmt: skip
    keys = [{"problem": "shapley", "seed": seed, "version": VERSION} for seed in seeds]
    cells = store.cells(keys, _dependent, "shapley")
    worst, peer = (max(cell[name] for cell in cells) for name in ("error", "plain"))
    rows.append(Row("Shapley effects, linear with dependent inputs (d 4, exact answer): largest error",
                    f"{worst:.4f}", worst, "<= 0.01", worst <= 0.01,
                    baseline=f"{peer:.4f} (Song's nested estimator, equal evaluations)"))  # fmt: skip
    cell = store.cell({"problem": "morris", "version": VERSION}, _screened)
    rows.append(Row("Morris: effects of SALib's own trajectories, largest relative difference",
                    f"{cell['difference']:.1e}", cell["difference"], "<= 1e-10",
                    cell["difference"] <= 1e-10,
                    note=f"spread of 20 trajectories: {cell['spread']:.2f} of SALib's optimum"))  # fmt: skip
    return rows


def _accuracy(name: str, cells: list[dict[str, Any]]) -> list[Row]:
    total = len(cells)
    ours, peer, naive = (
        [cell[who]["error"] for cell in cells] for who in ("ours", "salib", "naive")
    )
    good = sum(error <= 0.01 for error in ours)
    covered = float(np.mean([cell["ours"]["covered"] for cell in cells]))
    times = {
        who: float(np.median([cell[who]["seconds"] for cell in cells])) for who in ("ours", "salib")
    }
    theirs = float(np.mean([cell["salib"]["covered"] for cell in cells]))
    return [
        Row(f"{name}, N 8,192: seeds with every index within 0.01", f"{good} of {total}", float(good),
            f"{total} of {total}", good == total,
            baseline=f"{sum(e <= 0.01 for e in naive)} of {total} (plain draws)",
            peer=f"{sum(e <= 0.01 for e in peer)} of {total} (SALib)"),
        Row(f"{name}: largest error, first, total and second order", f"{max(ours):.4f}", max(ours),
            "<= 0.01", max(ours) <= 0.01, baseline=f"{max(naive):.4f}", peer=f"{max(peer):.4f}"),
        Row(f"{name}: share of 90 % intervals that hold the truth", f"{covered:.0%}", covered,
            ">= 90 %", covered >= 0.9, peer=f"{theirs:.0%} (SALib, 90 %)",
            note="bootstrap over quasi-random points errs on the wide side"),
        Row(f"{name}: CPU time with 500 resamples (SALib 100)", f"{times['ours']:.2f} s",
            times["ours"], "<= SALib", times["ours"] <= times["salib"],
            peer=f"{times['salib']:.2f} s"),
    ]  # fmt: skip


def _indices(key: dict[str, Any]) -> dict[str, Any]:
    from catena.ops.sensitivity import sensitivity

    asked, truth = PROBLEMS[key["problem"]]
    seed = key["seed"]
    wanted = np.concatenate([truth["first"], truth["total"], truth["second"]])
    sensitivity(asked, n=16, key=seed)  # compiled before the clock starts, as numpy code is
    started = time.process_time()
    found = sensitivity(asked, n=N, key=seed)
    seconds = time.process_time() - started
    second = found.parts["second_order"]
    value = np.concatenate([found["first"], found["total"], second["second"]])
    ends = [np.concatenate([side["first"], side["total"], part["second"]])
            for side, part in ((found.lower, second.lower), (found.upper, second.upper))]  # fmt: skip
    ours = _judged(value, ends[0], ends[1], wanted, seconds)
    return {
        "ours": ours,
        "salib": _salib(asked, wanted, seed),
        "naive": _naive(asked, wanted, seed),
    }


def _judged(value: Any, low: Any, high: Any, wanted: Any, seconds: float) -> dict[str, float]:
    return {
        "error": float(np.abs(value - wanted).max()),
        "covered": float(np.mean((low <= wanted) & (wanted <= high))),
        "seconds": seconds,
    }


def _function(asked: Any) -> Callable[[np.ndarray], np.ndarray]:
    names = asked.inputs.names

    def call(x: np.ndarray) -> np.ndarray:
        return asked.evaluate({n: x[:, k] for k, n in enumerate(names)}, len(x))["y"]

    return call


def _salib(asked: Any, wanted: np.ndarray, seed: int) -> dict[str, float]:
    from SALib.analyze import sobol as analyse
    from SALib.sample import sobol as sample

    bounds = [list(field.bounds) for field in asked.inputs]
    problem = {"num_vars": len(bounds), "names": list(asked.inputs.names), "bounds": bounds}
    call = _function(asked)
    call(sample.sample(problem, 16, seed=seed))
    started = time.process_time()
    x = sample.sample(problem, N, calc_second_order=True, seed=seed)
    found = analyse.analyze(problem, call(x), calc_second_order=True, num_resamples=100,
                            conf_level=0.9, seed=seed)  # fmt: skip
    seconds = time.process_time() - started
    upper = np.triu_indices(len(bounds), 1)
    value = np.concatenate([found["S1"], found["ST"], found["S2"][upper]])
    half = np.concatenate([found["S1_conf"], found["ST_conf"], found["S2_conf"][upper]])
    return _judged(value, value - half, value + half, wanted, seconds)


def _naive(asked: Any, wanted: np.ndarray, seed: int) -> dict[str, float]:
    """Independent draws with the estimators of Sobol (1993) and Homma and Saltelli (1996)."""
    random = np.random.default_rng(seed)
    d = len(asked.inputs)
    low, high = (np.array([field.bounds[k] for field in asked.inputs]) for k in (0, 1))
    a, b = random.random((2, N, d))
    call = _function(asked)

    def value(u: np.ndarray) -> np.ndarray:
        return call(low + (high - low) * u)

    ya, yb = value(a), value(b)
    mean, variance = ya.mean(), ya.var()
    mixed = []
    for k in range(d):
        u = b.copy()
        u[:, k] = a[:, k]
        mixed.append(value(u))
    first = [(np.mean(ya * y) - mean**2) / variance for y in mixed]
    total = [1.0 - (np.mean(yb * y) - mean**2) / variance for y in mixed]
    second = []
    for i in range(d):
        for j in range(i + 1, d):
            u = b.copy()
            u[:, [i, j]] = a[:, [i, j]]
            second.append((np.mean(ya * value(u)) - mean**2) / variance - first[i] - first[j])
    found = np.concatenate([first, total, second])
    return {"error": float(np.abs(found - wanted).max())}


def _chained(key: dict[str, Any]) -> dict[str, float]:
    from catena.ops.sensitivity import sensitivity

    truth = ishigami_truth()
    found = sensitivity(two_nodes(), "y", ["a", "b", "c"], n=N, second=False, key=key["seed"])
    return {
        "error": max(float(np.abs(found[name] - truth[name]).max()) for name in ("first", "total"))
    }


_WEIGHTS = np.array([1.0, 2.0, -1.5, 0.5])
_CORRELATION = np.array(
    [[1.0, 0.5, 0.0, 0.2], [0.5, 1.0, -0.3, 0.0], [0.0, -0.3, 1.0, 0.4], [0.2, 0.0, 0.4, 1.0]]
)


@model(id="bench.linear", inputs="p, q, r, s", outputs="y", backend="jax")
def linear(p, q, r, s):
    """Return a weighted sum."""
    return {"y": p + 2.0 * q - 1.5 * r + 0.5 * s}


def _cost(chosen: tuple[int, ...]) -> float:
    """Return the exact variance left when all inputs but the chosen ones are known."""
    inside = list(chosen)
    rest = [k for k in range(4) if k not in inside]
    left = _CORRELATION[np.ix_(inside, inside)]
    if rest:
        cross = _CORRELATION[np.ix_(inside, rest)]
        left = left - cross @ np.linalg.solve(_CORRELATION[np.ix_(rest, rest)], cross.T)
    return float(_WEIGHTS[inside] @ left @ _WEIGHTS[inside]) if inside else 0.0


def _dependent(key: dict[str, Any]) -> dict[str, float]:
    from catena.ops.sensitivity import sensitivity

    exact = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        for k, player in enumerate(order):
            exact[player] += (_cost(order[: k + 1]) - _cost(order[:k])) / len(orders)
    exact /= exact.sum()
    names = ("p", "q", "r", "s")
    pairs = {(names[i], names[j]): _CORRELATION[i, j] for i in range(4) for j in range(i)}
    over = dict.fromkeys(names, "normal(0, 1)")
    found = sensitivity(linear, "y", over, correlation=pairs, n=4096, key=key["seed"])
    evaluations = found.summary["evaluations"]
    plain = _nested(evaluations, key["seed"])
    return {
        "error": float(np.abs(np.asarray(found["share"]) - exact).max()),
        "plain": float(np.abs(plain - exact).max()),
    }


def _nested(evaluations: int, seed: int) -> np.ndarray:
    """Song, Nelson and Staum (2016): every order, outer draws with three inner ones."""
    random = np.random.default_rng(seed)
    orders, inner = list(permutations(range(4))), 3
    outer = max(1, evaluations // (len(orders) * inner * 4))
    factor = np.linalg.cholesky(_CORRELATION)
    effects = np.zeros(4)
    for order in orders:
        before = 0.0
        for k in range(4):
            chosen = list(order[: k + 1])
            rest = [i for i in range(4) if i not in chosen]
            known = (random.standard_normal((outer, 4)) @ factor.T)[:, rest]
            slope = (
                _CORRELATION[np.ix_(chosen, rest)] @ np.linalg.inv(_CORRELATION[np.ix_(rest, rest)])
                if rest else np.zeros((len(chosen), 0))
            )  # fmt: skip
            left = _CORRELATION[np.ix_(chosen, chosen)] - slope @ _CORRELATION[np.ix_(rest, chosen)]
            drawn = random.multivariate_normal(np.zeros(len(chosen)), left, size=(outer, inner))
            y = (drawn + (known @ slope.T)[:, None]) @ _WEIGHTS[chosen] + (known @ _WEIGHTS[rest])[
                :, None
            ]
            cost = float(y.var(axis=1, ddof=1).mean())
            effects[order[k]] += cost - before
            before = cost
    return effects / effects.sum()


def _screened() -> dict[str, float]:
    """Compare elementary effects with SALib on its own trajectories, and how far ours spread."""
    from SALib.analyze import morris as analyse
    from SALib.sample import morris as sample

    from catena.ops.sensitivity.morris import effects, trajectories

    problem = {"num_vars": 8, "names": list(g_function.inputs.names), "bounds": [[0.0, 1.0]] * 8}
    x = sample.sample(problem, 20, num_levels=4, seed=1)
    y = _function(g_function)(x)
    theirs = analyse.analyze(problem, x, y, num_levels=4)
    ours = effects(x.reshape(20, 9, 8), y.reshape(20, 9))
    found = np.concatenate([np.abs(ours).mean(axis=0), ours.std(axis=0, ddof=1)])
    wanted = np.concatenate([np.asarray(theirs["mu_star"]), np.asarray(theirs["sigma"])])
    best = sample.sample(problem, 200, num_levels=4, optimal_trajectories=20, seed=1)
    spread = _spread(trajectories(20, 8, 4, 1)) / _spread(best.reshape(20, 9, 8))
    return {"difference": float(np.max(np.abs(found - wanted) / np.abs(wanted))), "spread": spread}


def _spread(points: np.ndarray) -> float:
    """Return the root of the sum of squared distances between trajectories."""
    total = 0.0
    for i in range(len(points)):
        for j in range(i):
            apart = np.linalg.norm(points[i][:, None] - points[j][None], axis=2).sum()
            total += float(apart) ** 2
    return float(np.sqrt(total))
