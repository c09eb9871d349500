"""The sparse linear solve of a Rosenbrock step, unrolled into scalar operations of a graph.

The pattern of ``M / (h gamma) - J`` is known before anything runs, so the elimination order and the
fill-in are too, and what is left is straight-line arithmetic on the entries that are not zero.
Pivots are taken on the diagonal in the order of least fill (Markowitz 1957,
doi:10.1287/mnsc.3.3.255); a vanishing pivot gives infinities, which the step control sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from catena.core.errors import SolverError

if TYPE_CHECKING:
    from catena.numerics.ode.kernel.graph import Graph

Entry = tuple[int, int]


@final
@dataclass(frozen=True)
class Elimination:
    """A pivot order with the pattern it leads to.

    Args:
        order: Pivot rows, first eliminated first.
        entries: Positions of the factors, in the order in which they are stored: the inverse
            pivot at (i, i), multipliers below and factors above it.
    """

    order: tuple[int, ...]
    entries: tuple[Entry, ...]


def eliminate(pattern: Iterable[Entry], n: int, labels: tuple[str, ...] = ()) -> Elimination:
    """Choose pivots on the diagonal by least Markowitz count and return what they fill in.

    Args:
        pattern: Positions that can be nonzero.
        n: Number of rows.
        labels: Names of the rows, for the error.

    Raises:
        SolverError: no diagonal pivot is left, so the matrix is structurally singular.
    """
    rows: list[set[int]] = [set() for _ in range(n)]
    columns: list[set[int]] = [set() for _ in range(n)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    left, order, kept = set(range(n)), [], set()
    while left:
        usable = [i for i in left if i in rows[i]]
        if not usable:
            names = ", ".join(labels[i] if labels else str(i) for i in sorted(left)[:6])
            raise SolverError(
                "The equations cannot be solved for all states",
                where=f"states {names}",
                why="the matrix M / h - J is singular whatever the values are",
                fix="every algebraic equation must contain its own state",
            )
        pivot = min(usable, key=lambda i: ((len(rows[i]) - 1) * (len(columns[i]) - 1), i))
        below, right = columns[pivot] - {pivot}, rows[pivot] - {pivot}
        kept |= {(pivot, pivot)} | {(i, pivot) for i in below} | {(pivot, j) for j in right}
        for i in below:
            rows[i].discard(pivot)
            rows[i] |= right
        for j in right:
            columns[j].discard(pivot)
            columns[j] |= below
        left.remove(pivot)
        order.append(pivot)
    place = {row: step for step, row in enumerate(order)}
    stored = sorted(kept, key=lambda e: (min(place[e[0]], place[e[1]]), place[e[0]], place[e[1]]))
    return Elimination(tuple(order), tuple(stored))


def factor(graph: Graph, matrix: Mapping[Entry, int], plan: Elimination) -> list[int]:
    """Return graph nodes of the factors, one per entry of the plan.

    Args:
        graph: Where the operations go.
        matrix: Nodes of the entries that are not zero.
        plan: Pivot order and pattern.
    """
    work = dict(matrix)
    one = graph.const(1.0)
    rows: dict[int, list[int]] = {}
    columns: dict[int, list[int]] = {}
    for i, j in plan.entries:
        rows.setdefault(i, []).append(j)
        columns.setdefault(j, []).append(i)
    place = {row: step for step, row in enumerate(plan.order)}
    for pivot in plan.order:
        inverse = graph.apply("div", one, work[pivot, pivot])
        work[pivot, pivot] = inverse
        right = [j for j in rows[pivot] if place[j] > place[pivot]]
        for i in columns[pivot]:
            if place[i] <= place[pivot] or (i, pivot) not in work:
                continue
            share = graph.apply("mul", work[i, pivot], inverse)
            work[i, pivot] = share
            for j in right:
                if (pivot, j) in work:
                    taken = graph.apply("mul", share, work[pivot, j])
                    held = work.get((i, j))
                    work[i, j] = (
                        graph.apply("neg", taken)
                        if held is None
                        else graph.apply("sub", held, taken)
                    )
    return [work.get(entry, graph.const(0.0)) for entry in plan.entries]


def solve(graph: Graph, factors: list[int], right: list[int], plan: Elimination) -> list[int]:
    """Return graph nodes of the solution for one right-hand side (n,)."""
    value = dict(zip(plan.entries, factors, strict=True))
    place = {row: step for step, row in enumerate(plan.order)}
    x = list(right)
    below: dict[int, list[int]] = {}
    above: dict[int, list[int]] = {}
    for i, j in plan.entries:
        if place[i] > place[j]:
            below.setdefault(j, []).append(i)
        elif place[i] < place[j]:
            above.setdefault(i, []).append(j)
    for pivot in plan.order:
        for i in below.get(pivot, ()):
            x[i] = graph.apply("sub", x[i], graph.apply("mul", value[i, pivot], x[pivot]))
    for pivot in reversed(plan.order):
        for j in above.get(pivot, ()):
            x[pivot] = graph.apply("sub", x[pivot], graph.apply("mul", value[pivot, j], x[j]))
        x[pivot] = graph.apply("mul", x[pivot], value[pivot, pivot])
    return x
