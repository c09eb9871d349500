"""A Chain: models coupled port to port, and itself a Model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, final

import numpy as np

from catena.core.chain.build import build, own_fields
from catena.core.chain.feedback import Feedback
from catena.core.chain.flow import Flow
from catena.core.chain.judge import Judge, shown
from catena.core.chain.plan import Step
from catena.core.chain.ports import Edge, Port
from catena.core.chain.slot import Slot
from catena.core.errors import ChainError, InputError, did_you_mean
from catena.core.model import Model, ModelInfo, _without
from catena.core.runtime import Cache, MemoryCache
from catena.core.spec import NUMERIC
from catena.core.values import Batch

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.result import Result

Node = Model | Slot | str
#: What a chain keeps of its nodes' values by default; ``with_cache`` sets another cache or none.
_CACHE_BYTES = 64 * 2**20


@final
class Chain(Model):
    """Models coupled by explicit edges; every fault of the wiring is reported at once.

    Inputs that no edge feeds become inputs of the chain, named by their port where that name
    is unique, else ``node.port``. Every output is exposed as ``node.port``.

    Args:
        nodes: Models, model ids or slots by node name; also accepted as keywords.
        edges: Couplings such as ``"pk.auc -> pd.exposure"``; units of the same dimension
            convert by themselves.
        inputs: Chain inputs that serve several ports, ``{"weight": ["pk.weight", "pd.weight"]}``.
        outputs: Short names of outputs, ``{"auc": "nca.auc"}``.
        feedback: Solver of cycles: a method (``"newton"``, ``"fixed_point"``, ``"anderson"``),
            a ``Feedback``, or one of these by group or by a node of the group.
        id: Name of the chain.
        title: Short title.
        version: Version of the chain.
        doc: What it is for.
        **named: Further nodes.

    Raises:
        ChainError: the chain cannot be built; ``faults`` lists every reason.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node] | None = None,
        /,
        edges: Sequence[str | Edge | tuple[str, str]] = (),
        *,
        inputs: Mapping[str, str | Sequence[str]] | None = None,
        outputs: Mapping[str, str] | None = None,
        feedback: Any = None,
        id: str = "chain",
        title: str = "",
        version: str = "0.1.0",
        doc: str = "",
        **named: Node,
    ) -> None:
        given = {**(nodes or {}), **named}
        shared = {n: [p] if isinstance(p, str) else list(p) for n, p in (inputs or {}).items()}
        built = build(id, given, edges, shared, dict(outputs or {}), feedback)
        self._shared = shared
        self._aliases = dict(outputs or {})
        self._built = built
        # A node whose inputs did not change is not run again; copies made by ``at`` share this.
        self._cache: Cache | None = MemoryCache(_CACHE_BYTES)
        self._defaults: dict[str, Any] = {}
        self.nodes: dict[str, Model | Slot] = built.nodes
        self.edges: tuple[Edge, ...] = built.edges
        self.feedback = built.feedback
        self.info = ModelInfo(
            id=id, title=title, version=version, doc=doc, scale="chain", backend=built.backend
        )
        self.inputs = built.wiring.inputs
        self.outputs = built.wiring.outputs
        self._describe_nodes()

    def _describe_nodes(self) -> None:
        """Derive from the nodes what the chain declares about itself."""
        self.params, self.static_fields, self.capabilities = own_fields(
            self.nodes, self._built.wiring
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """Order of execution; a step of several nodes is a feedback group."""
        return self._built.steps

    @property
    def slots(self) -> dict[str, Slot]:
        """Slots that are not filled yet, by node name."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, Slot)}

    # Evaluation ------------------------------------------------------------------------------

    @cached_property
    def _flow(self) -> Flow:
        if self.slots:
            raise ChainError(
                f"Chain {self.info.id!r} has unfilled slots: {', '.join(self.slots)}",
                where=f"chain {self.info.id!r}",
                why="a slot only says what kind of model belongs there",
                fix=f"chain.fill({next(iter(self.slots))}=model)",
            )
        models = {name: node for name, node in self.nodes.items() if isinstance(node, Model)}
        return Flow(self.info.id, models, self._built.wiring, self.steps, self._cache)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        size = max((len(value) for value in batch.values()), default=1)
        return self.evaluate(batch, size, int(key))

    def evaluate(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks; see ``Model.evaluate``."""
        return shown(self._flow.run(batch, size, int(key)), self._built.wiring.exposed)

    def _outcome(
        self,
        checked: Batch,
        key: int,
        on_error: Literal["raise", "skip"],
        values: dict[str, Any] | None = None,
    ) -> tuple[Batch, dict[str, Any], dict[str, Any], np.ndarray | None]:
        judge = Judge(self._flow, on_error)
        trace = judge.run(checked, int(key))
        if judge.faults:
            checked = _without(checked, judge.faults)
        values = shown(trace, self._built.wiring.exposed)
        return checked, values, judge.diagnostics, judge.domain

    def _provenance(self, checked: Batch, key: int, warnings: Sequence[str] = ()) -> dict[str, Any]:
        record = super()._provenance(checked, key, warnings)
        record["nodes"] = {
            name: {"model": node.info.id, "version": node.info.version, "key": node.key}
            for name, node in self.nodes.items()
            if isinstance(node, Model)
        }
        return record

    # Derivatives -----------------------------------------------------------------------------

    def jvp(
        self, batch: Mapping[str, Any], tangents: Mapping[str, Any], size: int, key: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents of chain inputs and parameters through the nodes; see ``Model.jvp``."""
        from catena.core.chain.derive import chain_jvp

        trace = self._flow.run(batch, size, int(key))
        slopes = chain_jvp(self._flow, trace, tangents, self.params)
        values = shown(trace, self._built.wiring.exposed)
        return values, {name: slopes[port] for name, port in self._real(values).items()}

    def vjp(
        self, batch: Mapping[str, Any], cotangents: Mapping[str, Any], size: int, key: int = 0
    ) -> dict[str, Any]:
        """Pull cotangents back through the nodes; see ``Model.vjp``."""
        from catena.core.backend import differentiable
        from catena.core.chain.derive import chain_vjp

        trace = self._flow.run(batch, size, int(key))
        exposed = self._built.wiring.exposed
        given = [(exposed[name], value) for name, value in cotangents.items()]
        return chain_vjp(self._flow, trace, given, differentiable(self, batch))

    def _real(self, values: Mapping[str, Any]) -> dict[str, Port]:
        """Return the ports of outputs that carry slopes."""
        return {
            name: port
            for name, port in self._built.wiring.exposed.items()
            if self.outputs[name].kind in NUMERIC and isinstance(values.get(name), np.ndarray)
        }

    def jacobian(
        self,
        batch: Any = None,
        /,
        *,
        of: str | tuple[str, ...] | None = None,
        wrt: str | tuple[str, ...] | None = None,
        mode: Literal["auto", "forward", "reverse", "difference"] = "auto",
        key: int = 0,
        **inputs: Any,
    ) -> dict[tuple[str, str], np.ndarray]:
        """Return derivatives row by row, each node by its own rule; see ``Model.jacobian``.

        Without ``of``, the named outputs are derived (all outputs where none is named).
        """
        from catena.core.chain.derive import chain_jacobian
        from catena.core.gradient import _inputs, _outputs, jacobian

        checked = self._checked(batch, inputs, "raise")
        if of is None and self._aliases:
            of = tuple(n for n in self._aliases if self.outputs[n].kind in NUMERIC)
        if mode == "difference":
            return jacobian(self, checked, of, wrt, mode, key)
        exposed = {name: self._built.wiring.exposed[name] for name in _outputs(self, of)}
        names = _inputs(self, checked, wrt)
        params = {
            n: Port(*n.split(".", 1)) for n in names if n in self.params and n not in self.inputs
        }
        trace = self._flow.run(checked.values_, checked.size, int(key))
        return chain_jacobian(self._flow, trace, exposed, names, params, mode)

    def explain(self, inputs: Batch, of: str, row: int = 0) -> pd.DataFrame:
        """Tell what drives an output: every input, and every link by what it carries.

        Returns:
            Columns: kind (input or link), input (its name, or the edge), value, unit, slope,
            elasticity, share (of the output's first-order variance, where inputs declare
            distributions). Shares of links that cut the chain in two add up to one.
        """
        from catena.core.chain.attribution import explain_chain

        return explain_chain(self, inputs, of, row)

    # Variants --------------------------------------------------------------------------------

    def at(self, **changes: Any) -> Self:
        """Return a new chain with other input defaults or parameter values.

        Inputs are named as the chain names them or by ``node.port``, parameters ``node.param``.

        Raises:
            InputError: a name is neither, or an edge feeds it.
        """
        mine: dict[str, Any] = {}
        for name, value in changes.items():
            mine[self._own_name(name)] = value
        new = super().at(**mine)
        new._defaults = {
            **self._defaults,
            **{n: new.inputs[n].default for n in mine if n in new.inputs},
        }
        nodes = dict(self.nodes)
        for name, value in mine.items():
            node, _, param = name.partition(".")
            if name in self.params and name not in self.inputs:
                nodes[node] = nodes[node].at(**{param: value})  # type: ignore[union-attr]
        new.nodes = nodes
        return new

    def _own_name(self, name: str) -> str:
        if name in self.inputs or name in self.params:
            return name
        node, _, port = name.partition(".")
        here = Port(node, port)
        for own, targets in self._built.wiring.targets.items():
            if here in targets:
                return own
        for edge in self.edges:
            if edge.ports[1] == here:
                raise InputError(f"Cannot change {name!r}", where=f"chain {self.info.id!r}",
                                 why=f"the edge {edge} feeds it",
                                 fix="change what feeds the edge, or remove it")  # fmt: skip
        raise InputError(
            f"Cannot change {name!r}",
            where=f"chain {self.info.id!r}",
            why="it is neither an input nor a parameter",
            fix=did_you_mean(name, (*self.inputs.names, *self.params.names), "see describe()"),
        )

    def replace(self, **nodes: Node) -> Chain:
        """Return a chain with other models at some nodes; everything is checked anew.

        Raises:
            ChainError: there is no such node, or the new model does not fit its edges.
        """
        for name in nodes:
            if name not in self.nodes:
                raise ChainError(f"No node {name!r}", where=f"chain {self.info.id!r}",
                                 why=f"nodes are {', '.join(self.nodes)}",
                                 fix=did_you_mean(name, self.nodes, "use one of these"))  # fmt: skip
        return self._again({**self.nodes, **nodes}, self.edges, self._shared)

    def fill(self, **models: Model | str) -> Chain:
        """Return a chain with models in its slots.

        Raises:
            ChainError: there is no such slot, or a model does not offer what the slot asks for.
        """
        from catena.core.chain.build import fitting

        nodes, edges, inputs = fitting(self.info.id, self.nodes, self.edges, self._shared, models)
        return self._again(nodes, edges, inputs)

    def _again(
        self, nodes: Mapping[str, Node], edges: Sequence[Edge], inputs: Mapping[str, Sequence[str]]
    ) -> Chain:
        info = self.info
        new = Chain(
            nodes, edges, inputs=inputs, outputs=self._aliases, feedback=self.feedback,
            id=info.id, title=info.title, version=info.version, doc=info.doc,
        )  # fmt: skip
        kept = {
            name: value for name, value in self._defaults.items()
            if name in new.inputs and new.inputs[name].unit == self.inputs[name].unit
        }  # fmt: skip
        return (new.at(**kept) if kept else new).with_cache(self._cache)

    def with_cache(self, cache: Cache | None) -> Self:
        """Return a chain that keeps node values in ``cache`` (None: every node runs every time)."""
        new = super().at()
        new._cache = cache
        new.nodes = {
            name: node.with_cache(cache) if isinstance(node, Chain) else node
            for name, node in self.nodes.items()
        }
        return new

    def sample(
        self,
        inputs: Mapping[str, Any] | None = None,
        draws: int = 1000,
        key: int = 0,
        over: Any = None,
        correlation: Any = None,
    ) -> Result:
        """Propagate input distributions; all outputs share the draws. See ``sampling.sample``."""
        from catena.core.sampling import sample

        return sample(self, inputs, draws, key, over=over, correlation=correlation)

    # Description -----------------------------------------------------------------------------

    def graph(self) -> dict[str, Any]:
        """Return nodes and edges as plain data, for drawing."""
        from catena.core.chain.graph import graph

        return graph(self)

    def to_mermaid(self) -> str:
        """Return the chain as a Mermaid flow chart."""
        from catena.core.chain.graph import to_mermaid

        return to_mermaid(self)

    def to_dict(self, models: Mapping[str, Model] | None = None) -> dict[str, Any]:
        """Return plain data from which ``from_dict`` rebuilds the chain.

        Args:
            models: Models by id that are not registered; ``at`` holds what differs from them.
        """
        from catena.core.chain.data import to_dict

        return to_dict(self, models or {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], models: Mapping[str, Model] | None = None) -> Chain:
        """Build a chain from plain data (a YAML file).

        Args:
            data: ``nodes`` (id, ``{model, at}``, a slot or a chain), ``edges``, ``inputs``,
                ``outputs``, ``feedback``, ``at``, ``id``, ``title``, ``version``, ``doc``.
            models: Models by id that are not registered.

        Raises:
            ChainError: the data does not describe a chain, with every fault.
        """
        from catena.core.chain.data import from_dict

        return from_dict(data, models or {})

    def describe(self) -> dict[str, Any]:
        """Return everything declared about the chain as plain data."""
        return {**super().describe(), "graph": self.graph()}

    def _identity(self) -> dict[str, Any]:
        feedback = self.feedback
        settings = (
            {name: item.to_dict() for name, item in feedback.items()}
            if isinstance(feedback, Mapping)
            else feedback.to_dict()
            if feedback
            else None
        )
        return {
            "id": self.info.id,
            "version": self.info.version,
            "nodes": {name: node.key for name, node in self.nodes.items()},
            "edges": sorted(map(str, self.edges)),
            "inputs": {field.name: field.to_dict() for field in self.inputs},
            "shared": self._shared,
            "outputs": self._aliases,
            "feedback": settings,
        }

    def __repr__(self) -> str:
        return f"<chain {self.info.id}: {', '.join(self.nodes)}; {len(self.edges)} edges>"


__all__ = ["Chain", "Edge", "Feedback", "Slot"]
