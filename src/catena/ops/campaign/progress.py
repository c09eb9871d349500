"""What a campaign has found, and whether it should stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from catena.ops.campaign.state import Experiment, State


@final
@dataclass(frozen=True)
class Findings:
    """Data of a campaign as arrays.

    Args:
        x: Points with results (n, d).
        y: Mean outcomes over replicates (n, m); NaN is missing.
        counts: Replicates behind each mean (n, m).
        batches: Batch of each point (n,).
        ids: Their identifiers.
        noise: Standard deviation between replicates by outcome (m,); NaN where none is known.
        pending: Points under way (k, d).
    """

    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray
    batches: np.ndarray
    ids: tuple[str, ...]
    noise: np.ndarray
    pending: np.ndarray


def findings(state: State) -> Findings:
    """Return what has been measured so far."""
    names = [objective.name for objective in state.objectives]
    done = [e for e in state.experiments if e.status == "done"]
    values = [_values(experiment, names) for experiment in done]
    with np.errstate(invalid="ignore"):
        counts = np.array([np.isfinite(v).sum(axis=0) for v in values]).reshape(-1, len(names))
        sums = np.array([np.nansum(v, axis=0) for v in values]).reshape(-1, len(names))
        y = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        squares = np.array(
            [np.nansum((v - m) ** 2, axis=0) for v, m in zip(values, y, strict=True)]
        )
    spread, freedom = (
        squares.reshape(-1, len(names)).sum(axis=0),
        np.maximum(counts - 1, 0).sum(axis=0),
    )
    noise = np.where(freedom > 0, np.sqrt(spread / np.maximum(freedom, 1)), np.nan)
    d = len(state.factors)
    waiting = [e.point for e in state.experiments if e.status == "pending"]
    return Findings(
        np.array([e.point for e in done]).reshape(-1, d), y, counts,
        np.array([e.batch for e in done], dtype=int), tuple(e.id for e in done),
        noise, np.array(waiting).reshape(-1, d),
    )  # fmt: skip


def _values(experiment: Experiment, names: list[str]) -> np.ndarray:
    rows = [[reading.values.get(name) for name in names] for reading in experiment.readings]
    return np.array(rows, dtype=float).reshape(-1, len(names))


def allowed(state: State, y: np.ndarray) -> np.ndarray:
    """Return which rows (n,) keep to the limits of all outcomes that were measured."""
    good = np.ones(len(y), dtype=bool)
    for k, objective in enumerate(state.objectives):
        with np.errstate(invalid="ignore"):
            if objective.low is not None:
                good &= ~(y[:, k] < objective.low)
            if objective.high is not None:
                good &= ~(y[:, k] > objective.high)
    return good


def best(state: State, found: Findings) -> list[int]:
    """Return the rows that are best: one, or the Pareto set of several wishes."""
    wished = [k for k, o in enumerate(state.objectives) if o.goal != "bounded"]
    usable = np.flatnonzero(allowed(state, found.y) & np.isfinite(found.y[:, wished]).all(axis=1))
    if not len(usable):
        return []
    sign = np.array([-1.0 if state.objectives[k].goal == "maximise" else 1.0 for k in wished])
    low = found.y[usable][:, wished] * sign
    if len(wished) == 1:
        return [int(usable[np.argmin(low[:, 0])])]
    beaten = [(np.all(low <= row, axis=1) & np.any(low < row, axis=1)).any() for row in low]
    return [int(row) for row, bad in zip(usable, beaten, strict=True) if not bad]


def verdict(state: State, found: Findings) -> str:
    """Return why the campaign should stop, or an empty text."""
    rule = state.stopping
    asked = sum(e.batch > 0 for e in state.experiments)
    if rule.budget is not None and asked >= rule.budget and not len(found.pending):
        return f"the budget of {rule.budget} experiments is used"
    top = best(state, found)
    reached = _reached(state, found, top)
    if reached:
        return reached
    if rule.patience is not None and state.batches > rule.patience and top:
        return _stalled(state, found, rule.patience, rule.tolerance)
    return ""


def _reached(state: State, found: Findings, top: list[int]) -> str:
    targets = [
        (k, o)
        for k, o in enumerate(state.objectives)
        if o.target is not None and o.goal != "bounded"
    ]
    if not targets:
        return ""
    for row in top:
        met = []
        for k, objective in targets:
            noise = found.noise[k] if np.isfinite(found.noise[k]) else 0.0
            margin = 1.645 * noise / np.sqrt(max(found.counts[row, k], 1))
            gain = found.y[row, k] - float(objective.target or 0.0)
            met.append((gain if objective.goal == "maximise" else -gain) >= margin)
        if all(met):
            return f"experiment {found.ids[row]} meets the target, noise considered"
    return ""


def _stalled(state: State, found: Findings, patience: int, tolerance: float) -> str:
    """Tell whether the best has not moved beyond the noise for some batches (one wish only)."""
    wished = [k for k, o in enumerate(state.objectives) if o.goal != "bounded"]
    if len(wished) != 1:
        return ""
    k = wished[0]
    sign = 1.0 if state.objectives[k].goal == "maximise" else -1.0
    good = allowed(state, found.y) & np.isfinite(found.y[:, k])
    early = good & (found.batches <= state.batches - patience)
    if not early.any() or not (good & ~early).any():
        return ""
    gain = (sign * found.y[good, k]).max() - (sign * found.y[early, k]).max()
    noise = found.noise[k] if np.isfinite(found.noise[k]) else 0.0
    if gain <= tolerance * noise:
        return f"the best has not improved beyond the noise for {patience} batches"
    return ""
