"""Lowering: a traced JAX function becomes nodes of the scalar graph, equation by equation.

Values that do not depend on the inputs are computed at once. Everything else is translated by
the rule of its primitive:

=====================  ==================================================================
file                   primitives
=====================  ==================================================================
primitives_arithmetic  one formula per element: add, exp, select_n, comparisons, ...
primitives_shape       moves of elements: reshape, slice, concatenate, pad, ...
primitives_index       gather, scatter and dynamic slices at constant places
primitives_reduce      sums, products, running sums, dot_general
primitives_control     calls (inlined), cond, while and scan (unrolled)
=====================  ==================================================================

A custom derivative rule (``custom_jvp``, ``custom_vjp``, ``stop_gradient``) is not followed: a
stiff solver needs the derivative of the function that is really computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from catena.numerics.ode.kernel.graph import Graph
from catena.numerics.ode.kernel.primitives_arithmetic import FORMULAS, elementwise, select_n
from catena.numerics.ode.kernel.primitives_control import CONTROL
from catena.numerics.ode.kernel.primitives_index import (
    SCATTERS,
    dynamic_slice,
    dynamic_update_slice,
    gather,
    scatter,
)
from catena.numerics.ode.kernel.primitives_reduce import (
    REDUCTIONS,
    RUNNING,
    arg_extreme,
    dot_general,
    reduction,
    running,
)
from catena.numerics.ode.kernel.primitives_shape import MOVES, iota, move
from catena.numerics.ode.kernel.primitives_values import Scope, Traced, Value

#: Rule by primitive name, apart from control flow.
RULES: dict[str, Callable[[Scope, list[Value]], list[Value]]] = {
    **dict.fromkeys(FORMULAS, elementwise),
    **dict.fromkeys(MOVES, move),
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(RUNNING, running),
    **dict.fromkeys(SCATTERS, scatter),
    "select_n": select_n,
    "iota": iota,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "argmax": arg_extreme,
    "argmin": arg_extreme,
    "dot_general": dot_general,
}


def trace(function: Callable[..., Any], *shapes: tuple[int, ...]) -> ClosedJaxpr:
    """Trace a JAX function of float64 arrays of the given shapes."""
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, np.float64) for s in shapes))


def lower(closed: ClosedJaxpr, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Translate a traced function into nodes of a graph.

    Args:
        closed: The traced function (see ``trace``).
        graph: Graph to add to; equal values are shared with what it holds already.
        arguments: Nodes of each argument, int64, in the argument's shape.

    Returns:
        Nodes of each result, int64, in the result's shape.

    Raises:
        KernelUnsupported: an equation has no translation; names the primitive and the line.
    """
    values: list[Value] = []
    for ids, variable in zip(arguments, closed.jaxpr.invars, strict=True):
        nodes = np.asarray(ids, dtype=np.int64).reshape(variable.aval.shape)
        values.append(Traced(nodes, variable.aval.dtype))
    scope = Scope(graph)
    return [scope.lift(value) for value in _run(scope, closed, values)]


def _run(outer: Scope, code: ClosedJaxpr | Jaxpr, values: Sequence[Value]) -> list[Value]:
    """Translate the equations of one (sub-)function, in order, skipping those nothing uses."""
    jaxpr = code.jaxpr if isinstance(code, ClosedJaxpr) else code
    consts = code.consts if isinstance(code, ClosedJaxpr) else []
    known: dict[Any, Value] = dict(zip(jaxpr.invars, values, strict=True))
    for variable, const in zip(jaxpr.constvars, consts, strict=True):
        known[variable] = _number(const, variable.aval)

    def read(atom: Any) -> Value:
        return _number(atom.val, atom.aval) if isinstance(atom, Literal) else known[atom]

    for equation in _used(jaxpr):
        inputs = [read(atom) for atom in equation.invars]
        name = equation.primitive.name
        scope = Scope(outer.graph, equation, (*outer.trail, equation.source_info))
        if (control := CONTROL.get(name)) is not None:
            results = control(scope, inputs, _run)
        elif (rule := RULES.get(name)) is not None:
            results = rule(scope, inputs)
        else:
            results = _compute(scope, inputs)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _used(jaxpr: Jaxpr) -> list[Any]:
    """Return the equations that the results need, so that unused ones cannot be refused."""
    needed = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    used = []
    for equation in reversed(jaxpr.eqns):
        if not needed.isdisjoint(equation.outvars):
            used.append(equation)
            needed.update(atom for atom in equation.invars if not isinstance(atom, Literal))
    return used[::-1]


def _number(value: Any, aval: Any) -> Value:
    # Random keys and tokens are no arrays of numbers: they pass through to JAX untouched.
    if not isinstance(getattr(aval, "dtype", None), np.dtype):
        return value
    return np.asarray(value, dtype=aval.dtype)


def _compute(scope: Scope, inputs: list[Value]) -> list[Value]:
    """Let JAX compute an equation without a rule, if everything it needs is known."""
    equation = scope.equation
    if equation.effects or any(isinstance(value, Traced) for value in inputs):
        raise scope.unsupported()
    with jax.ensure_compile_time_eval():
        found = equation.primitive.bind(*inputs, **equation.params)
    results = found if equation.primitive.multiple_results else [found]
    return [
        _number(result, out.aval) for result, out in zip(results, equation.outvars, strict=True)
    ]
