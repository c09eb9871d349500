"""Measured runs as arrays, and windows cut from them for shooting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import DataError
from catena.core.values import Padded
from catena.learn.hybrid.embed import Slots
from catena.numerics.ode.forcing import Curves

#: Intermediate points at which the controls of one integration step are needed.
_POINTS = np.array([1e-9, 0.5, 1.0 - 1e-9])


@final
@dataclass(frozen=True)
class Run:
    """One run.

    Args:
        name: Its name.
        times: Sampling times (t,), increasing.
        states: Measured states (t, n); NaN where a state was not measured.
        parameters: Values of the parameters that stay.
        controls: Tables (times, values) by forcing name.
    """

    name: str
    times: np.ndarray
    states: np.ndarray
    parameters: Mapping[str, float]
    controls: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def control(self, slots: Slots, moments: np.ndarray) -> np.ndarray:
        """Return the controls (m, forcings) at moments (m,)."""
        columns = []
        for name, kind in slots.system.interpolation.items():
            times, values = self.controls[name]
            table = Padded(
                {"time": times[None], "value": values[None]}, np.ones((1, len(times)), bool)
            )
            pieces = Curves.of(table, kind).coefficients(values[None], moments[None], np)[0]
            columns.append(pieces[:, 0])
        return np.stack(columns, axis=1) if columns else np.zeros((len(moments), 0))


@final
@dataclass(frozen=True)
class Windows:
    """Stretches of runs, all with the same number of sampling intervals, ready to integrate.

    Args:
        start: States at the start of each window (w, n).
        clock: Time at the start of each interval (w, length).
        width: Length of each interval (w, length).
        controls: Controls at start, middle and end of every step (w, length, steps, 3, forcings).
        parameters: Parameters that stay (w, parameters).
        wanted: Measured states at the interval ends (w, length, n), 0 where not measured.
        known: Whether they were measured (w, length, n).
    """

    start: np.ndarray
    clock: np.ndarray
    width: np.ndarray
    controls: np.ndarray
    parameters: np.ndarray
    wanted: np.ndarray
    known: np.ndarray

    @property
    def count(self) -> int:
        """Number of windows."""
        return len(self.start)


def windows(slots: Slots, runs: Sequence[Run], length: int, steps: int, stride: int = 0) -> Windows:
    """Cut windows of ``length`` intervals from runs.

    Args:
        slots: What is learned from what.
        runs: Runs; those with fewer intervals are padded with intervals of no length.
        length: Intervals per window; 0 takes whole runs.
        steps: Integration steps per interval.
        stride: Intervals between the starts of windows; half a window by default.

    Raises:
        DataError: no window starts at a fully measured sample.
    """
    longest = max(len(run.times) for run in runs) - 1
    whole = length <= 0 or length >= longest
    length = longest if whole else length
    every = stride or max(1, length // 2)
    parts = []
    for run in runs:
        count = len(run.times) - 1
        starts = [0] if whole or count <= length else list(range(0, count - length + 1, every))
        if starts[-1] != max(count - length, 0):
            starts.append(count - length)
        parts += [_cut(slots, run, first, length, steps) for first in starts
                  if np.isfinite(run.states[first]).all()]  # fmt: skip
    if not parts:
        raise DataError("No window can start", where=", ".join(run.name for run in runs)[:80],
                        why="no sample has all states measured",
                        fix="measure all states at least at the start of each run")  # fmt: skip
    return Windows(*(np.stack(column) for column in zip(*parts, strict=True)))


def _cut(slots: Slots, run: Run, first: int, length: int, steps: int) -> tuple[np.ndarray, ...]:
    count = min(length, len(run.times) - 1 - first)
    edges = np.full(length + 1, run.times[first + count])
    edges[: count + 1] = run.times[first : first + count + 1]
    width = np.diff(edges)
    inner = (np.arange(steps)[:, None] + _POINTS) / steps
    moments = edges[:-1, None, None] + width[:, None, None] * inner
    controls = run.control(slots, moments.ravel()).reshape(length, steps, 3, -1)
    wanted = np.full((length, run.states.shape[1]), np.nan)
    wanted[:count] = run.states[first + 1 : first + 1 + count]
    known = np.isfinite(wanted)
    parameters = np.array([run.parameters[n] for n in slots.parameters.names], float)
    return (run.states[first], edges[:-1], width, controls, parameters,
            np.where(known, wanted, 0.0), known)  # fmt: skip


def stretch(part: Windows, chosen: Any) -> Windows:
    """Return some of the windows."""
    return Windows(*(getattr(part, name)[chosen] for name in part.__dataclass_fields__))
