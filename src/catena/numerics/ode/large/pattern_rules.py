"""How each JAX primitive passes dependence on; see ``pattern``.

Three families cover nearly all: element-wise functions unite the rows of their operands; moves
(slice, gather, concatenate, ...) are run once on the positions of the elements and so tell where
each one came from; sums collect rows through a matrix of ones. Anything unknown makes every
output depend on all that any input depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from catena.numerics.ode.large.pattern import Traced, walk
from catena.numerics.ode.large.pattern_moves import (
    cumulate,
    dot,
    everything,
    keep,
    move,
    ones,
    reduce,
    scatter,
    unite,
)

Rule = Callable[[Any, Sequence[Traced], int], list[Traced]]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Primitives whose result element depends on the operand elements at the same place.
ELEMENTWISE = _names(
    "abs acos acosh add add_any asin asinh atan atan2 atanh cbrt clamp convert_element_type copy "
    "copy_p cos cosh digamma div erf erf_inv erfc exp exp2 expm1 integer_pow is_finite lgamma log "
    "log1p logistic max min mul neg nextafter optimization_barrier pow real reduce_precision rem "
    "rsqrt select_n sin sinh square sqrt sub tan tanh xlogy xlog1py"
)
#: Primitives whose derivative is zero wherever it exists.
FLAT = _names("ceil floor round sign eq ne lt le gt ge lt_to le_to and or not xor")
#: Primitives that only move elements; operands after the first may be positions.
MOVES = _names(
    "broadcast_in_dim concatenate dynamic_slice dynamic_update_slice expand_dims gather pad "
    "reshape rev slice split squeeze stack transpose unstack"
)
REDUCTIONS = _names("reduce_sum reduce_max reduce_min reduce_prod")
CUMULATIVE = _names("cumsum cumprod cummax cummin cumlogsumexp")
SCATTERS = _names(
    "scatter scatter-add scatter_add scatter-mul scatter_mul scatter-sub scatter_sub scatter-min "
    "scatter_min scatter-max scatter_max"
)
LOOPS = _names("cond scan while")
CALLS = _names(
    "jit pjit closed_call core_call remat checkpoint remat2 custom_jvp_call custom_vjp_call "
    "custom_vjp_call_jaxpr"
)


def apply_rule(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Return what is known of the results of one equation."""
    name = equation.primitive.name
    shapes = [tuple(variable.aval.shape) for variable in equation.outvars]
    if name in CALLS:
        return _call(equation, operands, states)
    if all(operand.value is not None for operand in operands) and name not in LOOPS:
        return _evaluate(equation, operands)
    if name in FLAT or all(operand.rows is None for operand in operands):
        return [Traced(shape) for shape in shapes]
    rule = _rule_of(name)
    return rule(equation, operands, states)


def _rule_of(name: str) -> Rule:
    if name in ELEMENTWISE:
        return _elementwise
    if name in MOVES:
        return move
    if name in REDUCTIONS:
        return reduce
    if name in CUMULATIVE:
        return cumulate
    if name in SCATTERS:
        return scatter
    return {"dot_general": dot, "cond": _cond, "scan": _scan}.get(name, everything)


def _evaluate(equation: Any, operands: Sequence[Traced]) -> list[Traced]:
    import jax

    with jax.ensure_compile_time_eval():
        values = equation.primitive.bind(
            *(jax.numpy.asarray(operand.value) for operand in operands), **equation.params
        )
    values = values if equation.primitive.multiple_results else [values]
    return [Traced(np.shape(value), value=np.asarray(value)) for value in values]


def _call(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    params = equation.params
    inner = params.get("jaxpr", params.get("call_jaxpr", params.get("fun_jaxpr")))
    if hasattr(inner, "consts"):
        return walk(inner.jaxpr, inner.consts, operands, states)
    return walk(inner, (), operands, states)


def _elementwise(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    shape = tuple(equation.outvars[0].aval.shape)
    counted = _nonzero(equation.primitive.name, operands, shape)
    parts = []
    for operand, kept in zip(operands, counted, strict=True):
        if operand.rows is None:
            continue
        rows = operand.rows
        if operand.shape != shape:
            places = np.arange(operand.size).reshape(operand.shape)
            rows = rows[np.broadcast_to(places, shape).ravel()]
        parts.append(rows if kept is None else keep(rows, kept.ravel()))
    return [Traced(shape, unite(parts))]


def _nonzero(
    name: str, operands: Sequence[Traced], shape: tuple[int, ...]
) -> list[np.ndarray | None]:
    """Return per operand which elements count: a constant zero factor or choice removes them."""
    keep: list[np.ndarray | None] = [None] * len(operands)
    if name == "mul":
        for mine, other in ((0, 1), (1, 0)):
            factor = operands[other].value
            if factor is not None:
                keep[mine] = np.broadcast_to(np.asarray(factor) != 0, shape)
    if name == "select_n" and operands[0].value is not None:
        choice = np.broadcast_to(np.asarray(operands[0].value), shape).astype(np.int64)
        keep[1:] = [choice == case for case in range(len(operands) - 1)]
    return keep


def _cond(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    choice, *arguments = operands
    branches = equation.params["branches"]
    if choice.value is not None:
        branches = [branches[int(np.clip(int(choice.value), 0, len(branches) - 1))]]
    outcomes = [walk(branch.jaxpr, branch.consts, arguments, states) for branch in branches]
    return [_merged(versions) for versions in zip(*outcomes, strict=True)]


def _merged(versions: Sequence[Traced]) -> Traced:
    rows = [version.rows for version in versions if version.rows is not None]
    value = versions[0].value if len(versions) == 1 else None
    return Traced(versions[0].shape, unite(rows) if rows else None, value)


def _scan(equation: Any, operands: Sequence[Traced], states: int) -> list[Traced]:
    """Repeat the body: the carried dependence grows until nothing new is added."""
    params = equation.params
    fixed, carried = params["num_consts"], params["num_carry"]
    body = params["jaxpr"]
    consts = list(operands[:fixed])
    carry = [Traced(o.shape, o.rows) for o in operands[fixed : fixed + carried]]
    series = operands[fixed + carried :]
    # All turns of the loop are taken together: each reads any element of its series.
    turns = [_any_turn(operand, states) for operand in series]
    while True:
        results = walk(body.jaxpr, body.consts, [*consts, *carry, *turns], states)
        grown = [_merged(pair) for pair in zip(carry, results[:carried], strict=True)]
        if all(_entries(new) == _entries(old) for new, old in zip(grown, carry, strict=True)):
            break
        carry = grown
    outputs = [_every_turn(result, params["length"]) for result in results[carried:]]
    return [*carry, *outputs]


def _entries(traced: Traced) -> int:
    return 0 if traced.rows is None else int(traced.rows.nnz)


def _any_turn(operand: Traced, states: int) -> Traced:
    shape = operand.shape[1:]
    if operand.rows is None:
        return Traced(shape)
    size = int(np.prod(shape, dtype=np.int64))
    element = np.tile(np.arange(size), operand.shape[0])
    collect = sparse.csr_array(
        (np.ones(operand.size, np.int32), (element, np.arange(operand.size))),
        shape=(size, operand.size),
    )
    return Traced(shape, ones(collect @ operand.rows.astype(np.int32)))


def _every_turn(result: Traced, length: int) -> Traced:
    shape = (length, *result.shape)
    if result.rows is None:
        return Traced(shape)
    return Traced(shape, result.rows[np.tile(np.arange(result.size), length)])
