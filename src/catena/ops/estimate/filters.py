"""Filters: how a belief moves between samples and what a sample does to it.

Extended: A. H. Jazwinski, Stochastic Processes and Filtering Theory (1970), ISBN 9780123815507.
Unscented: S. J. Julier and J. K. Uhlmann, Proc. IEEE 92 (2004) 401, doi:10.1109/JPROC.2003.823141.
Ensemble: G. Evensen, Ocean Dyn. 53 (2003) 343, doi:10.1007/s10236-003-0036-9. Particle: N. J. Gordon,
D. J. Salmond, A. F. M. Smith, IEE Proc. F 140 (1993) 107, doi:10.1049/ip-f-2.1993.0015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from catena.ops.estimate.moving import Moving

#: A belief: ``mean`` (nz,), ``cov`` (nz, nz), for ensembles ``points`` (m, nz) and ``weights`` (m,).
Belief = dict[str, np.ndarray]


@final
@dataclass(frozen=True)
class Seen:
    """Samples of one moment.

    Args:
        places: Which measured outputs (k,).
        values: Measured values (k,).
        deviations: Standard deviations (k,).
    """

    places: np.ndarray
    values: np.ndarray
    deviations: np.ndarray


@final
@dataclass(frozen=True)
class Verdict:
    """What a filter found in samples.

    Args:
        innovation: Measured minus expected (k,).
        expected_sd: Standard deviation the filter expected of it (k,).
        nis: Normalised innovation squared of the samples that were used.
        used: Which samples passed the gate (k,).
        log_likelihood: Of the samples that were used.
    """

    innovation: np.ndarray
    expected_sd: np.ndarray
    nis: float
    used: np.ndarray
    log_likelihood: float


class Filter(Protocol):
    """What an estimator needs of a filter."""

    def first(self, seed: int) -> Belief:
        """Return the belief at the start."""
        ...

    def advance(self, belief: Belief, t: float, width: float, u: np.ndarray, seed: int) -> Belief:
        """Return the belief after an interval."""
        ...

    def update(
        self, belief: Belief, t: float, u: np.ndarray, seen: Seen, gate: float, seed: int
    ) -> tuple[Belief, Verdict]:
        """Return the belief after samples."""
        ...


@final
class Extended:
    """Extended Kalman filter; exact for linear models with Gaussian noise."""

    def __init__(self, moving: Moving) -> None:
        self.moving = moving

    def first(self, seed: int) -> Belief:
        """Return the belief at the start."""
        model = self.moving.model
        return {"mean": model.mean.copy(), "cov": np.diag(model.deviation**2)}

    def advance(self, belief: Belief, t: float, width: float, u: np.ndarray, seed: int) -> Belief:
        """Return the belief after an interval, with the transition for smoothing."""
        steps = self.moving.steps(width)
        z, p, a = self.moving.spread(t, belief["mean"], belief["cov"], u, width, steps)
        return {"mean": np.asarray(z), "cov": np.asarray(p), "transition": np.asarray(a)}

    def update(
        self, belief: Belief, t: float, u: np.ndarray, seen: Seen, gate: float, seed: int
    ) -> tuple[Belief, Verdict]:
        """Return the belief after samples (Joseph's form keeps the covariance positive)."""
        y, h = (np.asarray(part)[seen.places] for part in self.moving.look(t, belief["mean"], u))
        noise = np.diag(seen.deviations**2)
        verdict = judged(seen.values - y, h @ belief["cov"] @ h.T + noise, gate)
        used = verdict.used
        h, noise = h[used], noise[np.ix_(used, used)]
        cov = belief["cov"]
        gain = np.linalg.solve(h @ cov @ h.T + noise, h @ cov).T
        keep = np.eye(len(cov)) - gain @ h
        new = keep @ cov @ keep.T + gain @ noise @ gain.T
        mean = belief["mean"] + gain @ verdict.innovation[used]
        return {**belief, "mean": mean, "cov": (new + new.T) / 2}, verdict


@final
class Unscented:
    """Unscented Kalman filter with 2 nz + 1 points.

    Args:
        moving: The motion.
        kappa: Weight of the middle point; 3 - nz matches the fourth moment of a Gaussian, at
            least zero is taken so that no weight is negative.
    """

    def __init__(self, moving: Moving, kappa: float | None = None) -> None:
        self.moving = moving
        nz = len(moving.model.mean)
        self.kappa = max(0.0, 3.0 - nz) if kappa is None else kappa
        self.weights = np.full(2 * nz + 1, 0.5 / (nz + self.kappa))
        self.weights[0] = self.kappa / (nz + self.kappa)

    def first(self, seed: int) -> Belief:
        """Return the belief at the start."""
        return Extended(self.moving).first(seed)

    def _points(self, belief: Belief) -> np.ndarray:
        nz = len(belief["mean"])
        values, vectors = np.linalg.eigh(belief["cov"])
        root = vectors * np.sqrt(np.maximum(values, 0.0) * (nz + self.kappa))
        return np.concatenate(
            [belief["mean"][None], belief["mean"] + root.T, belief["mean"] - root.T]
        )

    def advance(self, belief: Belief, t: float, width: float, u: np.ndarray, seed: int) -> Belief:
        """Return the belief after an interval; noise enters along the mean's path."""
        steps = self.moving.steps(width)
        points = np.asarray(self.moving.carry(t, self._points(belief), u, width, steps))
        zero = np.zeros_like(belief["cov"])
        noise = np.asarray(self.moving.spread(t, belief["mean"], zero, u, width, steps)[1])
        mean = self.weights @ points
        return {"mean": mean, "cov": (points - mean).T * self.weights @ (points - mean) + noise}

    def update(
        self, belief: Belief, t: float, u: np.ndarray, seen: Seen, gate: float, seed: int
    ) -> tuple[Belief, Verdict]:
        """Return the belief after samples."""
        points = self._points(belief)
        looks = np.asarray(self.moving.looks(t, points, u))[:, seen.places]
        y = self.weights @ looks
        noise = np.diag(seen.deviations**2)
        s = (looks - y).T * self.weights @ (looks - y) + noise
        cross = (points - belief["mean"]).T * self.weights @ (looks - y)
        verdict = judged(seen.values - y, s, gate)
        used = verdict.used
        s, cross = s[np.ix_(used, used)], cross[:, used]
        gain = np.linalg.solve(s, cross.T).T
        cov = belief["cov"] - gain @ s @ gain.T
        mean = belief["mean"] + gain @ verdict.innovation[used]
        return {"mean": mean, "cov": (cov + cov.T) / 2}, verdict


@final
class Ensemble:
    """Ensemble Kalman filter with perturbed observations.

    Args:
        moving: The motion.
        size: Members.
    """

    def __init__(self, moving: Moving, size: int = 200) -> None:
        self.moving, self.size = moving, size

    def first(self, seed: int) -> Belief:
        """Return the belief at the start."""
        return _cloud(self.moving, self.size, seed)

    def advance(self, belief: Belief, t: float, width: float, u: np.ndarray, seed: int) -> Belief:
        """Return the belief after an interval."""
        return _moved(self.moving, belief, t, width, u, seed)

    def update(
        self, belief: Belief, t: float, u: np.ndarray, seen: Seen, gate: float, seed: int
    ) -> tuple[Belief, Verdict]:
        """Return the belief after samples."""
        points = belief["points"]
        looks = np.asarray(self.moving.looks(t, points, u))[:, seen.places]
        away, noise = looks - looks.mean(axis=0), np.diag(seen.deviations**2)
        s = away.T @ away / (len(points) - 1) + noise
        verdict = judged(seen.values - looks.mean(axis=0), s, gate)
        used = verdict.used
        cross = (points - points.mean(axis=0)).T @ away[:, used] / (len(points) - 1)
        gain = np.linalg.solve(s[np.ix_(used, used)], cross.T).T
        draws = np.random.default_rng(seed).normal(size=(len(points), int(used.sum())))
        # Perturbations without mean and uncorrelated with nothing lost on the ensemble's mean.
        wanted = seen.values[used] + (draws - draws.mean(axis=0)) * seen.deviations[used]
        return _believed(points + (wanted - looks[:, used]) @ gain.T, None), verdict


@final
class Particle:
    """Bootstrap particle filter, resampled when few particles carry the weight.

    Args:
        moving: The motion.
        size: Particles.
        rejuvenate: Width of the shake after resampling, relative to the spread (J. Liu and M. West
            2001, doi:10.1007/978-1-4757-3437-9_10); it keeps mean and covariance.
    """

    def __init__(self, moving: Moving, size: int = 1000, rejuvenate: float = 0.1) -> None:
        self.moving, self.size, self.shake = moving, size, rejuvenate

    def first(self, seed: int) -> Belief:
        """Return the belief at the start."""
        return _cloud(self.moving, self.size, seed)

    def advance(self, belief: Belief, t: float, width: float, u: np.ndarray, seed: int) -> Belief:
        """Return the belief after an interval."""
        return _moved(self.moving, belief, t, width, u, seed)

    def update(
        self, belief: Belief, t: float, u: np.ndarray, seen: Seen, gate: float, seed: int
    ) -> tuple[Belief, Verdict]:
        """Return the belief after samples."""
        points, weights = belief["points"], belief["weights"]
        looks = np.asarray(self.moving.looks(t, points, u))[:, seen.places]
        y = weights @ looks
        s = (looks - y).T * weights @ (looks - y) + np.diag(seen.deviations**2)
        verdict = judged(seen.values - y, s, gate)
        used = verdict.used
        away = (seen.values[used] - looks[:, used]) / seen.deviations[used]
        log = np.log(np.maximum(weights, 1e-300)) - 0.5 * (away**2).sum(axis=1)
        weights = np.exp(log - log.max())
        weights /= weights.sum()
        enough = 1.0 / (weights**2).sum() >= 0.5 * len(points)
        if not enough:
            points = self._resampled(points, weights, seed)
            weights = np.full(len(points), 1.0 / len(points))
        return _believed(points, weights), verdict

    def _resampled(self, points: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
        """Draw points in proportion to their weights and shake them, keeping two moments."""
        draws = np.random.default_rng(seed)
        ladder = (draws.random() + np.arange(len(points))) / len(points)
        chosen = points[np.minimum(np.searchsorted(np.cumsum(weights), ladder), len(points) - 1)]
        if not self.shake:
            return chosen
        mean = chosen.mean(axis=0)
        root = _root(np.atleast_2d(np.cov(chosen.T)))
        shrink = np.sqrt(1.0 - self.shake**2)
        noise = draws.normal(size=points.shape) @ root.T
        return np.asarray(mean + shrink * (chosen - mean) + self.shake * noise)


def judged(innovation: np.ndarray, s: np.ndarray, gate: float) -> Verdict:
    """Return which samples to use: those whose own normalised innovation is below the gate."""
    spread = np.sqrt(np.diag(s))
    used = (innovation / spread) ** 2 <= gate
    kept, own = innovation[used], s[np.ix_(used, used)]
    nis = float(kept @ np.linalg.solve(own, kept)) if used.any() else 0.0
    size = np.linalg.slogdet(2 * np.pi * own)[1] if used.any() else 0.0
    return Verdict(innovation, spread, nis, used, -0.5 * (nis + float(size)))


def _root(cov: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(cov)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _cloud(moving: Moving, size: int, seed: int) -> Belief:
    model = moving.model
    draws = np.random.default_rng(seed).normal(size=(size, len(model.mean)))
    return _believed(model.mean + draws * model.deviation, None)


def _moved(
    moving: Moving, belief: Belief, t: float, width: float, u: np.ndarray, seed: int
) -> Belief:
    steps = moving.steps(width)
    points = np.asarray(moving.wander(t, belief["points"], u, width, steps, seed))
    return _believed(points, belief["weights"])


def _believed(points: np.ndarray, weights: np.ndarray | None) -> Belief:
    weights = np.full(len(points), 1.0 / len(points)) if weights is None else weights
    mean = weights @ points
    away = points - mean
    return {"mean": mean, "cov": away.T * weights @ away, "points": points, "weights": weights}
