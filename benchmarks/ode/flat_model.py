"""A declared system as one JAX function of vectors, for peers that want just that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode import OdeSystem


def flat_slopes(system: OdeSystem) -> Callable[[Any, Any, Any], Any]:
    """Return ``f(t, y, p)`` with states (n,) and parameters in declared order, scalars or vectors.

    Args:
        system: A system without forcing.
    """
    import jax.numpy as jnp

    enable_x64()
    names = system.parameters.names

    def slopes(t: Any, y: Any, p: Any) -> Any:
        given = p if isinstance(p, dict) else dict(zip(names, jnp.asarray(p), strict=True))
        known = {**given, **system.derive(given)} if system.derive else given
        out = system.rhs(t, system.layout.split(jnp.asarray(y)), known, {})
        return jnp.concatenate([jnp.ravel(jnp.asarray(out[name])) for name in system.layout.names])

    return slopes
