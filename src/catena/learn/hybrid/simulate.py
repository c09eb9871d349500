"""Courses of measured runs as every member of an ensemble sees them, at the sampling times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.fit import Trained
from catena.learn.hybrid.flow import roll
from catena.learn.hybrid.runs import Run, Windows, windows


def trajectories(
    slots: Slots, trained: Trained, runs: Sequence[Run], steps: int
) -> list[np.ndarray]:
    """Return, per run, the states (members, t, n) that follow from its first sample.

    Args:
        slots: What is learned from what.
        trained: The ensemble.
        runs: Runs whose first sample has all states.
        steps: Integration steps per sampling interval.
    """
    import jax

    whole = windows(slots, runs, 0, steps)
    fields = tuple(getattr(whole, name) for name in whole.__dataclass_fields__)
    slope = slots.network_slope(trained.network)
    memory = trained.network.memory

    def one(weights: object, *window: object) -> object:
        return roll(slope, Windows(*window), weights, memory)  # type: ignore[arg-type]

    rows = jax.vmap(one, (None, *(0,) * len(fields)))
    ends = np.asarray(
        jax.jit(jax.vmap(rows, (0, *(None,) * len(fields))))(trained.weights, *fields)
    )
    found = []
    for k, run in enumerate(runs):
        start = np.broadcast_to(run.states[0], (len(ends), 1, run.states.shape[1]))
        found.append(np.concatenate([start, ends[:, k, : len(run.times) - 1]], axis=1))
    return found
