"""Uncertainty: analytic moments, errors per evaluation, and 10,000 samples of the shipped chain.

python -m benchmarks.ops uncertainty [--size small|full]
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.ops.rows import Row, Store
from benchmarks.ops.sensitivity import ishigami, ishigami_truth
from catena.core.function import model

VERSION = 1
_MEAN, _SPREAD = 3.5, float(np.sqrt(13.844587940719254))


@model(
    id="bench.ratio",
    inputs="dose [mg], cl [L/h], v [L]",
    outputs="auc [mg*h/L], half [h]",
    backend="jax",
)
def ratio(dose, cl, v):
    """Return area and half-life of one compartment."""
    return {"auc": dose / cl, "half": 0.6931471805599453 * v / cl}


OVER = {
    "dose": "lognormal(100 mg, 5 %)",
    "cl": "lognormal(10 L/h, 30 %)",
    "v": "lognormal(50 L, 20 %)",
}
PAIR = {("cl", "v"): 0.6}


def ratio_truth() -> dict[str, float]:
    """Return exact medians, 95 % quantiles and a probability: both outputs are log-normal."""
    s = {name: np.sqrt(np.log1p(cv**2)) for name, cv in (("dose", 0.05), ("cl", 0.3), ("v", 0.2))}
    auc = np.sqrt(s["dose"] ** 2 + s["cl"] ** 2)
    half = np.sqrt(s["cl"] ** 2 + s["v"] ** 2 - 2.0 * 0.6 * s["cl"] * s["v"])
    return {
        "auc_q95": 10.0 * np.exp(norm.ppf(0.95) * auc),
        "half_q95": 0.6931471805599453 * 5.0 * np.exp(norm.ppf(0.95) * half),
        "above": float(norm.sf(np.log(1.5) / auc)),
    }


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of this benchmark."""
    seeds = range(20 if size == "full" else 3)
    rows = []
    keys = [{"problem": "ishigami", "seed": seed, "version": VERSION} for seed in seeds]
    cells = store.cells(keys, _ishigami, "Ishigami")
    for name, title in (("qmc", "Ishigami, 8,192 evaluations: worst error of the mean (quasi-random)"),
                        ("pce", "Ishigami, 512 evaluations: worst error of the mean (polynomial)")):  # fmt: skip
        worst, plain = (max(cell[who] for cell in cells) for who in (name, f"plain_{name}"))
        rows.append(Row(title, f"{worst:.1e}", worst, "< plain draws", worst < plain,
                        baseline=f"{plain:.1e} (plain draws, equal evaluations)"))  # fmt: skip
    shares = max(cell["shares"] for cell in cells)
    rows.append(Row("Ishigami, 512 evaluations: worst error of first and total indices (polynomial)",
                    f"{shares:.4f}", shares, "<= 0.01", shares <= 0.01))  # fmt: skip
    held = float(np.mean([cell["held"] for cell in cells]))
    rows.append(Row("Ishigami: share of 90 % intervals of the mean that hold it (quasi-random)",
                    f"{held:.0%}", held, "80 to 100 %", held >= 0.8))  # fmt: skip
    rows += _dependent(store, seeds)
    rows += _shipped(store, size)
    return rows


def _ishigami(key: dict[str, Any]) -> dict[str, float]:
    from catena.ops.uncertainty import uncertainty

    over = ["a", "b", "c"]
    found = {
        name: uncertainty(ishigami, "y", over, method=name, key=key["seed"])
        for name in ("qmc", "pce")
    }
    plain = {
        name: uncertainty(ishigami, "y", over, method="monte_carlo", n=n, key=key["seed"])
        for name, n in (("plain_qmc", 8192), ("plain_pce", 512))
    }
    cell = {name: abs(float(item["mean"][0]) - _MEAN) for name, item in {**found, **plain}.items()}
    sources, truth = found["pce"].summary["sources"]["y"], ishigami_truth()
    alone = np.array([sources[name] for name in over])
    joint = sources["interactions"] - float(truth["second"].sum())
    cell["shares"] = max(float(np.abs(alone - truth["first"]).max()), abs(joint))
    ends = found["qmc"]
    cell["held"] = float(ends.lower["mean"][0] <= _MEAN <= ends.upper["mean"][0])
    return cell


def _dependent(store: Store, seeds: range) -> list[Row]:
    keys = [{"problem": "dependent", "seed": seed, "version": VERSION} for seed in seeds]
    cells = store.cells(keys, _ratio, "dependent inputs")
    rows = []
    for name, title, target in (
        ("auc_q95", "Log-normal ratio: worst relative error of the 95 % quantile", 0.01),
        ("half_q95", "Log-normal ratio, correlated inputs: the same", 0.01),
        ("above", "Log-normal ratio: worst error of a probability of 0.09", 0.005),
    ):
        worst, plain = (max(cell[who][name] for cell in cells) for who in ("qmc", "monte_carlo"))
        rows.append(Row(title, f"{worst:.4f}", worst, f"<= {target}", worst <= target,
                        baseline=f"{plain:.4f} (plain draws)"))  # fmt: skip
    return rows


def _ratio(key: dict[str, Any]) -> dict[str, dict[str, float]]:
    from catena.ops.uncertainty import uncertainty

    truth, cell = ratio_truth(), {}
    for method in ("qmc", "monte_carlo"):
        found = uncertainty(ratio, ["auc", "half"], OVER, method=method, n=8192, correlation=PAIR,
                            exceed=["auc > 15 mg*h/L"], key=key["seed"])  # fmt: skip
        cell[method] = {
            "auc_q95": abs(float(found["q95"][0]) / truth["auc_q95"] - 1.0),
            "half_q95": abs(float(found["q95"][1]) / truth["half_q95"] - 1.0),
            "above": abs(float(found.parts["exceedance"]["probability"][0]) - truth["above"]),
        }
    return cell


def _shipped(store: Store, size: str) -> list[Row]:
    n = 10_000 if size == "full" else 500
    cell = store.cell({"problem": "oral drug", "n": n, "version": VERSION}, lambda: _chain(n))
    return [
        Row(f"chain.oral_drug, {n:,} samples of eight uncertain inputs: time with shares of variance",
            f"{cell['seconds']:.1f} s ({cell['cpu']:.1f} s CPU)", cell["cpu"],
            "<= 60 s (CPU)", cell["cpu"] <= 60.0, note=f"leading source of auc: {cell['source']}"),
        Row("chain.oral_drug: largest change of a rank correlation against the chain called directly",
            f"{cell['apart']:.4f}", cell["apart"], "<= 0.02", cell["apart"] <= 0.02),
    ]  # fmt: skip


def _chain(n: int) -> dict[str, Any]:
    import catena
    from catena.chains import example_oral_drug
    from catena.ops.uncertainty import uncertainty

    chain = catena.load("chain.oral_drug")
    given = example_oral_drug()
    over = {"weight": "normal(73 kg, 8 kg)", "logp": "normal(3, 0.2)",
            "z_mppgl": "normal(0, 1)", "z_cyp3a4_liver": "normal(0, 1)", "z_cyp3a4_gut": "normal(0, 1)",
            "z_albumin": "normal(0, 1)", "z_hematocrit": "normal(0, 1)",
            "gastric_emptying": "lognormal(4 1/h, 30 %)"}  # fmt: skip
    fixed = {name: value for name, value in given.items() if name not in over}
    uncertainty(chain, ["auc", "cmax"], over, method="monte_carlo", n=64, given=fixed)
    started, cpu = time.perf_counter(), time.process_time()
    found = uncertainty(chain, ["auc", "cmax"], over, method="monte_carlo", n=n, given=fixed, key=1)
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    sources = found.summary["sources"]["auc"]
    return {"seconds": seconds, "cpu": spent, "source": max(sources, key=lambda name: sources[name]),
            "apart": _apart(chain, found, fixed, over)}  # fmt: skip


def _apart(chain: Any, found: Any, fixed: dict[str, Any], over: dict[str, Any]) -> float:
    """Call the chain's own ``predict`` on the draws and compare rank correlations."""
    from scipy.stats import spearmanr

    drawn = found.parts["draws"]
    some = slice(0, 500)
    again = chain.predict({**fixed, **{name: np.asarray(drawn[name])[some] for name in over}})
    names = list(over)
    ours = spearmanr(
        np.column_stack(
            [*(drawn[name][some] for name in names), drawn["auc"][some], drawn["cmax"][some]]
        )
    )[0]
    theirs = spearmanr(
        np.column_stack([*(drawn[name][some] for name in names), again["auc"], again["cmax"]])
    )[0]
    return float(np.abs(ours - theirs).max())
