"""A system together with the sensitivities of its states in one direction, again as a system.

Its first derivatives are the second derivatives of the original one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.numerics.ode.flat import Flat


def augment(flat: Flat) -> Flat:
    """Return the system of states and one direction's sensitivities.

    Args:
        flat: A system without crossings; state events would need the jumps of sensitivities.

    Returns:
        States ``[y, dy]``, parameters ``[p, dp]``, segments ``[s, ds, da]`` (``da`` moves the
        amount of the slot's action) and outputs ``[out, dout]``.
    """
    import jax
    import jax.numpy as jnp

    assert flat.crossings is None
    n, np_, ns = flat.n, flat.np, flat.ns

    def along(function: Callable[..., Any], t: Any, y: Any, p: Any, s: Any, *amount: Any) -> Any:
        """Return a function's value and its derivative in the direction, one after the other."""
        point = (y[:n], p[:np_], s[:ns], *amount)
        moves = (y[n:], p[np_:], s[ns : 2 * ns], *(s[2 * ns] for _ in amount))
        value, slope = jax.jvp(lambda *at: function(t, *at), point, moves)
        return jnp.concatenate([value, slope])

    def initial(p: Any) -> Any:
        return jnp.concatenate(jax.jvp(flat.initial, (p[:np_],), (p[np_:],)))

    def act(action: Callable[..., Any]) -> Callable[..., Any]:
        return lambda t, y, p, s, a: along(action, t, y, p, s, a)

    return replace(
        flat, n=2 * n, np=2 * np_, ns=2 * ns + 1, no=2 * flat.no, initial=initial,
        rhs=lambda t, y, p, s: along(flat.rhs, t, y, p, s),
        outputs=lambda t, y, p, s: along(flat.outputs, t, y, p, s),
        actions=tuple(act(action) for action in flat.actions),
        mass=_twice(flat.mass),
        labels=(*flat.labels, *(f"d {label}" for label in flat.labels)),
    )  # fmt: skip


def _twice(mass: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the mass matrix (or its diagonal) of two copies side by side."""
    if mass is None or mass.ndim == 1:
        return None if mass is None else np.tile(mass, 2)
    out = np.zeros((2 * len(mass), 2 * len(mass)))
    out[: len(mass), : len(mass)] = out[len(mass) :, len(mass) :] = mass
    return out
