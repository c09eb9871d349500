"""Which states act on which: the sparsity of a Jacobian, read off the traced right-hand side.

Every array of the trace carries a sparse matrix with one row per element; its columns are the
states that element depends on through a derivative. Each primitive maps the matrices of its
operands to the matrix of its result, whole arrays at a time, so 1e5 states take seconds. The
result may hold too many entries, never too few. Integers and truth values carry none: their
derivative is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from catena.numerics.ode.kernel.unsupported import KernelUnsupported

#: Entries beyond which a pattern no longer pays: the Jacobian is as good as full.
MAX_ENTRIES = 40_000_000


@dataclass(frozen=True)
class Traced:
    """What is known of one array of the trace.

    Args:
        shape: Its shape.
        rows: Dependence on the states, (size, states) in CSR form; None when there is none.
        value: The array itself when it depends on constants only.
    """

    shape: tuple[int, ...]
    rows: sparse.csr_array | None = None
    value: Any = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


def jacobian_pattern(
    function: Callable[..., Any], shapes: Sequence[tuple[int, ...]], wrt: int
) -> sparse.csr_array:
    """Return where the Jacobian of a JAX function may differ from zero.

    Args:
        function: Takes float64 arrays of ``shapes``, returns one array.
        shapes: Shapes of the arguments.
        wrt: Position of the argument, a vector, the derivative is taken by.

    Returns:
        Matrix of ones, (size of the result, size of the argument).

    Raises:
        KernelUnsupported: The pattern has more than ``MAX_ENTRIES`` entries; names the primitive.
    """
    import jax

    closed = jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, np.float64) for s in shapes))
    (states,) = shapes[wrt]
    arguments = [Traced(shape) for shape in shapes]
    arguments[wrt] = Traced((states,), sparse.eye_array(states, format="csr", dtype=np.int8))
    try:
        (result,) = walk(closed.jaxpr, closed.consts, arguments, states)
    except TooFullError as fault:
        raise KernelUnsupported(
            fault.primitive,
            fault.source,
            why=f"the Jacobian would hold {fault.entries:.2g} entries after it",
            fix="write the coupling with slices, gathers or segment sums, or use diffrax",
        ) from None
    if result.rows is None:
        return sparse.csr_array((result.size, states), dtype=np.int8)
    return result.rows


def walk(
    jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Traced], states: int
) -> list[Traced]:
    """Carry the dependence through all equations of a trace.

    Args:
        jaxpr: The open jaxpr.
        consts: Values of its constants.
        arguments: What is known of its inputs.
        states: Columns of every dependence matrix.

    Returns:
        What is known of each output.
    """
    from catena.numerics.ode.large.pattern_rules import apply_rule

    known: dict[Any, Traced] = {}
    for variable, value in zip(jaxpr.constvars, consts, strict=True):
        known[variable] = Traced(np.shape(value), value=value)
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Traced:
        if hasattr(atom, "val"):
            return Traced(np.shape(atom.val), value=np.asarray(atom.val))
        return known[atom]

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        try:
            results = apply_rule(equation, operands, states)
            for variable, result in zip(equation.outvars, results, strict=True):
                known[variable] = _checked(result, variable.aval.dtype, equation)
        except TooFullError as fault:
            # Inside a library's function only the outer call knows the user's line.
            fault.source = fault.source or _line_of(equation)
            raise
    return [read(atom) for atom in jaxpr.outvars]


def _checked(result: Traced, dtype: Any, equation: Any) -> Traced:
    """Drop the dependence of integers; refuse a pattern that is as good as full."""
    if result.rows is None or not np.issubdtype(dtype, np.floating):
        return Traced(result.shape, None, result.value)
    if result.rows.nnz > MAX_ENTRIES:
        raise TooFullError(equation, float(result.rows.nnz))
    return result


class TooFullError(Exception):
    """A primitive makes (nearly) everything depend on everything."""

    def __init__(self, equation: Any, entries: float) -> None:
        super().__init__(equation.primitive.name)
        self.primitive, self.entries = equation.primitive.name, entries
        self.source = _line_of(equation)


def _line_of(equation: Any) -> str:
    from jax._src import source_info_util

    summary = source_info_util.summarize(equation.source_info)
    return "" if summary.startswith("<") else str(summary)


def entries_of(
    pattern: sparse.csr_array, order: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of each entry of a square pattern, counted in ``order``."""
    row = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    column = pattern.indices.astype(np.int64)
    if order is None:
        return row, column
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return rank[row], rank[column]
