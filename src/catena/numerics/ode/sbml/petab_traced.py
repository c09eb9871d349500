"""A batched host function with gradients inside a trace of JAX: for samplers and joint likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Scored = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def traced(scored: Scored, start: np.ndarray) -> Callable[[Any], Any]:
    """Return ``scored`` as a JAX function of one vector (p,), differentiable once, ``vmap``-able.

    A mapped function makes one call of the host for the whole batch.

    Args:
        scored: Values (n,) and gradients (n, p) of vectors (n, p).
        start: A vector (p,) at which it is called once now: nothing may be compiled inside a trace.
    """
    import jax

    from catena.core.jaxconfig import enable_x64

    enable_x64()
    scored(np.asarray(start, dtype=float)[None])
    size = len(start)
    shapes = (jax.ShapeDtypeStruct((), np.float64), jax.ShapeDtypeStruct((size,), np.float64))

    def host(theta: Any) -> tuple[np.ndarray, np.ndarray]:
        rows = np.asarray(theta, dtype=float)
        value, gradient = scored(rows.reshape(-1, size))
        return value.reshape(rows.shape[:-1]), gradient.reshape(rows.shape)

    def both(theta: Any) -> tuple[Any, Any]:
        found: tuple[Any, Any] = jax.pure_callback(host, shapes, theta, vmap_method="expand_dims")
        return found

    @jax.custom_jvp
    def value(theta: Any) -> Any:
        return both(theta)[0]

    @partial(value.defjvp)
    def rule(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
        found, gradient = both(primals[0])
        return found, gradient @ tangents[0]

    out: Callable[[Any], Any] = value
    return out
