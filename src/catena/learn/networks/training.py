"""Fitting of small networks to noise-free rows: full batches, quasi-Newton, a weight penalty.

With a few hundred rows and a smooth target, L-BFGS on the whole batch reaches errors that
stochastic steps do not (Liu and Nocedal 1989, doi:10.1007/BF01589116).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from catena.learn.networks.descent import descend
from catena.learn.networks.perceptron import Layer, Pull, flattened, unflattened

#: A network: layers and inputs to outputs, and the pull-back of slopes to the layers.
Network = Callable[[list[Layer], np.ndarray], tuple[np.ndarray, Pull]]


def train(
    network: Network,
    starts: Sequence[list[Layer]],
    z: np.ndarray,
    y: np.ndarray,
    members: np.ndarray,
    *,
    penalty: float,
    steps: int,
) -> list[list[Layer]]:
    """Fit the same network once per member, each to the rows it may see.

    Args:
        network: What is fitted.
        starts: Layers to start from, one list per member.
        z: Inputs (n, p).
        y: Targets (n, k), of about unit spread.
        members: Which rows each member sees (members, n).
        penalty: Weight of the mean squared parameter against the mean squared error.
        steps: Limit of the quasi-Newton steps.

    Returns:
        Fitted layers per member.
    """
    fitted = []
    for start, seen in zip(starts, members, strict=True):
        loss = partial(_loss, network=network, like=start, z=z[seen], y=y[seen], penalty=penalty)
        fitted.append(unflattened(descend(loss, flattened(start), steps), start))
    return fitted


def _loss(
    flat: np.ndarray,
    *,
    network: Network,
    like: list[Layer],
    z: np.ndarray,
    y: np.ndarray,
    penalty: float,
) -> tuple[float, np.ndarray]:
    """Return the penalised mean squared error and its gradient."""
    outputs, pull = network(unflattened(flat, like), z)
    errors = outputs - y
    slope = flattened(pull(2.0 * errors / errors.size))
    loss = float((errors**2).mean() + penalty * (flat**2).mean())
    return loss, slope + 2.0 * penalty * flat / flat.size


def folds(rows: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return which rows each of ``count`` members sees (count, rows): all but its own share."""
    owner = rng.permutation(np.arange(rows) % count)
    return np.asarray(owner[None, :] != np.arange(count)[:, None])
