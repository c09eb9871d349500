"""Fitting the networks of an ensemble: rates first, then windows of growing length, then whole runs.

Short windows (multiple shooting) have smooth objectives; long ones teach the network what its own
errors lead to. All members are fitted side by side.

Sources: Adam, Kingma and Ba 2015, arXiv:1412.6980; multiple shooting for neural equations, Turan and
Jaeschke 2022, doi:10.1109/LCSYS.2021.3135835.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.estimate import Estimates
from catena.learn.hybrid.flow import roll
from catena.learn.hybrid.network import TermNetwork
from catena.learn.hybrid.runs import Run, Windows, windows

#: Adam steps between two looks at the validation runs.
LOOK = 25


@final
@dataclass(frozen=True)
class Plan:
    """How an ensemble is trained.

    Args:
        members: Networks in the ensemble.
        regression: Adam steps on the estimated terms.
        stages: (intervals per window, Adam steps) in turn; 0 intervals are whole runs.
        rate: Adam's first step size.
        penalty: Weight of the sum of squared weights against the mean squared scaled error.
        steps: Runge-Kutta steps per sampling interval.
    """

    members: int = 5
    regression: int = 800
    stages: tuple[tuple[int, int], ...] = ((1, 250), (4, 250), (0, 250))
    rate: float = 0.01
    penalty: float = 1e-6
    steps: int = 3


@final
@dataclass
class History:
    """How a fit went: (stage, training error per member, validation error per member)."""

    stages: list[dict[str, Any]] = field(default_factory=list)


def trained(
    slots: Slots,
    network: TermNetwork,
    runs: Sequence[Run],
    known: Estimates,
    scale: np.ndarray,
    plan: Plan,
    key: int,
    *,
    validation: Sequence[Run] = (),
    start: np.ndarray | None = None,
    free: np.ndarray | None = None,
    advance: Callable[[int], None] = lambda units: None,
) -> tuple[np.ndarray, History]:
    """Return the weights of every member (members, size) and how the fit went.

    Args:
        slots: What is learned from what.
        network: Its shape.
        runs: Training runs.
        known: Estimated terms of their intervals.
        scale: Sizes of the states (n,).
        plan: Steps and sizes.
        key: Seed.
        validation: Runs on which the best weights of each member are chosen.
        start: Weights to start from (members, size) instead of random ones; regression on the
            terms is then left out.
        free: Which weights may move (size,); all but the gains by default.
        advance: Told of every Adam step done.
    """
    rng = np.random.default_rng(key)
    weights = np.stack([network.start(rng) for _ in range(plan.members)])
    moving = network.trainable() if free is None else np.asarray(free, float)
    anchor = np.zeros((plan.members, network.size))
    if start is not None:
        weights = anchor = np.array(start, float)
    decay = network.decayed() * moving
    history = History()
    if start is None and len(known.terms) and plan.regression:
        loss = _regression(network, known)
        weights, errors = _descend(
            loss, weights, anchor, decay, moving, plan, plan.regression, advance
        )
        history.stages.append({"stage": "terms", "training": errors.tolist()})
    judge = _Judge(slots, network, validation, scale, plan)
    stages = _stages(network, plan)
    for k, (length, steps) in enumerate(stages):
        loss = _trajectories(slots, network, windows(slots, runs, length, plan.steps), scale)
        last = judge if k == len(stages) - 1 else None
        weights, errors = _descend(loss, weights, anchor, decay, moving, plan, steps, advance, last)
        history.stages.append(
            {"stage": f"windows of {length or 'all'}", "training": errors.tolist()}
        )
    if judge.best is not None:
        history.stages.append({"stage": "validation", "error": np.sqrt(judge.error).tolist()})
    return weights, history


def _stages(network: TermNetwork, plan: Plan) -> Sequence[tuple[int, int]]:
    """Return the stages; a memory starts at zero with the run, so it needs windows from there."""
    if not network.memory:
        return plan.stages
    return ((0, sum(steps for _, steps in plan.stages)),)


def _regression(network: TermNetwork, known: Estimates) -> Callable[[Any], Any]:
    """Return the mean squared error of the terms in units of their mean effect on the states."""
    import jax
    import jax.numpy as jnp

    size = np.sqrt(((known.terms * known.effect) ** 2).mean())
    memory = np.zeros(network.memory)

    def loss(weights: Any) -> Any:
        def one(values: Any, levels: Any) -> Any:
            return network(weights, values, memory, levels)[0]

        terms = jax.vmap(one)(known.features, known.levels)
        return jnp.mean(((terms - known.terms) * known.effect / max(size, 1e-300)) ** 2) * 1e-2

    return loss


def _trajectories(
    slots: Slots, network: TermNetwork, part: Windows, scale: np.ndarray
) -> Callable[[Any], Any]:
    """Return the mean squared scaled error over windows."""
    import jax
    import jax.numpy as jnp

    slope = slots.network_slope(network)
    count = max(int(part.known.sum()), 1)

    def loss(weights: Any) -> Any:
        ends = jax.vmap(lambda *w: roll(slope, Windows(*w), weights, network.memory))(
            *_fields(part)
        )
        return jnp.sum(jnp.where(part.known, (ends - part.wanted) / scale, 0.0) ** 2) / count

    return loss


def _fields(part: Windows) -> tuple[np.ndarray, ...]:
    return tuple(getattr(part, name) for name in part.__dataclass_fields__)


@final
class _Judge:
    """Keeps the weights of each member that did best on the validation runs."""

    def __init__(
        self, slots: Slots, network: TermNetwork, runs: Sequence[Run], scale: np.ndarray, plan: Plan
    ) -> None:
        self.best: np.ndarray | None = None
        self.error = np.full(plan.members, np.inf)
        self._loss: Callable[[Any], Any] | None = None
        if runs:
            import jax

            part = windows(slots, runs, 0, plan.steps)
            self._loss = jax.jit(jax.vmap(_trajectories(slots, network, part, scale)))

    def look(self, weights: np.ndarray) -> None:
        """Compare the present weights with the best so far."""
        if self._loss is None:
            return
        error = np.asarray(self._loss(weights))
        if self.best is None:
            self.best = np.array(weights)
        better = error < self.error
        self.best[better], self.error[better] = weights[better], error[better]


def _descend(
    loss: Callable[[Any], Any],
    weights: np.ndarray,
    anchor: np.ndarray,
    decay: np.ndarray,
    moving: np.ndarray,
    plan: Plan,
    steps: int,
    advance: Callable[[int], None],
    judge: _Judge | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Take Adam steps on all members; the step size falls to a twentieth along a cosine."""
    import jax
    import jax.numpy as jnp

    if not steps:
        return weights, np.sqrt(np.asarray(jax.jit(jax.vmap(loss))(weights)))

    def objective(w: Any, home: Any) -> tuple[Any, Any]:
        error = loss(w)
        return error + plan.penalty * jnp.sum(decay * (w - home) ** 2), error

    def one(carry: Any, _: Any) -> tuple[Any, Any]:
        w, first, second, count = carry
        (_, error), slope = jax.vmap(jax.value_and_grad(objective, has_aux=True))(w, anchor)
        slope = jnp.nan_to_num(slope) * moving
        slope = slope / jnp.maximum(1.0, jnp.linalg.norm(slope, axis=1, keepdims=True))
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        fall = 0.05 + 0.95 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(count / steps, 1.0))) / 2.0
        count = count + 1
        mean, size = first / (1.0 - 0.9**count), second / (1.0 - 0.999**count)
        move = plan.rate * fall * mean / (jnp.sqrt(size) + 1e-8)
        return (w - move * moving, first, second, count), error

    chunk = jax.jit(lambda carry: jax.lax.scan(one, carry, None, length=LOOK))
    zero = jnp.zeros(weights.shape)
    carry = (jnp.asarray(weights), zero, zero, jnp.zeros(()))
    errors = np.zeros(len(weights))
    for _ in range(-(-steps // LOOK)):
        carry, found = chunk(carry)
        errors = np.sqrt(np.asarray(found[-1]))
        if judge is not None:
            judge.look(np.asarray(carry[0]))
        advance(LOOK)
    chosen = np.asarray(carry[0])
    if judge is not None and judge.best is not None:
        chosen = judge.best
    return chosen, errors
