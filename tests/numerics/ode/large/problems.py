"""Systems the tests of the large back end share, as flat functions and calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Call


def flat(
    n: int, rhs: Callable[..., Any], initial: Any = None, parameters: int = 0, **others: Any
) -> Flat:
    """Return a system whose outputs are its states."""
    import jax.numpy as jnp

    start = initial if callable(initial) else lambda p: jnp.asarray(initial) + 0.0 * jnp.sum(p)
    given = {"ns": 0, "no": n, "outputs": lambda t, y, p, s: y, **others}
    return Flat(n=n, np=parameters, rhs=rhs, initial=start, **given)


def call(times: Any, p: Any = None, **others: Any) -> Call:
    """Return a call without slots, of as many rows as ``p`` has."""
    p = np.zeros((1, 0)) if p is None else np.atleast_2d(np.asarray(p, float))
    given: dict[str, Any] = {
        "start": np.zeros(1),
        "slot_time": np.zeros((1, 0)),
        "slot_action": np.zeros((1, 1), np.int64),
        "slot_amount": np.zeros((1, 1)),
        "segment": np.zeros((1, 1, 0)),
        **others,
    }
    return Call(rows=len(p), p=p, times=np.atleast_2d(np.asarray(times, float)), **given)


def diffusion(cells: int) -> Callable[..., Any]:
    """Diffuse between closed ends; p = (diffusivity,)."""

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        import jax.numpy as jnp

        flux = p[0] * cells**2 * jnp.diff(y)
        return jnp.pad(flux, (0, 1)) - jnp.pad(flux, (1, 0))

    return rhs


def reacting(cells: int) -> Callable[..., Any]:
    """Diffuse and react nonlinearly, driven in time; p = (diffusivity, rate, drive)."""
    spread = diffusion(cells)

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        import jax.numpy as jnp

        return spread(t, y, p, s) - p[1] * y**2 / (1.0 + y) + p[2] * jnp.sin(t) * y[::-1]

    return rhs


def bump(cells: int) -> np.ndarray:
    """Return a smooth initial profile."""
    x = (np.arange(cells) + 0.5) / cells
    return 1.0 + np.cos(np.pi * x)
