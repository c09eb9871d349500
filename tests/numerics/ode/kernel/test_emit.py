from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.numerics.ode.kernel import emit, machine
from catena.numerics.ode.kernel.emit import emit_function, schedule
from catena.numerics.ode.kernel.graph import BOOLEAN, Graph, evaluate
from catena.numerics.ode.kernel.lang import Unit
from catena.numerics.ode.kernel.mathlib import FUNCTIONS

INPUTS = 6
UNARY = ["neg", "sqrt", "abs", "sign", "floor", "ceil", "round"]
UNARY += sorted(set(FUNCTIONS) - {"pow", "atan2", "rem"})
BINARY = ["add", "sub", "mul", "div", "max", "min", "pow", "atan2", "rem"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]
ORDINARY = ["add", "sub", "mul", "neg", "max", "min", "abs", "sqrt", "tanh", "select", "lt", "and"]


def emitted(graph, nodes, lanes=4):
    """Compile nodes to a function of the input matrix (INPUTS, lanes)."""
    unit = Unit(lanes)
    places = [("out", slot, int(node)) for slot, node in enumerate(nodes)]
    emit_function(unit, "f", graph, places, {"y": "y"}, ["y", "out"])
    library = machine.load(machine.compile_unit(unit.text()))
    function = library.function("f", None, ctypes.c_void_p, ctypes.c_void_p)

    def run(y):
        out = np.empty((len(nodes), lanes))
        function(y.ctypes.data, out.ctypes.data)
        return out

    return run


def inputs(lanes=4, seed=0):
    y = np.random.default_rng(seed).normal(size=(INPUTS, lanes)) * 2
    y[0, :3] = 0.0, -0.0, np.nan
    return y


def as_number(graph, node):
    if graph.is_boolean(node):
        return graph.intern("select", (node, graph.one, graph.zero))
    return node


@pytest.mark.parametrize("lanes", [4, 8])
def test_every_operation_agrees_with_the_reference(lanes):
    graph = Graph()
    y = [int(node) for node in graph.inputs("y", INPUTS)]
    nodes = [graph.intern(op, (each,)) for op in UNARY for each in y]
    nodes += [graph.intern(op, (a, b)) for op in BINARY for a in y for b in y[:3]]
    tests = [graph.intern(op, (a, b)) for op in COMPARISONS for a in y[:3] for b in y[:3]]
    tests += [graph.intern("eq", (tests[0], tests[1])), graph.intern("ne", (tests[0], tests[4]))]
    tests += [
        graph.intern(op, (tests[k], tests[-k])) for op in ("and", "or", "xor") for k in (1, 5)
    ]
    tests += [graph.intern("not", (tests[2],)), graph.true, graph.false]
    nodes += [as_number(graph, test) for test in tests]
    values = inputs(lanes)
    expected = evaluate(graph, nodes, {"y": values})
    got = emitted(graph, nodes, lanes)(values)
    for node, row, reference in zip(nodes, got, expected, strict=True):
        wanted = np.broadcast_to(reference, lanes)
        op = graph.ops[node]
        near_zero = 1e-13 if op in ("lgamma", "digamma") else 0  # zeros between the poles
        assert np.allclose(row, wanted, rtol=4e-15, atol=near_zero, equal_nan=True), op


def test_inputs_and_constants_can_be_outputs():
    graph = Graph()
    y = graph.input("y", 2)
    values = inputs()
    out = emitted(graph, [y, graph.const(2.5), y, graph.const(np.inf)])(values)
    assert (out[0] == values[2]).all()
    assert (out[2] == values[2]).all()
    assert (out[1] == 2.5).all()
    assert np.isinf(out[3]).all()


def grow(draw_operation, draw_index, size):
    """Return a graph of ``size`` operations and all of its numeric nodes."""
    graph = Graph()
    numbers = [int(node) for node in graph.inputs("y", INPUTS)] + [graph.const(0.5)]
    truths = [graph.intern("lt", (numbers[0], numbers[1]))]
    for _ in range(size):
        op = ORDINARY[draw_operation(len(ORDINARY))]
        pick = lambda pool: pool[draw_index(len(pool))]  # noqa: E731
        if op == "select":
            numbers.append(graph.intern(op, (pick(truths), pick(numbers), pick(numbers))))
        elif op == "lt":
            truths.append(graph.intern(op, (pick(numbers), pick(numbers))))
        elif op in BOOLEAN:
            truths.append(graph.intern(op, (pick(truths), pick(truths))))
        elif op in UNARY:
            numbers.append(graph.intern(op, (pick(numbers),)))
        else:
            numbers.append(graph.intern(op, (pick(numbers), pick(numbers))))
    return graph, numbers


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), part=st.sampled_from([5, 17, 64]))
def test_parts_compute_the_same_as_one_function(seed, part):
    random = np.random.default_rng(seed)
    draw = lambda size: int(random.integers(size))  # noqa: E731
    graph, numbers = grow(draw, draw, 150)
    outputs = [numbers[draw(len(numbers))] for _ in range(20)]
    values = inputs(seed=seed)
    whole = emitted(graph, outputs)(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emit, "PART", part)
        cut = emitted(graph, outputs)(values)
    # The same operations; only which product is fused with which sum may differ.
    assert np.allclose(whole, cut, rtol=1e-9, atol=1e-9, equal_nan=True)
    expected = evaluate(graph, outputs, {"y": values})
    for row, reference in zip(cut, expected, strict=True):
        assert np.allclose(row, reference, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_schedule_is_complete_and_ordered():
    random = np.random.default_rng(3)
    draw = lambda size: int(random.integers(size))  # noqa: E731
    graph, numbers = grow(draw, draw, 400)
    ordered = schedule(graph, numbers[-5:])
    place = {node: k for k, node in enumerate(ordered)}
    assert len(place) == len(ordered)
    for node in ordered:
        for arg in graph.args[node]:
            assert graph.ops[arg] in ("const", "input", "true", "false") or place[arg] < place[node]
    assert set(numbers[-5:]) <= place.keys()


def test_deep_chains_need_no_recursion():
    graph = Graph()
    node = graph.input("y", 0)
    for k in range(5000):
        node = graph.intern("add", (node, graph.const(1.0 + k)))
    values = np.zeros((INPUTS, 4))
    assert (emitted(graph, [node])(values) == 5000 * 5001 / 2).all()


def test_a_parameter_is_read_or_written():
    graph = Graph()
    y = graph.input("y", 0)
    with pytest.raises(ValueError, match="not both"):
        emit_function(Unit(4), "f", graph, [("y", 0, y)], {"y": "y"}, ["y"])
    with pytest.raises(ValueError, match="f:"):
        emit_function(Unit(4), "f", graph, [("out", 0, y)], {"y": "y"}, ["y"])
