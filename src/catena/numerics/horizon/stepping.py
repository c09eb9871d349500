"""Carrying a state over an interval in a fixed number of steps, differentiable to any order.

Two one-step methods: the classical Runge-Kutta method of order four, and the stiff Rosenbrock
method RODAS of order four (Hairer and Wanner, Solving Ordinary Differential Equations II, 1996,
doi:10.1007/978-3-642-05221-7, section IV.7). A fixed number of steps makes the interval map a
smooth function of its arguments, so that derivatives are those of the map really computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import SolverError
from catena.numerics.ode.kernel.tableau import RODAS4

if TYPE_CHECKING:
    from catena.numerics.horizon.dynamics import Dynamics

Method = Literal["rk4", "rodas4"]
#: Programs here are large and run for milliseconds: XLA's costly passes take longer than they save.
QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_llvm_disable_expensive_passes": True}
#: More steps of the explicit method than this per interval: the system is taken to be stiff.
STIFF_FROM = 32


@final
@dataclass(frozen=True)
class Stepping:
    """How an interval is divided.

    Args:
        method: One-step method.
        steps: Steps per interval.
    """

    method: Method = "rk4"
    steps: int = 4

    def across(self, rhs: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``(t, x, u, q, width) -> x`` at the end of the interval."""
        step = runge_kutta(rhs) if self.method == "rk4" else rosenbrock(rhs)

        def flow(t: Any, x: Any, u: Any, q: Any, width: Any) -> Any:
            import jax
            import jax.numpy as jnp

            h = width / self.steps
            if self.steps == 1:
                return step(t, x, u, q, h)

            def one(state: Any, k: Any) -> tuple[Any, None]:
                return step(t + k * h, state, u, q, h), None

            return jax.lax.scan(one, x, jnp.arange(self.steps, dtype=float))[0]

        return flow


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled at its first call, with code generation that takes little time."""
    import jax

    return jax.jit(function, compiler_options=dict(QUICK))


def runge_kutta(rhs: Callable[..., Any]) -> Callable[..., Any]:
    """Return one step ``(t, x, u, q, h) -> x`` of the classical Runge-Kutta method."""

    def step(t: Any, x: Any, u: Any, q: Any, h: Any) -> Any:
        first = rhs(t, x, u, q)
        second = rhs(t + h / 2, x + h / 2 * first, u, q)
        third = rhs(t + h / 2, x + h / 2 * second, u, q)
        fourth = rhs(t + h, x + h * third, u, q)
        return x + h / 6 * (first + 2 * second + 2 * third + fourth)

    return step


def rosenbrock(rhs: Callable[..., Any]) -> Callable[..., Any]:
    """Return one step ``(t, x, u, q, h) -> x`` of RODAS."""

    def step(t: Any, x: Any, u: Any, q: Any, h: Any) -> Any:
        import jax
        import jax.numpy as jnp

        jacobian = jax.jacfwd(lambda y: rhs(t, y, u, q))(x)
        now = jnp.asarray(t, dtype=float)
        slope, drift = jax.jvp(lambda time: rhs(time, x, u, q), (now,), (jnp.ones_like(now),))
        # Inverses of an interval of no width would be infinite; it changes nothing.
        width = jnp.where(h == 0, 1.0, h)
        inverse = jnp.linalg.inv(jnp.eye(x.size) / (width * RODAS4.gamma) - jacobian)
        stages = [inverse @ (slope + width * RODAS4.d[0] * drift)]
        for stage in range(1, 5):
            inner = rhs(t + RODAS4.alpha[stage] * width, x + _mix(RODAS4.a[stage], stages), u, q)
            past = _mix(RODAS4.c[stage], stages) / width
            stages.append(inverse @ (inner + past + width * RODAS4.d[stage] * drift))
        last = x + _mix(RODAS4.a[4], stages) + stages[4]
        error = inverse @ (rhs(t + width, last, u, q) + _mix(RODAS4.c[5], stages) / width)
        return jnp.where(h == 0, x, last + error)

    return step


def _mix(weights: tuple[float, ...], stages: list[Any]) -> Any:
    return sum(weight * stage for weight, stage in zip(weights, stages, strict=False))


def chosen(
    system: Dynamics, x: np.ndarray, u: np.ndarray, q: np.ndarray, width: float, *,
    accuracy: float = 1e-5, intervals: int = 20,
) -> Stepping:  # fmt: skip
    """Return the cheapest stepping whose interval maps agree with half its step size.

    Args:
        system: The dynamics.
        x: State to start from (n,).
        u: Inputs (m, nu): every row is tried, over ``intervals`` intervals.
        q: Loose values.
        width: Length of an interval.
        accuracy: Largest difference relative to the size of each state.
        intervals: Intervals followed.

    Raises:
        SolverError: no stepping is accurate enough.
    """
    import jax

    def path(step: Callable[..., Any], steps: Any) -> Any:
        h = width / steps

        def follow(inputs: Any) -> Any:
            def interval(x: Any, k: Any) -> tuple[Any, Any]:
                start = k * width

                def one(i: Any, y: Any) -> Any:
                    return step(start + i * h, y, inputs, q, h)

                new = jax.lax.fori_loop(0, steps, one, system.jump(start, x, inputs, q))
                return new, new

            return jax.lax.scan(interval, x, np.arange(float(intervals)))[1]

        return jax.vmap(follow)(u)

    methods: dict[Method, Any] = {"rk4": runge_kutta, "rodas4": rosenbrock}
    for method, maker in methods.items():
        run = compiled(partial(path, maker(system.rhs)))
        steps, coarse = 1, np.asarray(run(1))
        while steps <= STIFF_FROM:
            fine = np.asarray(run(2 * steps))
            size = np.maximum(np.abs(fine).max(axis=(0, 1)), 1e-12)
            if np.isfinite(fine).all() and (np.abs(fine - coarse) / size).max() <= accuracy:
                return Stepping(method, steps)
            steps, coarse = 2 * steps, fine
    raise SolverError("No step size is accurate enough", where=f"model {system.system.info.id}",
                      why=f"{2 * STIFF_FROM} steps in {width:g} differ from half as many by more "
                      f"than {accuracy:g}",
                      fix="shorten the interval, or name a method and a number of steps")  # fmt: skip
