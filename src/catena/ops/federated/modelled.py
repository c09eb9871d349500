"""Any Model over sites: a site gives value, gradient and curvature of its log-likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from catena.core.errors import SolverError
from catena.ops.federated.regression import full, upper
from catena.ops.federated.site import FEWEST, Server
from catena.ops.likelihood import Likelihood

_STEPS = 200


@final
class ModelProblem:
    """The rows of one site under a Model.

    Args:
        likelihood: Log-likelihood of the site's measurements.
    """

    def __init__(self, likelihood: Likelihood) -> None:
        self._likelihood = likelihood

    @property
    def rows(self) -> int:
        """Number of measurements."""
        return int(self._likelihood.size)

    def refusal(self) -> str:
        """Return why the site must not answer."""
        return f"fewer than {FEWEST} measurements" if self.rows < FEWEST else ""

    def answer(self, question: str, arguments: Mapping[str, Any]) -> np.ndarray:
        """Answer ``newton`` (value, gradient, curvature in the unit cube) or ``steps``."""
        u = np.asarray(arguments["u"], dtype=float)
        if question == "newton":
            value, gradient, curvature = self._derivatives(u)
            return np.concatenate([[self.rows, value], gradient, upper(curvature)])
        here, prox = u.copy(), float(arguments["prox"])
        for _ in range(int(arguments["epochs"])):
            _, gradient, curvature = self._derivatives(here)
            here = _moved(here, gradient - prox * self.rows * (here - u),
                          curvature + (prox * self.rows + 1e-9) * np.eye(len(u)))  # fmt: skip
        return np.concatenate([[self.rows], self.rows * here])

    def _derivatives(self, u: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return log-likelihood and its derivatives to positions in the unit cube."""
        theta, stretch = _natural(self._likelihood, u)
        value, gradient, curvature = self._likelihood.value_gradient_curvature(theta[None])
        if not np.isfinite(value[0]):
            return -1e12, np.zeros_like(u), np.eye(len(u))
        return (
            float(value[0]),
            gradient[0] * stretch,
            curvature[0] * stretch[:, None] * stretch[None, :],
        )


def fit_model(
    server: Server, likelihood: Likelihood, method: str, rounds: int, epochs: int, prox: float
) -> tuple[np.ndarray, np.ndarray, float, list[float], int]:
    """Find the parameters that the sites' data make most likely.

    Args:
        server: The server.
        likelihood: Any site's likelihood; only its parameters are used here.
        method: ``newton`` (equal to pooled data), ``fedavg`` or ``fedprox``.
        rounds: Rounds of averaging.
        epochs: Local steps per round.
        prox: Weight that holds local steps near the server's (FedProx).

    Returns:
        Parameters (p,), covariance (p, p), log-likelihood, history, measurements.

    Raises:
        SolverError: no maximum is found.
    """
    p = len(likelihood.names)
    u, history = np.full(p, 0.5), []
    if method != "newton":
        for _ in range(rounds):
            sums = server.total("steps", u=u, epochs=epochs, prox=prox)
            fresh = np.clip(sums[1:] / sums[0], 1e-9, 1 - 1e-9)
            history.append(float(np.abs(fresh - u).max()))
            u = fresh
            if history[-1] < 1e-10:
                break
    rows, value, gradient, curvature = _asked(server, u)
    if method == "newton":
        damping = 1e-3
        for _ in range(_STEPS):
            history.append(value)
            trial = _moved(u, gradient, curvature + damping * np.diag(np.diag(curvature)))
            found = _asked(server, trial)
            if found[1] >= value:
                gain, u, damping = found[1] - value, trial, max(damping / 5, 1e-12)
                rows, value, gradient, curvature = found
                if gain < 1e-10 * (1 + abs(value)):
                    break
            else:
                damping *= 4
                if damping > 1e12:
                    break
        else:
            raise SolverError("The parameters cannot be estimated", where="federated",
                              why=f"{_STEPS} steps did not suffice", fix="free fewer parameters")  # fmt: skip
    theta, stretch = _natural(likelihood, u)
    spread = np.linalg.pinv(curvature) * stretch[:, None] * stretch[None, :]
    return theta, spread, value, history, rows


def _asked(server: Server, u: np.ndarray) -> tuple[int, float, np.ndarray, np.ndarray]:
    sums, p = server.total("newton", u=u), len(u)
    return round(float(sums[0])), float(sums[1]), sums[2 : 2 + p], full(sums[2 + p :], p)


def _moved(u: np.ndarray, gradient: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return a Newton step, kept inside the unit cube."""
    move = np.linalg.lstsq(curvature, gradient, rcond=1e-14)[0]
    return np.asarray(np.clip(u + move / max(1.0, 4 * np.abs(move).max()), 1e-9, 1 - 1e-9))


def _natural(likelihood: Likelihood, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters at positions in the unit cube and their slopes."""
    space, step = likelihood.space, 1e-6
    theta = space.from_unit(u[None])[0]
    ahead = space.from_unit(np.clip(u + step, 0, 1)[None])[0]
    behind = space.from_unit(np.clip(u - step, 0, 1)[None])[0]
    width = np.clip(u + step, 0, 1) - np.clip(u - step, 0, 1)
    return theta, (ahead - behind) / width
