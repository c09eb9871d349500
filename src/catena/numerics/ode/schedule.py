"""When integration stops and what happens there: everything of a call that must be concrete.

Doses, resets, actions, edges of stimuli and points of forcing tables of all rows become slots: a
slot has a time, at most one action, and the segment that holds from it on. Several slots may share
one moment. All of it is vectorised over rows; ``calls`` adds the values that may be traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.values import Padded
from catena.numerics.ode.events import Stops, expand
from catena.numerics.ode.flat import RESET
from catena.numerics.ode.forcing import SAME, Curves
from catena.numerics.ode.tracing import concrete_tables, plain_events, traced

if TYPE_CHECKING:
    from catena.numerics.ode.declare.stimuli import Periodic
    from catena.numerics.ode.system import OdeSystem

Values = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Schedule:
    """The stops of n rows (n is 1 when all rows of the call share them).

    Args:
        moments: Distinct times, the start first (n, m); padding repeats the last.
        slot_time: Times of slots 1.. (n, s), padded with inf.
        slot_action: Action of each slot, 0 for none (n, s + 1).
        moment_of: Moment of each slot (n, s + 1).
        amounts: Slots whose amount comes from a record: arrays row, slot, record.
        infusions: Infusions: arrays row, first moment, moment after the last, dosed state, record.
        duration: Planned duration of each infusion.
        curves: Tables of forcing.
        on: Per stimulus whether a pulse is on from each moment (n, m).
        cycle: One dosing interval of the regimen at steady state, which ends at the start; empty
            where a row has no such regimen. None where no row has one.
    """

    moments: np.ndarray
    slot_time: np.ndarray
    slot_action: np.ndarray
    moment_of: np.ndarray
    amounts: tuple[np.ndarray, ...]
    infusions: tuple[np.ndarray, ...]
    duration: np.ndarray
    curves: Mapping[str, Curves]
    on: Mapping[str, np.ndarray]
    cycle: Schedule | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.moments)

    @property
    def start(self) -> np.ndarray:
        """Start times (n,)."""
        return self.moments[:, 0]

    def repeated(self, times: int) -> Schedule:
        """Return the stops of all rows, ``times`` times over."""
        if times == 1:
            return self

        def tiled(array: np.ndarray) -> np.ndarray:
            return np.tile(array, (times, *(1,) * (array.ndim - 1)))

        def items(parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
            row = np.arange(times).repeat(len(parts[0])) * self.rows + np.tile(parts[0], times)
            return (row, *(np.tile(part, times) for part in parts[1:]))

        return Schedule(
            tiled(self.moments), tiled(self.slot_time), tiled(self.slot_action),
            tiled(self.moment_of), items(self.amounts), items(self.infusions),
            np.tile(self.duration, times),
            {name: curves.repeated(times) for name, curves in self.curves.items()},
            {name: tiled(on) for name, on in self.on.items()},
            None if self.cycle is None else self.cycle.repeated(times),
        )  # fmt: skip


def schedule_of(system: OdeSystem, batch: Values) -> Schedule:
    """Return the stops of a checked batch.

    Args:
        system: The declaration.
        batch: Values with a leading axis of n or 1. Amounts, forcing values, parameters and (when
            nothing repeats without end) output times may be traced.

    Raises:
        InputError: something that moves a stop is traced.
    """
    events = batch.get("events")
    forcing = {f.name: batch[f.name] for f in system.forcing}
    concrete_tables(events, forcing)
    edges = _edge_parameters(system, batch)
    times = batch["time"]
    known = not traced(times)
    first = np.asarray(times)[:, 0].astype(float) if known else np.zeros(1)
    last = np.asarray(times)[:, -1].astype(float) if known else np.full(1, np.inf)
    n = max([len(first), *(len(t.mask) for t in (events, *forcing.values()) if t is not None),
             *(len(value) for value in edges.values())])  # fmt: skip
    plain = None if events is None else plain_events(events, n)
    curves = {name: Curves.of(table, system.interpolation[name]) for name, table in forcing.items()}
    build = _Builder(system, curves, edges, n)
    last = np.broadcast_to(last, (n,))
    whole = build.schedule(plain, np.broadcast_to(first, (n,)).copy(), last)
    if plain is None or not len(build.steady):
        return whole
    return replace(whole, cycle=build.cycle(plain, whole.start))


@final
class _Builder:
    """Turns moments of one call into schedules."""

    def __init__(
        self, system: OdeSystem, curves: Mapping[str, Curves], edges: Values, n: int
    ) -> None:
        self.system, self.curves, self.edges, self.n = system, curves, edges, n
        self.steady = np.zeros((0, 2), dtype=int)

    def schedule(
        self,
        events: Padded | None,
        first: np.ndarray,
        last: np.ndarray,
        begin: np.ndarray | None = None,
    ) -> Schedule:
        """Return the slots between the start and ``last``."""
        n = self.n
        tables = [np.broadcast_to(c.times, (n, c.times.shape[1])) for c in self.curves.values()]
        pulses = [self._pulses(s, last) for s in self.system.stimuli]
        breaks = np.concatenate([np.full((n, 0), np.inf), *tables, *pulses], axis=1)
        stops = expand(events, first, breaks, begin).until(last)
        self.steady = stops.steady
        moments = np.concatenate([stops.start[:, None], stops.times], axis=1)
        finite = np.where(np.isfinite(moments), moments, -np.inf)
        filled = np.maximum.accumulate(finite, axis=1)
        time, action, moment_of, amounts = _slots(stops, moments, len(self.system.dosed))
        row, since, dose, record = stops.infusion.T
        until = np.minimum(stops.infusion_end, moments.shape[1])
        on = {s.name: self._on(s, filled) for s in self.system.stimuli}
        return Schedule(filled, time, action, moment_of, amounts, (row, since, until, dose, record),
                        stops.duration, self.curves, on)  # fmt: skip

    def cycle(self, events: Padded, start: np.ndarray) -> Schedule:
        """Return one dosing interval, which ends at the start, of the rows at steady state."""
        row, record = self.steady.T
        columns = {name: np.array(cells) for name, cells in events.columns().items()}
        interval = np.zeros(self.n)
        interval[row] = columns["ii"][row, record]
        mask = np.zeros_like(np.asarray(events.mask))
        mask[row, record] = True
        columns["time"] = np.where(mask, (start - interval)[:, None], columns["time"])
        columns["addl"] = np.zeros_like(columns["addl"])
        columns["ss"] = np.zeros_like(columns["ss"])
        columns["evid"] = np.ones_like(columns["evid"])
        begin = start - interval
        return self.schedule(Padded(columns, mask), begin, start, begin)

    def _part(self, stimulus: Periodic, part: str) -> np.ndarray:
        """Return a part of a stimulus as a column (n or 1, 1)."""
        return np.atleast_1d(np.asarray(stimulus.value(part, self.edges), dtype=float))[:, None]

    def _pulses(self, stimulus: Periodic, last: np.ndarray) -> np.ndarray:
        """Return the times of all edges up to ``last`` (n, 2 k)."""
        start, period, duration = (
            self._part(stimulus, part) for part in ("start", "period", "duration")
        )
        count = float(np.inf if stimulus.count is None else stimulus.count)
        fit = np.floor((last[:, None] - start) / period) + 1
        most = min(count, float(fit.max(initial=0.0)))
        if not np.isfinite(most):
            raise InputError(f"Stimulus {stimulus.name!r} repeats without end",
                             where=f"model {self.system.info.id}",
                             why="the last output time is traced by JAX, so its pulses cannot be "
                             "counted before compiling",
                             fix="give count, or close over the output times")  # fmt: skip
        on = start + period * np.arange(max(0, int(most)))
        both = np.stack([on, on + duration], axis=2).reshape(len(on), -1)
        return np.broadcast_to(both, (self.n, both.shape[1]))

    def _on(self, stimulus: Periodic, moments: np.ndarray) -> np.ndarray:
        """Return whether a pulse is on from each moment (n, m)."""
        start, period, duration = (
            self._part(stimulus, part) for part in ("start", "period", "duration")
        )
        phase = moments + SAME * np.maximum(np.abs(moments), 1e-3) - start
        number = np.floor(phase / period)
        count = np.inf if stimulus.count is None else stimulus.count
        running = (phase >= 0) & (number < count)
        on: np.ndarray = running & (phase - number * period < duration)
        return on


def _edge_parameters(system: OdeSystem, batch: Values) -> dict[str, np.ndarray]:
    """Return the parameters that move edges of stimuli, in NumPy.

    Raises:
        InputError: one is traced, or makes no sense.
    """
    found = {}
    for stimulus in system.stimuli:
        for name in stimulus.edges():
            if traced(batch[name]):
                raise InputError(f"Parameter {name!r} is traced by JAX",
                                 where=f"model {system.info.id}, stimulus {stimulus.name!r}",
                                 why="it moves the moments at which integration stops, which must "
                                 "be known before compiling",
                                 fix="close over it instead of differentiating or tracing it")  # fmt: skip
            found[name] = np.asarray(batch[name], dtype=float)
        period, duration = (np.asarray(stimulus.value(part, {**batch, **found}), dtype=float)
                            for part in ("period", "duration"))  # fmt: skip
        if not (period > 0).all() or not ((duration >= 0) & (duration <= period)).all():
            raise InputError(f"Stimulus {stimulus.name!r} has an impossible period or duration",
                             where=f"model {system.info.id}",
                             why="0 <= duration <= period and period > 0 must hold in every row",
                             fix="correct the parameters it names")  # fmt: skip
    return found


def _slots(
    stops: Stops, moments: np.ndarray, doses: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Give every action of a moment its own slot: reset first, then records in their order."""
    n, m = moments.shape
    real = np.isfinite(moments)
    row, moment, target, record = stops.bolus.T
    count = np.zeros((n, m), dtype=int)
    np.add.at(count, (row, moment), 1)
    count = np.maximum(count + stops.reset, 1) * real
    first = np.concatenate([np.zeros((n, 1), dtype=int), np.cumsum(count, axis=1)], axis=1)
    width = int(first[:, -1].max())
    moment_of = np.zeros((n, width), dtype=int)
    rows, columns = np.nonzero(real & (np.arange(m) > 0))
    np.add.at(moment_of, (rows, first[rows, columns]), 1)
    moment_of = np.cumsum(moment_of, axis=1)
    time = moments[np.arange(n)[:, None], moment_of]
    time = np.where(np.arange(width) < first[:, -1:], time, np.inf)
    action = np.zeros((n, width), dtype=np.int64)
    rows, columns = np.nonzero(stops.reset)
    action[rows, first[rows, columns]] = RESET
    order = np.lexsort((record, moment, row))
    row, moment, target, record = (part[order] for part in (row, moment, target, record))
    fresh = np.ones(len(row), dtype=bool)
    fresh[1:] = (row[1:] != row[:-1]) | (moment[1:] != moment[:-1])
    place = np.arange(len(row))
    rank = place - np.maximum.accumulate(np.where(fresh, place, 0)) if len(row) else place
    slot = first[row, moment] + stops.reset[row, moment] + rank
    # Doses are numbered after the reset, declared actions after the doses.
    action[row, slot] = RESET + 1 + target
    return time[:, 1:], action, moment_of, (row, slot, record)
