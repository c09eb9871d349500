"""Federated learning on ACTG 175 (Hammer 1996): five unequal sites against pooled and local fits.

Protocol: 10 random halves of the 2,139 patients for training, the other half for testing; the
training rows go to five sites of 45, 25, 15, 10 and 5 %. Score: area under the ROC curve of the
event for logistic regression, Harrell's C for Cox regression, both on the common test rows. The
best local model is that of the site whose test score is best on average over the splits.
"""

from __future__ import annotations

import gzip
import io
from typing import Any

import numpy as np

from benchmarks.ops.rows import Row, Store
from catena.core.errors import CatenaError

#: Fixed at baseline or by randomisation; later counts and off-treatment flags are left out.
COVARIATES = ("age", "wtkg", "hemo", "homo", "drugs", "karnof", "oprior", "preanti", "race",
              "gender", "str2", "symptom", "cd40", "cd80", "zdv_only")  # fmt: skip
SHARES = (0.45, 0.25, 0.15, 0.10, 0.05)
VERSION = 2


def patients() -> Any:
    """Return the trial's rows."""
    import pandas as pd

    from catena.formats.datasets import find

    text = gzip.decompress(find("body/virtual_trial/ACTG175.txt.gz").read_bytes()).decode()
    frame = pd.read_csv(io.StringIO(text), sep=r"\s+").astype(float)
    return frame.assign(zdv_only=(frame["arms"] == 0).astype(float))


def split(frame: Any, seed: int) -> tuple[Any, dict[str, Any], Any]:
    """Return pooled training rows, the same by site, and test rows."""
    order = np.random.default_rng(seed).permutation(len(frame))
    half = len(frame) // 2
    train, test = frame.iloc[order[:half]], frame.iloc[order[half:]]
    cuts = np.round(np.cumsum((0.0, *SHARES)) * len(train)).astype(int)
    sites = {f"site {k + 1}": train.iloc[cuts[k] : cuts[k + 1]] for k in range(len(SHARES))}
    return train, sites, test


def area(outcome: np.ndarray, score: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    from scipy.stats import rankdata

    ranks, events = rankdata(score), outcome > 0
    n1, n0 = int(events.sum()), int((~events).sum())
    return float((ranks[events].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def concordance(time: np.ndarray, event: np.ndarray, score: np.ndarray) -> float:
    """Return Harrell's C: among comparable pairs, how often the higher score has the earlier event."""
    earlier = (time[:, None] < time[None, :]) & (event[:, None] > 0)
    higher = np.sign(score[:, None] - score[None, :])
    return float(((higher + 1) / 2)[earlier].mean())


def _pooled(learner: str, train: Any) -> np.ndarray:
    """Fit the pooled rows with statsmodels, an independent programme."""
    import statsmodels.api as sm
    from statsmodels.duration.hazard_regression import PHReg

    x = train[list(COVARIATES)]
    if learner == "logistic":
        return np.asarray(sm.GLM(train["cens"], sm.add_constant(x), family=sm.families.Binomial())
                          .fit(tol=1e-13, maxiter=200).params)[1:]  # fmt: skip
    return np.asarray(PHReg(train["days"], x, status=train["cens"], ties="efron").fit().params)


def _local(learner: str, rows: Any) -> np.ndarray:
    """Fit one site alone, with a small ridge, as few rows may not determine the coefficients."""
    from catena.ops.federated.coordinate import newton
    from catena.ops.federated.survival import SurvivalProblem

    x = rows[list(COVARIATES)].to_numpy()
    centre, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1.0)
    x = (x - centre) / scale
    if learner == "logistic":
        from sklearn.linear_model import LogisticRegression

        fit = LogisticRegression(C=10.0, max_iter=2000).fit(x, rows["cens"])
        return np.asarray(fit.coef_[0] / scale)
    problem = SurvivalProblem(x, rows["days"].to_numpy(), rows["cens"].to_numpy())
    # The problem keeps rows in its own order; covariates go with it through the same ordering.
    x = x[np.argsort(-rows["days"].to_numpy(), kind="stable")]

    def derivatives(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient, information = problem.partial(x, beta)
        return (
            value - 0.05 * beta @ beta,
            gradient - 0.1 * beta,
            information + 0.1 * np.eye(len(beta)),
        )

    return np.asarray(newton(derivatives, len(COVARIATES), "one site")[0] / scale)


def cell(key: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of one split and learner."""
    from catena.ops.federated import federated

    learner, frame = key["learner"], patients()
    train, sites, test = split(frame, key["seed"])
    x = test[list(COVARIATES)].to_numpy()
    ends = {"outcome": "cens"} if learner == "logistic" else {"time": "days", "event": "cens"}

    def score(beta: np.ndarray) -> float:
        risk = x @ beta
        if learner == "logistic":
            return area(test["cens"].to_numpy(), risk)
        return concordance(test["days"].to_numpy(), test["cens"].to_numpy(), risk)

    pooled = _pooled(learner, train)
    out: dict[str, Any] = {"pooled": score(pooled)}
    out["local"] = [score(_local(learner, rows)) for rows in sites.values()]
    for method in ("newton", "fedavg", "fedprox"):
        log: list[tuple[str, str, bytes]] = []
        try:
            found = federated(learner, sites, covariates=COVARIATES, method=method, log=log, **ends)
        except CatenaError as error:
            out[method] = None
            out[f"{method}_error"] = f"{error.what}: {error.why}"
            continue
        beta = np.asarray(found["estimate"])[-len(COVARIATES) :]
        out[method] = score(beta)
        out[f"{method}_refused"] = found.summary["refused"]
        if method == "newton":
            out["difference"] = float(np.abs(beta - pooled).max())
            out["megabytes"] = sum(len(raw) for *_, raw in log) / 1e6
            out["rounds"] = found.summary["rounds"]
    return out


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of the acceptance lines."""
    seeds = range(10 if size == "full" else 2)
    rows = []
    for learner in ("logistic", "cox"):
        keys = [{"learner": learner, "seed": seed, "version": VERSION} for seed in seeds]
        cells = store.cells(keys, cell, f"federated {learner}")
        pooled = float(np.mean([c["pooled"] for c in cells]))
        local = float(np.mean([c["local"] for c in cells], axis=0).max())
        worst = max(c["difference"] for c in cells)
        rows.append(Row(f"{learner}: coefficients equal pooled ones (statsmodels)", f"{worst:.1e}", worst,
                        "<= 1e-6", worst <= 1e-6, note=f"{cells[0]['rounds']} rounds, {cells[0]['megabytes']:.1f} MB"))  # fmt: skip
        for method in ("newton", "fedavg", "fedprox"):
            scores = [c[method] for c in cells if c[method] is not None]
            ratio = (
                (np.mean(scores) - local) / (pooled - local)
                if len(scores) == len(cells)
                else np.nan
            )
            refused = sorted({site for c in cells for site in c.get(f"{method}_refused", {})})
            rows.append(Row(
                f"{learner}, {method}: (federated - best local) / (pooled - best local)", f"{ratio:.4f}",
                float(ratio), ">= 0.97", bool(ratio >= 0.97 and pooled > local), baseline=f"best local {local:.4f}",
                peer=f"pooled {pooled:.4f}", note=f"mean of {len(cells)} splits; refused: {', '.join(refused) or 'none'}",
            ))  # fmt: skip
    return rows
