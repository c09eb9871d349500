"""From measured runs to a trained ensemble: scales, shared reactions, network, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from catena.core.errors import DataError, SolverError
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.estimate import Estimates, estimates
from catena.learn.hybrid.network import FADING, TermNetwork
from catena.learn.hybrid.runs import Run, windows
from catena.learn.hybrid.training import History, Plan, trained


@final
@dataclass(frozen=True)
class Shape:
    """What a person chooses about the network.

    Args:
        hidden: Widths of the hidden layers.
        rank: Latent rates shared by the terms; None takes as many as carry 99.9 % of what the
            terms do to the states.
        memory: Memory units (a gated recurrent unit in continuous time).
        positive: Terms that are never negative.
        limited_by: State that a term empties when it is negative, by term.
    """

    hidden: tuple[int, ...] = (16, 16)
    rank: int | None = None
    memory: int = 0
    positive: tuple[str, ...] = ()
    limited_by: Mapping[str, str] | None = None


@final
@dataclass(frozen=True)
class Trained:
    """A trained ensemble.

    Args:
        network: The network.
        weights: Weights of every member (members, size).
        history: How the fit went.
        scale: Sizes of the states (n,).
    """

    network: TermNetwork
    weights: np.ndarray
    history: History
    scale: np.ndarray


def fit_terms(
    slots: Slots,
    runs: Sequence[Run],
    shape: Shape,
    plan: Plan,
    key: int,
    *,
    validation: Sequence[Run] = (),
    advance: Callable[[int], None] = lambda units: None,
) -> Trained:
    """Return an ensemble trained on runs.

    Args:
        slots: What is learned from what.
        runs: Training runs.
        shape: The network.
        plan: Steps and sizes.
        key: Seed.
        validation: Runs for the choice of the best weights; never trained on.
        advance: Told of every Adam step done.

    Raises:
        DataError: a state never changes or was never measured.
        SolverError: the training did not give finite weights.
    """
    scale = state_scale(slots, runs)
    default = np.array([float(slots.system.parameters[n].default or 0.0) for n in slots.terms])
    known = estimates(slots, windows(slots, runs, 1, plan.steps, 1), scale, default)
    network = network_for(slots, runs, shape, known, default, scale)
    weights, history = trained(slots, network, runs, known, scale, plan, key,
                               validation=validation, advance=advance)  # fmt: skip
    return checked(Trained(network, weights, history, scale))


def refitted(
    slots: Slots,
    old: Trained,
    runs: Sequence[Run],
    free: np.ndarray,
    plan: Plan,
    key: int,
    advance: Callable[[int], None] = lambda units: None,
) -> Trained:
    """Return the ensemble with some weights trained on other runs, held near where they were.

    Args:
        slots: What is learned from what.
        old: The trained ensemble.
        runs: New runs.
        free: Which weights may move (size,).
        plan: Steps and sizes; the penalty pulls weights back to the old ones.
        key: Seed.
        advance: Told of every Adam step done.
    """
    none = Estimates(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))
    plan = replace(plan, members=len(old.weights))
    weights, history = trained(slots, old.network, runs, none, old.scale, plan, key,
                               start=old.weights, free=free, advance=advance)  # fmt: skip
    return checked(Trained(old.network, weights, history, old.scale))


def checked(found: Trained) -> Trained:
    """Return what was trained, without members that diverged.

    Raises:
        SolverError: no member is left.
    """
    errors = np.array(
        found.history.stages[-1].get("training", found.history.stages[-1].get("error"))
    )
    good = np.isfinite(found.weights).all(axis=1) & np.isfinite(errors)
    if not good.any():
        raise SolverError("Training failed", where="hybrid", why="no member has a finite error",
                          fix="take more integration steps per interval, or a smaller step size")  # fmt: skip
    return replace(found, weights=found.weights[good])


def state_scale(slots: Slots, runs: Sequence[Run]) -> np.ndarray:
    """Return the largest measured size of every state (n,).

    Raises:
        DataError: a state was never measured away from zero.
    """
    table = np.concatenate([run.states for run in runs])
    with np.errstate(invalid="ignore"):
        scale = np.nan_to_num(np.abs(table)).max(axis=0)
    empty = [n for n, s in zip(slots.system.states.names, scale, strict=True) if s == 0]
    if empty:
        raise DataError(f"{', '.join(empty[:5])}: no measurements to learn from", where="hybrid data",
                        why="the column is missing, empty or zero throughout",
                        fix="measure it, or leave the state out of the system")  # fmt: skip
    return np.asarray(scale)


def network_for(
    slots: Slots,
    runs: Sequence[Run],
    shape: Shape,
    known: Estimates,
    default: np.ndarray,
    scale: np.ndarray,
) -> TermNetwork:
    """Return the network: feature ranges from the data, shared reactions from the estimates."""
    low, high = feature_ranges(slots, runs)
    system = slots.system
    states = system.states.names
    sizes = dict(zip(states, scale, strict=True))
    fields = {f.name: f for f in (*system.states, *system.forcing, *slots.parameters)}
    amounts = [n in fields and fields[n].bounds[0] == 0 and n in sizes for n in slots.features]
    low = np.where(amounts, 0.0, low)
    limited = dict(shape.limited_by or {})
    limits = [FADING * sizes[limited[n]] if n in limited else 1.0 for n in slots.terms]
    positive = np.array([n in shape.positive for n in slots.terms])
    offset = np.where(positive, default, 0.0) if len(known.terms) else default
    mixing = _mixing(known, shape.rank, default)
    longest = max(float(run.times[-1] - run.times[0]) for run in runs)
    return TermNetwork(
        slots.terms, slots.features, low, high, np.array(amounts), mixing, offset, positive,
        np.array([states.index(limited[n]) if n in limited else -1 for n in slots.terms]),
        np.array(limits),
        tuple(shape.hidden), shape.memory, longest,
    )  # fmt: skip


def _mixing(known: Estimates, rank: int | None, default: np.ndarray) -> np.ndarray:
    """Return the matrix (rank, terms) from latent rates of unit size to terms.

    Directions are those in which the terms of the data vary most, each term counted by what it
    does to the states.
    """
    count = len(default)
    if len(known.terms) < 2:
        return np.diag(np.where(default != 0, np.abs(default), 1.0))
    moved = known.terms * known.effect
    _, sizes, directions = np.linalg.svd(moved, full_matrices=False)
    carried = np.cumsum(sizes**2) / np.sum(sizes**2)
    enough = int(np.searchsorted(carried, 0.999) + 1)
    keep = min(rank or enough, len(sizes), count)
    typical = sizes[:keep] / np.sqrt(len(moved))
    return np.asarray(typical[:, None] * directions[:keep] / known.effect)


def feature_ranges(slots: Slots, runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest value of every feature in the runs, (f,) each."""
    low, high = [], []
    states = slots.system.states.names
    for name in slots.features:
        if name in states:
            column = states.index(name)
            values = np.concatenate([run.states[:, column] for run in runs])
        elif name in slots.system.forcing:
            values = np.concatenate([run.controls[name][1] for run in runs])
        elif name == "time":
            values = np.concatenate([run.times for run in runs])
        else:
            values = np.array([run.parameters[name] for run in runs], float)
        low.append(np.nanmin(values))
        high.append(np.nanmax(values))
    return np.array(low), np.array(high)
