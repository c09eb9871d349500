"""Checks of how a model takes what people give: bad rows, units, names."""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.core.contract.report import Failed, NotApplicable
from catena.core.contract.subject import ROWS, Subject, distance, refusal, require_equal
from catena.core.errors import InputError
from catena.core.spec import Field

#: Tried in turn as another spelling of a field's unit.
_UNITS = ("g", "mg", "ug", "kg", "L", "mL", "m", "cm", "mm", "h", "min", "s", "day", "year", "1/h",
          "1/min", "1/s", "1/day", "L/h", "mL/min", "mL/s", "mg/L", "ug/mL", "ng/mL", "g/L",
          "umol/L", "mol/L", "nmol/L", "mol", "umol", "nmol", "g/mol", "kg/mol", "m/s", "cm/s",
          "um/s", "m^2", "cm^2", "umol/h", "nmol/min", "pmol/mg", "nmol/g", "mg/g", "g/kg", "mg/dL",
          "umol/min", "uL/min/mg", "mL/h/mg", "mg/h", "g/h", "mg/min", "K", "degC", "Pa", "bar", "%",
          "mg*h/L", "ug*h/mL", "J/mol", "kJ/mol", "W", "kW")  # fmt: skip


def out_of_bounds(subject: Subject) -> None:
    """C10."""
    bounded = [f for f in subject.scalars() if f.bounds != (None, None)]
    if not bounded:
        raise NotApplicable("no scalar input has bounds")
    for field in bounded:
        values = subject.values()
        low, high = field.bounds
        wrong = (
            low - max(abs(low), 1.0)
            if low is not None
            else (high or 0.0) + max(abs(high or 0.0), 1.0)
        )
        values[field.name][3] = wrong
        _names_row(refusal(subject, values, f"{field.name} = {wrong:g}"), field.name, 3)


def not_finite(subject: Subject) -> None:
    """C11."""
    fields = subject.scalars()
    if not fields:
        raise NotApplicable("there is no scalar real input")
    for field in fields:
        for wrong in (np.nan, np.inf):
            values = subject.values()
            values[field.name][2] = wrong
            _names_row(refusal(subject, values, f"{field.name} = {wrong}"), field.name, 2)


def _names_row(error: Any, field: str, row: int) -> None:
    if not isinstance(error, InputError):
        raise Failed(f"{type(error).__name__} was raised instead of InputError")
    if (row, field) not in {(fault.row, fault.field) for fault in error.rows}:
        raise Failed(f"the error does not name row {row} of {field}")


def other_units(subject: Subject) -> str:
    """C12."""
    values = subject.values()
    changed = []
    for field in subject.scalars():
        unit = _other_unit(field)
        if unit is not None:
            from catena.core.units import conversion

            values[field.name] = (conversion(field.unit, unit).apply(values[field.name]), unit)
            changed.append(f"{field.name} in {unit}")
    if not changed:
        raise NotApplicable("no scalar input has a unit with another spelling")
    batch = subject.model.inputs.validate(values)
    for name in subject.inputs:
        if distance(batch[name], subject.inputs.full()[name]) > 1e-12:
            raise Failed(f"{name} is not converted exactly")
    result = subject.model.predict(values)
    require_equal(result.values_, subject.base.values_, max(subject.tolerance, 1e-6), "other units")
    return ", ".join(changed[:3])


def _other_unit(field: Field) -> str | None:
    from catena.core.units import compatible

    if field.unit in ("", "1"):
        return None
    low = field.bounds[0]
    offset = low is not None and low < 0
    candidates = (u for u in _UNITS if u != field.unit and not (offset and u in ("K", "degC")))
    return next((unit for unit in candidates if compatible(unit, field.unit)), None)


def text_units(subject: Subject) -> None:
    """C31."""
    fields = [field for field in subject.scalars() if field.unit]
    if not fields:
        raise NotApplicable("no scalar input has a unit")
    field = fields[0]
    values = subject.values()
    values[field.name] = [f"{float(value)!r} {field.unit}" for value in values[field.name]]
    batch = subject.model.inputs.validate(values)
    if distance(batch[field.name], subject.inputs.full()[field.name]) > 1e-12:
        raise Failed(f"{field.name} given as text has another value")
    error = refusal(subject, {**values, field.name: "1 fortnight*candela"}, "a wrong unit")
    if not isinstance(error, InputError):
        raise Failed(f"a wrong unit raised {type(error).__name__}")


def skipping(subject: Subject) -> None:
    """C30."""
    fields = subject.scalars()
    if not fields:
        raise NotApplicable("there is no scalar real input to spoil")
    name = fields[0].name
    rows = [0, *range(ROWS)]
    values = {n: v for n, v in subject.take(rows).full().items()}
    values[name] = np.array(values[name])
    values[name][0] = np.nan
    result = subject.model.predict(values, on_error="skip")
    if result.size != ROWS or result.status[0] == "ok" or result.status[1:] != ["ok"] * ROWS:
        raise Failed("status does not say which row was left out")
    require_equal(
        result.values_, subject.base.values_, subject.tolerance, "good rows after skipping"
    )


def missing_field(subject: Subject) -> None:
    """C32."""
    required = [field.name for field in subject.model.inputs if field.required]
    if not required:
        raise NotApplicable("every input has a default or may be absent")
    values = subject.values()
    del values[required[0]]
    error = refusal(subject, values, f"{required[0]} left out")
    if required[0] not in f"{error.why} {error.what}":
        raise Failed(f"the error does not name {required[0]}")


def unknown_field(subject: Subject) -> None:
    """C33."""
    names = subject.model.inputs.names
    if not names:
        raise NotApplicable("the model has no inputs")
    wrong = f"{names[0]}_x"
    error = refusal(subject, {**subject.values(), wrong: 1.0}, f"the unknown field {wrong}")
    if names[0] not in f"{error.why} {error.fix}":
        raise Failed(f"the error does not propose {names[0]}")
