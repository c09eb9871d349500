"""Calls of an OdeSystem: plain values, both derivatives, and inside someone else's trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from catena.core.backend import differentiable
from catena.core.jaxconfig import enable_x64
from catena.core.spec import Schema
from catena.numerics.ode.calls import Plan
from catena.numerics.ode.choice import rows_for
from catena.numerics.ode.flat import Vector, outputs_of
from catena.numerics.ode.kernel_backend import KernelRows
from catena.numerics.ode.shaping import flattened, shaped
from catena.numerics.ode.system import Solved

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem

Values = Mapping[str, Any]
enable_x64()


def values(system: OdeSystem, batch: Values, size: int) -> dict[str, Any]:
    """Return outputs (size, *shape) as NumPy arrays, with the report attached."""
    plan = Plan.of(system, batch)
    out, report = rows_for(plan).values(plan.fill(plan.leaves(batch)), size)
    solved = Solved(_named(plan, out, np))
    solved.report = report
    return solved


def push(
    system: OdeSystem, batch: Values, tangents: Values, size: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return outputs and their directional derivatives."""
    plan = Plan.of(system, batch)
    moves = plan.seed(tangents, size)
    out, slope = rows_for(plan).push(plan.fill(plan.leaves(batch)), moves, size)
    return _named(plan, out, np), _named(plan, slope, np)


def pull(system: OdeSystem, batch: Values, cotangents: Values, size: int) -> dict[str, Any]:
    """Return gradients of ``sum(cotangent * output)`` to the real inputs."""
    plan = Plan.of(system, batch)
    places = _outputs(plan)
    cotangent = flattened(system.outputs, places, cotangents, np.shape(batch["time"])[1])
    gradients = rows_for(plan).pull(plan, plan.leaves(batch), cotangent, size)
    return {name: gradients[name] for name in differentiable(system, batch)}


def jacobian(
    system: OdeSystem, batch: Values, of: list[str], wrt: list[str], size: int
) -> dict[tuple[str, str], np.ndarray] | None:
    """Return derivatives of outputs to parameters from one integration, where that can be.

    Returns:
        Arrays (size, *output shape, *input shape) by (output, input); None when the back end
        differentiates one direction at a time.
    """
    plan = Plan.of(system, batch)
    rows = rows_for(plan)
    if not isinstance(rows, KernelRows) or not set(wrt) <= set(plan.places.parameters.shapes):
        return None
    plan.refuse_edges({name: np.ones(1) for name in wrt})
    places = _outputs(plan)
    wanted = Vector.of({name: places.shapes[name] for name in of})
    chosen = np.concatenate([np.arange(places.size)[places.span(name)] for name in of])
    table = rows.jacobian(plan, plan.leaves(batch), wrt, chosen, size)
    schema = Schema([system.outputs[name] for name in of])
    found, first = {}, 0
    for name in wrt:
        shape = plan.places.parameters.shapes[name]
        count = int(np.prod(shape, dtype=int))
        part = shaped(schema, wanted, table[:, first : first + count], np)
        first += count
        for output, value in part.items():
            moved = np.moveaxis(value, 1, -1)
            found[output, name] = moved.reshape((*moved.shape[:-1], *shape))
    return found


def trace(system: OdeSystem, batch: Values, size: int) -> dict[str, Any]:
    """Return outputs inside a trace of the caller, differentiable in both modes."""
    plan = Plan.of(system, batch)
    out = rows_for(plan).traced(plan, plan.leaves(batch), size)
    return _named(plan, out, jnp)


def _named(plan: Plan, out: Any, xp: Any) -> dict[str, Any]:
    return shaped(plan.system.outputs, _outputs(plan), out, xp)


def _outputs(plan: Plan) -> Vector:
    """Return the places of the outputs; finding them traces the author's function, so once."""
    programs = plan.system._programs
    key = ("outputs", tuple(plan.places.parameters.shapes.items()))
    if key not in programs:
        programs[key] = outputs_of(plan.system, plan.places)
    found: Vector = programs[key]
    return found
