"""A batch as the flat tables that solvers follow: slots, amounts, segments.

A call is linear bookkeeping on top of a ``Schedule``: the same code fills NumPy arrays for the
kernel and traced arrays inside ``jax.grad`` or ``jit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from catena.core.errors import InputError
from catena.numerics.ode.flat import Places
from catena.numerics.ode.kernel.calls import Call
from catena.numerics.ode.schedule import Schedule, schedule_of
from catena.numerics.ode.tracing import traced

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem

Values = Mapping[str, Any]


class Row(NamedTuple):
    """One row's problem, or all rows with a leading axis of n or 1 (shared); a pytree of arrays.

    Args:
        p: Parameters (np,).
        times: Output times (t,), not decreasing.
        start: Start time.
        slot_time: Times of slots 1.. (s,), not decreasing, padded with inf.
        slot_action: Action of each slot, slot 0 being the start; 0 for none (s + 1,).
        slot_amount: Amount handed to each action (s + 1,).
        segment: Segment values from each slot on (s + 1, ns); an action sees the new ones.
        y0: State before slot 0; None takes the initial state.
        cycle: The dosing interval whose fixed point is the state before slot 0 (its ``p`` is
            that of the row and left None), or None.
        lengths: Distinct lengths of the intervals between moments, when few and known (k,).
    """

    p: Any
    times: Any
    start: Any
    slot_time: Any
    slot_action: Any
    slot_amount: Any
    segment: Any
    y0: Any = None
    cycle: Any = None
    lengths: Any = None


class Leaves(NamedTuple):
    """What of a call may move: parameters by name, output times, amounts, forcing values."""

    parameters: dict[str, Any]
    time: Any
    amt: Any
    forcing: dict[str, Any]

    def named(self) -> dict[str, Any]:
        """Return all of them by one name each: ``p.cl``, ``time``, ``amt``, ``forcing.feed``."""
        out = {f"p.{name}": value for name, value in self.parameters.items()}
        out["time"] = self.time
        if self.amt is not None:
            out["amt"] = self.amt
        return {**out, **{f"forcing.{name}": value for name, value in self.forcing.items()}}

    def with_(self, changes: Values) -> Leaves:
        """Return leaves with some of the names of ``named`` replaced."""
        named = {**self.named(), **changes}
        return Leaves({name: named[f"p.{name}"] for name in self.parameters}, named["time"],
                      named.get("amt"),
                      {name: named[f"forcing.{name}"] for name in self.forcing})  # fmt: skip


@final
@dataclass(frozen=True)
class Plan:
    """A system laid out for one batch: everything but the values that may move.

    Args:
        system: The declaration.
        places: Layout of its flat vectors.
        schedule: The stops.
    """

    system: OdeSystem
    places: Places
    schedule: Schedule

    @classmethod
    def of(cls, system: OdeSystem, batch: Values) -> Plan:
        """Plan a checked batch.

        Raises:
            InputError: something that moves a stop is traced.
        """
        given = [f.name for f in system.parameters if f.name in batch]
        shapes = {name: tuple(np.shape(batch[name])[1:]) for name in given}
        return cls(system, Places.of(system, shapes), schedule_of(system, batch))

    def leaves(self, batch: Values) -> Leaves:
        """Return the moving values of a batch as floating-point arrays."""
        events = batch.get("events")
        return Leaves(
            {name: batch[name].astype(float) for name in self.places.parameters.shapes},
            batch["time"].astype(float),
            None if events is None else _real(events.columns()["amt"]),
            {f.name: _real(batch[f.name].columns()["value"]) for f in self.system.forcing},
        )

    def fill(self, leaves: Leaves) -> Row:
        """Return all rows; NumPy in, NumPy out, and traced values stay traced."""
        p, schedule = self._parameters(leaves), self.schedule
        row = self._row(schedule, p, leaves.time, leaves)
        if schedule.cycle is None:
            return row
        end = schedule.start[:, None]
        return row._replace(cycle=self._row(schedule.cycle, None, end, leaves))

    def seed(self, tangents: Values, size: int) -> dict[str, np.ndarray]:
        """Return the directions of flat arrays (size, ...) that directions of named inputs are.

        Args:
            tangents: Directions of parameters and ``time`` (size, *shape).
            size: Number of rows.

        Returns:
            Some of ``p``, ``times``, ``segment`` and ``cycle_segment`` (that of the cycle).

        Raises:
            InputError: a direction moves the edges of a stimulus.
        """
        self.refuse_edges(tangents)
        out = {}
        if "time" in tangents:
            times = np.asarray(tangents["time"], dtype=float)
            out["times"] = np.array(np.broadcast_to(times, (size, times.shape[1])))
        flat = {name: np.reshape(value, (len(value), -1)) for name, value in tangents.items()
                if name != "time"}  # fmt: skip
        if not flat:
            return out
        out["p"] = np.zeros((size, self.places.parameters.size))
        for name, value in flat.items():
            out["p"][:, self.places.parameters.span(name)] = value
        for key, schedule in self.schedules():
            heights = self.heights(schedule, flat)
            if heights:
                slots = schedule.slot_action.shape[1]
                out[key] = np.zeros((size, slots, self.places.segment))
                for name, place, on in heights:
                    out[key][:, :, place] += on * flat[name]
        return out

    def unseed(self, pulled: Values) -> dict[str, np.ndarray]:
        """Return cotangents of parameters and ``time`` from those of what ``seed`` returns.

        Parameters that move edges of stimuli get NaN: there is no derivative to them.
        """
        p = np.array(pulled["p"])
        names = self.places.parameters.shapes
        for key, schedule in self.schedules():
            for name, place, on in self.heights(schedule, names):
                p[:, self.places.parameters.span(name)] += (pulled[key][:, :, place] * on).sum(
                    axis=1, keepdims=True
                )
        return self.named(p, pulled["times"])

    def named(self, p: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
        """Return gradients by input name from those of the flat parameters and output times."""
        out = {**self.places.parameters.split(p), "time": times}
        for stimulus in self.system.stimuli:
            out.update({name: np.full_like(out[name], np.nan) for name in stimulus.edges()})
        return out

    def directions(self, leaves: Leaves, active: Iterable[str]) -> dict[str, np.ndarray]:
        """Return one direction per number of some leaves: arrays (n or 1, directions, ...).

        Args:
            leaves: NumPy values.
            active: Names as in ``Leaves.named``, without ``time``.

        Returns:
            Those of ``p``, ``amount``, ``segment``, ``cycle_amount`` and ``cycle_segment`` in
            which something moves.
        """
        named = leaves.named()
        counts = {name: int(np.prod(named[name].shape[1:], dtype=int)) for name in active}
        total = sum(counts.values())
        p = np.zeros((1, total, self.places.parameters.size))
        tables: dict[str, np.ndarray] = {}
        first = 0
        for name, count in counts.items():
            here = slice(first, first + count)
            first += count
            if name.startswith("p."):
                p[0, here, self.places.parameters.span(name[2:])] = np.eye(count)
            for key, array in self._moved_tables(name, leaves, count):
                wide = (total, *array.shape[2:])
                table = tables.setdefault(key, np.zeros((len(array), *wide)))
                if len(table) < len(array):
                    table = tables[key] = np.tile(table, (len(array), *(1,) * len(wide)))
                table[:, here] += array
        return {"p": p, **tables}

    def _moved_tables(
        self, name: str, leaves: Leaves, count: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield what of amounts and segments moves with every number of a leaf."""
        for segment_key, schedule in self.schedules():
            rows, slots = schedule.slot_action.shape
            if name == "amt":
                unit = [leaves._replace(amt=row[None]) for row in np.eye(count)]
                if len(schedule.amounts[0]):
                    amounts = np.stack([self._amounts(schedule, one) for one in unit], axis=1)
                    yield segment_key.replace("segment", "amount"), amounts
                if len(schedule.infusions[0]):
                    table = np.zeros((rows, count, slots, self.places.segment))
                    for k, one in enumerate(unit):
                        rates = _by_slot(self._rates(schedule, one), schedule)
                        table[:, k, :, : len(self.places.rates)] = rates
                    yield segment_key, table
            elif name.startswith("forcing."):
                forcing = name.removeprefix("forcing.")
                curves = schedule.curves[forcing]
                moved = curves.sensitivities(leaves.forcing[forcing], schedule.moments)
                table = np.zeros((len(moved), count, slots, self.places.segment))
                begin = self.places.forcing[forcing]
                for k in range(count):
                    table[:, k, :, begin : begin + moved.shape[-1]] = _by_slot(
                        moved[:, k], schedule
                    )
                yield segment_key, table
            else:
                for _, place, on in self.heights(schedule, [name[2:]]):
                    table = np.zeros((rows, 1, slots, self.places.segment))
                    table[:, 0, :, place] = on
                    yield segment_key, table

    def schedules(self) -> list[tuple[str, Schedule]]:
        """Return the stops, and those of the cycle, by the names ``seed`` gives their segments."""
        found = [("segment", self.schedule)]
        if self.schedule.cycle is not None:
            found.append(("cycle_segment", self.schedule.cycle))
        return found

    def heights(
        self, schedule: Schedule, names: Iterable[str]
    ) -> list[tuple[str, int, np.ndarray]]:
        """Return (parameter, place in the segment, on per slot) of amplitudes among ``names``."""
        wanted = set(names)
        return [
            (stimulus.amplitude, self.places.stimuli[stimulus.name],
             _by_slot(schedule.on[stimulus.name], schedule))
            for stimulus in self.system.stimuli
            if isinstance(stimulus.amplitude, str) and stimulus.amplitude in wanted
        ]  # fmt: skip

    def refuse_edges(self, tangents: Values) -> None:
        """Refuse directions that move the edges of a stimulus.

        Raises:
            InputError: one does.
        """
        for stimulus in self.system.stimuli:
            for name in stimulus.edges() & set(tangents):
                if np.any(np.asarray(tangents[name])):
                    raise InputError(f"No derivative to {name!r}",
                                     where=f"model {self.system.info.id}",
                                     why=f"it moves the edges of stimulus {stimulus.name!r}",
                                     fix="name other inputs in wrt")  # fmt: skip

    def _row(self, schedule: Schedule, p: Any, times: Any, leaves: Leaves) -> Row:
        return Row(p, times, schedule.start, schedule.slot_time, schedule.slot_action,
                   self._amounts(schedule, leaves), self._segment(schedule, leaves))  # fmt: skip

    def _parameters(self, leaves: Leaves) -> Any:
        values = list(leaves.parameters.values())
        if not values:
            return np.zeros((1, 0))
        rows = max(len(value) for value in values)
        xp = _space(*values)
        flat = [xp.reshape(value, (len(value), -1)) for value in values]
        if rows > 1:
            flat = [xp.broadcast_to(value, (rows, value.shape[1])) for value in flat]
        return xp.concatenate(flat, axis=1)

    def _amounts(self, schedule: Schedule, leaves: Leaves) -> Any:
        row, slot, record = schedule.amounts
        if not len(row):
            return np.zeros((1, schedule.slot_action.shape[1]))
        amounts = _pick(leaves.amt, row, record)
        return _scatter(schedule.slot_action.shape, (row, slot), amounts)

    def _segment(self, schedule: Schedule, leaves: Leaves) -> Any:
        """Return the segment values of every slot (n, s + 1, ns)."""
        parts = []
        if self.places.rates:
            parts.append(self._rates(schedule, leaves))
        for name, curves in schedule.curves.items():
            values = leaves.forcing[name]
            parts.append(curves.coefficients(values, schedule.moments, _space(values)))
        if self.places.origin >= 0:
            parts.append(schedule.moments[..., None])
        for stimulus in self.system.stimuli:
            height = stimulus.value("amplitude", leaves.parameters)
            xp = _space(height)
            height = xp.reshape(height, (-1, 1))
            on = schedule.on[stimulus.name]
            parts.append(xp.where(on, height, stimulus.baseline)[..., None])
        if not parts:
            return np.zeros((1, schedule.slot_action.shape[1], 0))
        rows = max(len(part) for part in parts)
        xp = _space(*parts)
        if rows > 1:
            parts = [xp.broadcast_to(part, (rows, *part.shape[1:])) for part in parts]
        table = parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=-1)
        return _by_slot(table, schedule)

    def _rates(self, schedule: Schedule, leaves: Leaves) -> Any:
        """Return infusion rates from each moment on (n, m, d); linear in the amounts."""
        n, m = schedule.moments.shape
        row, since, until, dose, record = schedule.infusions
        if not len(row):
            return np.zeros((1, m, len(self.places.rates)))
        # The duration stays when an amount varies, so that the dose remains the area.
        speed = _pick(leaves.amt, row, record) / schedule.duration
        wide = (n, m + 1, len(self.places.rates))
        change = _scatter(wide, (row, since, dose), speed)
        rate = (change - _scatter(wide, (row, until, dose), speed))[:, :-1].cumsum(axis=1)
        if isinstance(rate, np.ndarray):
            # What rounding leaves of an infusion that has ended is not an infusion.
            rate = np.where(np.abs(rate) < 1e-12 * np.abs(rate).max(initial=0.0), 0.0, rate)
        return rate


def kernel_call(row: Row, size: int, y0: Any = None) -> Call:
    """Return rows in the form compiled solvers take.

    Args:
        row: All rows.
        size: Number of rows.
        y0: States before slot 0 (size, n); None takes the initial states.
    """
    return Call(size, row.p, row.times, row.start, row.slot_time, row.slot_action,
                row.slot_amount, row.segment, y0)  # fmt: skip


def call_of(system: OdeSystem, batch: Values, size: int) -> Call:
    """Return a checked batch without regimens at steady state as a compiled solver takes it.

    Args:
        system: The declaration.
        batch: Checked values.
        size: Number of rows.
    """
    plan = Plan.of(system, batch)
    return kernel_call(plan.fill(plan.leaves(batch)), size)


def _real(value: Any) -> Any:
    return value.astype(float) if hasattr(value, "astype") else np.asarray(value, dtype=float)


def _space(*values: Any) -> Any:
    """Return jax.numpy when something is a JAX array, else numpy."""
    if any(hasattr(value, "aval") for value in values):
        import jax.numpy as jnp

        return jnp
    return np


def _pick(amt: Any, row: np.ndarray, record: np.ndarray) -> Any:
    return amt[np.zeros_like(row) if len(amt) == 1 else row, record]


def _scatter(shape: tuple[int, ...], places: tuple[np.ndarray, ...], values: Any) -> Any:
    if not traced(values):
        out = np.zeros(shape)
        np.add.at(out, places, np.asarray(values))
        return out
    import jax.numpy as jnp

    return jnp.zeros(shape).at[places].add(values)


def _by_slot(table: Any, schedule: Schedule) -> Any:
    """Spread values by moment (n, m, ...) over the slots that share a moment."""
    moment_of = schedule.moment_of
    count = table.shape[1]
    if moment_of.shape[1] == count and (moment_of == np.arange(count)).all():
        return table
    if len(moment_of) == 1:
        return table[:, moment_of[0]]
    rows = np.arange(len(moment_of))[:, None] if len(table) > 1 else np.zeros((1, 1), dtype=int)
    return table[rows, moment_of]
