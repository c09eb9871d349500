"""Values met while a traced function is lowered: known arrays, and arrays of graph nodes.

Whatever does not depend on the inputs stays an ordinary NumPy array with its own type (indices,
tables, loop counters); only the rest becomes nodes. Integers that depend on inputs are held as
real nodes with whole values, truth values as boolean nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.numerics.ode.kernel.graph import Graph
from catena.numerics.ode.kernel.simplify import NUMPY
from catena.numerics.ode.kernel.unsupported import DECLARE_INSTEAD, KernelUnsupported


@final
@dataclass(frozen=True, slots=True)
class Traced:
    """An array that depends on the inputs.

    Args:
        ids: Graph nodes, int64, in the shape of the array.
        dtype: Type the traced function gives it.
    """

    ids: np.ndarray
    dtype: np.dtype[Any]


Value = np.ndarray | Traced


@final
class Arrays:
    """The graph's operations on known arrays, so that one formula serves both."""

    def apply(self, op: str, *args: Any) -> Any:
        """Compute an operation now."""
        return NUMPY[op](*args)

    def const(self, x: float) -> np.float64:
        """Return a constant."""
        return np.float64(x)


ARRAYS = Arrays()


@final
class Scope:
    """What a rule needs to know about the equation it translates.

    Args:
        graph: The graph that grows.
        equation: The equation of the traced function.
        trail: Where it and the calls around it were written, outermost first.
    """

    __slots__ = ("equation", "graph", "trail")

    def __init__(self, graph: Graph, equation: Any = None, trail: tuple[Any, ...] = ()) -> None:
        self.graph, self.equation, self.trail = graph, equation, trail

    def lift(self, value: Value) -> np.ndarray:
        """Return a value as nodes; known numbers become constants."""
        if isinstance(value, Traced):
            return value.ids
        make = self.graph.truth if value.dtype == np.bool_ else self.graph.const
        if not value.shape:
            return np.asarray(make(value.item()))
        nodes = [make(item) for item in value.ravel().tolist()]
        return np.array(nodes, dtype=np.int64).reshape(value.shape)

    def known(self, value: Value) -> np.ndarray | None:
        """Return the numbers behind a value, None when it depends on the inputs."""
        if not isinstance(value, Traced):
            return value
        graph = self.graph
        numbers: list[float] = []
        for node in value.ids.ravel().tolist():
            if node in (graph.true, graph.false):
                numbers.append(float(node == graph.true))
            elif node in graph.constants:
                numbers.append(graph.constants[node])
            else:
                return None
        return np.array(numbers).reshape(value.ids.shape).astype(value.dtype)

    def index(self, value: Value) -> np.ndarray:
        """Return a constant index.

        Raises:
            KernelUnsupported: the index depends on the inputs.
        """
        found = self.known(value)
        if found is None:
            raise self.unsupported(
                "its index depends on time, state or parameters", DECLARE_INSTEAD
            )
        return found

    def unsupported(self, why: str = "", fix: str = "") -> KernelUnsupported:
        """Return the error that names this equation and the user's line it comes from."""
        from jax._src import source_info_util

        # Inside JAX's own functions there is no line of the user: then the call counts.
        lines = [source_info_util.summarize(info) for info in reversed(self.trail)]
        source = next((line for line in lines if line), "")
        return KernelUnsupported(self.equation.primitive.name, source, why=why, fix=fix)
