"""Points to numbers: batches, reductions, failures as rows, exact slopes, lifted parameters."""

from __future__ import annotations

import numpy as np
import pytest

import catena as ct
from catena.core.errors import InputError
from catena.ops.evaluator import Evaluator
from catena.ops.space import Space
from tests.ops.toys import decay, reactor


def test_numbers_of_a_batch_in_units():
    space = Space.of(reactor(), {"dose": "0..1000 mg", "k": "1..2 1/h", "n": "integer 2..8"})
    f = Evaluator(reactor(), space, ["y", "z"], given={"c": 2.0})
    x = np.array([[0.5, 2.0, 3.0], [1.0, 1.0, 8.0]])
    np.testing.assert_allclose(f(x), [[4.0, 7.5], [9.0, 7.5]])
    assert (f.calls, f.units) == (2, ("", "mg/L"))


@pytest.mark.parametrize(
    ("of", "wanted"),
    [("max(x)", 2.0), ("min(x)", 2 * np.exp(-4)), ("last(x)", 2 * np.exp(-4)), ("first(x)", 2.0),
     ("x[1]", 2 * np.exp(-1)), ("mean(x)", 2 * np.exp(-np.arange(5.0)).mean())],
)  # fmt: skip
def test_reductions_and_their_exact_slopes(of, wanted):
    space = Space.of(decay(), {"x0": (1.0, 3.0), "k": (0.5, 2.0)})
    f = Evaluator(decay(), space, of)
    x = np.array([[2.0, 1.0]])
    y, slopes = f.with_gradient(x)
    np.testing.assert_allclose(y, [[wanted]], rtol=1e-12)
    step = 1e-6
    for d in range(2):
        e = np.eye(2)[d] * step
        np.testing.assert_allclose(
            slopes[0, 0, d], ((f(x + e) - f(x - e)) / (2 * step))[0, 0], rtol=1e-6, atol=1e-9
        )
    assert f.traced is not None
    np.testing.assert_allclose(f.traced(x[0]), y[0], rtol=1e-12)


@pytest.mark.parametrize("model", [decay, lambda: decay("numpy")])
def test_parameters_may_differ_between_rows(model):
    space = Space.of(model(), {"k": (0.5, 2.0), "scale": (1.0, 9.0)})
    assert space["scale"].place == "param"
    f = Evaluator(model(), space, "x[2]", given={"x0": 2.0})
    x = np.array([[1.0, 1.0], [1.0, 5.0], [0.5, 5.0], [2.0, 1.0]])
    y, slopes = f.with_gradient(x)
    truth = 2 * x[:, 1] * np.exp(-2 * x[:, 0])
    np.testing.assert_allclose(y[:, 0], truth, rtol=1e-12)
    np.testing.assert_allclose(slopes[:, 0], np.stack([-2 * truth, truth / x[:, 1]], 1), rtol=1e-7)
    assert f.at(x[1]).predict(x0=2.0)["x"][0, 2] == pytest.approx(truth[1])


def test_a_failing_row_is_reported_and_the_others_go_on():
    @ct.model(id="toy.root", inputs="a in -2..2", outputs="y", backend="numpy")
    def root(a):
        with np.errstate(invalid="ignore"):
            return {"y": np.sqrt(a)}

    f = Evaluator(root, Space.of(root, "a"), "y")
    y = f(np.array([[1.0], [-1.0], [4.0]]))
    assert np.isnan(y[1, 0])
    assert y[[0, 2], 0].tolist() == [1.0, 2.0]
    assert [row for row, _ in f.failures] == [1]


def test_positions_of_an_input_with_a_dimension():
    space = Space.of(reactor(), {"grid[0]": (0.0, 1.0), "grid[3]": (0.0, 1.0)})
    f = Evaluator(reactor(), space, ["curve[3]", "sum(curve)"], given={"k": 2.0})
    y, slopes = f.with_gradient(np.array([[0.5, 0.25]]))
    np.testing.assert_allclose(y, [[0.5, 1.5]])
    np.testing.assert_allclose(slopes[0], [[0.0, 2.0], [2.0, 2.0]], atol=1e-9)


def test_categories_reach_the_model_as_its_own_choices():
    @ct.model(id="toy.pick", inputs="which: a|b|c = a", outputs="y", backend="numpy")
    def pick(which):
        return {"y": which.astype(float)}

    f = Evaluator(pick, Space.of(pick, {"which": ["c", "a"]}), "y")
    assert f(np.array([[0.0], [1.0]])).ravel().tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("of", "given", "why"),
    [("nothing", {}, "outputs are"), ("x", {}, "dimension"), ("max(scale)", {}, "outputs are"),
     ("x[7]", {}, "5 positions"), ("x[0]", {"k": 1.0}, "one or the other")],
)  # fmt: skip
def test_refuses_nonsense(of, given, why):
    with pytest.raises(InputError) as caught:
        Evaluator(decay(), Space.of(decay(), {"k": (0.5, 2.0)}), of, given=given)(np.array([[1.0]]))
    assert why in caught.value.why


def test_the_only_number_is_taken_and_several_are_a_question():
    assert Evaluator(decay(), Space.of(decay(), {"k": (0.5, 2.0)})).names == ("total",)
    with pytest.raises(InputError, match="Which output"):
        Evaluator(reactor(), Space.of(reactor(), {"a": (0.0, 1.0)}))
