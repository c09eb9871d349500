"""Values through a chain: evaluate nodes in order, push tangents forward, pull cotangents back.

Batches stay arrays from end to end. A node all of whose inputs are constant (batch length 1) is
evaluated once, however many rows the chain has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from catena.core.chain.plan import Step
from catena.core.chain.ports import Port
from catena.core.chain.trace import Run, Tangents, Trace, locate
from catena.core.chain.wiring import Wiring
from catena.core.identity import content_key, split_key
from catena.core.model import Model
from catena.core.runtime import Cache
from catena.core.spec import NUMERIC
from catena.core.values import broadcast, rows_of


@final
class Flow:
    """The nodes, couplings and order of a chain, ready to run.

    Args:
        chain: Name of the chain, for messages.
        nodes: Models by name.
        wiring: Checked couplings.
        steps: Order of execution.
        cache: Where node values are kept by content key, if anywhere.
    """

    def __init__(
        self,
        chain: str,
        nodes: Mapping[str, Model],
        wiring: Wiring,
        steps: tuple[Step, ...],
        cache: Cache | None = None,
    ) -> None:
        self.chain = chain
        self.nodes = nodes
        self.wiring = wiring
        self.steps = steps
        self.cache = cache

    # Evaluation ------------------------------------------------------------------------------

    def run(self, batch: Mapping[str, Any], size: int, key: int) -> Trace:
        """Evaluate every node and return what happened."""
        trace = Trace(batch, size, key)
        for step in self.steps:
            self.run_step(step, trace)
        return trace

    def run_step(self, step: Step, trace: Trace) -> None:
        """Evaluate one node or feedback group."""
        if step.tears:
            from catena.core.chain.loops import run_loop

            run_loop(self, step, trace)
            return
        name = step.nodes[0]
        run = self.prepare(name, trace)
        self.call(name, run, trace)

    def prepare(self, name: str, trace: Trace, instead: Mapping[Port, Any] | None = None) -> Run:
        """Gather a node's inputs; ``instead`` holds values of ports whose source has not run."""
        inputs: dict[str, Any] = {}
        for feed in self.wiring.feeds[name]:
            here = Port(name, feed.port)
            value = instead[here] if instead and here in instead else trace.read(feed.source)
            if value is not None:
                inputs[feed.port] = feed.link.apply(value)
        constant = all(rows_of(value) == 1 for value in inputs.values())
        # Rows of a stochastic node differ even where its inputs do not.
        size = 1 if constant and not self.nodes[name].capabilities.stochastic else trace.size
        return Run(inputs, size, split_key(trace.key, name))

    def call(self, name: str, run: Run, trace: Trace) -> None:
        """Evaluate a node, from the cache where it holds the answer."""
        origin = self.origin(name, run, trace) if self.cache is not None else ""
        found = self.recall(origin)
        run.values = self.evaluate(name, run) if found is None else found
        if found is None:
            self.keep(origin, run.values)
        trace.runs[name] = run

    def evaluate(self, name: str, run: Run) -> dict[str, Any]:
        """Evaluate a node; an error tells which node it was."""
        try:
            return self.nodes[name].evaluate(run.inputs, run.size, run.key)
        except Exception as error:
            locate(error, self.chain, name)
            raise

    def origin(self, name: str, run: Run, trace: Trace) -> str:
        """Return the cache key of a node's values; it follows from where its inputs come from.

        Values between nodes are never hashed: equal models fed from equal sources agree.
        """
        model = self.nodes[name]
        sources = [
            (feed.port, self.source_key(feed.source, trace), feed.link.key)
            for feed in self.wiring.feeds[name]
        ]
        seed = run.key if model.capabilities.stochastic else None
        origin = content_key("node", model.key, run.size, sources, seed)
        for output in model.outputs:
            trace.origins[Port(name, output.name)] = f"{origin}.{output.name}"
        return origin

    def recall(self, origin: str) -> dict[str, Any] | None:
        """Return what the cache holds under a key."""
        found: dict[str, Any] | None = self.cache.get(origin) if self.cache is not None else None
        return found

    def keep(self, origin: str, values: dict[str, Any]) -> None:
        """Put values in the cache, protected from change."""
        if self.cache is None:
            return
        self.protect(values)
        self.cache.put(origin, values)

    @staticmethod
    def protect(values: Mapping[str, Any]) -> None:
        """Make arrays read-only, so that no reader changes what others get."""
        for value in values.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def source_key(self, port: Port, trace: Trace) -> str:
        """Return the key of a source: of its origin, or of a chain input's content."""
        if port not in trace.origins:
            trace.origins[port] = content_key(trace.read(port))
        return trace.origins[port]

    # Derivatives -----------------------------------------------------------------------------

    def push(
        self,
        trace: Trace,
        tangents: Mapping[str, Any],
        params: Mapping[str, Mapping[str, Any]],
        also: Mapping[str, frozenset[str]] | None = None,
    ) -> Tangents:
        """Return slopes of all outputs along a direction.

        Args:
            trace: A finished run.
            tangents: Direction by chain input, each (n or 1, *shape).
            params: Direction by node and parameter.
            also: Ports by node that get a zero slope where they do not move, so that several
                directions share one compiled derivative.
        """
        slopes: Tangents = {Port("", name): value for name, value in tangents.items()}
        for step in self.steps:
            if step.tears:
                from catena.core.chain.loops import push_loop

                push_loop(self, step, trace, slopes, params)
            else:
                self.push_node(step.nodes[0], trace, slopes, params, also=also)
        return slopes

    def push_node(
        self,
        name: str,
        trace: Trace,
        slopes: Tangents,
        params: Mapping[str, Mapping[str, Any]],
        instead: Mapping[Port, Any] | None = None,
        also: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """Add the slopes of one node's outputs to ``slopes``."""
        moving: dict[str, Any] = dict(params.get(name, {}))
        for feed in self.wiring.feeds[name]:
            if not feed.link.differentiable:
                continue
            here = Port(name, feed.port)
            slope = instead.get(here) if instead and here in instead else slopes.get(feed.source)
            if slope is not None and feed.port not in self.nodes[name].static_fields:
                moving[feed.port] = feed.link.push(slope)
        if not moving:
            return
        run = trace.runs[name]
        for port in (also or {}).get(name, frozenset()) - moving.keys():
            if port in run.inputs:
                moving[port] = np.zeros((1, *np.shape(run.inputs[port])[1:]))
        size = max([run.size, *(rows_of(v) for n, v in moving.items() if n in run.inputs)])
        moving = {
            n: broadcast(np.asarray(v), size) if n in run.inputs else v for n, v in moving.items()
        }
        try:
            _, found = self.nodes[name].jvp(run.inputs, moving, size, run.key)
        except Exception as error:
            locate(error, self.chain, name)
            raise
        for output, slope in found.items():
            slopes[Port(name, output)] = slope

    def pull(self, trace: Trace, cotangents: Mapping[Port, Any]) -> tuple[Tangents, Tangents]:
        """Return cotangents of all sources and of all input ports.

        Args:
            trace: A finished run.
            cotangents: Cotangents of output ports, each (n, *shape).

        Returns:
            By source port (chain inputs have node "") and by input port of a node.
        """
        found: Tangents = dict(cotangents)
        ports: Tangents = {}
        for step in reversed(self.steps):
            if step.tears:
                from catena.core.chain.loops import pull_loop

                pull_loop(self, step, trace, found, ports)
            else:
                self.pull_node(step.nodes[0], trace, found, ports)
        return found, ports

    def pull_node(
        self,
        name: str,
        trace: Trace,
        found: Tangents,
        ports: Tangents,
        instead: Tangents | None = None,
        readers: frozenset[Port] = frozenset(),
    ) -> None:
        """Pull the cotangents of one node's outputs back to its sources.

        Ports in ``readers`` add to ``instead`` (by input port) and not to their source.
        """
        model, run = self.nodes[name], trace.runs[name]
        given = {
            out.name: found[Port(name, out.name)]
            for out in model.outputs
            if out.kind in NUMERIC and Port(name, out.name) in found
        }
        feeds = [
            f for f in self.wiring.feeds[name]
            if f.link.differentiable and f.port not in model.static_fields and f.port in run.inputs
        ]  # fmt: skip
        if not given or not feeds:
            return
        try:
            pulled = model.vjp(run.inputs, given, trace.size, run.key)
        except Exception as error:
            locate(error, self.chain, name)
            raise
        for feed in feeds:
            here = Port(name, feed.port)
            if feed.port not in pulled:
                continue
            gradient = np.asarray(pulled[feed.port])
            ports[here] = ports[here] + gradient if here in ports else gradient
            back = feed.link.pull(gradient, _points(trace.read(feed.source)))
            store, slot = (
                (instead, here) if instead is not None and here in readers else (found, feed.source)
            )
            store[slot] = store[slot] + back if slot in store else back


def _points(value: Any) -> int | None:
    shape = np.shape(value)
    return shape[1] if len(shape) > 1 else None
