"""Elimination order and unrolled solve, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import SolverError
from catena.numerics.ode.kernel import sparse
from catena.numerics.ode.kernel.graph import Graph, evaluate


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.floats(0.0, 0.5), st.integers(0, 10_000))
def test_solves_any_pattern(n: int, density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((n, n)) < density, rng.normal(size=(n, n)), 0.0)
    matrix += np.diag(n + rng.random(n))
    right = rng.normal(size=n)
    graph = Graph()
    entries = {}
    for k, (i, j) in enumerate(zip(*np.nonzero(matrix), strict=True)):
        entries[int(i), int(j)] = graph.input("m", k)
    plan = sparse.eliminate(entries, n)
    factors = sparse.factor(graph, entries, plan)
    x = sparse.solve(graph, factors, [graph.input("b", k) for k in range(n)], plan)
    values = np.array([matrix[place] for place in entries])
    found = np.array(evaluate(graph, x, {"m": values, "b": right}))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-10, atol=1e-12)


def test_hub_is_eliminated_last() -> None:
    # An arrow matrix fills in completely when its hub comes first, not at all when it comes last.
    n = 20
    pattern = [(i, i) for i in range(n)] + [(0, i) for i in range(n)] + [(i, 0) for i in range(n)]
    plan = sparse.eliminate(pattern, n)
    assert len(plan.entries) == len(set(pattern))


def test_missing_pivot_names_the_states() -> None:
    with pytest.raises(SolverError, match="states z"):
        sparse.eliminate([(0, 0), (1, 0)], 2, ("y", "z"))
