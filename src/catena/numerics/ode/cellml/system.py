"""CellML models as OdeSystems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from catena.core.errors import SchemaError, UnitError, did_you_mean
from catena.core.jaxconfig import enable_x64
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.core.units import check_unit
from catena.numerics.ode.cellml.compile import compile_functions, default_values, start_input
from catena.numerics.ode.cellml.reader import read_cellml
from catena.numerics.ode.cellml.resolve import resolve
from catena.numerics.ode.cellml.selection import Selection, select, state_named
from catena.numerics.ode.declare.stimuli import Periodic
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.system import OdeSystem

_PARTS = ("start", "period", "duration", "amplitude")


def load_cellml(
    path: str | Path,
    parameters: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    stimulus: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    initial: Mapping[str, float] | None = None,
    doses: Sequence[str] = (),
    settings: SolverSettings | None = None,
    id: str | None = None,
) -> OdeSystem:
    """Compile a CellML 1.0, 1.1 or 2.0 model into an OdeSystem.

    Variables are named ``component.variable`` in all arguments. The fields of the system carry
    the variable's own name (``cai``) where that is unique in the model and
    ``component__variable`` where it is not; each field's ``doc`` gives the full name.

    Args:
        path: The file; .xz and .gz are read as they are.
        parameters: What becomes an input: constants, computed constants (their equation is then
            replaced by the input, whose default is the computed value) and states (the input
            ``initial_<state>`` is then the state's value at the start). By default all numbers
            that the equations read.
        outputs: Variables returned over time; by default the states.
        stimulus: Variables replaced by a declared ``Periodic``, at whose edges the integrator
            stops: {variable: {"start", "period", "duration", "amplitude"[, "baseline",
            "count"]}}, each a number in the time unit or the variable's unit, or the name of a
            constant, which then becomes an input.
        initial: Other initial values of states, in their units.
        doses: States that event records may dose.
        settings: Solver choices.
        id: Model id; ``cellml.<model name>`` by default.

    Returns:
        The system. Units are those of the file; unit conversion between connected variables is
        part of the equations. Quotients such as x / (exp(x) - 1) are smooth through x = 0.

    Raises:
        DataError: the file is not CellML, or its equations do not determine the model; the
            place names file, line and variable.
        UnitError: a unit is unknown, or connected variables differ in dimension.
        SchemaError: an argument names something that is not there or not of that kind.

    Source: Cuellar et al. 2003, doi:10.1177/0037549703040939 (CellML 1.1);
    Clerx et al. 2020, doi:10.1515/jib-2020-0021 (CellML 2.0).
    """
    enable_x64()
    source = read_cellml(path)
    model = resolve(source)
    chosen = select(model, parameters, outputs, stimulus or {}, initial or {})
    functions = compile_functions(chosen)
    return OdeSystem(
        ModelInfo(
            id=id or f"cellml.{re.sub(r'[^A-Za-z0-9_.]', '_', source.name)}",
            title=source.name,
            backend="jax",
            doc=f"Compiled from {source.file} (CellML {source.version})",
            licence="",
        ),
        Schema(_states(chosen)),
        Schema(_inputs(chosen)),
        functions.rhs,
        Schema(_field(chosen, path, shape=("time",)) for path in chosen.outputs),
        functions.output,
        initial=functions.initial,
        derive=functions.derive,
        doses=tuple(chosen.names[state_named(model, name, "doses")] for name in doses),
        stimuli=tuple(_periodic(chosen, path) for path in chosen.stimulus),
        settings=settings,
        time_unit=_unit(chosen, chosen.time),
    )


def _states(chosen: Selection) -> Iterator[Field]:
    starts = default_values(chosen, chosen.initial)
    return (_field(chosen, path, default=starts[path]) for path in chosen.initial)


def _inputs(chosen: Selection) -> Iterator[Field]:
    values = default_values(chosen, [*chosen.inputs, *chosen.started])
    for path in chosen.inputs:
        yield _field(chosen, path, default=values[path])
    for path in chosen.started:
        yield _field(chosen, path, default=values[path], name=start_input(chosen, path),
                     doc=f"{path} at the start")  # fmt: skip


def _field(chosen: Selection, path: str, **parts: Any) -> Field:
    variable = chosen.model.source.variables[path]
    parts = {"doc": f"{path} [{variable.units}]", "name": chosen.names[path], **parts}
    return Field(unit=_unit(chosen, path), **parts)


def _unit(chosen: Selection, path: str) -> str:
    """Spell a variable's unit for Catena; a unit that cannot be spelled counts as a number."""
    text = chosen.model.source.unit_of(path).text
    try:
        return check_unit(text)
    except UnitError:
        return ""


def _periodic(chosen: Selection, path: str) -> Periodic:
    parts = dict(chosen.stimulus[path])
    optional = ("baseline", "count")
    wrong = [name for name in parts if name not in (*_PARTS, *optional)]
    missing = [name for name in _PARTS if name not in parts]
    if wrong or missing:
        raise SchemaError(f"The stimulus of {path!r} is not complete",
                          where=chosen.model.source.file,
                          why=f"missing {missing}, unknown {wrong}",
                          fix=did_you_mean(wrong[0] if wrong else "", (*_PARTS, *optional),
                                           "give start, period, duration and amplitude"),
                          )  # fmt: skip
    reads = chosen.model.reads
    for name, part in parts.items():
        if isinstance(part, str):
            parts[name] = chosen.names[reads[part].owner]
    return Periodic(chosen.names[path], _unit(chosen, path), **parts)
