"""Gives every candidate dose to every person and measures the exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import StudyError
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.units import conversion
from catena.core.values import Padded
from catena.study.dose.settings import Ports
from catena.study.table import Table

if TYPE_CHECKING:
    from catena.core.model import Model

#: Unit in which exposures are kept, by role.
UNITS = {"auc": "mg*h/L", "cmax": "mg/L", "tmax": "h", "concentration": "mg/L"}


def simulate(
    model: Model,
    who: np.ndarray,
    columns: Mapping[str, np.ndarray],
    doses: np.ndarray,
    route: str,
    ports: Ports,
    *,
    constants: Mapping[str, Any] | None = None,
    curves: bool = True,
    key: int = 0,
) -> Table:
    """Return one row per person and dose, person by person.

    Args:
        model: Model or chain from dose to exposure.
        who: Numbers of the people.
        columns: Their values by input.
        doses: Candidate doses [mg].
        route: Dosed state.
        ports: Which outputs play which part.
        constants: Drug inputs that all rows share (a joint draw).
        curves: Keep the concentration over time.
        key: Random key of a stochastic model.
    """
    people = len(who)
    repeated = {name: np.repeat(column, len(doses), axis=0) for name, column in columns.items()}
    given = np.tile(doses, people)
    values = {**repeated, **dosing(model, given, doses, route), **_constant(constants)}
    result = model.predict(values, key=key, on_error="skip")
    status = np.array(result.status, dtype=object)
    kept = np.flatnonzero(status == "ok")
    fields = [
        Field("person", kind="integer", doc="Number of the virtual person"),
        Field("dose", unit="mg", doc="Single dose"),
        Field("status", kind="text", doc="ok, or why this row could not be computed"),
    ]
    table: dict[str, Any] = {"person": np.repeat(who, len(doses)), "dose": given, "status": status}
    for role in ("auc", "cmax", "tmax"):
        fields.append(Field(role, unit=UNITS[role], doc=f"{getattr(ports, role)} of the model"))
        table[role] = _placed(model, result, getattr(ports, role), UNITS[role], kept, len(given))
    for name in ports.further:
        short = name.rpartition(".")[2]
        fields.append(Field(short, unit=model.outputs[name].unit, doc=f"{name} of the model"))
        table[short] = _placed(model, result, name, model.outputs[name].unit, kept, len(given))
    if curves:
        fields.append(Field("concentration", unit=UNITS["concentration"], shape=("time",)))
        table["concentration"] = _placed(
            model, result, ports.concentration, UNITS["concentration"], kept, len(given)
        )
    return Table(Schema(fields), table)


def dosing(model: Model, given: np.ndarray, doses: np.ndarray, route: str) -> dict[str, Any]:
    """Return the dose as the model takes it: a ``dose`` port, an ``events`` table, or both.

    Raises:
        StudyError: the model has neither.
    """
    found: dict[str, Any] = {}
    for name in ("dose", "exposure.dose"):
        if name in model.inputs:
            found[name] = np.asarray(conversion("mg", model.inputs[name].unit).apply(given))
            break
    table = next((n for n in ("events", "pbpk.events") if n in model.inputs), None)
    if table is not None:
        from catena.core.tables import table_column

        one_each = [[{"time": 0.0, "amt": float(dose), "cmt": route}] for dose in doses]
        tables: Padded = table_column(model.inputs[table], one_each)
        index = np.searchsorted(doses, given)
        found[table] = tables.take(index)
    if not found:
        raise StudyError("The model takes no dose", where=model.info.id,
                         why="it has neither an input dose nor a table events",
                         fix="expose one of them in the chain's inputs")  # fmt: skip
    return found


def covariates(columns: Mapping[str, np.ndarray], model: Model, people: np.ndarray) -> Table:
    """Return the scalar values that tell people apart, categories as text, one row per person."""
    from catena.core.tables import decode

    fields = [Field("person", kind="integer")]
    table: dict[str, Any] = {"person": people}
    for name, column in columns.items():
        field = model.inputs[name]
        if field.shape or field.kind == "table":
            continue
        kind = field.kind if field.kind in NUMERIC or field.kind == "integer" else "text"
        fields.append(Field(name, unit=field.unit, kind=kind, doc=field.doc))
        table[name] = decode(field, column)
    return Table(Schema(fields), table)


def exposures(table: Table, name: str, doses: np.ndarray) -> np.ndarray:
    """Return (people, doses) of one quantity for the people whose every dose could be computed."""
    values = np.asarray(table[name], dtype=float).reshape(-1, len(doses), *table[name].shape[1:])
    good = (table["status"] == "ok").reshape(-1, len(doses)).all(axis=1)
    return np.asarray(values[good])


def _constant(constants: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: np.atleast_1d(value) for name, value in (constants or {}).items()}


def _placed(
    model: Model, result: Any, name: str, unit: str, kept: np.ndarray, size: int
) -> np.ndarray:
    """Return an output in a unit, NaN where the row failed."""
    field = model.outputs[name]
    values = np.asarray(conversion(field.unit, unit).apply(np.asarray(result[name], dtype=float)))
    out = np.full((size, *values.shape[1:]), np.nan)
    out[kept] = values
    return out
