"""Jacobians of a chain from those of its nodes, in the direction that costs less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catena.core.backend import differentiable
from catena.core.chain.flow import Flow
from catena.core.chain.ports import Port
from catena.core.chain.trace import Tangents, Trace
from catena.core.gradient import Jacobian
from catena.core.model import Model
from catena.core.spec import NUMERIC, Schema
from catena.core.values import broadcast, rows_of

#: What a derivative through a node costs, in evaluations of it.
_EXACT_PUSH, _EXACT_PULL, _DIFFERENCE = 2, 3, 5
#: An adjoint solve repeats the whole trajectory and is slow to compile: forward where it can be.
_DYNAMIC_PULL = 12


def chain_jvp(flow: Flow, trace: Trace, tangents: Mapping[str, Any], params: Schema) -> Tangents:
    """Return slopes of all real outputs by port, (n, *shape).

    Args:
        flow: The chain's nodes and couplings.
        trace: A finished run of it.
        tangents: Direction by chain input or parameter (``node.param``).
        params: The chain's parameters.
    """
    by_node: dict[str, dict[str, Any]] = {}
    moving: dict[str, Any] = {}
    for name, value in tangents.items():
        if name in params:
            node, _, param = name.partition(".")
            by_node.setdefault(node, {})[param] = value
        else:
            moving[name] = np.asarray(value, float)
    found = flow.push(trace, moving, by_node)
    slopes: Tangents = {}
    for name, model in flow.nodes.items():
        for field in model.outputs:
            port = Port(name, field.name)
            value = trace.read(port)
            if field.kind in NUMERIC and isinstance(value, np.ndarray):
                slope = found.get(port, np.zeros(value.shape))
                slopes[port] = broadcast(np.asarray(slope), trace.size)
    return slopes


def chain_vjp(
    flow: Flow, trace: Trace, cotangents: Sequence[tuple[Port, Any]], inputs: Sequence[str]
) -> dict[str, Any]:
    """Return gradients (n, *shape) of the chain inputs named, for cotangents of output ports."""
    size = trace.size
    seeds: Tangents = {}
    for port, value in cotangents:
        seed = np.broadcast_to(np.asarray(value, float), (size, *np.shape(trace.read(port))[1:]))
        seeds[port] = seeds[port] + seed if port in seeds else seed
    found, _ = flow.pull(trace, seeds)
    return {
        name: found.get(Port("", name), np.zeros((size, *np.shape(trace.batch[name])[1:])))
        for name in inputs
    }


def chain_jacobian(
    flow: Flow,
    trace: Trace,
    outputs: dict[str, Port],
    inputs: Sequence[str],
    params: dict[str, Port],
    mode: str,
) -> Jacobian:
    """Return row-wise derivatives by (output, input).

    Args:
        flow: The chain's nodes and couplings.
        trace: A finished run of it.
        outputs: Ports by output name.
        inputs: Chain inputs, and names of ``params``.
        params: Node and parameter by the chain's parameter name.
        mode: ``forward``, ``reverse`` or ``auto``.
    """
    shapes = {name: np.shape(trace.read(port))[1:] for name, port in outputs.items()}
    if mode == "auto":
        mode = _cheaper(flow, trace, outputs, shapes, inputs, params)
    result = Jacobian()
    result.mode = mode
    result.warnings = tuple(
        f"node {name!r} has no exact gradient: central differences were used"
        for name, model in flow.nodes.items()
        if not model.capabilities.gradient and differentiable(model, trace.runs[name].inputs)
    )
    if mode == "reverse" and not params:
        _reverse(flow, trace, outputs, shapes, inputs, result)
    else:
        _forward(flow, trace, outputs, shapes, inputs, params, result)
    return result


def _forward(
    flow: Flow,
    trace: Trace,
    outputs: dict[str, Port],
    shapes: dict[str, tuple[int, ...]],
    inputs: Sequence[str],
    params: dict[str, Port],
    result: Jacobian,
) -> None:
    size = trace.size
    also = _moved_ports(flow, inputs)
    for name in inputs:
        value = _point(flow, trace, name, params)
        shape = np.shape(value)[1:]
        count = int(np.prod(shape, dtype=int))
        columns: dict[str, list[Any]] = {out: [] for out in outputs}
        for component in range(count):
            # A constant's tangent is constant too: nodes that see one row see one row still.
            seed = np.zeros((rows_of(value), count))
            seed[:, component] = 1.0
            seed = seed.reshape((-1, *shape))
            if name in params:
                port = params[name]
                slopes = flow.push(trace, {}, {port.node: {port.name: seed}}, also)
            else:
                slopes = flow.push(trace, {name: seed}, {}, also)
            for out, port in outputs.items():
                slope = slopes.get(port)
                full = (
                    np.zeros((size, *shapes[out]))
                    if slope is None
                    else broadcast(np.asarray(slope), size)
                )
                columns[out].append(full)
        for out in outputs:
            stacked = (
                np.stack(columns[out], axis=-1) if count else np.zeros((size, *shapes[out], 0))
            )
            result[out, name] = stacked.reshape((size, *shapes[out], *shape))


def _moved_ports(flow: Flow, inputs: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the ports of dynamic nodes that any of the inputs moves.

    A dynamic node compiles its derivative for a set of moving ports; one set serves all seeds.
    """
    after, _ = _neighbours(flow)
    starts = {port.node for name in inputs for port in flow.wiring.targets.get(name, ())}
    reached = _closure(starts, after)
    return {
        name: frozenset(
            feed.port
            for feed in flow.wiring.feeds[name]
            if feed.link.differentiable
            and feed.port not in model.static_fields
            and (feed.source.node in reached if feed.source.node else feed.source.name in inputs)
        )
        for name, model in flow.nodes.items()
        if model.capabilities.dynamic
    }


def _point(flow: Flow, trace: Trace, name: str, params: dict[str, Port]) -> Any:
    if name in params:
        port = params[name]
        return np.asarray(flow.nodes[port.node].param_values[port.name])[None]
    return trace.batch[name]


def _reverse(
    flow: Flow,
    trace: Trace,
    outputs: dict[str, Port],
    shapes: dict[str, tuple[int, ...]],
    inputs: Sequence[str],
    result: Jacobian,
) -> None:
    size = trace.size
    for out, port in outputs.items():
        count = int(np.prod(shapes[out], dtype=int))
        rows: dict[str, list[Any]] = {name: [] for name in inputs}
        for component in range(count):
            seed = np.zeros((size, count))
            seed[:, component] = 1.0
            found, _ = flow.pull(trace, {port: seed.reshape((size, *shapes[out]))})
            for name in inputs:
                inner = np.shape(trace.batch[name])[1:]
                pulled = found.get(Port("", name))
                rows[name].append(np.zeros((size, *inner)) if pulled is None else pulled)
        for name in inputs:
            inner = np.shape(trace.batch[name])[1:]
            stacked = np.stack(rows[name], axis=1) if count else np.zeros((size, 0, *inner))
            result[out, name] = stacked.reshape((size, *shapes[out], *inner))


def _cheaper(
    flow: Flow,
    trace: Trace,
    outputs: dict[str, Port],
    shapes: dict[str, tuple[int, ...]],
    inputs: Sequence[str],
    params: dict[str, Port],
) -> str:
    """Add up what each direction costs over the nodes it passes."""
    if any(name in params for name in inputs):
        return "forward"
    after, before = _neighbours(flow)
    forward = 0.0
    for name in inputs:
        count = int(np.prod(np.shape(trace.batch[name])[1:], dtype=int))
        starts = {port.node for port in flow.wiring.targets[name]}
        forward += count * sum(_push_cost(flow.nodes[node]) for node in _closure(starts, after))
    reverse = 0.0
    for out, port in outputs.items():
        count = int(np.prod(shapes[out], dtype=int))
        nodes = _closure({port.node}, before)
        reverse += count * sum(
            _pull_cost(flow.nodes[node], trace.runs[node].inputs) for node in nodes
        )
    return "reverse" if reverse < forward else "forward"


def _push_cost(model: Model) -> int:
    return _EXACT_PUSH if model.capabilities.gradient else _DIFFERENCE


def _pull_cost(model: Model, inputs: dict[str, Any]) -> int:
    if model.capabilities.gradient:
        return _DYNAMIC_PULL if model.capabilities.dynamic else _EXACT_PULL
    return _DIFFERENCE * sum(
        int(np.prod(np.shape(inputs[name])[1:], dtype=int))
        for name in differentiable(model, inputs)
    )


def _neighbours(flow: Flow) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    after: dict[str, set[str]] = {name: set() for name in flow.nodes}
    before: dict[str, set[str]] = {name: set() for name in flow.nodes}
    for name, feeds in flow.wiring.feeds.items():
        for feed in feeds:
            if feed.source.node and feed.link.differentiable:
                after[feed.source.node].add(name)
                before[name].add(feed.source.node)
    return after, before


def _closure(starts: set[str], step: dict[str, set[str]]) -> set[str]:
    found = set(starts)
    stack = list(starts)
    while stack:
        for name in step[stack.pop()] - found:
            found.add(name)
            stack.append(name)
    return found
