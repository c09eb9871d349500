"""What samplers sample: a log-likelihood of named numbers, and its posterior in normal scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Protocol, final

import numpy as np

from catena.ops.bayes.prior import Prior

#: Log-likelihood of a point at which the model fails: no chance, yet finite under tempering.
IMPOSSIBLE = -1e300


class LogDensity(Protocol):
    """A log-likelihood of p free numbers, in their natural units.

    ``catena.ops.likelihood.Likelihood`` is one; so is any object with these parts.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free numbers (p,)."""
        ...

    @property
    def traced(self) -> Callable[[Any], Any] | None:
        """JAX function of values (p,) returning a scalar; None when there is none."""
        ...

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return log-likelihoods (n,) of values (n, p); -inf where the model fails."""
        ...

    def value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log-likelihoods (n,) and their derivatives (n, p)."""
        ...


@final
class Posterior:
    """Prior times likelihood, as functions of normal scores inside a JAX trace.

    Args:
        prior: Prior of the free numbers.
        density: Their log-likelihood.
        gradients: Whether derivatives will be asked for; without them a density that is no JAX
            function is only ever asked for values.
    """

    def __init__(self, prior: Prior, density: LogDensity, gradients: bool = True) -> None:
        from catena.core.jaxconfig import enable_x64

        enable_x64()
        self.prior = prior
        self.density = density
        self.gradients = gradients

    @property
    def dim(self) -> int:
        """Number of free numbers p."""
        return self.prior.dim

    @cached_property
    def likelihood(self) -> Callable[[Any], Any]:
        """Log-likelihood of scores (p,), as a JAX function."""
        inner = self.density.traced or on_host(self.density, self.gradients)

        def likelihood(scores: Any) -> Any:
            return finite(inner(self.prior.traced(scores)))

        return likelihood

    def batch(self, scores: np.ndarray) -> np.ndarray:
        """Return log-likelihoods (n,) of scores (n, p) in one model call."""
        return np.asarray(self._batch(np.asarray(scores, dtype=float)))

    @cached_property
    def _batch(self) -> Callable[[Any], Any]:
        import jax

        compiled: Callable[[Any], Any] = jax.jit(jax.vmap(self.likelihood))
        return compiled


def log_prior(scores: Any) -> Any:
    """Return the log-density of independent standard normal scores (p,), normalised."""
    import jax.numpy as jnp

    return -0.5 * jnp.sum(scores**2) - 0.5 * scores.shape[-1] * jnp.log(2.0 * jnp.pi)


def finite(value: Any) -> Any:
    """Return the value, or ``IMPOSSIBLE`` where it is no number."""
    import jax.numpy as jnp

    return jnp.where(jnp.isfinite(value), value, IMPOSSIBLE)


def on_host(density: LogDensity, gradients: bool = True) -> Callable[[Any], Any]:
    """Return a density that is no JAX function as one.

    Under ``vmap`` all points reach the host in one call; value and gradient come from the same
    call.

    Args:
        density: The density.
        gradients: Whether the function can be differentiated (once, in reverse mode).
    """
    import jax

    def whole(theta: Any) -> tuple[tuple[int, ...], np.ndarray]:
        points = np.asarray(theta, dtype=float)
        return points.shape[:-1], points.reshape(-1, points.shape[-1])

    def values(theta: Any) -> np.ndarray:
        lead, points = whole(theta)
        return np.asarray(density.value(points), dtype=float).reshape(lead)

    def both(theta: Any) -> tuple[np.ndarray, np.ndarray]:
        lead, points = whole(theta)
        value, slope = density.value_and_gradient(points)
        good = np.isfinite(value) & np.isfinite(slope).all(axis=1)
        value = np.where(good, value, -np.inf)
        slope = np.where(good[:, None], slope, 0.0)
        return value.reshape(lead), slope.reshape((*lead, points.shape[1]))

    number: Any = partial(jax.ShapeDtypeStruct, dtype=np.dtype(float))

    def plain(theta: Any) -> Any:
        return jax.pure_callback(values, number(()), theta, vmap_method="expand_dims")

    if not gradients:
        return plain
    function = jax.custom_vjp(plain)

    def forward(theta: Any) -> tuple[Any, Any]:
        shapes = (number(()), number(theta.shape))
        value, slope = jax.pure_callback(both, shapes, theta, vmap_method="expand_dims")
        return value, slope

    def backward(slope: Any, cotangent: Any) -> tuple[Any]:
        return (cotangent * slope,)

    function.defvjp(forward, backward)
    return function
