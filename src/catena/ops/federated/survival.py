"""Cox regression over sites, equal to that of pooled data.

At each event time the partial likelihood needs the sum of exp(x . beta) over everybody still at
risk, wherever they are. Sites give it on a public grid of times (whole days, say), under masks, so
that the server sees totals over all sites only. The totals go back to the sites, which then give
one sum over all event times as their share of the gradient: no covariate is ever summed over less
than a site's whole follow-up. Ties after Efron (1977), doi:10.1080/01621459.1977.10480613; summary
derivatives as in WebDISCO (Lu et al. 2015, doi:10.1093/jamia/ocv083), with less to see.

What remains: between two event times at which one person alone leaves the risk set, the difference
of two totals is that person's exp(x . beta). Where that is too much, use a coarser grid, or a
baseline per site (``own_baseline``), which needs sums over whole sites only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from catena.ops.federated.regression import damped_newton, full, upper
from catena.ops.federated.site import FEWEST

#: Powers of two a site may name as the length of its grid.
_POWERS = 40


@final
class SurvivalProblem:
    """The rows of one site for Cox regression.

    Args:
        x: Covariates (n, p).
        time: Time to event or censoring (n,), as whole steps of the public grid.
        event: 1 where the event was seen, 0 where it was not (n,).
        own_baseline: Each site has a baseline hazard of its own (stratified by site).
    """

    def __init__(
        self, x: np.ndarray, time: np.ndarray, event: np.ndarray, own_baseline: bool = False
    ) -> None:
        order = np.argsort(-np.asarray(time), kind="stable")
        self._x = np.asarray(x, float)[order]
        self._time = np.asarray(time, dtype=np.int64)[order]
        self._event = np.asarray(event, float)[order]
        self._own = own_baseline

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._time)

    def refusal(self) -> str:
        """Return why the site must not answer."""
        return f"fewer than {FEWEST} events" if self._event.sum() < FEWEST else ""

    def answer(self, question: str, arguments: Mapping[str, Any]) -> np.ndarray:
        """Answer ``span``, ``moments``, ``events``, ``totals``, ``risk``, ``slopes``, ``newton``, ``steps``."""
        if question == "span":
            return np.asarray(np.eye(_POWERS)[int(np.ceil(np.log2(self._time.max() + 1)))])
        if question == "moments":
            return np.concatenate([[self.rows], self._x.sum(0), (self._x**2).sum(0)])
        if question == "events":
            length = int(arguments["length"])
            return np.bincount(self._time[self._event > 0], minlength=length).astype(float)
        x = (self._x - arguments["centre"]) / arguments["scale"]
        if question == "totals":
            return np.asarray(x[self._event > 0].sum(axis=0))
        beta = np.asarray(arguments["beta"], dtype=float)
        if question == "newton":
            value, gradient, information = self.partial(x, beta)
            return np.concatenate([[value], gradient, upper(information)])
        if question == "steps":
            local = damped_newton(lambda here: self.partial(x, here), beta, self.rows,
                                  int(arguments["epochs"]), float(arguments["prox"]))  # fmt: skip
            return np.concatenate([[self.rows], self.rows * local])
        times = np.asarray(arguments["times"], dtype=np.int64)
        risk = np.exp(x @ beta)[:, None]
        if question == "risk":
            return np.hstack([self._at_risk(risk, times), self._tied(risk, times)]).ravel()
        return np.asarray(
            np.asarray(arguments["risk_weight"]) @ self._at_risk(risk * x, times)
            - np.asarray(arguments["tied_weight"]) @ self._tied(risk * x, times)
        )

    def partial(self, x: np.ndarray, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return log partial likelihood, gradient and information of this site's rows alone."""
        times = np.unique(self._time[self._event > 0])
        counts = np.bincount(self._time[self._event > 0])[times].astype(float)
        risk = np.exp(x @ beta)[:, None]
        terms = np.hstack([risk, risk * x, risk * upper(x[:, :, None] * x[:, None, :])])
        at_risk, tied = self._at_risk(terms, times), self._tied(terms, times)
        p, happened = len(beta), self._event > 0
        value, gradient = float((x[happened] @ beta).sum()), x[happened].sum(axis=0)
        information = np.zeros((p, p))
        for some, share in efron(counts):
            left = at_risk[some] - share[:, None] * tied[some]
            mean = left[:, 1 : 1 + p] / left[:, :1]
            value -= float(np.log(left[:, 0]).sum())
            gradient = gradient - mean.sum(axis=0)
            information += full((left[:, 1 + p :] / left[:, :1]).sum(axis=0), p) - mean.T @ mean
        return value, gradient, information

    def _at_risk(self, terms: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return sums of ``terms`` (n, q) over the rows at risk at each time (k, q)."""
        running = np.vstack([np.zeros(terms.shape[1]), np.cumsum(terms, axis=0)])
        # Rows are in order of falling time: those at risk at t are the first ones with time >= t.
        return np.asarray(running[np.searchsorted(-self._time, -times, side="right")])

    def _tied(self, terms: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return sums of ``terms`` (n, q) over the events at each time (k, q)."""
        happened = self._event > 0
        place = np.searchsorted(times, self._time[happened])
        out = np.zeros((len(times), terms.shape[1]))
        np.add.at(out, place, terms[happened])
        return out


def efron(counts: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each step through tied events, which times take part and their share gone."""
    return [
        (np.flatnonzero(counts > step), step / counts[counts > step])
        for step in range(int(counts.max(initial=0)))
    ]
