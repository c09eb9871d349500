"""Feedback groups are solved for all rows at once and differentiated through the solution."""

from __future__ import annotations

import numpy as np
import pytest
from chain_toys import Counted, discipline1, discipline2, pk, sellar

from catena.core.chain import Chain
from catena.core.chain.feedback import METHODS, Feedback, linear_solve, solve
from catena.core.errors import ChainError, SolverError
from catena.core.function import model
from catena.core.runtime import MemoryCache

ROWS = {"z1": [5.0, 1.0, -3.0, 9.0], "z2": [2.0, 1.0, 0.5, 8.0], "x": [1.0, 3.0, 0.0, 2.0]}


def coupled(z1, z2, x):
    """Solve the two disciplines to the last bit by plain iteration."""
    y1 = y2 = 1.0
    for _ in range(500):
        y1 = z1**2 + z2 + x - 0.2 * y2
        y2 = np.sqrt(abs(y1)) + z1 + z2
    return y1, y2


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_solve_the_coupled_disciplines(method):
    result = sellar(method).predict(ROWS)
    expected = np.array([coupled(*row) for row in zip(*ROWS.values(), strict=True)])
    np.testing.assert_allclose(result["y1"], expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(result["y2"], expected[:, 1], rtol=1e-9)
    report = result.diagnostics["d1+d2"]
    assert report["method"] == method
    assert report["passes"].shape == (4,)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_does_not_depend_on_its_neighbours(method):
    chain = sellar(method)
    together = chain.predict(ROWS)
    for row in range(4):
        alone = chain.predict({name: values[row] for name, values in ROWS.items()})
        assert alone["f"][0] == together["f"][row]


def minimum(chain: Chain):
    from scipy.optimize import minimize

    known: dict[tuple[float, ...], tuple[dict[str, float], dict[str, np.ndarray]]] = {}
    names = ("z1", "z2", "x")

    def at(point):
        point = tuple(np.clip(point, (-10, 0, 0), 10))
        if point not in known:
            batch = dict(zip(names, point, strict=True))
            slopes = chain.jacobian(batch)
            result = chain.predict(batch)
            known[point] = (
                {of: result[of][0] for of in ("f", "y1", "y2")},
                {of: np.array([slopes[of, n][0] for n in names]) for of in ("f", "y1", "y2")},
            )
        return known[point]

    best = minimize(
        lambda v: (at(v)[0]["f"], at(v)[1]["f"]), [5.0, 2.0, 1.0], jac=True, method="SLSQP",
        bounds=[(-10, 10), (0, 10), (0, 10)], options={"ftol": 1e-10},
        constraints=[
            {"type": "ineq", "fun": lambda v: at(v)[0]["y1"] - 3.16, "jac": lambda v: at(v)[1]["y1"]},
            {"type": "ineq", "fun": lambda v: 24 - at(v)[0]["y2"], "jac": lambda v: -at(v)[1]["y2"]},
        ],
    )  # fmt: skip
    return best, len(known)


@pytest.mark.parametrize("method", METHODS)
def test_the_sellar_optimum_is_reached_in_few_evaluations(method):
    best, evaluations = minimum(sellar(method))
    assert best.fun == pytest.approx(3.1833940, abs=1e-6)
    np.testing.assert_allclose(best.x, [1.9776389, 0.0, 0.0], atol=1e-5)
    assert evaluations <= 15


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives_pass_through_the_solution(mode):
    chain = sellar(Feedback(method="newton", tol=1e-13))
    rows = {**ROWS, "x": [1.0, 3.0, 0.5, 2.0]}  # away from the bounds
    slopes = chain.jacobian(rows, mode=mode)
    for name in rows:
        step = 1e-6
        middle = {**rows, name: np.array(rows[name])}
        ends = [chain.predict({**middle, name: middle[name] + sign * step}) for sign in (1, -1)]
        for of in ("f", "y1", "y2"):
            expected = (ends[0][of] - ends[1][of]) / (2 * step)
            np.testing.assert_allclose(slopes[of, name], expected, rtol=1e-4, atol=1e-8)


def test_forward_and_reverse_agree_through_the_loop():
    chain = sellar("newton")
    forward, reverse = (chain.jacobian(ROWS, mode=mode) for mode in ("forward", "reverse"))
    for pair in forward:
        np.testing.assert_allclose(forward[pair], reverse[pair], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_vector_unknowns_and_several_tears(method):
    """Three rings of a linear system: y = b + A y has the solution (I - A)^-1 b."""
    a = np.array([[0.1, 0.3, 0.0], [0.0, 0.2, -0.3], [0.2, 0.0, 0.1]])

    @model(id="toy.linear", inputs="b (k), y (k) = 0", outputs="y (k)")
    def linear(b, y):
        return {"y": b + y @ a.T}

    chain = Chain({"a": linear}, ["a.y -> a.y"], feedback=method)
    b = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
    result = chain.predict(b=b)
    exact = np.linalg.solve(np.eye(3) - a, b.T).T
    np.testing.assert_allclose(result["a.y"], exact, rtol=1e-9, atol=1e-12)
    for mode in ("forward", "reverse"):
        slope = chain.jacobian(b=b, of="a.y", wrt="b", mode=mode)["a.y", "b"]
        np.testing.assert_allclose(slope[0], np.linalg.inv(np.eye(3) - a), rtol=1e-7, atol=1e-9)


def test_two_unknowns_that_depend_on_each_other():
    @model(id="toy.left", inputs="u = 1, v = 1, p = 1", outputs="x, y", backend="jax")
    def left(u, v, p):
        return {"x": p + 0.3 * u - 0.1 * v, "y": 0.5 * p + 0.2 * u * v}

    @model(id="toy.right", inputs="x, y", outputs="u, v", backend="jax")
    def right(x, y):
        return {"u": x * 0.5 + y * 0.1, "v": y - 0.1 * x}

    edges = ["l.x -> r.x", "l.y -> r.y", "r.u -> l.u", "r.v -> l.v"]
    values = {
        method: Chain({"l": left, "r": right}, edges, feedback=method).predict(p=[0.5, 1.0, 1.5])
        for method in METHODS
    }
    for name in ("l.x", "l.y", "r.u", "r.v"):
        for method in METHODS:
            np.testing.assert_allclose(values[method][name], values["newton"][name], rtol=1e-8)
    chain = Chain({"l": left, "r": right}, edges, feedback=Feedback(tol=1e-13))
    slope = chain.jacobian(p=1.0, of="r.v", wrt="p", mode="reverse")["r.v", "p"][0]
    ends = [chain.predict(p=1.0 + step)["r.v"][0] for step in (1e-6, -1e-6)]
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


@model(id="toy.grow", inputs="y = 1, rate = 0.5", outputs="y")
def grow(y, rate):
    return {"y": 1.0 + rate * y}


def test_divergence_is_reported_with_row_history_and_last_values():
    chain = Chain(
        {"a": grow}, ["a.y -> a.y"], feedback=Feedback(method="fixed_point", max_iter=60), id="ring"
    )
    assert chain.predict(rate=0.5)["a.y"][0] == pytest.approx(2.0)
    with pytest.raises(SolverError, match="did not converge on 1 of 2 rows") as caught:
        chain.predict(rate=[0.5, 3.0])
    error = caught.value
    assert error.where == "chain 'ring', row 1"
    assert error.details["lanes"] == [1]
    assert len(error.details["history"]) == 60
    assert error.details["values"]["a.y"] > 1e6
    assert 'method="newton"' in error.fix
    result = chain.predict(rate=[0.5, 3.0], on_error="skip")
    assert result["a.y"].tolist() == pytest.approx([2.0])
    assert "did not converge" in result.status[1]
    with pytest.raises(SolverError):
        chain.evaluate({"rate": np.array([3.0])}, 1)


def test_values_that_leave_the_numbers_stop_the_row_only():
    @model(id="toy.explode", inputs="y = 2, p = 1", outputs="y")
    def explode(y, p):
        with np.errstate(all="ignore"):
            return {"y": np.where(p > 0, y**3, 0.5 * y + 1)}

    chain = Chain({"a": explode}, ["a.y -> a.y"], feedback="fixed_point")
    result = chain.predict(p=[-1.0, 1.0], on_error="skip")
    assert result["a.y"].tolist() == pytest.approx([2.0])


def test_newton_halves_steps_that_overshoot():
    @model(id="toy.steep", inputs="y = 3", outputs="y", backend="numpy")
    def steep(y):
        return {"y": y - np.arctan(y)}

    chain = Chain({"a": steep}, ["a.y -> a.y"], feedback=Feedback(tol=1e-9))
    assert chain.predict()["a.y"][0] == pytest.approx(0.0, abs=1e-9)


def test_relaxation_damps_an_oscillation():
    plain = Chain({"a": grow}, ["a.y -> a.y"], feedback="fixed_point")
    with pytest.raises(SolverError):
        plain.predict(rate=-1.5)
    damped = Chain({"a": grow}, ["a.y -> a.y"], feedback=Feedback("fixed_point", relaxation=0.5))
    assert damped.predict(rate=-1.5)["a.y"][0] == pytest.approx(0.4)


def test_a_solved_group_is_cached_as_a_whole():
    chain = sellar(
        "newton", d1=discipline1, goal=Counted(1.0, inputs="y1, y2, x = 1, z2 = 1", outputs="f")
    )
    loop = Counted(0.5, inputs="y = 1, p = 1")
    chain = Chain(
        {"a": loop, "b": Counted(2.0)}, ["a.y -> a.y", "a.y -> b.x"], feedback="fixed_point"
    )
    loop._predict = lambda batch, params, key: (
        loop.calls.append(1),
        {"y": 0.5 * batch["y"] + batch["p"]},
    )[1]
    cached = chain.with_cache(MemoryCache())
    first = cached.predict(p=[1.0, 2.0])
    count = len(loop.calls)
    again = cached.replace(b=Counted(3.0)).predict(p=[1.0, 2.0])
    assert len(loop.calls) == count
    assert again["b.y"].tolist() == pytest.approx([6.0, 12.0])
    assert again.diagnostics["a"]["passes"].tolist() == first.diagnostics["a"]["passes"].tolist()
    slope = cached.jacobian(p=[1.0, 2.0], of="b.y", wrt="p")["b.y", "p"]
    np.testing.assert_allclose(slope, 4.0, rtol=1e-8)


def test_a_group_of_constants_is_solved_once_for_all_rows():
    chain = Chain({"a": grow, "b": pk}, ["a.y -> a.y"], feedback="newton")
    result = chain.predict(rate=0.5, dose=np.arange(1.0, 6.0))
    assert result["a.y"].tolist() == pytest.approx([2.0] * 5)
    slopes = chain.jacobian(
        rate=0.5, dose=np.arange(1.0, 6.0), of="a.y", wrt="rate", mode="reverse"
    )
    np.testing.assert_allclose(slopes["a.y", "rate"], 4.0, rtol=1e-7)


def test_stochastic_groups_are_solved_per_row():
    noisy = Counted(0.5, stochastic=True)
    chain = Chain({"a": noisy, "b": pk}, ["a.y -> a.x"], feedback="anderson")
    values = chain.predict(dose=[1.0, 2.0, 3.0])["a.y"]
    assert len(set(values.tolist())) == 3


def test_the_start_needs_the_length_of_a_vector():
    @model(id="toy.vector", inputs="y (k), p = 1", outputs="y (k)")
    def vector(y, p):
        return {"y": 0.5 * y + p[:, None]}

    chain = Chain({"a": vector}, ["a.y -> a.y"], feedback="newton")
    with pytest.raises(SolverError, match="Cannot start the feedback") as caught:
        chain.predict()
    assert "a.y an array as default" in caught.value.fix
    ready = Chain({"a": vector.at(y=[0.0, 0.0])}, ["a.y -> a.y"], feedback="newton")
    assert ready.predict()["a.y"].tolist() == [pytest.approx([2.0, 2.0])]


@pytest.mark.parametrize(
    "given",
    [
        {"method": "magic"},
        {"tol": 2.0},
        {"max_iter": 0},
        {"relaxation": 0.0},
        3,
        {"a": 3},
        {"a": {"b": "newton"}},
    ],
)
def test_bad_settings_are_refused(given):
    with pytest.raises(ChainError, match=r"Bad feedback settings|cannot be built"):
        Chain({"a": grow}, ["a.y -> a.y"], feedback=given)


def test_settings_round_trip():
    settings = Feedback(method="anderson", relaxation=0.7)
    assert Feedback.parse(settings.to_dict()) == settings
    assert Feedback.parse("newton") == Feedback()
    assert Feedback.parse(None) is None


def test_singular_systems_get_the_least_squares_answer():
    matrix = np.array(
        [[[1.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 4.0]], [[np.nan, 0.0], [0.0, 1.0]]]
    )
    found = linear_solve(matrix, np.array([[3.0, 0.0], [2.0, 4.0], [1.0, 1.0]]))
    np.testing.assert_allclose(found[:2], [[3.0, 0.0], [1.0, 1.0]])
    assert np.isnan(found[2]).all()


def test_solve_stops_when_every_row_has_left_the_numbers():
    solution = solve(
        Feedback("fixed_point"),
        lambda x: np.full_like(x, np.inf),
        np.ones((2, 1)),
        lambda: np.zeros((2, 1, 1)),
    )
    assert not solution.converged.any()
    assert len(solution.history) == 1


def test_both_disciplines_may_start_the_loop():
    chain = Chain(
        {"d2": discipline2, "d1": discipline1},
        ["d1.y1 -> d2.y1", "d2.y2 -> d1.y2"],
        inputs={"z1": ["d1.z1", "d2.z1"], "z2": ["d1.z2", "d2.z2"]},
        feedback="newton",
    )
    assert chain.predict()["d1.y1"][0] == pytest.approx(coupled(5.0, 2.0, 1.0)[0])
