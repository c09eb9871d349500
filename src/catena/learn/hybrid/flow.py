"""Trajectories of a system over windows: fixed Runge-Kutta steps that JAX differentiates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catena.learn.hybrid.runs import Windows

#: ``(t, y, p, u, w) -> dy/dt``
Slope = Callable[[Any, Any, Any, Any, Any], Any]


def roll(slope: Slope, window: Windows, weights: Any, memory: int = 0) -> Any:
    """Return the states (length, n) at the interval ends of one window (a row of ``Windows``).

    Args:
        slope: Right-hand side.
        window: One window, without its leading axis.
        weights: Passed on to ``slope``.
        memory: Further states that start at zero and are not returned.
    """
    import jax.numpy as jnp
    from jax import lax

    n = window.start.shape[-1]
    start = jnp.concatenate([window.start, jnp.zeros(memory)])
    step = stepper(slope)

    def interval(y: Any, item: Any) -> tuple[Any, Any]:
        y = step(y, item, window.parameters, weights)
        return y, y[:n]

    _, ends = lax.scan(interval, start, (window.clock, window.width, window.controls))
    return ends


def stepper(slope: Slope) -> Callable[..., Any]:
    """Return ``(y, (t, width, controls), p, weights) -> y`` at the end of one interval."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    slope = jax.jit(slope)  # traced once instead of at each of the four stages

    def step(y: Any, item: Any, parameters: Any, weights: Any) -> Any:
        clock, width, controls = item
        count = controls.shape[0]
        h = width / count

        def rate(t: Any, state: Any, u: Any) -> Any:
            return slope(t, state, parameters, u, weights)

        def advance(y: Any, part: Any) -> tuple[Any, None]:
            t, u = part
            k1 = rate(t, y, u[0])
            k2 = rate(t + h / 2, y + h / 2 * k1, u[1])
            k3 = rate(t + h / 2, y + h / 2 * k2, u[1])
            k4 = rate(t + h, y + h * k3, u[2])
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        times = clock + h * jnp.arange(count)
        end, _ = lax.scan(advance, y, (times, controls))
        return end

    return step
