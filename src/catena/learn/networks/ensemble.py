"""Deep ensembles: networks that each leave out a share of the rows and disagree where rows lack.

Every row was left out by one member, whose errors on it are honest.

Source: Lakshminarayanan, Pritzel and Blundell 2017, arXiv:1612.01474.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from catena.learn.networks.perceptron import (
    Layer,
    named,
    perceptron,
    perceptron_and_pull,
    start_layers,
    unnamed,
)
from catena.learn.networks.training import folds, train
from catena.learn.regressor import prefixed, under

MEMBERS = 5
_HIDDEN = (48, 48)
_PENALTY, _STEPS = 1e-5, 1500


@dataclass(frozen=True)
class NetworkEnsemble:
    """Networks with equal shapes whose mean predicts and whose spread warns.

    Args:
        members: Layers of every network.
        floor: Least standard deviation per coefficient (k,): the left-out error's root mean square.
        residuals: Errors of every row by the member that left it out (n, k).
        spreads: Spreads stated for the rows (n, k).
    """

    members: tuple[list[Layer], ...]
    floor: np.ndarray
    residuals: np.ndarray
    spreads: np.ndarray

    @classmethod
    def fit(cls, z: np.ndarray, y: np.ndarray, *, key: int = 0) -> NetworkEnsemble:
        """Fit the members to features (n, p) and coefficients (n, k)."""
        rng = np.random.default_rng(key)
        seen = folds(len(z), MEMBERS, rng)
        widths = (z.shape[1], *_HIDDEN, y.shape[1])
        start = [start_layers(widths, rng) for _ in range(MEMBERS)]
        fitted = train(perceptron_and_pull, start, z, y, seen, penalty=_PENALTY, steps=_STEPS)
        outputs = np.stack([perceptron(layers, z) for layers in fitted])
        residuals, spreads, floor = left_out(outputs, y, seen)
        return cls(tuple(fitted), floor, residuals, spreads)

    def mean(self, z: Any, xp: ModuleType = np) -> Any:
        """Return coefficients (n, k)."""
        return xp.stack([perceptron(layers, z, xp) for layers in self.members]).mean(axis=0)

    def mean_and_spread(self, z: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return coefficients and their standard deviations, (n, k) each."""
        outputs = xp.stack([perceptron(layers, z, xp) for layers in self.members])
        return mean_and_disagreement(outputs, self.floor, xp)

    def weights(self) -> np.ndarray:
        """Return how much a difference in each feature counts: all alike (p,)."""
        return np.ones(len(self.members[0][0][0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        out = {"floor": self.floor, "residuals": self.residuals, "spreads": self.spreads}
        for k, layers in enumerate(self.members):
            out |= prefixed(named(layers), str(k))
        return out

    def facts(self) -> dict[str, Any]:
        """Return the plain data a file must keep."""
        return {"kind": "ensemble", "members": len(self.members)}

    @classmethod
    def restored(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> NetworkEnsemble:
        """Rebuild from ``facts`` and ``arrays``."""
        members = tuple(unnamed(under(arrays, str(k))) for k in range(int(facts["members"])))
        return cls(members, arrays["floor"], arrays["residuals"], arrays["spreads"])


def left_out(
    outputs: np.ndarray, y: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return residuals and spreads of rows by the members that did not see them, and the floor.

    Args:
        outputs: Predictions of every member (members, n, k).
        y: Targets (n, k).
        seen: Which rows each member saw (members, n).
    """
    owner = np.argmin(seen, axis=0)
    residuals = y - outputs[owner, np.arange(len(y))]
    floor = np.sqrt((residuals**2).mean(axis=0))
    _, spreads = mean_and_disagreement(outputs, floor)
    return residuals, spreads, floor


def mean_and_disagreement(outputs: Any, floor: np.ndarray, xp: ModuleType = np) -> tuple[Any, Any]:
    """Return the mean of members (members, n, k) and how far they disagree, never below a floor."""
    mean = outputs.mean(axis=0)
    return mean, xp.sqrt(((outputs - mean) ** 2).mean(axis=0) + floor**2)
