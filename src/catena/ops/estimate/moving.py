"""How a distribution moves between samples: compiled steps that every filter shares.

Between samples the state follows dz = f(t, z, u) dt + L dW. Means follow the equations; covariance
follows the derivative of every integration step, with the noise of a step integrated by Simpson's
rule over its two halves (order four, and positive definite for any step).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, final

import numpy as np

from catena.numerics.horizon.stepping import compiled, rosenbrock, runge_kutta
from catena.ops.estimate.augmented import Augmented


@final
class Moving:
    """Compiled motion of one augmented model.

    Args:
        model: What moves.
    """

    def __init__(self, model: Augmented) -> None:
        self.model = model
        maker = runge_kutta if model.method == "rk4" else rosenbrock
        self.step = maker(model.rhs)
        self.noise = np.diag(model.drift**2)

    def steps(self, width: float) -> int:
        """Return the number of integration steps of an interval."""
        return max(1, int(np.ceil(width / self.model.step - 1e-9)))

    @cached_property
    def spread(self) -> Any:
        """Compiled ``(t, z, p, u, width, steps) -> (z, p, a)``: mean, covariance, transition."""
        import jax
        import jax.numpy as jnp

        nothing = np.zeros(0)

        def half(t: Any, z: Any, u: Any, h: Any) -> tuple[Any, Any]:
            def move(z: Any) -> tuple[Any, Any]:
                new = self.step(t, z, u, nothing, h)
                return new, new

            a, new = jax.jacfwd(move, has_aux=True)(z)
            return new, a

        def run(t: Any, z: Any, p: Any, u: Any, width: Any, steps: Any) -> Any:
            h = width / steps

            def one(k: Any, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
                z, p, total = carry
                middle, first = half(t + k * h, z, u, h / 2)
                end, second = half(t + (k + 0.5) * h, middle, u, h / 2)
                a = second @ first
                noise = (
                    h / 6 * (a @ self.noise @ a.T + 4 * second @ self.noise @ second.T + self.noise)
                )
                new = a @ p @ a.T + noise
                return end, (new + new.T) / 2, a @ total

            return jax.lax.fori_loop(0, steps, one, (z, p, jnp.eye(z.size)))

        return compiled(run)

    @cached_property
    def carry(self) -> Any:
        """Compiled ``(t, points, u, width, steps) -> points``: points (m, nz) without noise."""
        import jax

        def run(t: Any, points: Any, u: Any, width: Any, steps: Any) -> Any:
            h = width / steps

            def move(z: Any) -> Any:
                def one(k: Any, z: Any) -> Any:
                    middle = self.step(t + k * h, z, u, np.zeros(0), h / 2)
                    return self.step(t + (k + 0.5) * h, middle, u, np.zeros(0), h / 2)

                return jax.lax.fori_loop(0, steps, one, z)

            return jax.vmap(move)(points)

        return compiled(run)

    @cached_property
    def wander(self) -> Any:
        """Compiled ``(t, points, u, width, steps, seed) -> points``: every point with own noise."""
        import jax

        def run(t: Any, points: Any, u: Any, width: Any, steps: Any, seed: Any) -> Any:
            h = width / steps
            move: Any = jax.vmap(lambda z, t: self.step(t, z, u, np.zeros(0), h), in_axes=(0, None))

            def one(k: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
                points, key = carry
                key, own = jax.random.split(key)
                shake = jax.random.normal(own, points.shape) * self.model.drift * (h / 2) ** 0.5
                key, other = jax.random.split(key)
                after = jax.random.normal(other, points.shape) * self.model.drift * (h / 2) ** 0.5
                # Noise before and after the step: order two for the moments (Strang's splitting).
                return move(points + shake, t + k * h) + after, key

            start = (points, jax.random.key(seed))
            return jax.lax.fori_loop(0, steps, one, start)[0]

        return compiled(run)

    @cached_property
    def look(self) -> Any:
        """Compiled ``(t, z, u) -> (y, h)``: measured outputs and their derivative."""
        import jax

        def run(t: Any, z: Any, u: Any) -> tuple[Any, Any]:
            return self.model.look(t, z, u), jax.jacfwd(lambda z: self.model.look(t, z, u))(z)

        return compiled(run)

    @cached_property
    def looks(self) -> Any:
        """Compiled ``(t, points, u) -> (m, ny)``."""
        import jax

        return compiled(jax.vmap(self.model.look, in_axes=(None, 0, None)))
