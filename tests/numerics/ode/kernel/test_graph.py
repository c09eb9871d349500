"""The scalar graph: one node per value, simplification that never changes a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catena.numerics.ode.kernel.graph import Graph, dependencies, evaluate, order
from catena.numerics.ode.kernel.simplify import NUMPY, SIMPLIFY


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_equal_operations_are_one_node(graph):
    x, y = graph.inputs("y", 2).tolist()
    size = len(graph)
    assert graph.apply("add", x, y) == graph.apply("add", y, x) == size
    assert graph.apply("exp", x) == graph.apply("exp", x)
    assert graph.apply("sub", x, y) != graph.apply("sub", y, x)
    assert graph.input("y", 0) == x != graph.input("p", 0)
    assert graph.slots[x] == ("y", 0)


def test_numbering_is_deterministic():
    def build() -> tuple:
        g = Graph()
        x, y = g.inputs("y", 2).tolist()
        g.apply("div", g.apply("exp", g.apply("mul", y, x)), g.const(3.0))
        return g.ops, g.args, str(g.values)

    assert build() == build()


def test_constants_keep_the_sign_of_zero_and_share_nan(graph):
    assert graph.const(0.0) != graph.const(-0.0)
    assert graph.const(math.nan) == graph.const(math.nan)
    assert graph.const(2) == graph.const(2.0)
    assert math.copysign(1.0, graph.values[graph.const(-0.0)]) == -1.0


@pytest.mark.parametrize(
    ("op", "args", "result"),
    [
        ("mul", ("x", 0.0), 0.0),
        ("mul", (0.0, "x"), 0.0),
        ("mul", ("x", 1.0), "x"),
        ("add", ("x", 0.0), "x"),
        ("add", (0.0, "x"), "x"),
        ("sub", ("x", 0.0), "x"),
        ("div", ("x", 1.0), "x"),
        ("div", (0.0, "x"), 0.0),
        ("pow", ("x", 1.0), "x"),
        ("pow", ("x", 0.0), 1.0),
        ("pow", (1.0, "x"), 1.0),
        ("max", ("x", "x"), "x"),
        ("min", (2.0, 3.0), 2.0),
        ("exp", (0.0,), 1.0),
        ("select", (True, "x", "y"), "x"),
        ("select", (False, "x", "y"), "y"),
        ("select", ("b", "x", "x"), "x"),
        ("and", ("b", True), "b"),
        ("and", (False, "b"), False),
        ("or", ("b", True), True),
        ("or", (False, "b"), "b"),
        ("or", ("b", "b"), "b"),
        ("xor", ("b", "b"), False),
        ("xor", ("b", False), "b"),
        ("not", (True,), False),
        ("lt", (1.0, 2.0), True),
        ("ge", (1.0, 2.0), False),
        ("div", (1.0, 0.0), math.inf),
    ],
)
def test_simplified(graph, op, args, result):
    named = {"x": graph.input("y", 0), "y": graph.input("y", 1)}
    named["b"] = graph.apply("lt", named["x"], named["y"])

    def node(item):
        if isinstance(item, str):
            return named[item]
        return graph.truth(item) if isinstance(item, bool) else graph.const(item)

    assert graph.apply(op, *map(node, args)) == node(result)


def test_signs_cancel(graph):
    x, y = graph.inputs("y", 2).tolist()
    minus = graph.apply("neg", y)
    assert graph.apply("neg", minus) == y
    assert graph.apply("add", x, minus) == graph.apply("sub", x, y)
    assert graph.apply("sub", x, minus) == graph.apply("add", x, y)
    assert graph.apply("sub", graph.zero, y) == minus
    assert graph.apply("mul", graph.const(-1.0), y) == minus
    assert graph.apply("mul", graph.apply("neg", x), minus) == graph.apply("mul", x, y)
    assert graph.apply("neg", graph.apply("sub", x, y)) == graph.apply("sub", y, x)
    assert graph.apply("mul", graph.const(-3.0), minus) == graph.apply("mul", graph.const(3.0), y)


def test_what_may_hide_a_nan_stays(graph):
    x = graph.input("y", 0)
    assert graph.ops[graph.apply("sub", x, x)] == "sub"
    assert graph.ops[graph.apply("div", x, x)] == "div"
    assert graph.ops[graph.apply("ne", x, x)] == "ne"
    assert graph.ops[graph.apply("div", x, graph.const(3.0))] == "div"


def test_division_by_a_power_of_two_is_exact_multiplication(graph):
    x = graph.input("y", 0)
    assert graph.apply("div", x, graph.const(8.0)) == graph.apply("mul", x, graph.const(0.125))


@given(st.integers(-12, 12), st.floats(0.1, 5.0))
def test_constant_powers_need_no_pow(doubled, x):
    g = Graph()
    node = g.apply("pow", g.input("y", 0), g.const(doubled / 2))
    assert "pow" not in {g.ops[k] for k in order(g, [node])}
    (value,) = evaluate(g, [node], {"y": np.array([x])})
    assert value == pytest.approx(x ** (doubled / 2), rel=1e-14)


def test_comparing_a_choice_gives_its_condition_back(graph):
    x, y = graph.inputs("y", 2).tolist()
    b = graph.apply("lt", x, y)
    choice = graph.apply("select", b, graph.one, graph.zero)
    assert graph.apply("ne", choice, graph.zero) == b
    assert graph.apply("gt", choice, graph.const(0.5)) == b
    assert graph.apply("gt", graph.const(0.5), choice) == graph.apply("not", b)
    assert graph.apply("lt", choice, graph.const(2.0)) == graph.true
    assert graph.apply("select", graph.apply("not", b), x, y) == graph.apply("select", b, y, x)
    assert graph.apply("gt", y, x) == b


def test_choices_nested_under_their_own_condition_merge(graph):
    x, y, z = graph.inputs("y", 3).tolist()
    b = graph.apply("lt", x, y)
    inner = graph.apply("select", b, x, y)
    assert graph.apply("select", b, inner, z) == graph.apply("select", b, x, z)
    assert graph.apply("select", b, z, inner) == graph.apply("select", b, z, y)


_SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 1e300, math.inf, -math.inf, math.nan]
_BINARY = ("add", "sub", "mul", "div", "pow", "max", "min", "lt", "le", "gt", "ge", "eq", "ne")


@given(st.sampled_from(_BINARY), *[st.sampled_from(_SPECIAL) | st.floats()] * 2)
def test_folding_equals_numpy(op, a, b):
    g = Graph()
    node = g.apply(op, g.const(a), g.const(b))
    assert not g.args[node]
    (value,) = evaluate(g, [node], {})
    with np.errstate(all="ignore"):
        expected = NUMPY[op](np.float64(a), np.float64(b))
    if op == "mul" and 0.0 in (a, b):
        expected = np.float64(a * b)
    np.testing.assert_array_equal(value, expected)


@given(st.sampled_from(_BINARY), st.sampled_from(_SPECIAL[:8]), st.floats(0.1, 9.0), st.booleans())
def test_rules_with_one_constant_keep_the_value(op, constant, x, first):
    g = Graph()
    node, number = g.input("y", 0), g.const(constant)
    result = g.apply(op, *((number, node) if first else (node, number)))
    (value,) = evaluate(g, [result], {"y": np.array([x])})
    with np.errstate(all="ignore"):
        pair = (constant, x) if first else (x, constant)
        expected = NUMPY[op](*map(np.float64, pair))
    np.testing.assert_allclose(value, expected, rtol=1e-14 if op == "pow" else 0)


def test_every_rule_belongs_to_a_defined_operation():
    assert set(SIMPLIFY) <= set(NUMPY)


def test_order_and_dependencies(graph):
    y, p = graph.input("y", 0), graph.input("p", 0)
    hoisted = graph.apply("exp", p)
    unused = graph.apply("sin", y)
    out = graph.apply("mul", hoisted, y)
    listed = order(graph, [out])
    assert listed == [y, p, hoisted, out]
    assert unused not in listed
    found = dependencies(graph, [out])
    assert found[hoisted] == {"p"}
    assert found[out] == {"p", "y"}


def test_evaluate_over_batches(graph):
    y, p = graph.input("y", 1), graph.input("p", 0)
    nodes = [graph.apply("mul", y, p), graph.apply("lt", y, p), graph.one]
    values = {"y": np.arange(6.0).reshape(2, 3), "p": np.full((1, 3), 4.0)}
    product, below, one = evaluate(graph, nodes, values)
    np.testing.assert_array_equal(product, [12.0, 16.0, 20.0])
    np.testing.assert_array_equal(below, [True, False, False])
    assert below.dtype == bool
    assert one == 1.0
