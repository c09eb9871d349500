"""Generalised linear models over sites: the sums a site gives, and its local steps.

The Newton steps of pooled data are rebuilt from the sites' sums of gradient and information, so
the coefficients equal those of pooled data. McCullagh and Nelder (1989), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, final

import numpy as np

from catena.ops.federated.site import FEWEST

Family = Literal["logistic", "linear", "poisson"]


def upper(matrix: np.ndarray) -> np.ndarray:
    """Return the upper triangle (..., p (p + 1) / 2) of symmetric matrices (..., p, p)."""
    rows, columns = np.triu_indices(matrix.shape[-1])
    return matrix[..., rows, columns]


def full(triangle: np.ndarray, p: int) -> np.ndarray:
    """Return symmetric matrices (..., p, p) from their upper triangles."""
    out = np.zeros((*triangle.shape[:-1], p, p))
    rows, columns = np.triu_indices(p)
    out[..., rows, columns] = triangle
    out[..., columns, rows] = triangle
    return out


@final
class RegressionProblem:
    """The rows of one site for a generalised linear model.

    Args:
        x: Covariates (n, p), without intercept.
        y: Outcomes (n,).
        family: ``logistic`` (0 or 1), ``linear`` or ``poisson`` (counts).
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, family: Family) -> None:
        self._x, self._y, self._family = np.asarray(x, float), np.asarray(y, float), family

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._y)

    def refusal(self) -> str:
        """Return why the site must not answer."""
        if self.rows < FEWEST:
            return f"fewer than {FEWEST} rows"
        if self._family == "logistic" and min(self._y.sum(), (1 - self._y).sum()) < FEWEST:
            return f"fewer than {FEWEST} events or non-events"
        return ""

    def answer(self, question: str, arguments: Mapping[str, Any]) -> np.ndarray:
        """Answer ``moments``, ``newton`` or ``steps``."""
        if question == "moments":
            return np.concatenate([[self.rows], self._x.sum(0), (self._x**2).sum(0),
                                   [self._y.sum(), (self._y**2).sum()]])  # fmt: skip
        centre, scale = arguments["centre"], arguments["scale"]
        design = np.column_stack([np.ones(self.rows), (self._x - centre) / scale])
        beta = np.asarray(arguments["beta"], dtype=float)
        if question == "newton":
            value, gradient, information = self._derivatives(design, beta)
            return np.concatenate([[value], gradient, upper(information)])
        local = damped_newton(lambda here: self._derivatives(design, here), beta, self.rows,
                              int(arguments["epochs"]), float(arguments["prox"]))  # fmt: skip
        return np.concatenate([[self.rows], self.rows * local])

    def _derivatives(
        self, design: np.ndarray, beta: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        eta = design @ beta
        mean, weight, value = _family(self._family, eta, self._y)
        gradient = design.T @ (self._y - mean)
        return value, gradient, (design * weight[:, None]).T @ design


def damped_newton(
    derivatives: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    beta: np.ndarray, rows: int, epochs: int, prox: float,
) -> np.ndarray:  # fmt: skip
    """Return coefficients after Newton steps on a site's own rows, held near the server's.

    Args:
        derivatives: Log-likelihood, gradient (p,) and information (p, p) at coefficients (p,).
        beta: The server's coefficients (p,).
        rows: The site's number of rows.
        epochs: Steps; none is longer than 1 in any coefficient.
        prox: Strength of the pull towards the server's coefficients, per row.
    """
    here = beta.copy()
    for _ in range(epochs):
        _, gradient, information = derivatives(here)
        pull = prox * rows
        gradient = gradient - pull * (here - beta)
        information = information + (pull + 1e-8 * rows) * np.eye(len(beta))
        move = np.linalg.solve(information, gradient)
        here = here + move / max(1.0, np.abs(move).max())
    return here


def _family(family: Family, eta: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean, weight and log-likelihood (without constants of the data)."""
    if family == "logistic":
        mean = 1.0 / (1.0 + np.exp(-np.clip(eta, -500, 500)))
        return mean, mean * (1 - mean), float(np.sum(y * eta - np.logaddexp(0.0, eta)))
    if family == "poisson":
        mean = np.exp(np.clip(eta, -500, 500))
        return mean, mean, float(np.sum(y * eta - mean))
    return eta, np.ones_like(eta), float(-0.5 * np.sum((y - eta) ** 2))
