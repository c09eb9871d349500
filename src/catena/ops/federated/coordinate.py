"""The server's side: Newton on summed derivatives, and averaging of local steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.core.errors import SolverError
from catena.ops.federated import survival
from catena.ops.federated.regression import full
from catena.ops.federated.site import Server

#: Newton steps after which a fit counts as not converging.
_STEPS = 60
_TOLERANCE = 1e-11


@final
@dataclass
class Fit:
    """What the server knows in the end.

    Args:
        beta: Coefficients (p,) of the given covariates, the intercept first where there is one.
        covariance: Their covariance (p, p).
        value: Log-likelihood (partial, for Cox).
        rounds: Questions asked.
        rows: Rows over all sites.
        history: Log-likelihood or change after each round.
    """

    beta: np.ndarray
    covariance: np.ndarray
    value: float
    rounds: int
    rows: int
    history: list[float] = field(default_factory=list)


@final
class Scaling:
    """Centres and scales of the covariates, from sums over the sites."""

    def __init__(self, server: Server, p: int) -> None:
        moments = server.total("moments")
        self.rows = round(float(moments[0]))
        self.centre = moments[1 : 1 + p] / moments[0]
        spread = moments[1 + p : 1 + 2 * p] / moments[0] - self.centre**2
        self.flat = np.flatnonzero(spread <= 1e-12 * (1.0 + self.centre**2))
        self.scale = np.sqrt(np.where(spread > 0, spread, 1.0))

    def original(
        self, beta: np.ndarray, covariance: np.ndarray, intercept: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients and covariance for the covariates as given."""
        p = len(self.scale)
        change = np.diag(1.0 / self.scale)
        if intercept:
            whole = np.zeros((p + 1, p + 1))
            whole[1:, 1:] = change
            whole[0, 0] = 1.0
            whole[0, 1:] = -self.centre / self.scale
            change = whole
        return change @ beta, change @ covariance @ change.T


def newton(
    derivatives: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]], p: int, where: str
) -> tuple[np.ndarray, np.ndarray, float, list[float]]:
    """Maximise by Newton's method with halved steps; returns beta, covariance, value, history.

    Raises:
        SolverError: no maximum is found (separated data, collinear covariates).
    """
    beta = np.zeros(p)
    value, gradient, information = derivatives(beta)
    history = [value]
    for _ in range(_STEPS):
        try:
            move = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            raise _no_maximum(where, "covariates are collinear") from None
        if np.linalg.cond(information) > 1e12:
            raise _no_maximum(where, "covariates are collinear")
        gain, share = float(gradient @ move), 1.0
        while True:
            trial = beta + share * move
            found = derivatives(trial)
            if np.isfinite(found[0]) and found[0] >= value - 1e-9 * abs(value):
                break
            share /= 2
            if share < 1e-6:
                raise _no_maximum(where, "no step improves the likelihood")
        beta, (value, gradient, information) = trial, found
        history.append(value)
        if gain < _TOLERANCE * (1 + abs(value)):
            return beta, np.linalg.inv(information), value, history
    raise _no_maximum(where, f"{_STEPS} steps did not suffice: an outcome may be separated")


def fit_regression(server: Server, p: int) -> Fit:
    """Fit a generalised linear model by Newton on the sites' sums."""
    scaling = _scaled(server, p)

    def derivatives(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        sums = server.total("newton", beta=beta, centre=scaling.centre, scale=scaling.scale)
        return float(sums[0]), sums[1 : p + 2], full(sums[p + 2 :], p + 1)

    beta, covariance, value, history = newton(derivatives, p + 1, "federated regression")
    beta, covariance = scaling.original(beta, covariance, True)
    return Fit(beta, covariance, value, server.round, scaling.rows, history)


def fit_cox(server: Server, p: int, own_baseline: bool) -> Fit:
    """Fit Cox regression by Newton on sums at event times (or by site, when stratified)."""
    scaling = _scaled(server, p)
    common: dict[str, Any] = {"centre": scaling.centre, "scale": scaling.scale}
    if own_baseline:

        def derivatives(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            sums = server.total("newton", beta=beta, **common)
            return float(sums[0]), sums[1 : p + 1], full(sums[p + 1 :], p)

        beta, covariance, value, history = newton(derivatives, p, "federated Cox regression")
    else:
        beta, covariance, value, history = _pooled_cox(server, p, common)
    beta, covariance = scaling.original(beta, covariance, False)
    return Fit(beta, covariance, value, server.round, scaling.rows, history)


def _pooled_cox(
    server: Server, p: int, common: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, float, list[float]]:
    """Maximise the pooled partial likelihood from its exact gradients.

    The curvature of the likelihood with a baseline per site, which needs no sums at single times,
    starts a quasi-Newton search; the information at the end comes from differences of gradients.
    """
    from scipy.optimize import minimize

    longest = int(2 ** np.flatnonzero(np.round(server.total("span")) > 0).max())
    counts = np.round(server.total("events", length=longest + 1))
    times = np.flatnonzero(counts > 0)
    totals, counts = server.total("totals", **common), counts[times]
    history: list[float] = []

    def negative(beta: np.ndarray) -> tuple[float, np.ndarray]:
        risk, tied = server.total("risk", beta=beta, times=times, **common).reshape(-1, 2).T
        value, weight, share_weight = (
            float(beta @ totals),
            np.zeros(len(times)),
            np.zeros(len(times)),
        )
        for some, share in survival.efron(counts):
            left = risk[some] - share * tied[some]
            value -= float(np.log(left).sum())
            weight[some] += 1.0 / left
            share_weight[some] += share / left
        slopes = server.total("slopes", beta=beta, times=times, risk_weight=weight,
                              tied_weight=share_weight, **common)  # fmt: skip
        history.append(value)
        return -value, slopes - totals

    sums = server.total("newton", beta=np.zeros(p), **common)
    start = full(sums[p + 1 :], p)
    if np.linalg.cond(start) > 1e12:
        raise _no_maximum("federated Cox regression", "covariates are collinear")
    inverse = np.linalg.inv(start)
    inverse = (inverse + inverse.T) / 2
    found = minimize(negative, np.zeros(p), jac=True, method="BFGS",
                     options={"gtol": 1e-8, "hess_inv0": inverse, "maxiter": _STEPS})  # fmt: skip
    beta = found.x
    step = 1e-4 * np.sqrt(np.diag(inverse))
    rows = [
        (negative(beta + step[k] * e)[1] - negative(beta - step[k] * e)[1]) / (2 * step[k])
        for k, e in enumerate(np.eye(p))
    ]
    information = (np.array(rows) + np.array(rows).T) / 2
    beta = beta - np.linalg.solve(information, negative(beta)[1])
    value, slopes = negative(beta)
    if not np.isfinite(value) or np.abs(slopes).max() > 1e-5 * (1 + abs(value)):
        raise _no_maximum("federated Cox regression", "the search does not converge")
    return beta, np.linalg.inv(information), -value, history


def average(server: Server, p: int, intercept: bool, rounds: int, epochs: int, prox: float) -> Fit:
    """Average the sites' local steps, weighted by their rows (FedAvg; with ``prox`` FedProx).

    McMahan et al. 2017 (arXiv 1602.05629); Li et al. 2020 (arXiv 1812.06127).
    """
    scaling = _scaled(server, p)
    size = p + int(intercept)
    beta, history = np.zeros(size), []
    for _ in range(rounds):
        sums = server.total("steps", beta=beta, epochs=epochs, prox=prox,
                            centre=scaling.centre, scale=scaling.scale)  # fmt: skip
        fresh = sums[1:] / sums[0]
        history.append(float(np.abs(fresh - beta).max()))
        beta = fresh
        if history[-1] < 1e-9:
            break
    beta, covariance = scaling.original(beta, np.full((size, size), np.nan), intercept)
    return Fit(beta, covariance, np.nan, server.round, scaling.rows, history)


def _scaled(server: Server, p: int) -> Scaling:
    scaling = Scaling(server, p)
    if len(scaling.flat):
        raise _no_maximum(
            "covariates", f"number {', '.join(map(str, scaling.flat + 1))} is the same in all rows"
        )
    return scaling


def _no_maximum(where: str, why: str) -> SolverError:
    return SolverError("The coefficients cannot be estimated", where=where, why=why,
                       fix="leave out covariates that do not vary or follow from others")  # fmt: skip
