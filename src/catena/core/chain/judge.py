"""A checked pass through a chain: node by node checks, diagnostics, domain, and bad rows.

What a node's own ``predict`` would refuse, the chain refuses, and says at which node. With
``on_error="skip"`` a bad row leaves the batch there and then; nodes downstream never see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

import numpy as np

from catena.core.border import input_error
from catena.core.chain.flow import Flow
from catena.core.chain.plan import Step
from catena.core.chain.ports import Port
from catena.core.chain.trace import Run, Trace, locate
from catena.core.errors import CatenaError, InputError, RowFault, SolverError
from catena.core.model import Model
from catena.core.values import Batch, broadcast, rows_of


class _Dropped(Exception):
    """Rows left the batch; the step is to be done again."""


@final
class Judge:
    """Runs a flow with all checks.

    Args:
        flow: What to run.
        on_error: ``raise`` stops at the first node with bad rows, ``skip`` drops them.

    Attributes:
        diagnostics: What nodes and feedback groups report, by name.
        faults: Dropped rows (as given), with node, port and reason.
        domain: Per kept row, whether all nodes were used inside their domains.
        kept: Indices of the kept rows.
    """

    def __init__(self, flow: Flow, on_error: Literal["raise", "skip"]) -> None:
        self.flow = flow
        self.on_error = on_error
        self.diagnostics: dict[str, Any] = {}
        self.faults: list[RowFault] = []
        self.domain: np.ndarray | None = None
        self.kept = np.arange(0)

    def run(self, batch: Batch, key: int) -> Trace:
        """Evaluate every node and return what happened to the kept rows."""
        trace = Trace(batch.values_, batch.size, key)
        self.kept = np.arange(batch.size)
        for step in self.flow.steps:
            while True:
                try:
                    self._step(step, trace)
                    break
                except _Dropped:
                    if trace.size == 0:
                        return self.flow.run(trace.batch, 0, key)
        return trace

    def _step(self, step: Step, trace: Trace) -> None:
        if not step.tears:
            name = step.nodes[0]
            run = self.flow.prepare(name, trace)
            self._check_inputs(name, run, trace)
            if not _is_chain(self.flow.nodes[name]):
                self._try(lambda: self.flow.call(name, run, trace), trace)
            self._judge(name, run, trace)
            return
        self._try(lambda: self.flow.run_step(step, trace), trace)
        feedback = step.feedback
        self.diagnostics[step.name] = {
            "method": feedback.method if feedback else "",
            "passes": broadcast(trace.passes[step.name], trace.size),
        }
        for name in step.nodes:
            self._check_inputs(name, trace.runs[name], trace)
            self._judge(name, trace.runs[name], trace)

    def _try(self, action: Any, trace: Trace) -> None:
        """Do it; rows named by an error are dropped where rows may be skipped."""
        try:
            action()
        except (InputError, SolverError) as error:
            faults = _row_faults(error)
            if self.on_error == "raise" or not faults or len({f.row for f in faults}) > trace.size:
                raise
            self._drop(faults, trace)

    def _check_inputs(self, name: str, run: Run, trace: Trace) -> None:
        """Check what comes from other nodes, and what the model checks across its inputs."""
        faults: list[RowFault] = []
        for feed in self.flow.wiring.feeds[name]:
            if not feed.source.node or feed.port not in run.inputs:
                continue
            value = run.inputs[feed.port]
            bad = feed.link.bad_rows(value)
            if bad is not None:
                faults += [
                    RowFault(int(row) if rows_of(value) > 1 else -1, f"{name}.{feed.port}", bad[1])
                    for row in bad[0]
                ]
        model = self.flow.nodes[name]
        found = model._check(Batch(model.inputs, run.inputs, run.size))
        faults += [self._named(fault, name, run, trace) for fault in found]
        if faults:
            self._refuse(faults, name, trace)

    def _judge(self, name: str, run: Run, trace: Trace) -> None:
        """Collect a node's diagnostics, failed rows and domain."""
        model = self.flow.nodes[name]
        batch = Batch(model.inputs, run.inputs, run.size)
        try:
            # A chain inside this one runs here, so that its own nodes are judged.
            known = run.values if name in trace.runs else None
            left, values, diagnostics, domain = model._outcome(batch, run.key, "skip", known)
        except CatenaError as error:
            locate(error, self.flow.chain, name)
            raise
        if left.faults:
            self._refuse(
                [self._named(fault, name, run, trace) for fault in left.faults], name, trace
            )
        if name not in trace.runs:
            run.values = values
            trace.runs[name] = run
        if domain is not None:
            domain = np.asarray(broadcast(np.asarray(domain, bool), trace.size))
            self.domain = domain if self.domain is None else self.domain & domain
            diagnostics = {**diagnostics, "in_domain": domain}
        if diagnostics:
            self.diagnostics[name] = diagnostics
        for text in diagnostics.get("warnings", ()):
            self.diagnostics.setdefault("warnings", []).append(f"{name}: {text}")

    def _named(self, fault: RowFault, name: str, run: Run, trace: Trace) -> RowFault:
        """Name the node; a fault of a constant is one of every row."""
        row = fault.row if run.size == trace.size else -1
        return RowFault(row, f"{name}.{fault.field}" if fault.field else name, fault.why)

    def _refuse(self, faults: list[RowFault], name: str, trace: Trace) -> None:
        if self.on_error == "skip":
            self._drop(faults, trace)
        where = f"chain {self.flow.chain!r}, node {name!r}"
        rows = {fault.row for fault in faults}
        count = trace.size if -1 in rows else len(rows)
        error = input_error(faults, where)
        raise SolverError(
            f"Node {name!r} fails on {count} of {trace.size} rows",
            where=where,
            why=error.why,
            fix='check what feeds this node, or pass on_error="skip" to keep the other rows',
            details=error.details,
        )

    def _drop(self, faults: list[RowFault], trace: Trace) -> None:
        """Take the faulty rows out of everything and ask for the step again."""
        everything = any(fault.row < 0 for fault in faults)
        rows = set(range(trace.size)) if everything else {fault.row for fault in faults}
        for fault in faults:
            for row in range(trace.size) if fault.row < 0 else (fault.row,):
                self.faults.append(fault._replace(row=int(self.kept[row])))
        keep = np.array([row for row in range(trace.size) if row not in rows], dtype=int)
        self.diagnostics = {
            name: _kept_rows(item, trace.size, keep) for name, item in self.diagnostics.items()
        }
        if self.domain is not None:
            self.domain = self.domain[keep]
        self.kept = self.kept[keep]
        trace.keep_rows(keep)
        raise _Dropped


def _is_chain(model: Model) -> bool:
    from catena.core.chain.model import Chain

    return isinstance(model, Chain)


def _kept_rows(item: Any, size: int, keep: np.ndarray) -> Any:
    if isinstance(item, dict):
        return {name: _kept_rows(value, size, keep) for name, value in item.items()}
    if isinstance(item, np.ndarray) and item.ndim and len(item) == size and size > 1:
        return item[keep]
    return item


def _row_faults(error: CatenaError) -> list[RowFault]:
    """Return the rows an error names, from its faults or its list of lanes."""
    if isinstance(error, InputError) and error.rows:
        faults = list(error.rows)
    elif "rows" in error.details:
        faults = [
            RowFault(r["row"], r.get("field", ""), r.get("why", "")) for r in error.details["rows"]
        ]
    else:
        lanes = error.details.get("lanes", ())
        faults = [RowFault(int(lane), "", error.what) for lane in lanes]
    return [] if any(fault.row < 0 for fault in faults) else faults


def shown(trace: Trace, exposed: Mapping[str, Port]) -> dict[str, Any]:
    """Return the chain's outputs stretched over its rows."""
    values = {name: trace.read(port) for name, port in exposed.items()}
    return {
        name: broadcast(value, trace.size) for name, value in values.items() if value is not None
    }
