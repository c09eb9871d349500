"""Exact derivatives on the graph: sparse Jacobians, and tangents pushed forward.

Every node that several others use gets a row of derivatives by direction. Between such nodes
lie trees of nodes used once; a tree is swept backwards, which gives the factor of each of its
leaves with one multiplication per edge, whatever the number of directions. Choices (select, max,
min) choose between the rows of their cases, so an infinite or undefined derivative of the case
not taken never spreads. Conventions at kinks follow JAX: half each where max or min tie, slope 1 of abs at zero.

Source: A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, ch. 9-10
(statement-level preaccumulation), doi:10.1137/1.9780898717761.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from catena.numerics.ode.kernel.graph import BOOLEAN, Graph, order
from catena.numerics.ode.kernel.unsupported import KernelUnsupported

#: Derivatives of one node by direction.
Row = dict[int, int]
#: Local derivative: (graph, node, *arguments) -> node.
Partial = Callable[..., int]

_CHOICES = ("select", "max", "min")


def jacobian(
    graph: Graph, outputs: Sequence[int], wrt: Sequence[int]
) -> dict[tuple[int, int], int]:
    """Return the derivatives of outputs with respect to input nodes.

    Args:
        graph: Graph that holds the outputs; the derivatives are added to it.
        outputs: Nodes to differentiate, the rows.
        wrt: Input nodes, the columns.

    Returns:
        Node by (row, column), only where the derivative is not zero by structure.

    Raises:
        KernelUnsupported: an operation has no derivative rule.
    """
    seeds = {int(node): {column: graph.one} for column, node in enumerate(wrt)}
    rows = _rows(graph, [int(node) for node in outputs], seeds)
    return {(i, j): node for i, row in enumerate(rows) for j, node in sorted(row.items())}


def pushforward(graph: Graph, outputs: Sequence[int], tangents: Mapping[int, int]) -> list[int]:
    """Return the derivative of each output along one direction.

    Args:
        graph: Graph that holds the outputs; the derivatives are added to it.
        outputs: Nodes to differentiate.
        tangents: Node of the direction's component by input node; others do not move.

    Returns:
        One node per output, the constant zero where nothing moves it.

    Raises:
        KernelUnsupported: an operation has no derivative rule.
    """
    seeds = {int(node): {0: int(tangent)} for node, tangent in tangents.items()}
    rows = _rows(graph, [int(node) for node in outputs], seeds)
    return [row.get(0, graph.zero) for row in rows]


def _rows(graph: Graph, outputs: list[int], seeds: Mapping[int, Row]) -> list[Row]:
    """Return the derivative row of each output."""
    nodes = order(graph, outputs)
    active = set(seeds).intersection(nodes)
    for node in nodes:
        if graph.ops[node] not in BOOLEAN and not active.isdisjoint(graph.args[node]):
            active.add(node)
    heads = active.intersection([*outputs, *seeds]) | _shared(graph, nodes, active)
    rows: dict[int, Row] = {}
    for node in nodes:
        if node not in heads:
            continue
        if node in seeds:
            rows[node] = {k: d for k, d in seeds[node].items() if d != graph.zero}
        elif graph.ops[node] in _CHOICES:
            rows[node] = _choice(graph, node, rows)
        else:
            rows[node] = _statement(graph, node, rows, active)
    return [rows.get(node, {}) for node in outputs]


def _shared(graph: Graph, nodes: list[int], active: set[int]) -> set[int]:
    """Return the active nodes that are not used exactly once, and those next to a choice."""
    uses: Counter[int] = Counter()
    shared: set[int] = set()
    for node in nodes:
        if node in active:
            args = [arg for arg in graph.args[node] if arg in active]
            uses.update(args)
            if graph.ops[node] in _CHOICES:
                shared.update((node, *args))
    return shared | {node for node in active if uses[node] != 1}


def _statement(graph: Graph, head: int, rows: Mapping[int, Row], active: set[int]) -> Row:
    """Return the row of a head: factors of its tree's leaves times the leaves' rows."""
    apply, zero = graph.apply, graph.zero
    leaves: Row = {}
    # Depth first; each edge of the tree is passed once, from the head towards the leaves.
    stack = [(head, graph.one)]
    while stack:
        node, factor = stack.pop()
        args, partials = graph.args[node], _PARTIALS.get(graph.ops[node])
        if partials is None:
            raise KernelUnsupported(graph.ops[node], why="its derivative is not implemented")
        for arg, partial in zip(args, partials, strict=True):
            if arg not in active:
                continue
            passed = apply("mul", factor, partial(graph, node, *args))
            if passed == zero:
                continue
            if arg not in rows:
                stack.append((arg, passed))
            elif arg in leaves:
                leaves[arg] = apply("add", leaves[arg], passed)
            else:
                leaves[arg] = passed
    row: Row = {}
    for leaf in sorted(leaves):
        for direction, derivative in rows[leaf].items():
            term = apply("mul", leaves[leaf], derivative)
            if term != zero:
                row[direction] = apply("add", row[direction], term) if direction in row else term
    return {direction: node for direction, node in row.items() if node != zero}


def _choice(graph: Graph, node: int, rows: Mapping[int, Row]) -> Row:
    """Return the row of a choice between two values, choosing for each direction."""
    apply, zero = graph.apply, graph.zero
    op, args = graph.ops[node], graph.args[node]
    x, y = args[-2:]
    row: Row = {}
    for direction in sorted({*rows.get(x, {}), *rows.get(y, {})}):
        dx, dy = (rows.get(arg, {}).get(direction, zero) for arg in (x, y))
        if op == "select":
            chosen = apply("select", args[0], dx, dy)
        else:
            middle = apply("mul", graph.const(0.5), apply("add", dx, dy))
            tied = apply("select", apply("eq", x, y), middle, dy)
            chosen = apply("select", apply("gt" if op == "max" else "lt", x, y), dx, tied)
        if chosen != zero:
            row[direction] = chosen
    return row


# Local derivatives ------------------------------------------------------------------------


def _constant(x: float) -> Partial:
    return lambda g, node, *args: g.const(x)


def _over(top: float, bottom: Callable[..., int]) -> Partial:
    """Return the rule top / bottom(graph, node, *arguments)."""
    return lambda g, node, *args: g.apply("div", g.const(top), bottom(g, node, *args))


def _one_plus_square(g: Graph, x: int, sign: float = 1.0) -> int:
    """Return 1 + x^2, or 1 - x^2 for a negative sign."""
    return g.apply("add" if sign > 0 else "sub", g.one, g.apply("mul", x, x))


def _pow_base(g: Graph, node: int, x: int, y: int) -> int:
    slope = g.apply("mul", y, g.apply("pow", x, g.apply("sub", y, g.one)))
    # 0 * 0^-1 is NaN, but a constant has slope zero.
    return g.apply("select", g.apply("eq", y, g.zero), g.zero, slope)


def _pow_exponent(g: Graph, node: int, x: int, y: int) -> int:
    # As in JAX: 0^y does not move with y, so log(0) must not be met.
    safe = g.apply("select", g.apply("eq", x, g.zero), g.one, x)
    return g.apply("mul", node, g.apply("log", safe))


def _abs(g: Graph, node: int, x: int) -> int:
    return g.apply("select", g.apply("ge", x, g.zero), g.one, g.const(-1.0))


def _rem_divisor(g: Graph, node: int, x: int, y: int) -> int:
    ratio = g.apply("div", x, y)
    whole = g.apply("floor", g.apply("abs", ratio))
    return g.apply("neg", g.apply("mul", g.apply("sign", ratio), whole))


def _atan2(g: Graph, top: int, y: int, x: int) -> int:
    square = g.apply("add", g.apply("mul", y, y), g.apply("mul", x, x))
    return g.apply("div", top, square)


def _gauss(factor: float) -> Partial:
    """Return the slope of the error function, factor * exp(-x^2)."""

    def rule(g: Graph, node: int, x: int) -> int:
        bell = g.apply("exp", g.apply("neg", g.apply("mul", x, x)))
        return g.apply("mul", g.const(factor), bell)

    return rule


def _root(g: Graph, inner: int) -> int:
    return g.apply("sqrt", inner)


def _acosh_root(g: Graph, node: int, x: int) -> int:
    minus, plus = g.apply("sub", x, g.one), g.apply("add", x, g.one)
    return g.apply("mul", _root(g, minus), _root(g, plus))


_BELL = 2.0 / math.sqrt(math.pi)
_FLAT = _constant(0.0)

#: Local derivatives by operation, one per argument.
_PARTIALS: dict[str, tuple[Partial, ...]] = {
    "add": (_constant(1.0), _constant(1.0)),
    "sub": (_constant(1.0), _constant(-1.0)),
    "mul": (lambda g, node, x, y: y, lambda g, node, x, y: x),
    "div": (
        _over(1.0, lambda g, node, x, y: y),
        lambda g, node, x, y: g.apply("neg", g.apply("mul", node, g.apply("div", g.one, y))),
    ),
    "neg": (_constant(-1.0),),
    "exp": (lambda g, node, x: node,),
    "log": (_over(1.0, lambda g, node, x: x),),
    "log1p": (_over(1.0, lambda g, node, x: g.apply("add", g.one, x)),),
    "expm1": (lambda g, node, x: g.apply("add", g.one, node),),
    "pow": (_pow_base, _pow_exponent),
    "sqrt": (_over(0.5, lambda g, node, x: node),),
    "cbrt": (_over(1.0 / 3.0, lambda g, node, x: g.apply("mul", node, node)),),
    "sin": (lambda g, node, x: g.apply("cos", x),),
    "cos": (lambda g, node, x: g.apply("neg", g.apply("sin", x)),),
    "tan": (lambda g, node, x: _one_plus_square(g, node),),
    "asin": (_over(1.0, lambda g, node, x: _root(g, _one_plus_square(g, x, -1.0))),),
    "acos": (_over(-1.0, lambda g, node, x: _root(g, _one_plus_square(g, x, -1.0))),),
    "atan": (_over(1.0, lambda g, node, x: _one_plus_square(g, x)),),
    "atan2": (
        lambda g, node, y, x: _atan2(g, x, y, x),
        lambda g, node, y, x: g.apply("neg", _atan2(g, y, y, x)),
    ),
    "sinh": (lambda g, node, x: g.apply("cosh", x),),
    "cosh": (lambda g, node, x: g.apply("sinh", x),),
    "tanh": (lambda g, node, x: _one_plus_square(g, node, -1.0),),
    "asinh": (_over(1.0, lambda g, node, x: _root(g, _one_plus_square(g, x))),),
    "acosh": (_over(1.0, _acosh_root),),
    "atanh": (_over(1.0, lambda g, node, x: _one_plus_square(g, x, -1.0)),),
    "erf": (_gauss(_BELL),),
    "erfc": (_gauss(-_BELL),),
    "lgamma": (lambda g, node, x: g.apply("digamma", x),),
    "abs": (_abs,),
    "sign": (_FLAT,),
    "floor": (_FLAT,),
    "ceil": (_FLAT,),
    "round": (_FLAT,),
    "rem": (_constant(1.0), _rem_divisor),
}
