"""Dose records in the columns of NM-TRAN, expanded on the host to tables a solver can follow.

Columns: time, amt, cmt, rate, ii, addl, ss, evid (0 observation, 1 dose, 2 other, 3 reset,
4 reset and dose). A record with ``rate`` > 0 is an infusion of ``amt / rate`` duration; ``addl``
further doses follow every ``ii``; ``ss = 1`` means that the regimen (``amt`` every ``ii``) has
been going on for ever. After Beal, Sheiner, Boeckmann and Bauer, NONMEM Users Guides (2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from catena.core.errors import RowFault
from catena.core.spec import Field, Schema
from catena.core.values import Padded
from catena.numerics.ode.forcing import SAME


def columns(doses: tuple[str, ...], amount_unit: str, time_unit: str) -> Schema:
    """Return the columns of an event table that doses into the given compartments."""
    rate_unit = f"{amount_unit}/{time_unit}" if amount_unit else f"1/{time_unit}"
    return Schema(
        [
            Field("time", unit=time_unit, doc="Time of the record"),
            Field("amt", unit=amount_unit, bounds=(0, None), default=0.0, doc="Dose amount"),
            Field("cmt", kind="category", choices=doses, default=doses[0], doc="Where it goes"),
            Field("rate", unit=rate_unit, bounds=(0, None), default=0.0, doc="0 means a bolus"),
            Field("ii", unit=time_unit, bounds=(0, None), default=0.0, doc="Dose interval"),
            Field("addl", kind="integer", bounds=(0, 100_000), default=0, doc="Additional doses"),
            Field("ss", kind="integer", bounds=(0, 1), default=0, doc="1: at steady state"),
            Field("evid", kind="integer", bounds=(0, 4), default=1, doc="What the record is"),
        ]
    )


def faults(table: Padded, first_output: np.ndarray, doses: int) -> list[RowFault]:
    """Return what is wrong between the columns of event tables (single cells are checked before).

    Args:
        table: Columns (n, records) with mask.
        first_output: First output time of the rows (n or 1,).
        doses: Number of dosed states; higher ``cmt`` are actions.

    Returns:
        Faults by batch row; row -1 where one table serves all rows.
    """
    shared = len(table.mask) == 1
    c = table.columns()
    real = np.asarray(table.mask)
    time, amt, rate, ii = (np.asarray(c[name]) for name in ("time", "amt", "rate", "ii"))
    addl, ss, evid = (np.asarray(c[name]) for name in ("addl", "ss", "evid"))
    dose = real & ((evid == 1) | (evid == 4))
    earlier = np.zeros_like(real)
    earlier[:, 1:] = (time[:, 1:] < time[:, :-1]) & real[:, 1:]
    first = np.cumsum(dose, axis=1) == 1
    own = len(first_output) == len(time)
    late = time > (first_output[:, None] if own else first_output.min()) + SAME
    with np.errstate(divide="ignore", invalid="ignore"):
        too_long = dose & (ss == 1) & (rate > 0) & (amt / rate > ii * (1 + SAME))
    acts = dose & (np.asarray(c["cmt"]) >= doses)
    rules = (
        (acts & (rate > 0), "rate", "must be 0 for an action, which is instant"),
        (acts & (ss == 1), "ss", "must be 0 for an action; only doses can be at steady state"),
        (earlier, "time", "is earlier than the record before; sort the records by time"),
        (dose & (addl > 0) & (ii <= 0), "ii", "must be > 0 when addl is given"),
        (dose & (ss == 1) & (ii <= 0), "ii", "must be > 0 when ss is 1"),
        (dose & (amt <= 0) & (rate > 0), "amt", "must be > 0 for an infusion"),
        (dose & (ss == 1) & late, "time", "of an ss dose is after the first output time"),
        (dose & (ss == 1) & ~first, "ss", "only the first dose of a row can be at steady state"),
        (too_long, "rate", "an infusion at steady state must end within ii"),
    )
    found = []
    for bad, field, why in rules:
        for row, record in zip(*np.nonzero(bad), strict=True):
            found.append(RowFault(-1 if shared else int(row), "events",
                                  f"record {record}: {field} {why}"))  # fmt: skip
    return found


@final
@dataclass(frozen=True)
class Stops:
    """Moments at which integration pauses; slot 0 is the start.

    Args:
        start: Start time (n,).
        times: Times of slots 1.. (n, stops), padded with inf.
        reset: Whether the states return to their initial values there (n, stops + 1).
        bolus: Items (row, slot, compartment, record) of instant doses, (k, 4).
        infusion: Items (row, slot, compartment, record) of infusion starts, (m, 4).
        infusion_end: Slot where each infusion ends, (m,).
        duration: Planned duration of each infusion, (m,); a reset may end it earlier.
        steady: (row, record) of doses at steady state.
    """

    start: np.ndarray
    times: np.ndarray
    reset: np.ndarray
    bolus: np.ndarray
    infusion: np.ndarray
    infusion_end: np.ndarray
    duration: np.ndarray
    steady: np.ndarray

    def until(self, last: np.ndarray) -> Stops:
        """Return the stops that come no later than ``last`` (n,) in some row."""
        count = int((self.times <= last[:, None]).sum(axis=1).max(initial=0))
        given, infused = self.bolus[:, 1] <= count, self.infusion[:, 1] <= count
        return replace(
            self, times=self.times[:, :count], reset=self.reset[:, : count + 1],
            bolus=self.bolus[given], infusion=self.infusion[infused],
            infusion_end=self.infusion_end[infused], duration=self.duration[infused],
        )  # fmt: skip


@final
@dataclass(frozen=True)
class _Doses:
    row: np.ndarray
    record: np.ndarray
    time: np.ndarray
    planned: np.ndarray  # duration, 0 for a bolus
    until: np.ndarray  # end, earlier than planned where a reset comes first


def expand(
    table: Padded | None,
    first_output: np.ndarray,
    breaks: np.ndarray,
    begin: np.ndarray | None = None,
) -> Stops:
    """Expand additional doses, infusions and resets of all rows to sorted stops.

    Args:
        table: Event columns (n, records) as NumPy arrays, or None.
        first_output: First output time of each row (n,); n is 1 when all rows share everything.
        breaks: Further times to stop at (n, k), inf for padding.
        begin: Start times (n,) that override those found.

    Returns:
        Stops of n rows. Integration starts at zero, or earlier where an output or event is
        earlier, or at the dose that is at steady state.
    """
    n = len(first_output)
    if table is None or not np.any(table.mask):
        empty = np.zeros(0)
        doses = _Doses(empty.astype(int), empty.astype(int), empty, empty, empty)
        reset_row, reset_time = empty.astype(int), empty
        steady = np.zeros((0, 2), dtype=int)
        cmt = np.zeros((n, 1), dtype=int)
    else:
        c = {name: np.asarray(v) for name, v in table.columns().items()}
        cmt = c["cmt"]
        real = np.asarray(table.mask)
        row, record = np.nonzero(real & (c["evid"] >= 3))
        reset_row, reset_time = row, c["time"][row, record]
        doses = _doses(c, real, (reset_row, reset_time))
        steady = np.argwhere(real & (c["ss"] == 1) & np.isin(c["evid"], (1, 4)))
    start = np.minimum(0.0, first_output)
    np.minimum.at(start, doses.row, doses.time)
    np.minimum.at(start, reset_row, reset_time)
    if len(steady):
        start[steady[:, 0]] = c["time"][steady[:, 0], steady[:, 1]]
    start = start if begin is None else begin
    return _arrange(start, doses, (reset_row, reset_time), breaks, cmt, steady)


def _doses(
    c: dict[str, np.ndarray],
    real: np.ndarray,
    resets: tuple[np.ndarray, np.ndarray],
) -> _Doses:
    row, record = np.nonzero(real & np.isin(c["evid"], (1, 4)))
    count = np.asarray(c["addl"])[row, record] + 1
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    row, record = np.repeat(row, count), np.repeat(record, count)
    given = c["time"][row, record]
    time = given + nth * c["ii"][row, record]
    rate = c["rate"][row, record]
    length = np.divide(c["amt"][row, record], rate, out=np.zeros(len(row)), where=rate > 0)
    # A reset cancels doses still pending and infusions still running.
    cut = _next_reset(row, given, resets)
    keep = (nth == 0) | (time < cut)
    until = np.minimum(time + length, np.maximum(_next_reset(row, time, resets), time))
    return _Doses(row[keep], record[keep], time[keep], length[keep], until[keep])


def _next_reset(
    row: np.ndarray, after: np.ndarray, resets: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the first reset later than ``after`` in the same row, inf if there is none."""
    out = np.full(len(row), np.inf)
    for reset_row, reset_time in zip(*resets, strict=True):
        hit = (row == reset_row) & (reset_time > after)
        out[hit] = np.minimum(out[hit], reset_time)
    return out


def _arrange(
    start: np.ndarray,
    doses: _Doses,
    resets: tuple[np.ndarray, np.ndarray],
    breaks: np.ndarray,
    cmt: np.ndarray,
    steady: np.ndarray,
) -> Stops:
    """Merge all moments to one sorted list of distinct stops per row."""
    n = len(start)
    infused = doses.planned > 0
    break_row, break_at = np.nonzero(np.isfinite(breaks) & (breaks > start[:, None]))
    rows = np.concatenate([doses.row, doses.row[infused], resets[0], break_row])
    times = np.concatenate(
        [doses.time, doses.until[infused], resets[1], breaks[break_row, break_at]]
    )
    slot, table = _slots(rows, times, start)
    dose_slot, end_slot, reset_slot, _ = np.split(
        slot, np.cumsum([len(doses.row), infused.sum(), len(resets[0])])
    )
    reset = np.zeros((n, table.shape[1] + 1), dtype=bool)
    reset[resets[0], reset_slot] = True
    items = np.stack(
        [doses.row, dose_slot, cmt[doses.row, doses.record], doses.record], axis=1
    ).astype(int)
    return Stops(start, table, reset, items[~infused], items[infused], end_slot,
                 doses.planned[infused], steady)  # fmt: skip


def _slots(rows: np.ndarray, times: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct moments of every row; the start itself is slot 0."""
    if not len(rows):
        return np.zeros(0, dtype=int), np.zeros((len(start), 0))
    rows = np.concatenate([np.arange(len(start)), rows])
    times = np.concatenate([start, times])
    order = np.lexsort((times, rows))
    r, t = rows[order], times[order]
    fresh = np.ones(len(r), dtype=bool)
    gap = np.abs(t[1:] - t[:-1]) > SAME * np.maximum(np.abs(t[1:]), 1e-3)
    fresh[1:] = (r[1:] != r[:-1]) | gap
    running = np.cumsum(fresh) - 1
    first = np.zeros(len(start), dtype=int)
    heads = np.flatnonzero(np.concatenate([[True], r[1:] != r[:-1]]))
    first[r[heads]] = running[heads]
    number = running - first[r]
    table = np.full((len(start), number.max()), np.inf)
    later = fresh & (number > 0)
    table[r[later], number[later] - 1] = t[later]
    slot = np.empty(len(rows), dtype=int)
    slot[order] = number
    return slot[len(start) :], table
