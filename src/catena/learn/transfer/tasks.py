"""A Gaussian process over several groups at once: what groups share is learned from the data.

The covariance of f in group g at x and in group h at x' is B[g, h] k(x, x'), with a free positive
matrix B (intrinsic coregionalisation). Groups that behave alike lend each other their rows; groups
that do not are left alone.

Source: Bonilla, Chai and Williams 2007, NIPS 20:153.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

_STARTS = 3
_NOISE = (1e-6, 1.0)


@final
@dataclass(frozen=True)
class TaskProcess:
    """A fitted process.

    Args:
        z: Scaled training inputs (n, p).
        group: Group of each row (n,).
        y: Scaled training outputs (n,).
        lengths: Length scales (p,).
        between: Covariances between groups (g, g).
        noise: Variance of the noise.
        centre: Mean of the output.
        scale: Standard deviation of the output.
    """

    z: np.ndarray
    group: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    between: np.ndarray
    noise: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(
        cls, z: np.ndarray, group: np.ndarray, y: np.ndarray, groups: int, key: int
    ) -> TaskProcess:
        """Fit by maximum marginal likelihood from several starts.

        Args:
            z: Inputs (n, p), about unit range.
            group: Group of each row (n,).
            y: Outputs (n,), not all equal.
            groups: Number of groups.
            key: Seed of the starts.
        """
        centre, scale = y.mean(), y.std()
        t = (y - centre) / scale
        p = z.shape[1]
        rng = np.random.default_rng(key)
        objective = _objective(z, group, t, groups)
        bounds = [(-3.0, 4.0)] * p + [(-3.0, 3.0)] * groups + [(-9.0, 2.0)] * groups
        bounds.append((np.log(_NOISE[0]), np.log(_NOISE[1])))
        best, found = np.inf, np.zeros(len(bounds))
        for start in range(_STARTS):
            first = np.concatenate([rng.normal(0.0, 0.5, p), np.ones(groups),
                                    np.full(groups, -2.0 - start), [-5.0]])  # fmt: skip
            end = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=bounds,
                           options={"maxiter": 200})  # fmt: skip
            if end.fun < best:
                best, found = float(end.fun), end.x
        lengths, between, noise = _unpacked(found, p, groups)
        return cls(
            z, group, t, lengths, between, np.array(noise), np.array(centre), np.array(scale)
        )

    def covariance(self, z: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return the covariance (m, n) of points with the training rows."""
        gaps = ((z[:, None, :] - self.z[None, :, :]) / self.lengths) ** 2
        return np.asarray(np.exp(-0.5 * gaps.sum(axis=2)) * self.between[group][:, self.group])

    def mean_and_spread(self, z: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of outputs (m,) at points (m, p) of groups (m,)."""
        factor = cho_factor(self._full(), lower=True)
        cross = self.covariance(z, group)
        mean = cross @ cho_solve(factor, self.y)
        left = self.between[group, group] - (cross * cho_solve(factor, cross.T).T).sum(axis=1)
        spread = np.sqrt(np.maximum(left, 0.0) + self.noise)
        return self.centre + self.scale * mean, self.scale * spread

    def left_out(self) -> np.ndarray:
        """Return the errors of training rows predicted without them (n,)."""
        inverse = np.linalg.inv(self._full())
        return np.asarray(self.scale * (inverse @ self.y) / np.diag(inverse))

    def likeness(self, one: int, two: int) -> float:
        """Return the correlation between two groups."""
        return float(
            self.between[one, two] / np.sqrt(self.between[one, one] * self.between[two, two])
        )

    def _full(self) -> np.ndarray:
        return self.covariance(self.z, self.group) + self.noise * np.eye(len(self.y))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        return {name: np.asarray(value) for name, value in self.__dict__.items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> TaskProcess:
        """Rebuild from ``arrays``."""
        return cls(**arrays)


def _unpacked(vector: Any, p: int, groups: int, xp: Any = np) -> tuple[Any, Any, Any]:
    """Return length scales, covariances between groups and noise of a parameter vector."""
    shared, own = vector[p : p + groups], vector[p + groups : p + 2 * groups]
    between = shared[:, None] * shared[None, :] + xp.diag(xp.exp(own))
    return xp.exp(vector[:p]), between, xp.exp(vector[-1])


def _objective(z: np.ndarray, group: np.ndarray, t: np.ndarray, groups: int) -> Any:
    """Return the negative log marginal likelihood with its slope."""
    from catena.core.jaxconfig import enable_x64

    enable_x64()
    import jax
    import jax.numpy as jnp
    from jax.scipy.linalg import cho_solve as solve

    def loss(vector: Any) -> Any:
        lengths, between, noise = _unpacked(vector, z.shape[1], groups, jnp)
        scaled = z / lengths
        gaps = ((scaled[:, None, :] - scaled[None, :, :]) ** 2).sum(axis=2)
        full = jnp.exp(-0.5 * gaps) * between[group][:, group] + noise * jnp.eye(len(t))
        factor = jnp.linalg.cholesky(full)
        prior = 0.05 * (vector[: z.shape[1]] ** 2).sum()
        return 0.5 * t @ solve((factor, True), t) + jnp.log(jnp.diag(factor)).sum() + prior

    compiled = jax.jit(jax.value_and_grad(loss))

    def ready(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = compiled(vector)
        if not np.isfinite(value):
            return 1e12, np.zeros_like(vector)
        return float(value), np.asarray(slope, float)

    return ready
