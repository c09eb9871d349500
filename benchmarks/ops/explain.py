"""Explanations: planted causes, additivity, faithfulness, stability, against the shap package.

    python -m benchmarks.ops explain [--size small|full]

Planted-cause data (clinical.md, section 10): 200 features in groups of ten with correlation 0.5,
ten true causes in ten groups, a gradient-boosted classifier. Explained is its log-odds on held-out
cases. The randomised check fits the same classifier to shuffled labels: its explanation must not
agree with the true one.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.ops.rows import Row, Store
from catena.core.function import model
from catena.core.model import Model, ModelInfo
from catena.core.spec import Field, Schema

VERSION = 1
_FEATURES, _TRUE, _ROWS, _CASES = 200, 10, 2000, 10


class Planted(Model):
    """A fitted classifier as a Model: log-odds of 200 features."""

    def __init__(self, fitted: Any) -> None:
        labels = tuple(f"f{k}" for k in range(_FEATURES))
        self.info = ModelInfo(id="bench.planted")
        self.inputs = Schema([Field("x", shape=("feature",), labels=labels)])
        self.outputs = Schema([Field("odds")])
        self.fitted = fitted

    def _predict(self, batch: Any, params: Any, key: Any) -> dict[str, np.ndarray]:
        return {"odds": self.fitted.decision_function(batch["x"])}


def planted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (rows, 200), labels, and the positions of the true causes."""
    random = np.random.default_rng(seed)
    groups = random.standard_normal((2 * _ROWS, _FEATURES // 10)).repeat(10, axis=1)
    x = np.sqrt(0.5) * groups + np.sqrt(0.5) * random.standard_normal((2 * _ROWS, _FEATURES))
    # One cause in each of ten groups; its nine neighbours correlate with it and cause nothing.
    true = 20 * np.arange(_TRUE) + random.integers(0, 10, _TRUE)
    weights = random.choice([-1.0, 1.0], _TRUE) * random.uniform(0.8, 1.2, _TRUE)
    odds = np.tanh(x[:, true]) @ weights * 2.0 + x[:, true[0]] * x[:, true[1]] * 0.5
    return x, random.random(2 * _ROWS) < 1.0 / (1.0 + np.exp(-odds)), true


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of this benchmark."""
    seeds = range(3 if size == "full" else 1)
    cells = store.cells(
        [{"problem": "planted", "seed": s, "size": size, "version": VERSION} for s in seeds],
        _planted, "planted causes",
    )  # fmt: skip

    def mean(name: str) -> float:
        return float(np.mean([cell[name] for cell in cells]))

    gain = mean("deletion") / mean("random_deletion") - 1.0
    worst = max(cell["missed"] for cell in cells)
    rows = [
        Row("Planted causes: precision of the ten first of 200 features", f"{mean('precision'):.2f}",
            mean("precision"), ">= 0.9", mean("precision") >= 0.9,
            baseline=f"{mean('screened'):.2f} (correlation with the label)",
            peer=f"{mean('shap'):.2f} (shap permutation, equal evaluations)"),
        Row("Planted causes: deletion area over that of random orders", f"+{gain:.0%}", gain,
            ">= +30 %", gain >= 0.3,
            note=f"insertion +{mean('insertion') / mean('random_insertion') - 1:.0%}"),
        Row("Planted causes: agreement of rankings over bootstraps (Kendall, true causes and top 20)",
            f"{mean('stability'):.2f}", mean("stability"), ">= 0.8", mean("stability") >= 0.8,
            note=f"over all 200 features {mean('stability_all'):.2f}: most contribute nothing"),
        Row("Shapley values: what their sum misses", f"{worst:.1e}", worst, "<= 1e-6", worst <= 1e-6),
        Row("Classifier of shuffled labels: rank correlation with the true explanation",
            f"{mean('shuffled'):.2f}", mean("shuffled"), "< 0.2", mean("shuffled") < 0.2),
        Row("Planted causes: CPU time of the cases", f"{mean('seconds'):.1f} s", mean("seconds"),
            peer=f"{mean('shap_seconds'):.1f} s (shap)"),
    ]  # fmt: skip
    exact = store.cell({"problem": "exact", "version": VERSION}, _exact)
    rows.append(Row("Eight inputs: largest difference from shap's exact values",
                    f"{exact['difference']:.1e}", exact["difference"], "<= 1e-9",
                    exact["difference"] <= 1e-9,
                    note=f"CPU time {exact['seconds']:.2f} s, shap {exact['shap_seconds']:.2f} s"))  # fmt: skip
    slopes = store.cell({"problem": "gradient", "version": VERSION}, _complete)
    rows.append(Row("Integrated gradients: what their sum misses, relative", f"{slopes['missed']:.1e}",
                    slopes["missed"], "<= 1e-3", slopes["missed"] <= 1e-3))  # fmt: skip
    near = store.cells([{"problem": "near", "seed": s, "version": VERSION} for s in range(10)],
                       _nearest, "counterfactuals")  # fmt: skip
    excess = max(cell["excess"] for cell in near)
    rows.append(Row("Counterfactuals: distance beyond the exact nearest point, ten quadrics",
                    f"{excess:.1%}", excess, "<= 1 %", excess <= 0.01,
                    baseline=f"{max(cell['sampled'] for cell in near):.0%} (best of equal random points)"))  # fmt: skip
    return rows


def _planted(key: dict[str, Any]) -> dict[str, float]:
    import shap
    from scipy.stats import kendalltau, spearmanr
    from sklearn.ensemble import HistGradientBoostingClassifier

    from catena.ops.explain import explain

    seed = key["seed"]
    x, y, true = planted(seed)
    chosen = slice(_ROWS, _ROWS + (_CASES if key["size"] == "full" else 3))

    def fitted(labels: np.ndarray) -> Planted:
        return Planted(HistGradientBoostingClassifier(random_state=seed).fit(x[:_ROWS], labels))

    asked = fitted(y[:_ROWS])
    others = {"x": x[:50]}
    evaluations = 2 * 50 * (_FEATURES + 1)
    started = time.process_time()
    found = explain(asked, {"x": x[chosen]}, "odds", background=others, n=evaluations, key=seed)
    seconds = time.process_time() - started
    ours = _importance(found)
    shuffled = np.random.default_rng(seed).permutation(y[:_ROWS])
    other = explain(fitted(shuffled), {"x": x[chosen]}, "odds", background=others, n=evaluations,
                    faithful=False, key=seed)  # fmt: skip
    started = time.process_time()
    explainer = shap.PermutationExplainer(asked.fitted.decision_function, x[:50], seed=seed)
    theirs = np.abs(explainer(x[chosen], max_evals=2 * _FEATURES + 1, silent=True).values).mean(
        axis=0
    )
    shap_seconds = time.process_time() - started
    screened = np.abs(np.corrcoef(x[:_ROWS].T, y[:_ROWS])[-1, :-1])
    again = _resampled(found, seed)
    top = np.union1d(true, np.argsort(-ours)[:20])
    areas = found.summary["faithfulness"]
    return {
        "precision": _precision(ours, true), "shap": _precision(theirs, true),
        "screened": _precision(screened, true), **areas,
        "stability": float(np.mean([kendalltau(ours[top], other[top])[0] for other in again])),
        "stability_all": float(np.mean([kendalltau(ours, other)[0] for other in again])),
        "missed": found.summary["missed"],
        "shuffled": float(spearmanr(ours, _importance(other))[0]),
        "seconds": seconds, "shap_seconds": shap_seconds,
    }  # fmt: skip


def _table(found: Any) -> np.ndarray:
    """Return contributions (cases, features) in the order of the features."""
    place = [int(name[2:-1]) for name in found["input"]]
    out = np.zeros((int(np.max(found["case"])) + 1, _FEATURES))
    out[np.asarray(found["case"]), place] = found["contribution"]
    return out


def _importance(found: Any) -> np.ndarray:
    return np.abs(_table(found)).mean(axis=0)


def _resampled(found: Any, seed: int) -> list[np.ndarray]:
    """Return importances over resampled cases."""
    random, values = np.random.default_rng(seed), np.abs(_table(found))
    return [values[random.integers(0, len(values), len(values))].mean(axis=0) for _ in range(50)]


def _precision(importance: np.ndarray, true: np.ndarray) -> float:
    return float(np.isin(np.argsort(-importance)[:_TRUE], true).mean())


_NAMES = tuple(f"x{k}" for k in range(8))


@model(id="bench.eight", inputs=", ".join(_NAMES), outputs="y", backend="jax")
def eight(x0, x1, x2, x3, x4, x5, x6, x7):
    """Return a smooth function with interactions of three inputs."""
    import jax.numpy as jnp

    return {"y": jnp.sin(x0) * x1 + x2**2 * x3 + jnp.exp(0.3 * x4) * x5 * x6 + x7}


def _exact() -> dict[str, float]:
    import shap

    from catena.ops.explain import explain

    random = np.random.default_rng(0)
    others, x = random.standard_normal((50, 8)), random.standard_normal((5, 8))
    started = time.process_time()
    found = explain(eight, dict(zip(_NAMES, x.T, strict=True)), faithful=False,
                    background=dict(zip(_NAMES, others.T, strict=True)))  # fmt: skip
    seconds = time.process_time() - started
    ours = np.zeros((5, 8))
    ours[np.asarray(found["case"]), [_NAMES.index(name) for name in found["input"]]] = found[
        "contribution"
    ]

    def call(x: np.ndarray) -> np.ndarray:
        return eight.evaluate(dict(zip(_NAMES, x.T, strict=True)), len(x))["y"]

    started = time.process_time()
    theirs = shap.ExactExplainer(call, others)(x).values
    return {"difference": float(np.abs(ours - theirs).max()), "seconds": seconds,
            "shap_seconds": time.process_time() - started}  # fmt: skip


def _complete() -> dict[str, float]:
    from catena.ops.explain import explain

    random = np.random.default_rng(1)
    others, x = random.standard_normal((50, 8)), random.standard_normal((10, 8))
    found = explain(eight, dict(zip(_NAMES, x.T, strict=True)), method="gradient", faithful=False,
                    background=dict(zip(_NAMES, others.T, strict=True)))  # fmt: skip
    return {"missed": found.summary["missed"]}


@model(id="bench.quadric", inputs="x0, x1, x2, x3", outputs="y", params="tilt = 0", backend="jax")
def quadric(x0, x1, x2, x3, tilt):
    """Return a tilted sum of squares."""
    return {"y": x0**2 + 2.0 * x1**2 + 0.5 * x2**2 + x3 + tilt * x0}


def _nearest(key: dict[str, Any]) -> dict[str, float]:
    """Compare with the nearest point by many exact descents (the reference), and with sampling."""
    from scipy.optimize import minimize

    from catena.ops.explain import explain

    random = np.random.default_rng(key["seed"])
    asked = quadric.at(tilt=float(random.normal()))
    tilt = float(asked.param_values["tilt"])
    others = random.uniform(-4.0, 4.0, (100, 4))
    x = 0.3 * random.standard_normal(4)

    def height(p: np.ndarray) -> float:
        return float(p[0] ** 2 + 2 * p[1] ** 2 + 0.5 * p[2] ** 2 + p[3] + tilt * p[0])

    wanted = height(x) + 4.0
    names = _NAMES[:4]
    found = explain(asked, dict(zip(names, x, strict=True)), wanted=f"y >= {wanted!r}", key=key["seed"],
                    background=dict(zip(names, others.T, strict=True)))  # fmt: skip
    kept = found.summary["proposals"][0][0]
    spread = np.concatenate([others, x[None]]).std(axis=0)

    def distance(p: np.ndarray) -> float:
        return float(np.sqrt(np.sum(((p - x) / spread) ** 2)))

    best = np.inf
    for start in random.uniform(-4.0, 4.0, (60, 4)):
        end = minimize(lambda p: distance(p) ** 2, start, method="SLSQP",
                       constraints={"type": "ineq", "fun": lambda p: height(p) - wanted})  # fmt: skip
        if height(end.x) >= wanted - 1e-7:
            best = min(best, distance(end.x))
    points = random.uniform(-4.0, 4.0, (4000, 4))
    sampled = min(distance(p) for p in points if height(p) >= wanted)
    mine = distance(np.array([kept[name] for name in names]))
    return {"excess": max(mine / best - 1.0, 0.0), "sampled": sampled / best - 1.0}
