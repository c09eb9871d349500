"""Small flat systems and calls, shared by the tests of the kernel."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Call

enable_x64()


def call(p: Any, times: Any, ns: int = 0, **changes: Any) -> Call:
    """Return a call without stops; ``changes`` replaces its fields."""
    p = np.atleast_2d(np.asarray(p, dtype=float))
    fields: dict[str, Any] = {
        "rows": len(p), "p": p, "times": np.atleast_2d(np.asarray(times, dtype=float)),
        "start": np.zeros(1), "slot_time": np.zeros((1, 0)),
        "slot_action": np.zeros((1, 1), dtype=np.int64), "slot_amount": np.zeros((1, 1)),
        "segment": np.zeros((1, 1, ns)),
    }  # fmt: skip
    return Call(**{**fields, **changes})


def decay() -> Flat:
    """dy/dt = -p y, y(0) = 1."""
    return Flat(1, 1, 0, 1, lambda t, y, p, s: -p * y, lambda t, y, p, s: y,
                lambda p: jnp.ones(1))  # fmt: skip


def mixed() -> Flat:
    """Three nonlinear, time-dependent states with a segment value, a dose and a dilution."""

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        return jnp.stack(
            [
                -p[0] * y[0] + s[0],
                p[0] * y[0] - p[1] * y[1] / (p[2] + y[1]) + 0.3 * jnp.sin(p[1] * t),
                jnp.exp(-y[2]) * y[1] - p[0] * y[2] ** 2,
            ]
        )

    return Flat(
        3, 3, 1, 2, rhs,
        lambda t, y, p, s: jnp.stack([y[1] * p[2] + t, y[0] * y[2]]),
        lambda p: jnp.stack([p[0], p[1] ** 2, 0.5 * p[2]]),
        actions=(
            lambda t, y, p, s, a: y.at[0].add(a),
            lambda t, y, p, s, a: y * jnp.exp(-a * p[0]),
        ),
    )  # fmt: skip


def mixed_call(rows: int) -> Call:
    """Return rows with doses, a dilution and changes of the segment value; two at one moment."""
    rng = np.random.default_rng(1)
    segment = np.array([0.0, 1.0, 1.0, 0.5, 0.0]).reshape(1, 5, 1)
    return call(
        rng.uniform(0.5, 2.0, (rows, 3)),
        [0.0, 0.8, 1.6, 2.4, 3.3, 4.2, 5.0],
        slot_time=np.array([[1.0, 1.0, 2.5, 4.0]]),
        slot_action=np.array([[1, 2, 1, 0, 2]]),
        slot_amount=np.array([[0.3, 0.2, 1.0, 0.0, 0.1]]),
        segment=segment,
    )


def ball() -> Flat:
    """A bouncing ball: height and speed; p is gravity, restitution and the first height."""
    return Flat(
        2, 3, 0, 2,
        lambda t, y, p, s: jnp.stack([y[1], -p[0]]),
        lambda t, y, p, s: y,
        lambda p: jnp.stack([p[2], 0.0 * p[0]]),
        actions=(lambda t, y, p, s, a: jnp.stack([0.0 * y[0], -p[1] * y[1]]),),
        crossings=lambda t, y, p, s: -y[:1],
        on_crossing=(1,),
    )  # fmt: skip


def height(p: np.ndarray, t: float) -> float:
    """Return the exact height of the bouncing ball."""
    gravity, restitution, first = p
    landing = np.sqrt(2 * first / gravity)
    if t < landing:
        return float(first - gravity * t * t / 2)
    speed, since = gravity * landing * restitution, landing
    while t > since + 2 * speed / gravity:
        since += 2 * speed / gravity
        speed *= restitution
    return float(speed * (t - since) - gravity * (t - since) ** 2 / 2)


def algebraic() -> Flat:
    """dy/dt = z - y with 0 = z - p y^2, started from a z that does not fit."""
    return Flat(
        2, 1, 0, 2,
        lambda t, y, p, s: jnp.stack([-y[0] + y[1], y[1] - p[0] * y[0] ** 2]),
        lambda t, y, p, s: y,
        lambda p: jnp.stack([1.0 + 0.0 * p[0], 5.0 + 0.0 * p[0]]),
        mass=np.diag([1.0, 0.0]),
        labels=("y", "z"),
    )  # fmt: skip
