"""From a checked batch to the row problems of a call: host-side, before anything is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import InputError
from catena.core.values import Padded
from catena.numerics.ode.backend import Row, Steady
from catena.numerics.ode.events import Stops, expand
from catena.numerics.ode.forcing import break_times


def rows_of_call(
    parameters: Mapping[str, Any],
    times: Any,
    events: Padded | None,
    forcing: Mapping[str, Padded],
    dosed: int,
    linear: bool,
) -> Row:
    """Return all rows as one pytree; every leaf has a leading axis of n, or 1 if shared.

    Args:
        parameters: Values (n or 1, ...); may be traced.
        times: Output times (n or 1, t); concrete, or traced with a concrete start.
        events: Event table (n or 1, records); only ``amt`` may be traced.
        forcing: Tables (n or 1, points) by name; only ``value`` may be traced.
        dosed: Number of dosed states.
        linear: Look for repeated interval lengths.

    Raises:
        InputError: event or forcing times are traced.
    """
    _concrete_tables(events, forcing)
    known = not _traced(times)
    first = np.asarray(times)[:, 0] if known else np.zeros(1)
    tables = [table for table in (events, *forcing.values()) if table is not None]
    n = max([len(first), *(len(table.mask) for table in tables)])
    plain = None if events is None else _plain(events, n)
    stops = expand(
        plain,
        np.broadcast_to(first, (n,)).copy(),
        break_times(forcing, n),
    )
    # Few distinct table lengths mean few compiled programs; stops at infinity cost nothing.
    stops = stops.padded(2 if linear else 4)
    bolus, rate = _amounts(stops, None if events is None else events.columns()["amt"], n, dosed)
    return Row(
        parameters=dict(parameters),
        times=times,
        start=stops.start,
        stops=stops.times,
        bolus=bolus,
        rate=rate,
        reset=stops.reset.astype(float),
        forcing={name: _curve(table) for name, table in forcing.items()},
        steady=None if events is None or plain is None else _steady(stops, events, plain, n, dosed),
        lengths=_lengths(stops, np.asarray(times), n) if linear and known else None,
    )


def _traced(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return False
    from jax.core import Tracer

    return isinstance(value, Tracer)


def _concrete_tables(events: Padded | None, forcing: Mapping[str, Padded]) -> None:
    tables = {**({} if events is None else {"events": events}), **forcing}
    for name, table in tables.items():
        free = "amt" if name == "events" and events is table else "value"
        for column, cells in (*table.columns().items(), ("mask", table.mask)):
            if column != free and _traced(cells):
                raise InputError(
                    f"Column {column!r} of {name!r} is traced by JAX",
                    where="OdeSystem",
                    why="the moments at which integration stops must be known before compiling",
                    fix="close over the table instead of passing it through jit or grad; "
                    f"only {free!r} may be traced",
                )


def _plain(events: Padded, n: int) -> Padded:
    """Return the events over ``n`` rows as NumPy arrays, with the present values of amounts.

    Raises:
        InputError: amounts are abstract and an infusion's duration depends on them.
    """
    columns = dict(events.columns())
    amt = columns["amt"]
    if _traced(amt):
        from jax import lax

        present = lax.stop_gradient(amt)
        if not _traced(present):
            columns["amt"] = np.asarray(present)
        elif not np.any(np.asarray(columns["rate"])):
            columns["amt"] = np.ones(np.shape(amt))
        else:
            raise InputError(
                "An infusion's amount is traced under jit",
                where="OdeSystem events",
                why="its duration, amt / rate, must be known before compiling",
                fix="differentiate outside jit, or close over the infusions",
            )
    stretched = {
        name: np.broadcast_to(cells, (n, *np.shape(cells)[1:])) for name, cells in columns.items()
    }
    mask = np.asarray(events.mask)
    return Padded(stretched, np.broadcast_to(mask, (n, mask.shape[1])))


def _amounts(stops: Stops, amt: Any, n: int, dosed: int) -> tuple[Any, Any]:
    """Return bolus amounts and infusion rates (n, slots, d); linear in the amounts given."""
    shape = (n, stops.reset.shape[1], dosed)
    if amt is None or not (len(stops.bolus) + len(stops.infusion)):
        return np.zeros(shape), np.zeros(shape)
    row, slot, cmt, record = stops.bolus.T
    bolus = _scatter(shape, (row, slot, cmt), _pick(amt, row, record))
    row, slot, cmt, record = stops.infusion.T
    # The duration stays when an amount varies, so that the dose remains the area.
    speed = _pick(amt, row, record) / stops.duration
    end = np.minimum(stops.infusion_end, shape[1])
    change = _scatter((n, shape[1] + 1, dosed), (row, slot, cmt), speed)
    change = change - _scatter((n, shape[1] + 1, dosed), (row, end, cmt), speed)
    rate = change[:, :-1].cumsum(axis=1)
    if isinstance(rate, np.ndarray):
        # What rounding leaves of an infusion that has ended is not an infusion.
        rate = np.where(np.abs(rate) < 1e-12 * np.abs(rate).max(initial=0.0), 0.0, rate)
    return bolus, rate


def _pick(amt: Any, row: np.ndarray, record: np.ndarray) -> Any:
    return amt[np.zeros_like(row) if len(amt) == 1 else row, record]


def _scatter(shape: tuple[int, ...], places: tuple[np.ndarray, ...], values: Any) -> Any:
    if not _traced(values):
        out = np.zeros(shape)
        np.add.at(out, places, np.asarray(values))
        return out
    import jax.numpy as jnp

    return jnp.zeros(shape).at[places].add(values)


def _curve(table: Padded) -> tuple[np.ndarray, Any]:
    mask = np.asarray(table.mask)
    times = np.where(mask, np.asarray(table.columns()["time"]), np.inf)
    values = table.columns()["value"]
    # Padding repeats the last value, so holding it after the table needs no special case.
    last = np.maximum(mask.sum(axis=1) - 1, 0)
    place = np.minimum(np.arange(mask.shape[1]), last[:, None])
    return times, values[np.arange(len(mask))[:, None], place]


def _steady(stops: Stops, events: Padded, plain: Padded, n: int, dosed: int) -> Steady | None:
    if not len(stops.steady):
        return None
    row, record = stops.steady.T
    c = {name: cells[row, record] for name, cells in plain.columns().items()}
    amount = _pick(events.columns()["amt"], row, record)
    infused = c["rate"] > 0
    interval, duration = np.zeros(n), np.zeros(n)
    interval[row] = c["ii"]
    duration[row] = np.where(infused, c["amt"] / np.where(infused, c["rate"], 1.0), 0.0)
    place = (row, c["cmt"])
    bolus = _scatter((n, dosed), place, amount * ~infused)
    rate = _scatter((n, dosed), place, amount * infused / np.where(infused, duration[row], 1.0))
    return Steady(interval, bolus, rate, duration)


def _lengths(stops: Stops, times: np.ndarray, n: int) -> np.ndarray | None:
    """Return the distinct interval lengths of every row (n, k), or None when nearly all differ."""
    end = np.broadcast_to(times[:, -1:], (n, 1))
    parts = [stops.start[:, None], stops.times, np.broadcast_to(times, (n, times.shape[1]))]
    moments = np.concatenate(parts, axis=1)
    moments = np.sort(np.clip(moments, stops.start[:, None], end), axis=1)
    gaps = np.diff(moments, axis=1)
    tolerance = 1e-12 * np.maximum(np.abs(moments).max(axis=1), 1e-12)
    found = []
    for row in range(n):
        gap = np.sort(gaps[row])
        keep = np.concatenate([[True], np.diff(gap) > tolerance[row]])
        found.append(gap[keep])
    most = max(len(gap) for gap in found)
    if 2 * most > gaps.shape[1]:
        return None
    table = np.zeros((n, most))
    for row, gap in enumerate(found):
        table[row, : len(gap)] = gap
        table[row, len(gap) :] = gap[-1]
    return table
