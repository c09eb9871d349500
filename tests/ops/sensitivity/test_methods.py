"""Morris, Shapley and derivative-based measures against exact answers and each other."""

from __future__ import annotations

from itertools import permutations

import jax.numpy as jnp
import numpy as np
import pytest

from catena.core.errors import InputError
from catena.core.function import model
from catena.ops.sensitivity import morris, sensitivity, shapley
from catena.ops.sensitivity.settings import SensitivitySettings
from catena.ops.uncertainty.copula import Copula


@model(id="toy.linear", inputs="p, q, r", outputs="y [mg]", params="gain = 1", backend="jax")
def linear(p, q, r, gain):
    return {"y": gain * (p + 2.0 * q - 0.5 * r)}


@model(id="toy.product", inputs="a in 0..1, b in 0..1", outputs="y", backend="jax")
def product(a, b):
    return {"y": jnp.sin(3.0 * a) * b}


NORMAL = dict.fromkeys("pqr", "normal(0, 1)")
CORRELATION = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 1.0]])
PAIRS = {("p", "q"): 0.5, ("q", "r"): -0.3}
SLOPES = np.array([1.0, 2.0, -0.5])


def exact_effects() -> np.ndarray:
    """Return Shapley effects of the linear model from all orders."""

    def cost(chosen: tuple[int, ...]) -> float:
        inside, rest = list(chosen), [k for k in range(3) if k not in chosen]
        left = CORRELATION[np.ix_(inside, inside)]
        if rest and inside:
            cross = CORRELATION[np.ix_(inside, rest)]
            left = left - cross @ np.linalg.inv(CORRELATION[np.ix_(rest, rest)]) @ cross.T
        return float(SLOPES[inside] @ left @ SLOPES[inside]) if inside else 0.0

    effects = np.zeros(3)
    for order in permutations(range(3)):
        for k, player in enumerate(order):
            effects[player] += cost(order[: k + 1]) - cost(order[:k])
    return effects / effects.sum()


def test_shapley_effects_of_dependent_inputs_are_exact() -> None:
    found = sensitivity(linear, over=NORMAL, correlation=PAIRS, n=4096)
    assert found.summary["method"] == "shapley"
    assert found["share"] == pytest.approx(exact_effects(), abs=0.01)
    assert found["share"].sum() == pytest.approx(1.0, abs=1e-12)
    assert (found.lower["share"] <= found["share"]).all()


def test_walks_agree_with_all_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    every = sensitivity(linear, over=NORMAL, correlation=PAIRS, n=4096)["share"]
    monkeypatch.setattr(shapley, "EXACT", 0)
    walked = sensitivity(linear, over=NORMAL, correlation=PAIRS, n=4096)
    assert walked["share"] == pytest.approx(every, abs=0.05)
    assert walked.summary["evaluations"] == 4096 * 4


def test_subset_weights_are_those_of_shapley() -> None:
    plan = shapley.plan(8, 3, 0)
    # Each input joins once in every order; the full set's cost is shared by all.
    assert plan.counts.sum(axis=(0, 1)) == pytest.approx(np.full(3, 1 / 3))
    assert len(plan.sets) == 7


def test_conditional_draws_have_the_conditional_moments() -> None:
    copula = Copula(CORRELATION)
    random = np.random.default_rng(1)
    z = np.tile([0.5, -1.0, 0.3], (200_000, 1))
    chosen = np.array([True, False, False])
    new = copula.redraw(z, random.standard_normal(z.shape), chosen)
    slope = CORRELATION[0, 1:] @ np.linalg.inv(CORRELATION[1:, 1:])
    assert new[:, 0].mean() == pytest.approx(slope @ [-1.0, 0.3], abs=0.01)
    assert new[:, 0].var() == pytest.approx(1.0 - slope @ CORRELATION[1:, 0], abs=0.01)
    assert np.array_equal(new[:, 1:], z[:, 1:])


def test_pairs_may_be_written_as_text() -> None:
    named = Copula.of(["a", "b"], {"a ~ b": 0.4})
    assert named.matrix[0, 1] == pytest.approx(0.4)
    with pytest.raises(InputError, match="pair"):
        Copula.of(["a", "b"], {"a, b": 0.4})
    with pytest.raises(InputError, match="correlation"):
        Copula.of(["a", "b", "c"], {"a ~ b": 0.9, "b ~ c": 0.9, "a ~ c": -0.9})


def test_trajectories_change_one_input_at_a_time_on_the_grid() -> None:
    points = morris.trajectories(12, 5, 4, 7)
    steps = np.abs(np.diff(points, axis=1))
    assert points.shape == (12, 6, 5)
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    assert np.allclose(steps.sum(axis=2), 2.0 / 3.0)
    assert np.allclose(steps.sum(axis=1), 2.0 / 3.0)
    assert np.allclose(points * 3.0, np.round(points * 3.0))


def test_screening_of_a_linear_model_gives_its_slopes() -> None:
    over = {"p": "0..1", "q": "0..1", "r": "0..1"}
    found = sensitivity(linear, over=over, method="morris", n=20)
    # The grid stays 0.05 % inside the range, so slopes per full range shrink as much.
    assert found["mu"] == pytest.approx(SLOPES, rel=2e-3)
    assert found["mu_star"] == pytest.approx(np.abs(SLOPES), rel=2e-3)
    assert np.allclose(found["sigma"], 0.0, atol=1e-9)
    assert found.units["mu"] == "mg"
    assert found.summary["ranking"]["y"] == ["q", "p", "r"]
    assert "screening" in found.figures


def test_screening_agrees_with_salib() -> None:
    analyse = pytest.importorskip("SALib.analyze.morris")
    sample = pytest.importorskip("SALib.sample.morris")
    problem = {"num_vars": 2, "names": ["a", "b"], "bounds": [[0.0, 1.0]] * 2}
    x = sample.sample(problem, 10, num_levels=4, seed=1)
    y = np.sin(3.0 * x[:, 0]) * x[:, 1]
    theirs = analyse.analyze(problem, x, y, num_levels=4)
    ours = morris.effects(x.reshape(10, 3, 2), y.reshape(10, 3))
    assert np.abs(ours).mean(axis=0) == pytest.approx(np.asarray(theirs["mu_star"]), rel=1e-10)


def test_derivative_bounds_lie_above_total_indices() -> None:
    total = sensitivity(product, n=1024)["total"]
    bound = sensitivity(product, method="derivative", n=1024)["bound"]
    assert (bound >= total).all()


def test_derivative_bound_of_a_normal_linear_model_is_sharp() -> None:
    found = sensitivity(linear, over=NORMAL, method="derivative", n=1024)
    assert found["bound"] == pytest.approx(SLOPES**2 / np.sum(SLOPES**2), abs=0.01)


def test_derivatives_refuse_whole_steps() -> None:
    @model(id="toy.steps", inputs="n: integer in 0..3, a in 0..1", outputs="y", backend="numpy")
    def steps(n, a):
        return {"y": n + a}

    with pytest.raises(InputError, match="No derivative to n"):
        sensitivity(steps, method="derivative", over={"n": "integer 0..3", "a": "0..1"}, n=16)


def test_parameters_can_vary_too() -> None:
    found = sensitivity(linear, over={"p": "1..2", "gain": "0.5..1.5"},
                        given={"q": 0.0, "r": 0.0}, n=256)  # fmt: skip
    assert set(found["input"]) == {"p", "gain"}
    assert found["total"][1] > found["total"][0]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"method": "sobl"}, "No method"), ({"method": "morris", "n": 1}, "trajectories"),
     ({"method": "morris", "levels": 3}, "levels")],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        sensitivity(product, **wrong)


def test_many_inputs_are_screened_first() -> None:
    names = [f"x{k}" for k in range(45)]

    @model(
        id="toy.many", inputs=", ".join(f"{n} in 0..1" for n in names), outputs="y", backend="numpy"
    )
    def many(**values):
        return {"y": values["x3"] * 5.0 + values["x7"]}

    found = sensitivity(many, n=10)
    assert found.summary["method"] == "morris"
    assert found.summary["ranking"]["y"][:2] == ["x3", "x7"]


def test_settings_are_the_arguments() -> None:
    from catena.ops.sensitivity.analysis import OPERATION

    chosen = SensitivitySettings(of="y", over={"a": "0..1", "b": "0..1"}, n=64)
    found = OPERATION.run(product, chosen, key=4)
    direct = sensitivity(product, "y", {"a": "0..1", "b": "0..1"}, n=64, key=4)
    assert np.array_equal(found["total"], direct["total"])
