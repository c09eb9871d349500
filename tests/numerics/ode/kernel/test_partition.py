"""The cut between what is computed once and what is computed in every stage."""

from __future__ import annotations

import numpy as np

from catena.numerics.ode.kernel.graph import Graph, evaluate, order
from catena.numerics.ode.kernel.partition import cut


def test_early_values_are_carried_and_nothing_else() -> None:
    graph = Graph()
    y, p, q = graph.input("y", 0), graph.input("p", 0), graph.input("p", 1)
    rate = graph.apply("exp", graph.apply("mul", p, q))
    wanted = graph.apply("div", graph.apply("mul", rate, y), graph.apply("add", p, q))
    two = cut(graph, [wanted, rate], frozenset({"p"}), "early")
    late = [graph.ops[node] for node in order(graph, two.late)]
    assert "exp" not in late
    assert "div" not in late
    values = {"y": np.array([3.0]), "p": np.array([0.5, 1.5])}
    early = np.array(evaluate(graph, two.early, values))
    found = evaluate(graph, two.late, {**values, "early": early})
    np.testing.assert_allclose(found, evaluate(graph, [wanted, rate], values), rtol=1e-15)


def test_truth_of_early_values_is_carried() -> None:
    graph = Graph()
    y, p = graph.input("y", 0), graph.input("p", 0)
    switch = graph.apply("gt", p, graph.const(1.0))
    wanted = graph.apply("select", switch, y, graph.apply("neg", y))
    two = cut(graph, [wanted], frozenset({"p"}), "early")
    for p_value in (0.5, 2.0):
        early = np.array(evaluate(graph, two.early, {"p": np.array([p_value])}))
        found = evaluate(graph, two.late, {"y": np.array([3.0]), "early": early})
        assert found[0] == (3.0 if p_value > 1 else -3.0)
