"""What the terms must have been: their mean over every sampling interval, from the data alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.flow import stepper
from catena.learn.hybrid.runs import Windows

_ROUNDS = 4
#: Ridge that keeps terms without any effect in an interval at their start.
_RIDGE = 1e-9


@final
@dataclass(frozen=True)
class Estimates:
    """Terms that lead from one sample exactly to the next.

    Args:
        features: Feature values in the middle of each interval (m, f).
        levels: States in the middle (m, n).
        terms: Mean of the terms over the interval (m, terms).
        effect: How much a unit of each term moves the scaled states per time, root mean square
            over the intervals (terms,).
    """

    features: np.ndarray
    levels: np.ndarray
    terms: np.ndarray
    effect: np.ndarray


def estimates(slots: Slots, single: Windows, scale: np.ndarray, start: np.ndarray) -> Estimates:
    """Solve every fully measured interval for constant terms (Gauss-Newton through the flow).

    Args:
        slots: What is learned from what.
        single: Windows of one interval each.
        scale: Sizes of the states (n,), the weights of the fit.
        start: Terms to start from (terms,).
    """
    import jax
    import jax.numpy as jnp

    full = single.known.all(axis=(1, 2)) & (single.width[:, 0] > 0)
    if not full.any():
        count = len(slots.terms)
        return Estimates(np.zeros((0, len(slots.features))), np.zeros((0, len(scale))),
                         np.zeros((0, count)), np.ones(count))  # fmt: skip
    step = stepper(slots.slope)
    half = single.controls.shape[2] // 2

    def one(y: Any, clock: Any, width: Any, controls: Any, parameters: Any, wanted: Any) -> Any:
        item = (clock[0], width[0], controls[0])

        def misfit(terms: Any) -> Any:
            return (step(y, item, parameters, terms) - wanted[0]) / scale

        def improve(terms: Any, _: Any) -> tuple[Any, None]:
            r, jacobian = misfit(terms), jax.jacfwd(misfit)(terms)
            size = jnp.sqrt((jacobian**2).sum(axis=0))
            unit = jacobian / jnp.where(size > 0, size, 1.0)
            normal = unit.T @ unit + _RIDGE * jnp.eye(len(slots.terms))
            move = jnp.linalg.solve(normal, -unit.T @ r)
            return terms + jnp.where(size > 0, move / jnp.where(size > 0, size, 1.0), 0.0), None

        terms, _ = jax.lax.scan(improve, jnp.asarray(start), None, length=_ROUNDS)
        middle = step(y, (clock[0], width[0] / 2, controls[0]), parameters, terms)
        u, moment = controls[0, half, 1], clock[0] + width[0] / 2
        moves = jax.jacfwd(lambda v: slots.slope(moment, middle, parameters, u, v) / scale)(terms)
        features = slots.gather(moment, middle, parameters, u)
        return features, middle, terms, (moves**2).sum(axis=0)

    parts = (single.start, single.clock, single.width, single.controls, single.parameters,
             single.wanted)  # fmt: skip
    found = jax.jit(jax.vmap(one))(*(part[full] for part in parts))
    features, levels, terms, squares = (np.asarray(part) for part in found)
    good = np.isfinite(np.concatenate([features, terms, squares], axis=1)).all(axis=1)
    effect = np.sqrt(squares[good].mean(axis=0)) if good.any() else np.ones(len(slots.terms))
    return Estimates(features[good], levels[good], terms[good], np.where(effect > 0, effect, 1.0))
