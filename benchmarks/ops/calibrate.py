"""Calibration against certified regressions, pyPESTO, SciPy and known truths.

python -m benchmarks.ops calibrate
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.ops.calibrate_problems import CERTIFIED, absorption, exponential, product
from benchmarks.ops.rows import Row, Store
from catena.ops.calibrate import calibrate
from catena.ops.calibrate.basins import SAME
from catena.ops.calibrate.objective import Target
from catena.ops.likelihood import Likelihood
from catena.ops.space import Space

VERSION = 2


def run(size: str, store: Store) -> list[Row]:
    """Return the rows; ``small`` uses fewer starts and replicates."""
    starts = 20 if size == "small" else 100
    replicates = 40 if size == "small" else 400
    return [
        *_certified(store, starts),
        _dynamic(store, starts),
        _gradients(store),
        *_coverage(store, replicates),
        _identifiability(store, 5 if size == "small" else 20),
    ]


def _certified(store: Store, starts: int) -> list[Row]:
    """NIST regressions: digits that agree, and how many random starts arrive."""
    rows = []
    for name in CERTIFIED:
        cell = store.cell(
            ["certified", name, starts, VERSION], lambda name=name: _regression(name, starts)
        )  # type: ignore[misc]
        rows.append(Row(
            claim=f"NIST {name}: estimates to 6 certified digits", value=cell["digits"],
            figure=f"{cell['digits']:.1f} digits; {cell['reached']:.0%} of {starts} starts, {cell['cpu']:.2f} s CPU",
            target=">= 6", holds=cell["digits"] >= 6,
            peer=f"SciPy least_squares (trf, exact Jacobian): {cell['peer']:.0%}, {cell['peer_cpu']:.2f} s",
            baseline=f"Nelder-Mead: {cell['naive']:.0%}, {cell['naive_cpu']:.2f} s",
            note="same random starts in wide ranges; Catena's time includes compiling the model",
        ))  # fmt: skip
    return rows


def _regression(name: str, starts: int) -> dict[str, Any]:
    from scipy.optimize import least_squares, minimize

    problem = CERTIFIED[name]()
    cpu = time.process_time()
    result = calibrate(problem.model, problem.data, problem.free, starts=starts)
    cpu = time.process_time() - cpu
    count = len(problem.estimate)
    gap = np.abs(result["estimate"][:count] / np.array(problem.estimate) - 1).max()
    target = Target(
        Likelihood(
            problem.model, problem.data, Space.of(problem.model, problem.free), noise="additive(1)"
        )
    )
    points, low, high = _points(target, starts)
    n = len(problem.data["y"])
    good = problem.residual * np.exp(2 * SAME / n)

    def residuals(x: np.ndarray) -> Any:
        return target.likelihood.residuals(target.outward(x))[0]

    def jacobian(x: np.ndarray) -> Any:
        theta = target.outward(x)
        return target.likelihood.residuals(theta)[1] * np.where(target.log, theta, 1.0)

    def peer(x: np.ndarray) -> float:
        return float(
            2 * least_squares(residuals, x, jacobian, bounds=(low, high), max_nfev=400).cost
        )

    def naive(x: np.ndarray) -> float:
        found = minimize(lambda v: float((residuals(v) ** 2).sum()), x, method="Nelder-Mead",
                         bounds=np.stack([low, high], 1), options={"maxfev": 1000})  # fmt: skip
        return float(found.fun)

    values, peer_cpu = _each(peer, points)
    simple, naive_cpu = _each(naive, points)
    return {
        "digits": float(min(-np.log10(max(gap, 1e-16)), 11.0)), "cpu": cpu,
        "reached": result.summary["reached_best"],
        "peer": float((values <= good).mean()), "peer_cpu": peer_cpu,
        "naive": float((simple <= good).mean()), "naive_cpu": naive_cpu,
    }  # fmt: skip


def _points(target: Target, starts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random starts and bounds in search coordinates."""
    low, high = target.bounds
    own = Space(target.variables)
    points = target.inward(own.sample(starts, 0, "latin"))
    return np.clip(points, low + 1e-9 * (high - low), high - 1e-9 * (high - low)), low, high


def _each(search: Any, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the values at which searches end, and their CPU time; the first call is warmed up."""
    search(points[0])
    cpu = time.process_time()
    found = []
    for point in points:
        try:
            found.append(search(point))
        except (ValueError, FloatingPointError):
            found.append(np.inf)
    return np.array(found), time.process_time() - cpu


def _dynamic(store: Store, starts: int) -> Row:
    """An ODE model with doses: the same likelihood and gradient in Catena and in pyPESTO."""
    cell = store.cell(["dynamic", starts, VERSION], lambda: _ode(starts))
    return Row(
        claim="ODE with doses, 2 experiments: multistart reaches the best optimum",
        figure=f"{cell['reached']:.0%} of {starts} starts in {cell['cpu']:.2f} s CPU", value=cell["reached"],
        target=">= pyPESTO's", holds=cell["reached"] >= cell["peer"] and cell["best"] <= cell["peer_best"] + 1e-3,
        peer=f"pyPESTO L-BFGS-B: {cell['peer']:.0%}, {cell['peer_cpu']:.2f} s, best {cell['peer_best'] - cell['best']:+.1e}",
        note="pyPESTO calls the same compiled likelihood and exact gradient, one vector at a time",
    )  # fmt: skip


def _ode(starts: int) -> dict[str, Any]:
    import pypesto
    import pypesto.optimize

    model, data, free = absorption(0)
    likelihood = Likelihood(model, data, Space.of(model, free), noise="lognormal")
    calibrate(model, data, free, noise="lognormal", starts=2)
    cpu = time.process_time()
    result = calibrate(model, data, free, noise="lognormal", starts=starts)
    cpu = time.process_time() - cpu
    target = Target(likelihood)
    points, low, high = _points(target, starts)

    def value(x: np.ndarray) -> float:
        return float(target.value(x[None, :])[0])

    def slope(x: np.ndarray) -> np.ndarray:
        return np.asarray(target.value_and_gradient(x[None, :])[1][0])

    problem = pypesto.Problem(
        objective=pypesto.Objective(fun=value, grad=slope), lb=low, ub=high, x_guesses=points
    )
    began = time.process_time()
    ends = pypesto.optimize.minimize(
        problem, optimizer=pypesto.optimize.ScipyOptimizer("L-BFGS-B"), n_starts=starts,
        progress_bar=False, filename=None,
    )  # fmt: skip
    spent = time.process_time() - began
    values = np.array([one.fval for one in ends.optimize_result.list])
    best = -float(result.parts["starts"]["log_posterior"][0])
    return {"reached": result.summary["reached_best"], "cpu": cpu, "best": best,
            "peer": float((values <= min(best, values.min()) + SAME).mean()), "peer_cpu": spent,
            "peer_best": float(values.min())}  # fmt: skip


def _gradients(store: Store) -> Row:
    """Largest error of gradients against differences, over all error models, with censoring."""
    cell = store.cell(["gradients", VERSION], _slopes)
    return Row(
        claim="exact gradients for every error model, censored data included", value=cell,
        figure=f"{cell:.1e} relative to central differences", target="<= 1e-6", holds=cell <= 1e-6,
    )  # fmt: skip


def _slopes() -> float:
    model, data, free = exponential(0)
    seen = [f"<{c:.3g}" if k % 4 == 1 else c for k, c in enumerate(data["c"])]
    worst = 0.0
    for noise in ("additive", "proportional", "combined", "combined1", "lognormal", "student(4)"):
        found = Likelihood(model, {**data, "c": seen}, Space.of(model, free), noise=noise)
        theta = np.array([[0.6, 9.0] + [0.3] * (len(found.names) - 2)])
        gradient = found.value_and_gradient(theta)[1][0]
        for k in range(theta.shape[1]):
            step = 1e-3 * theta[0, k]
            move = np.zeros_like(theta)
            move[0, k] = step
            around = [float(found.value(theta + s * move)[0]) for s in (-2, -1, 1, 2)]
            slope = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * step)
            worst = max(worst, abs(slope - gradient[k]) / np.abs(gradient).max())
    return float(worst)


def _coverage(store: Store, replicates: int) -> list[Row]:
    """How often 90 % intervals hold the truth."""
    rows = []
    for intervals in ("fisher", "profile"):
        hits = store.cells(
            [["coverage", intervals, seed, VERSION] for seed in range(replicates)],
            _covered,
            "coverage",
        )
        share = float(np.mean(hits))
        error = 2.0 * np.sqrt(0.09 / (2 * replicates))
        rows.append(Row(
            claim=f"90 % intervals ({intervals}) hold the truth", value=share,
            figure=f"{share:.1%} of {2 * replicates}", target=f"90 % +- {error:.1%}",
            holds=abs(share - 0.9) <= error, note="exponential decay, 12 points, log-normal noise estimated",
        ))  # fmt: skip
    return rows


def _covered(key: list[Any]) -> list[bool]:
    _, intervals, seed, _ = key
    model, data, free = exponential(int(seed) + 1)
    result = calibrate(model, data, free, noise="lognormal", starts=2, intervals=intervals)
    low, high = result.lower["estimate"][:2], result.upper["estimate"][:2]
    return [bool(a <= t <= b) for a, b, t in zip(low, high, (0.7, 10.0), strict=True)]


def _identifiability(store: Store, seeds: int) -> Row:
    """A product of parameters is named, and the experiment that splits it is proposed and works."""
    cells = store.cells([["product", seed, VERSION] for seed in range(seeds)], _split, "product")
    found = sum(bool(cell) for cell in cells)
    return Row(
        claim="k1*k2 is named and the proposed experiment resolves it", value=found,
        figure=f"{found} of {seeds}", target=f"{seeds} of {seeds}", holds=found == seeds,
    )  # fmt: skip


def _split(key: list[Any]) -> bool:
    model, data, free = product(int(key[1]))
    first = calibrate(model, data, free, starts=8)
    proposal = first.parts["proposal"]
    output = proposal["output"][0]
    truth = {"k1": 2.0, "k2": 3.0, "b": 1.0}
    x = np.asarray(proposal["x"])
    more = np.asarray(model.predict(x=x, **truth)[output])
    columns: dict[str, Any] = {"x": [*data["x"], *x], "y": [*data["y"], *([None] * len(x))]}
    columns.setdefault(output, [None] * len(data["x"]))
    columns[output] = [
        *columns[output][: len(data["x"])],
        *(more * (1 + 0.01 * np.cos(np.arange(len(x))))),
    ]
    second = calibrate(model, columns, free, starts=8, noise={output: "additive(0.1)"})
    named = first.summary["combinations"] == ["k1 and k2 matter only through k1 * k2"]
    return bool(named and first.summary["proposal_resolves"] and second.summary["identifiable"])
