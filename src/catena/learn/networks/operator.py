"""Operator networks: from input functions (and numbers) to output curves.

A branch network reads the input functions at fixed positions, a trunk network reads the position of
the output; their inner product is the output there (DeepONet). The trunk is read at the positions
of the training curves.

Source: Lu, Jin, Pang, Zhang and Karniadakis 2021, doi:10.1038/s42256-021-00302-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from catena.learn.networks.ensemble import left_out, mean_and_disagreement
from catena.learn.networks.perceptron import (
    Layer,
    Pull,
    named,
    perceptron,
    perceptron_and_pull,
    start_layers,
    unnamed,
)
from catena.learn.networks.training import folds, train
from catena.learn.regressor import prefixed, under

MEMBERS = 4
_HIDDEN, _RANK = (48, 48), 16
_PENALTY, _STEPS = 1e-6, 1200


@dataclass(frozen=True)
class OperatorEnsemble:
    """Operator networks whose mean predicts and whose disagreement warns.

    Args:
        members: Branch and trunk layers of every network.
        places: Positions of the output curve, between 0 and 1 (p, dimensions).
        floor: Least standard deviation per position (p,).
        residuals: Errors of every row by the member that left it out (n, p).
        spreads: Spreads stated for the rows (n, p).
    """

    members: tuple[tuple[list[Layer], list[Layer]], ...]
    places: np.ndarray
    floor: np.ndarray
    residuals: np.ndarray
    spreads: np.ndarray

    @classmethod
    def fit(
        cls, z: np.ndarray, y: np.ndarray, *, places: np.ndarray, key: int = 0
    ) -> OperatorEnsemble:
        """Fit the members.

        Args:
            z: Features: the input functions at their positions, and numbers (n, f).
            y: Output curves (n, p), of about unit spread.
            places: Positions of the curves (p, dimensions), between 0 and 1.
            key: Seed.
        """
        rng = np.random.default_rng(key)
        seen = folds(len(z), MEMBERS, rng)
        deep = len(_HIDDEN) + 1
        start = [
            start_layers((z.shape[1], *_HIDDEN, _RANK + 1), rng)
            + start_layers((places.shape[1], *_HIDDEN, _RANK), rng)
            for _ in range(MEMBERS)
        ]
        network = partial(_operate_and_pull, places=places, deep=deep)
        found = train(network, start, z, y, seen, penalty=_PENALTY, steps=_STEPS)
        fitted = [(layers[:deep], layers[deep:]) for layers in found]
        outputs = np.stack([_operate(pair, z, places) for pair in fitted])
        residuals, spreads, floor = left_out(outputs, y, seen)
        return cls(tuple(fitted), places, floor, residuals, spreads)

    def _outputs(self, z: Any, xp: ModuleType) -> Any:
        return xp.stack([_operate(pair, z, self.places, xp) for pair in self.members])

    def mean(self, z: Any, xp: ModuleType = np) -> Any:
        """Return curves (n, p)."""
        return self._outputs(z, xp).mean(axis=0)

    def mean_and_spread(self, z: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return curves and their standard deviations, (n, p) each."""
        return mean_and_disagreement(self._outputs(z, xp), self.floor, xp)

    def weights(self) -> np.ndarray:
        """Return how much a difference in each feature counts: all alike."""
        return np.ones(len(self.members[0][0][0][0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        out = {
            "places": self.places, "floor": self.floor,
            "residuals": self.residuals, "spreads": self.spreads,
        }  # fmt: skip
        for k, (branch, trunk) in enumerate(self.members):
            out |= prefixed(named(branch), f"{k}/branch") | prefixed(named(trunk), f"{k}/trunk")
        return out

    def facts(self) -> dict[str, Any]:
        """Return the plain data a file must keep."""
        return {"kind": "operator", "members": len(self.members)}

    @classmethod
    def restored(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> OperatorEnsemble:
        """Rebuild from ``facts`` and ``arrays``."""
        members = tuple(
            (unnamed(under(arrays, f"{k}/branch")), unnamed(under(arrays, f"{k}/trunk")))
            for k in range(int(facts["members"]))
        )
        names = ("places", "floor", "residuals", "spreads")
        return cls(members, *(arrays[name] for name in names))


def _operate(
    pair: tuple[list[Layer], list[Layer]], z: Any, places: Any, xp: ModuleType = np
) -> Any:
    """Return curves (n, p): branch coefficients times trunk functions, plus an offset."""
    coefficients = perceptron(pair[0], z, xp)
    functions = perceptron(pair[1], places, xp)
    return coefficients[:, :-1] @ functions.T + coefficients[:, -1:]


def _operate_and_pull(
    layers: list[Layer], z: np.ndarray, *, places: np.ndarray, deep: int
) -> tuple[np.ndarray, Pull]:
    """Return curves, and the pull-back of slopes to the layers (``deep`` of them the branch's)."""
    coefficients, pull_branch = perceptron_and_pull(layers[:deep], z)
    functions, pull_trunk = perceptron_and_pull(layers[deep:], places)

    def pull(slope: np.ndarray) -> list[Layer]:
        to_branch = np.concatenate([slope @ functions, slope.sum(axis=1, keepdims=True)], axis=1)
        return pull_branch(to_branch) + pull_trunk(slope.T @ coefficients[:, :-1])

    return coefficients[:, :-1] @ functions.T + coefficients[:, -1:], pull
