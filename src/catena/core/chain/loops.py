"""Feedback groups inside a chain: solve them, and differentiate through the solution.

With unknowns x (the torn ports), inputs p and one pass x = G(x, p), the implicit function
theorem gives dx = (I - G_x)^-1 G_p dp, and backwards the same with transposed matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.chain.feedback import Feedback, Solution, linear_solve, solve
from catena.core.chain.flow import Flow
from catena.core.chain.plan import Step, Tear
from catena.core.chain.ports import Port
from catena.core.chain.trace import Run, Tangents, Trace
from catena.core.errors import SolverError
from catena.core.identity import content_key, split_key
from catena.core.values import broadcast, rows_of


def run_loop(flow: Flow, step: Step, trace: Trace) -> None:
    """Solve a feedback group; its nodes' runs are added to the trace.

    Raises:
        SolverError: rows did not converge; details hold their residuals and last values.
    """
    size = _loop_size(flow, step, trace)
    origin = _origin(flow, step, trace, size) if flow.cache is not None else ""
    found = flow.recall(origin)
    if found is not None:
        for name in step.nodes:
            inputs, values = found[f"{name} inputs"], found[f"{name} values"]
            trace.runs[name] = Run(inputs, size, split_key(trace.key, name), values)
        trace.passes[step.name] = found["passes"]
        return
    solution = _solve(flow, step, trace, size)
    trace.passes[step.name] = solution.passes
    if flow.cache is not None:
        for name in step.nodes:
            flow.protect(trace.runs[name].values)
        flow.keep(origin, {
            "passes": solution.passes,
            **{f"{name} inputs": trace.runs[name].inputs for name in step.nodes},
            **{f"{name} values": trace.runs[name].values for name in step.nodes},
        })  # fmt: skip


def _origin(flow: Flow, step: Step, trace: Trace, size: int) -> str:
    """Return the cache key of a group: its models, solver and what enters it."""
    assert step.feedback is not None
    entering = [
        (name, feed.port, feed.link.key,
         str(feed.source) if feed.source.node in step.nodes else flow.source_key(feed.source, trace))
        for name in step.nodes
        for feed in flow.wiring.feeds[name]
    ]  # fmt: skip
    models = [flow.nodes[name] for name in step.nodes]
    random = any(model.capabilities.stochastic for model in models)
    guesses = [tear.guess for tear in step.tears]
    origin = content_key("loop", [m.key for m in models], entering, size, step.feedback.to_dict(), guesses,
                         trace.key if random else None)  # fmt: skip
    for name, model in zip(step.nodes, models, strict=True):
        for output in model.outputs:
            trace.origins[Port(name, output.name)] = f"{origin}.{name}.{output.name}"
    return origin


def _solve(flow: Flow, step: Step, trace: Trace, size: int) -> Solution:
    assert step.feedback is not None
    start = [_start(flow, step, tear, trace, size) for tear in step.tears]
    shapes = [item.shape[1:] for item in start]

    def once(x: np.ndarray) -> np.ndarray:
        instead = _at_readers(step, _split(x, shapes))
        for name in step.nodes:
            run = flow.prepare(name, trace, instead)
            run.size = size
            run.values = flow.evaluate(name, run)
            trace.runs[name] = run
        return _join([broadcast(trace.read(tear.port), size) for tear in step.tears])

    def slope() -> np.ndarray:
        return _own_slope(flow, step, trace, shapes, size)

    for name in step.nodes:  # values of a former pass must not be read as fresh ones
        trace.runs.pop(name, None)
    solution = solve(step.feedback, once, _join(start), slope)
    if not solution.converged.all():
        raise _not_converged(flow, step, solution, shapes)
    return solution


def _loop_size(flow: Flow, step: Step, trace: Trace) -> int:
    """Return 1 when nothing that enters the group differs between rows."""
    if any(flow.nodes[name].capabilities.stochastic for name in step.nodes):
        return trace.size
    for name in step.nodes:
        for feed in flow.wiring.feeds[name]:
            if feed.source.node not in step.nodes:
                value = trace.read(feed.source)
                if value is not None and rows_of(value) != 1:
                    return trace.size
    return 1


def _start(flow: Flow, step: Step, tear: Tear, trace: Trace, size: int) -> np.ndarray:
    guess = np.asarray(tear.guess, dtype=float)
    if guess.ndim == len(tear.field.shape):
        return np.array(np.broadcast_to(guess, (size, *guess.shape)))
    lengths = {}
    if tear.field.labels:
        lengths[tear.field.shape[0]] = len(tear.field.labels)
    for name in {tear.port.node, *(reader.node for reader in tear.readers)}:
        for feed in flow.wiring.feeds[name]:
            value = trace.read(feed.source) if feed.source.node not in step.nodes else None
            field = flow.nodes[name].inputs[feed.port]
            if value is not None and field.kind != "table" and not hasattr(value, "mask"):
                lengths |= dict(zip(field.shape, np.shape(value)[1:], strict=True))
    unknown = [dim for dim in tear.field.shape if dim not in lengths]
    if unknown:
        raise SolverError(
            f"Cannot start the feedback  {step.name}",
            where=f"chain {flow.chain!r}, port {tear.port}",
            why=f"the length of its dimension {unknown[0]!r} is not known before the first pass",
            fix=f"give {', '.join(map(str, sorted(tear.readers)))} an array as default",
        )
    return np.full((size, *(lengths[dim] for dim in tear.field.shape)), float(guess))


def _split(x: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    counts = [int(np.prod(shape, dtype=int)) for shape in shapes]
    parts = np.split(x, np.cumsum(counts)[:-1], axis=1)
    return [part.reshape((len(x), *shape)) for part, shape in zip(parts, shapes, strict=True)]


def _join(parts: list[Any]) -> np.ndarray:
    return np.concatenate([np.asarray(part).reshape(len(part), -1) for part in parts], axis=1)


def _at_readers(step: Step, values: list[np.ndarray]) -> dict[Port, Any]:
    return {
        reader: value
        for tear, value in zip(step.tears, values, strict=True)
        for reader in tear.readers
    }


def _sweep(
    flow: Flow,
    step: Step,
    trace: Trace,
    slopes: Tangents,
    params: Mapping[str, Mapping[str, Any]],
    instead: Mapping[Port, Any],
) -> None:
    """Push tangents once through the group; unknowns move as ``instead`` says."""
    still = {reader: None for tear in step.tears for reader in tear.readers}
    for name in step.nodes:
        flow.push_node(name, trace, slopes, params, {**still, **instead})


def _moved(step: Step, slopes: Tangents, shapes: list[tuple[int, ...]], size: int) -> np.ndarray:
    return _join([
        broadcast(np.asarray(slopes[tear.port]), size) if tear.port in slopes else np.zeros((size, *shape))
        for tear, shape in zip(step.tears, shapes, strict=True)
    ])  # fmt: skip


def _own_slope(
    flow: Flow, step: Step, trace: Trace, shapes: list[tuple[int, ...]], size: int
) -> np.ndarray:
    """Return G_x (n, m, m): one sweep per unknown."""
    count = sum(int(np.prod(shape, dtype=int)) for shape in shapes)
    columns = []
    for index in range(count):
        seed = np.zeros((size, count))
        seed[:, index] = 1.0
        slopes: Tangents = {}
        _sweep(flow, step, trace, slopes, {}, _at_readers(step, _split(seed, shapes)))
        columns.append(_moved(step, slopes, shapes, size))
    return np.stack(columns, axis=-1) if columns else np.zeros((size, 0, 0))


def _resolvent(flow: Flow, step: Step, trace: Trace) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Return I - G_x at the solution and the shapes of the unknowns; computed once per trace."""
    values = [trace.read(tear.port) for tear in step.tears]
    shapes = [np.shape(value)[1:] for value in values]
    if step.name not in trace.loops:
        size = max(trace.runs[name].size for name in step.nodes)
        own = _own_slope(flow, step, trace, shapes, size)
        trace.loops[step.name] = np.eye(own.shape[1]) - own
    return trace.loops[step.name], shapes


def push_loop(
    flow: Flow,
    step: Step,
    trace: Trace,
    slopes: Tangents,
    params: Mapping[str, Mapping[str, Any]],
) -> None:
    """Add the slopes of a solved group's outputs to ``slopes``."""
    first: Tangents = dict(slopes)
    _sweep(flow, step, trace, first, params, {})
    inside = [first[port] for port in first if port.node in step.nodes]
    if not inside:
        return
    matrix, shapes = _resolvent(flow, step, trace)
    size = max([len(matrix), *(rows_of(value) for value in inside)])
    direct = _moved(step, first, shapes, size)
    total = linear_solve(broadcast(matrix, size), direct)
    _sweep(flow, step, trace, slopes, params, _at_readers(step, _split(total, shapes)))


def pull_loop(flow: Flow, step: Step, trace: Trace, found: Tangents, ports: Tangents) -> None:
    """Pull the cotangents of a solved group's outputs back to what enters it."""
    readers = frozenset(reader for tear in step.tears for reader in tear.readers)
    if not any(port.node in step.nodes for port in found):
        return
    at_readers: Tangents = {}
    for name in reversed(step.nodes):
        flow.pull_node(name, trace, found, ports, at_readers, readers)
    matrix, shapes = _resolvent(flow, step, trace)
    size = trace.size
    onto = []
    for tear, shape in zip(step.tears, shapes, strict=True):
        total = np.zeros((size, *shape))
        for reader in tear.readers & at_readers.keys():
            total = total + at_readers[reader]
        onto.append(total)
    adjoint = linear_solve(np.swapaxes(broadcast(matrix, size), 1, 2), _join(onto))
    again: Tangents = {
        tear.port: value for tear, value in zip(step.tears, _split(adjoint, shapes), strict=True)
    }
    for name in reversed(step.nodes):
        flow.pull_node(name, trace, again, ports, {}, readers)
    for port, value in again.items():
        if port.node not in step.nodes:
            found[port] = found[port] + value if port in found else value


def _not_converged(
    flow: Flow, step: Step, solution: Solution, shapes: list[tuple[int, ...]]
) -> SolverError:
    assert isinstance(step.feedback, Feedback)
    bad = np.flatnonzero(~solution.converged)
    row = int(bad[0])
    history = solution.history[:, row]
    history = history[np.isfinite(history) | (np.arange(len(history)) == 0)]
    last = {
        str(tear.port): value[row].tolist()
        for tear, value in zip(step.tears, _split(solution.x, shapes), strict=True)
    }
    shown = ", ".join(f"{item:.3g}" for item in history[-5:])
    others = [m for m in ("newton", "anderson", "fixed_point") if m != step.feedback.method]
    return SolverError(
        f"Feedback  {' -> '.join((*step.nodes, step.nodes[0]))}  did not converge "
        f"on {len(bad)} of {len(solution.x)} rows",
        where=f"chain {flow.chain!r}, row {row}",
        why=f"relative residuals of the last passes: {shown}; last values {last}",
        fix=f'try method="{others[0]}" or "{others[1]}", relaxation=0.5, more than max_iter='
        f"{step.feedback.max_iter} passes, or a better start (the default of a torn input)",
        details={
            "lanes": bad.tolist(),
            "history": history.tolist(),
            "values": last,
            "method": step.feedback.method,
        },
    )
