"""Accuracy on the stiff test problems, and the order that the steps really have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.ode.problems import PROBLEMS, Problem
from benchmarks.ode.records import Table
from catena.core.errors import CatenaError
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem

TOLERANCES = tuple(10.0**-k for k in range(4, 11))
LIMIT = 1_000_000
ALLOWED = 10.0


def solved(problem: Problem, rtol: float, method: str) -> dict[str, Any]:
    """Solve one problem at one tolerance: largest error, steps, and where it ran."""
    model = problem.system().solved_with(
        method=method, rtol=rtol, atol=rtol * problem.floor, max_steps=LIMIT
    )
    record: dict[str, Any] = {"rtol": rtol, "atol": rtol * problem.floor}
    try:
        result = model.predict(time=list(problem.times))
    except CatenaError as error:
        return {**record, "error/rtol": float("inf"), "why": error.why[:110]}
    errors = problem.errors(np.asarray(result["y"])[0])
    return {
        **record,
        "error/rtol": float(errors.max()) / rtol,
        "component": int(np.argmax(errors.max(axis=0)) if problem.judged is None
                         else problem.judged[int(np.argmax(errors.max(axis=0)))]) + 1,
        "steps": int(result.diagnostics["steps"][0]),
        "refused": int(result.diagnostics["refused"][0]),
        "ran on": result.diagnostics.get("backend") or result.diagnostics["solver"],
    }  # fmt: skip


def problems_table(tolerances: tuple[float, ...], method: str) -> Table:
    """Return the largest relative error over components, in units of rtol."""
    records = []
    for problem in PROBLEMS:
        for rtol in tolerances:
            found = solved(problem, rtol, method)
            good = found["error/rtol"] <= ALLOWED
            records.append({"problem": problem.name, **found, f"<= {ALLOWED:g}": good})
    met = sum(bool(record[f"<= {ALLOWED:g}"]) for record in records)
    return Table("Stiff problems: largest relative error over components, in units of rtol",
                 records, [f"{met} of {len(records)} within {ALLOWED:g} rtol"])  # fmt: skip


# Order ------------------------------------------------------------------------------------


def _chain(t: Any, y: Mapping[str, Any], p: Any, u: Any) -> dict[str, Any]:
    return {"x": -2.0 * y["x"] + 0.5 * y["z"], "z": y["x"] - 3.0 * y["z"]}


def _chain_at(t: float) -> np.ndarray:
    values, vectors = np.linalg.eig(np.array([[-2.0, 0.5], [1.0, -3.0]]))
    return np.asarray(vectors @ (np.exp(values * t) * np.linalg.solve(vectors, [1.0, 0.0])))


def _driven(t: Any, y: Mapping[str, Any], p: Any, u: Any) -> dict[str, Any]:
    import jax.numpy as jnp

    # A Bernoulli equation x' = -x^3 cos t and a forced decay: z = (sin t + cos t) / 2 + c exp -t.
    return {"x": -(y["x"] ** 3) * jnp.cos(t), "z": jnp.cos(t) - y["z"]}


def _driven_at(t: float) -> np.ndarray:
    z = (np.sin(t) + np.cos(t)) / 2 + 0.5 * np.exp(-t)
    return np.array([1 / np.sqrt(1 + 2 * np.sin(t)), z])


ORDER = {
    "linear": (_chain, "x = 1, z = 0", _chain_at, 2.0),
    "nonlinear, non-autonomous": (_driven, "x = 1, z = 1", _driven_at, 2.5),
}


def observed_order(name: str, method: str, tolerances: tuple[float, ...]) -> dict[str, Any]:
    """Return the slope of log error over log steps (the step is the inverse of their number).

    Args:
        name: Key of ``ORDER``.
        method: Solver method.
        tolerances: Relative tolerances, each giving one point.
    """
    rhs, states, exact, end = ORDER[name]
    model = OdeSystem(
        ModelInfo(id="bench.order", backend="jax"), states, "", rhs, "x, z",
        lambda t, y, p, u: {"x": y["x"], "z": y["z"]}, time_unit="",
    )  # fmt: skip
    steps, errors = [], []
    for rtol in tolerances:
        run = model.solved_with(method=method, rtol=rtol, atol=rtol, max_steps=LIMIT)
        result = run.predict(time=[end])
        found = np.array([result["x"][0], result["z"][0]])
        errors.append(float(np.abs(found - exact(end)).max()))
        steps.append(float(result.diagnostics["steps"][0]))
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    return {"problem": name, "observed order": float(order), "target": ">= 3.9",
            "steps": f"{steps[0]:.0f} - {steps[-1]:.0f}",
            "errors": f"{errors[0]:.1e} - {errors[-1]:.1e}",
            "ran on": result.diagnostics.get("backend") or result.diagnostics["solver"]}  # fmt: skip


def report(size: str = "full", method: str = "auto") -> list[Table]:
    """Return errors on the stiff problems and observed orders.

    Args:
        size: ``small`` takes two tolerances per problem.
        method: Our solver method.
    """
    full = size == "full"
    tolerances = TOLERANCES if full else (1e-4, 1e-6)
    fine = tuple(10.0**-k for k in np.arange(5.0, 10.6, 0.5))
    orders = [observed_order(name, method, fine) for name in ORDER]
    return [problems_table(tolerances, method), Table("Observed order of the steps", orders)]
