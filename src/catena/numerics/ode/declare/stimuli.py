"""Rectangular pulses that repeat: pacing of cells, light cycles, pulsed feeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from catena.core.errors import SchemaError, did_you_mean
from catena.core.spec import Schema
from catena.core.units import conversion

#: Fields of a stimulus that may name a parameter, with whether they are times.
TIMED = {"start": True, "period": True, "duration": True, "amplitude": False}


@final
@dataclass(frozen=True)
class Periodic:
    """A pulse of ``amplitude`` during ``duration``, every ``period``, from ``start`` on.

    Its value arrives in the right-hand side as ``u[name]``; integration stops at both edges, so
    that no pulse is stepped over and no step straddles a jump.

    Args:
        name: Name in ``u``.
        unit: Unit of the value.
        start: Time of the first pulse.
        period: Time from pulse to pulse, > 0.
        duration: Length of a pulse, at most ``period``.
        amplitude: Value during a pulse.
        baseline: Value between pulses.
        count: Number of pulses; None for as many as fit before the last output time.

    ``start``, ``period``, ``duration`` and ``amplitude`` are numbers or names of scalar
    parameters in the system's unit of time or the unit of the stimulus. Outputs have no
    derivative to a parameter that moves the edges.
    """

    name: str
    unit: str
    start: float | str
    period: float | str
    duration: float | str
    amplitude: float | str
    baseline: float = 0.0
    count: int | None = None

    def value(self, part: str, parameters: Mapping[str, Any]) -> Any:
        """Return ``start``, ``period``, ``duration`` or ``amplitude`` as a value."""
        given = getattr(self, part)
        return parameters[given] if isinstance(given, str) else given

    def edges(self) -> set[str]:
        """Return the parameters on which the moments of the edges depend."""
        named = {getattr(self, part) for part, timed in TIMED.items() if timed}
        return {name for name in named if isinstance(name, str)}

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain data."""
        return asdict(self)


def check_stimuli(
    stimuli: tuple[Periodic, ...], parameters: Schema, forcing: Schema, time_unit: str
) -> None:
    """Check stimuli against the rest of the declaration.

    Raises:
        SchemaError: a name repeats or is unknown, a unit differs, or a number makes no sense.
    """
    seen = set(forcing.names)
    for stimulus in stimuli:
        if stimulus.name in seen:
            raise _wrong(stimulus, "its name is taken by a forcing or another stimulus",
                         "give every entry of u its own name")  # fmt: skip
        seen.add(stimulus.name)
        _check_numbers(stimulus)
        for part, timed in TIMED.items():
            named = getattr(stimulus, part)
            if isinstance(named, str):
                unit = time_unit if timed else stimulus.unit
                _check_parameter(stimulus, part, named, unit, parameters)


def _check_numbers(stimulus: Periodic) -> None:
    period = float("inf") if isinstance(stimulus.period, str) else stimulus.period
    if not period > 0:
        raise _wrong(stimulus, f"period {period} is not > 0", "give the time from pulse to pulse")
    duration = 0.0 if isinstance(stimulus.duration, str) else stimulus.duration
    if not 0 <= duration <= period:
        raise _wrong(stimulus, f"duration {duration} does not fit into the period {period}",
                     "give 0 <= duration <= period")  # fmt: skip
    if stimulus.count is not None and stimulus.count < 0:
        raise _wrong(stimulus, f"count {stimulus.count} is negative", "give count >= 0 or None")


def _check_parameter(
    stimulus: Periodic, part: str, named: str, unit: str, parameters: Schema
) -> None:
    if named not in parameters:
        raise _wrong(stimulus, f"{part} names {named!r}, which is no parameter",
                     did_you_mean(named, parameters.names, "declare the parameter"))  # fmt: skip
    field = parameters[named]
    if field.shape or field.kind != "real":
        raise _wrong(stimulus, f"{part} names {named!r}, which is not one real number",
                     "name a scalar parameter")  # fmt: skip
    if field.unit != unit and conversion(field.unit, unit) != (1.0, 0.0):
        raise _wrong(stimulus, f"{part} is in [{unit}], parameter {named!r} in [{field.unit}]",
                     f"declare {named!r} in [{unit}]")  # fmt: skip


def _wrong(stimulus: Periodic, why: str, fix: str) -> SchemaError:
    where = f"stimulus {stimulus.name!r}"
    return SchemaError("A stimulus cannot be used", where=where, why=why, fix=fix)
