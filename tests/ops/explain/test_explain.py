"""Explanations against exact values: contributions, slopes, changes, links, faithfulness."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from catena.core.chain import Chain
from catena.core.errors import Infeasible, InputError, SolverError
from catena.core.function import model
from catena.ops.explain import explain
from catena.ops.explain.settings import ExplainSettings
from catena.ops.explain.shapley import attribute


@model(id="toy.linear", inputs="a [mg], b [mg], c [mg] = 0", outputs="y [mg]", backend="jax")
def linear(a, b, c):
    return {"y": 3.0 * a - 2.0 * b + 0.0 * c}


@model(id="toy.bent", inputs="a in 0..2 = 1, b in 0..2 = 1", outputs="y", backend="jax")
def bent(a, b):
    return {"y": a**2 * b + jnp.sin(b)}


@model(
    id="toy.mixed",
    inputs="a in 0..2 = 1, n: integer in 0..3 = 1, kind: slow|fast = slow, name: text = x",
    outputs="y",
    backend="numpy",
)
def mixed(a, n, kind, name):
    return {"y": a + 0.5 * n + 2.0 * np.asarray(kind)}


@model(id="toy.series", inputs="x (feature)", outputs="y", backend="numpy")
def series(x):
    return {"y": x @ np.arange(1.0, x.shape[1] + 1.0)}


def told(found: Any) -> dict[str, float]:
    return dict(zip(found["input"], found["contribution"], strict=True))


def background(rows: int = 50, seed: int = 0, correlation: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    a, b, c = random.standard_normal((3, rows))
    return pd.DataFrame({"a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * b, "c": c})


def test_contributions_of_a_linear_model_are_exact() -> None:
    others = background()
    found = explain(linear, {"a": "2 mg", "b": "1 mg", "c": "5 mg"}, background=others)
    parts = told(found)
    assert parts["a"] == pytest.approx(3.0 * (2.0 - others["a"].mean()))
    assert parts["b"] == pytest.approx(-2.0 * (1.0 - others["b"].mean()))
    assert parts["c"] == pytest.approx(0.0, abs=1e-12)
    assert found.summary["missed"] <= 1e-12
    case = found.parts["cases"]
    assert sum(parts.values()) == pytest.approx(case["output"][0] - case["reference"][0], abs=1e-9)
    assert found.units["contribution"] == "mg"
    assert next(iter(found["input"])) == "a"
    assert found.plot().data


def test_several_cases_and_named_causes() -> None:
    found = explain(linear, {"a": [1.0, 2.0], "b": [0.0, 3.0]}, over=["a", "b"],
                    background=background())  # fmt: skip
    assert list(found["case"]) == [0, 0, 1, 1]
    assert set(found["input"]) == {"a", "b"}
    assert found.parts["cases"].size == 2


def test_whole_numbers_and_choices_are_causes() -> None:
    found = explain(mixed, {"a": 2.0, "n": 3, "kind": "fast"})
    parts = told(found)
    assert set(parts) == {"a", "n", "kind"}
    assert parts["kind"] == pytest.approx(1.0, abs=0.2)
    assert parts["n"] == pytest.approx(0.75, abs=0.1)
    shown = dict(zip(found["input"], found["value"], strict=True))
    assert shown == {"a": "2", "n": "3", "kind": "fast"}


def test_positions_of_a_series_are_causes() -> None:
    random = np.random.default_rng(0)
    others = {"x": random.standard_normal((30, 20))}
    model20 = series.at(x=np.zeros(20))
    found = explain(model20, {"x": np.ones((1, 20))}, background=others, n=20_000)
    parts = told(found)
    assert len(parts) == 20
    exact = np.arange(1.0, 21.0) * (1.0 - others["x"].mean(axis=0))
    assert [parts[f"x[{k}]"] for k in range(20)] == pytest.approx(exact)
    assert found.summary["missed"] <= 1e-12


def test_walks_add_up_and_agree_with_all_coalitions() -> None:
    random = np.random.default_rng(3)
    weights = random.standard_normal((6, 6))

    def worth(sets: np.ndarray, game: np.ndarray) -> np.ndarray:
        inside = sets * (1.0 + 0.1 * game[:, None])
        return np.einsum("ki,ij,kj->k", inside, weights, inside)

    every = attribute(worth, 6, 4, 1, 0)
    from catena.ops.explain import shapley

    walked = shapley._walked(worth, 6, 4, 40_000, 0)
    assert every.sum(axis=1) == pytest.approx(walked.sum(axis=1))
    # A quadratic game: every pair's worth is shared equally.
    exact = (weights + weights.T).sum(axis=1) / 2.0
    assert every[0] == pytest.approx(exact)
    assert walked[0] == pytest.approx(exact, abs=0.1)


def test_dependence_moves_contributions_to_what_brings_it() -> None:
    others = background(400, 1, 0.9)
    apart = told(explain(linear, {"a": 2.0, "b": 1.8}, over=["a", "b"], background=others))
    given = explain(
        linear, {"a": 2.0, "b": 1.8}, over=["a", "b"], background=others, conditional=True
    )
    together = told(given)
    # Exact for a normal background: (E[y | a] and E[y | b] by regression; half of each order).
    at_a, at_b, both = 3 * 2.0 - 2 * 0.9 * 2.0, 3 * 0.9 * 1.8 - 2 * 1.8, 3 * 2.0 - 2 * 1.8
    assert together["a"] == pytest.approx((at_a + both - at_b) / 2, abs=0.9)
    assert together["b"] == pytest.approx((at_b + both - at_a) / 2, abs=0.9)
    assert apart["b"] < -3.0 < together["b"]
    assert given.summary["missed"] <= 1e-12


def test_integrated_gradients_are_complete() -> None:
    found = explain(bent, {"a": 2.0, "b": 1.5}, method="gradient")
    assert found.summary["missed"] <= 1e-4
    case = found.parts["cases"]
    change = case["output"][0] - case["reference"][0]
    assert found["contribution"].sum() == pytest.approx(change, rel=1e-3)


def test_a_faithful_order_beats_random_ones() -> None:
    random = np.random.default_rng(0)
    model30 = series.at(x=np.zeros(30))
    others = {"x": random.standard_normal((40, 30))}
    found = explain(model30, {"x": 2.0 * np.ones((1, 30))}, background=others, n=10_000)
    areas = found.summary["faithfulness"]
    assert areas["deletion"] > 1.2 * areas["random_deletion"]
    assert areas["insertion"] > 1.2 * areas["random_insertion"]
    assert found.parts["cases"]["stability"][0] > 0.8
    assert found.plot("curves").data


def test_the_nearest_change_is_found() -> None:
    # Equal spreads: from (0, 0) the line 3 a - 2 b = 6 is nearest at (18, -12) / 13.
    others = pd.DataFrame({"a": [-4.0, 4.0], "b": [-4.0, 4.0]})
    found = explain(linear, {"a": 0.0, "b": 0.0}, over=["a", "b"], background=others,
                    wanted="y >= 6 mg")  # fmt: skip
    best = found.summary["proposals"][0][0]
    assert best["a"] == pytest.approx(18 / 13, abs=1e-3)
    assert best["b"] == pytest.approx(-12 / 13, abs=1e-3)
    alone = [p for p in found.summary["proposals"][0] if p["b"] == 0.0]
    assert alone[0]["a"] == pytest.approx(2.0, abs=1e-3)
    distances = np.asarray(found["distance"])
    assert (np.diff(distances) >= -1e-12).all()


def test_only_actionable_changes_are_proposed() -> None:
    found = explain(mixed, {"a": 0.5, "n": 0}, wanted="y >= 1.9", fixed=["kind"],
                    only={"a": "decrease"})  # fmt: skip
    for proposal in found.summary["proposals"][0]:
        assert proposal["kind"] == 0.0
        assert proposal["a"] <= 0.5 + 1e-9
        assert proposal["n"] == 3.0
        assert proposal["a"] + 1.5 >= 1.9 - 1e-9
    with pytest.raises(Infeasible, match="No actionable change"):
        explain(mixed, {"a": 0.5, "n": 0}, wanted="y >= 1.9", fixed=["n", "kind"],
                only={"a": "decrease"})  # fmt: skip


def test_what_already_holds_needs_no_change() -> None:
    found = explain(mixed, {"a": 0.5, "n": 0}, wanted="y <= 3")
    assert found.size == 0
    assert "holds as it is" in found.summary["headline"]


def chain() -> Chain:
    @model(id="toy.first", inputs="a, b", outputs="s, t", backend="numpy")
    def first(a, b):
        return {"s": a, "t": 2.0 * b}

    @model(id="toy.last", inputs="s, t, c", outputs="y [mg]", backend="numpy")
    def last(s, t, c):
        return {"y": s * t + c}

    return Chain({"first": first, "last": last}, ["first.s -> last.s", "first.t -> last.t"],
                 outputs={"y": "last.y"}, id="toy.chain")  # fmt: skip


def test_links_add_up_at_every_cut() -> None:
    others = {"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0], "c": [0.0, 0.0, 3.0]}
    found = explain(chain(), {"a": 2.0, "b": 3.0, "c": 1.0}, "y", method="links", background=others)
    cuts = found.parts["cuts"]
    y = [0.0, 0.0, 2.0 * 2.0 + 3.0]
    change = 2.0 * 6.0 + 1.0 - np.mean(y)
    for cut in set(cuts["cut"]):
        there = np.asarray(cuts["cut"]) == cut
        assert cuts["contribution"][there].sum() == pytest.approx(change, abs=1e-9)
    links = dict(zip(found["link"], found["contribution"], strict=True))
    assert links["c -> last.c"] == pytest.approx(1.0 - 1.0)
    assert found.plot().data
    with pytest.raises(InputError, match="No links"):
        explain(linear, {"a": 1.0, "b": 1.0}, method="links", background=background())


@pytest.mark.parametrize(
    ("options", "what"),
    [({"over": ["q"]}, "No input"), ({"method": "lime"}, "No method"),
     ({"of": "z"}, "No output"), ({"background": {"a": [1.0], "b": [1.0]}}, "Nothing to compare"),
     ({"method": "counterfactual"}, "What is wanted"), ({"method": "shapley", "wanted": "y <= 1 mg"}, "What is wanted"),
     ({"wanted": "y <= 1 mg", "fixed": ["q"], "background": {"a": [1.0, 2.0]}}, "No cause"),
     ({"wanted": "y <= 1 mg", "only": {"a": "up"}, "background": {"a": [1.0, 2.0]}}, "cannot"),
     ({"wanted": "y <= 1 mg", "fixed": ["a", "b", "c"], "background": {"a": [1.0, 2.0]}}, "Nothing may change"),
     ({}, "Nothing to compare")],
)  # fmt: skip
def test_nonsense_is_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        explain(linear, {"a": 1.0, "b": 1.0}, **options)


def test_a_background_the_model_cannot_compute_is_refused() -> None:
    @model(id="toy.root", inputs="a, b", outputs="y", backend="numpy")
    def root(a, b):
        with np.errstate(invalid="ignore"):
            return {"y": np.sqrt(a) + b}

    with pytest.raises(SolverError, match="compared cases failed"):
        explain(root, {"a": 1.0, "b": 0.0}, background={"a": [-1.0, 1.0], "b": [0.0, 1.0]})


def test_settings_are_the_arguments() -> None:
    from catena.ops.explain.analysis import OPERATION

    chosen = ExplainSettings(at={"a": 2.0, "b": 1.0}, of="y", over=["a", "b"])
    others = background()
    found = OPERATION.run(linear, chosen, data=others, key=3)
    direct = explain(linear, {"a": 2.0, "b": 1.0}, "y", over=["a", "b"], background=others, key=3)
    assert told(found) == told(direct)
