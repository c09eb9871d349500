"""Calls of an OdeSystem: plain values, both derivatives, and inside someone else's trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catena.core.backend import differentiable
from catena.core.errors import ContractError
from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.backend import DONE, Direction, OdeBackend, Problem, Row, Solution
from catena.numerics.ode.batching import MappedRows, map_rows
from catena.numerics.ode.derivative import two_way_tree
from catena.numerics.ode.elimination import independent_states
from catena.numerics.ode.rows import rows_of_call
from catena.numerics.ode.system import Solved

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem

Values = Mapping[str, Any]
enable_x64()


def values(system: OdeSystem, batch: Values, size: int) -> dict[str, Any]:
    """Return outputs (size, *shape) as NumPy arrays, with the report attached."""
    rows = _rows(system, batch)
    one = _one_row(system, rows)
    program = _program(system, "values", lambda: lambda row: one(row, "forward"))
    out, report = program(rows, size, system.settings.threads)
    solved = Solved(out)
    solved.report = report
    return solved


def push(
    system: OdeSystem, batch: Values, tangents: Values, size: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return outputs and their directional derivatives."""
    rows = _rows(system, batch)
    one = _one_row(system, rows)

    def along(item: tuple[Row, Values]) -> Any:
        row, seeds = item
        at = {name: _moving(row)[name] for name in seeds}
        return jax.jvp(lambda moved: one(_moved(row, moved), "forward")[0], (at,), (dict(seeds),))

    program = _program(system, ("push", tuple(sorted(tangents))), lambda: along)
    seeds = {name: _seed(rows, name, tangents[name], size) for name in tangents}
    out: tuple[dict[str, Any], dict[str, Any]] = program(
        (rows, seeds), size, system.settings.threads
    )
    return out


def pull(system: OdeSystem, batch: Values, cotangents: Values, size: int) -> dict[str, Any]:
    """Return gradients of ``sum(cotangent * output)`` to the real inputs."""
    rows = _rows(system, batch)
    one = _one_row(system, rows)
    names = differentiable(system, batch)

    def back(item: tuple[Row, Values]) -> Any:
        row, seeds = item

        def onto(moved: Values) -> Any:
            out = one(_moved(row, moved), "reverse")[0]
            return {name: out[name] for name in seeds}

        _, pull_back = jax.vjp(onto, {name: _moving(row)[name] for name in names})
        return pull_back(dict(seeds))[0]

    program = _program(system, ("pull", tuple(names), tuple(sorted(cotangents))), lambda: back)
    seeds = {name: np.asarray(seed, dtype=float) for name, seed in cotangents.items()}
    out: dict[str, Any] = program((rows, seeds), size, system.settings.threads)
    return out


def trace(system: OdeSystem, batch: Values, size: int) -> dict[str, Any]:
    """Return outputs inside a trace of the caller, differentiable in both modes."""
    rows = _rows(system, batch)
    one = _one_row(system, rows)

    def differentiable_row(row: Row) -> Any:
        return two_way_tree(lambda r: one(r, "forward")[0], lambda r: one(r, "reverse")[0], row)

    out: dict[str, Any] = map_rows(differentiable_row, rows, size)
    return out


def problem_of(system: OdeSystem, rows: Row) -> Problem:
    """Return the system as functions of vectors."""
    problem = Problem(system.layout, system.rhs, system.dosed, system.initial, system.derive,
                      system.interpolation, system.linear)  # fmt: skip
    if system.method != "rodas4":
        return problem
    if "free" not in system._programs:
        system._programs["free"] = independent_states(problem, rows)
    return replace(problem, free=system._programs["free"])


def backend_of(system: OdeSystem) -> OdeBackend:
    """Return the back end that offers the system's method."""
    if system.method == "expm":
        from catena.numerics.ode.linear import LinearBackend

        return LinearBackend()
    from catena.numerics.ode.diffrax_backend import DiffraxBackend

    return DiffraxBackend()


def _program(system: OdeSystem, name: Any, build: Callable[[], Callable[[Any], Any]]) -> MappedRows:
    key = (name, system.settings)
    if key not in system._programs:
        system._programs[key] = MappedRows(build(), system.settings.chunk)
    program: MappedRows = system._programs[key]
    return program


def _rows(system: OdeSystem, batch: Values) -> Row:
    def real(value: Any) -> Any:
        return value.astype(float)

    return rows_of_call(
        {f.name: real(batch[f.name]) for f in system.parameters if f.name in batch},
        real(batch["time"]),
        batch.get("events"),
        {f.name: batch[f.name] for f in system.forcing},
        len(system.dosed),
        system.method == "expm",
    )


def _one_row(
    system: OdeSystem, rows: Row
) -> Callable[[Row, Direction], tuple[dict[str, Any], Solution]]:
    """Return the function from one row to its outputs and report."""
    problem, backend, settings = problem_of(system, rows), backend_of(system), system.settings

    def one(row: Row, direction: Direction) -> tuple[dict[str, Any], Solution]:
        solution = backend.solve(problem, row, settings, direction)
        p = problem.parameters(row)

        def look(t: Any, vector: Any) -> dict[str, Any]:
            u = problem.inputs(row.forcing, t, t)
            return dict(system.output(t, problem.layout.split(vector), p, u))

        out = _shaped(system, jax.vmap(look)(row.times, solution.states))
        good = solution.code == DONE
        out = {name: jnp.where(good, value, jnp.nan) for name, value in out.items()}
        return out, solution._replace(states=jnp.zeros(0))

    return one


def _shaped(system: OdeSystem, out: dict[str, Any]) -> dict[str, Any]:
    """Put the time axis where each output declares it, or keep only the last time."""
    if set(out) != set(system.outputs.names):
        raise ContractError(
            f"{system.info.id} does not return what it declares",
            where=f"output function of {system.info.id}",
            why=f"declared {sorted(system.outputs.names)}, returned {sorted(out)}",
            fix="make the output function return the declared outputs",
        )
    shaped = {}
    for field in system.outputs:
        value = jnp.asarray(out[field.name], dtype=float)
        shaped[field.name] = (
            jnp.moveaxis(value, 0, field.shape.index("time"))
            if "time" in field.shape
            else value[-1]
        )
    return shaped


def _moving(row: Row) -> dict[str, Any]:
    return {**row.parameters, "time": row.times}


def _moved(row: Row, moved: Values) -> Row:
    values = {**_moving(row), **moved}
    times = values.pop("time")
    return row._replace(parameters=values, times=times)


def _seed(rows: Row, name: str, tangent: Any, size: int) -> np.ndarray:
    shape = np.shape(_moving(rows)[name])[1:]
    return np.array(np.broadcast_to(np.asarray(tangent, dtype=float), (size, *shape)))
