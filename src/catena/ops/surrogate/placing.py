"""Where to ask next: points that promise to cut the remaining error most.

Gaussian processes know how much a point would teach about every other (active learning Cohn: Cohn
1996, doi:10.1016/0893-6080(95)00137-9; Seo, Wallat, Graepel and Obermayer 2000,
doi:10.1109/IJCNN.2000.861310); their stated variance is raised where left-out errors were larger than stated
(Le Gratiet and Cannamela 2015, doi:10.1080/00401706.2014.928233). Networks are asked where left-out
errors are large and points are far (Xu, Liu, Wang and Jiang 2014, doi:10.1115/1.4027161).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from catena.learn.emulator import Emulator
from catena.learn.gp.bank import ProcessBank
from catena.learn.gp.correlation import squared_distances
from catena.learn.gp.process import GaussianProcess

#: Processes that steer the choice at most: those that matter most.
_MOST = 6


@final
@dataclass
class _Unknown:
    """What one process does not know, updated as points are chosen.

    Args:
        among: Covariance between candidates (c, c).
        towards: Covariance of candidates with reference points (c, m).
        weights: How much the error at each reference point counts (m,).
        nugget: Noise over signal variance.
    """

    among: np.ndarray
    towards: np.ndarray
    weights: np.ndarray
    nugget: float

    def gains(self) -> np.ndarray:
        """Return by how much asking each candidate would cut the weighted squared error (c,)."""
        own = np.diag(self.among)
        gains = (self.towards**2) @ self.weights / np.maximum(own + self.nugget, 1e-300)
        # A variance lost in the nugget is known already.
        return np.where(own > 4.0 * self.nugget, gains, 0.0)

    def learn(self, chosen: int) -> None:
        """Update for a candidate that will be asked."""
        own = self.among[chosen, chosen] + self.nugget
        column = self.among[:, chosen].copy()
        self.towards = self.towards - np.outer(column, self.towards[chosen]) / own
        self.among = self.among - np.outer(column, column) / own


def place(
    emulators: Sequence[tuple[Emulator, float]],
    candidates: np.ndarray,
    reference: np.ndarray,
    nearest: np.ndarray,
    x: np.ndarray,
    errors: np.ndarray,
    count: int,
) -> np.ndarray:
    """Return the candidates to ask (count, d).

    Args:
        emulators: Learned outputs with the standard deviations of these outputs.
        candidates: Points to choose from (c, d).
        reference: Points over which the error counts (m, d).
        nearest: Nearest training point of every reference point (m,).
        x: Training points (n, d).
        errors: Squared left-out errors, relative to the outputs' variances (n,).
        count: Number of points wanted.
    """
    unknown = _unknowns(emulators, candidates, reference, nearest)
    if not unknown:
        return candidates[_far_and_wrong(emulators[0][0], candidates, x, errors, count)]
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        gains = np.sum([one.gains() for one in unknown], axis=0)
        gains[chosen] = -1.0
        best = int(np.argmax(gains))
        chosen.append(best)
        for one in unknown:
            one.learn(best)
    return candidates[chosen]


def _unknowns(
    emulators: Sequence[tuple[Emulator, float]],
    candidates: np.ndarray,
    reference: np.ndarray,
    nearest: np.ndarray,
) -> list[_Unknown]:
    """Return what the most important processes do not know; nothing for networks."""
    parts: list[tuple[float, GaussianProcess, Emulator, np.ndarray]] = []
    for emulator, spread in emulators:
        if not isinstance(emulator.regressor, ProcessBank):
            continue
        learned = emulator.learned(reference)[0]
        slopes = (emulator.target.slope(learned) / spread) ** 2
        for k, process in enumerate(emulator.regressor.processes):
            worse = 1.0 + (process.residuals / process.spreads) ** 2
            # A coefficient moves every position by its mode; positions count alike.
            weights = (slopes @ emulator.reduction.modes[k] ** 2) / slopes.shape[1]
            weights = weights * process.variance * worse[nearest] / len(reference)
            size = float(weights.sum() * np.mean(process.spreads**2) / process.variance)
            parts.append((size, process, emulator, weights))
    parts.sort(key=lambda part: -part[0])
    out = []
    for _, process, emulator, weights in parts[:_MOST]:
        left, right = emulator.features.forward(candidates), emulator.features.forward(reference)
        out.append(
            _Unknown(
                process.covariance(left, left), process.covariance(left, right), weights,
                process.nugget,
            )
        )  # fmt: skip
    return out


def _far_and_wrong(
    emulator: Emulator, candidates: np.ndarray, x: np.ndarray, errors: np.ndarray, count: int
) -> list[int]:
    """Choose candidates far from all points whose nearest point was predicted badly."""
    z, known = emulator.features.forward(candidates), emulator.features.forward(x)
    squares = squared_distances(z, known)
    blame = np.sqrt(errors[squares.argmin(axis=1)]) + 1e-12
    distance = squares.min(axis=1)
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        best = int(np.argmax(distance * blame))
        chosen.append(best)
        distance = np.minimum(distance, squared_distances(z, z[best : best + 1])[:, 0])
    return chosen
