"""Sobol indices: exact answers, intervals, dependence refused, failures reported."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import InputError, SolverError
from catena.core.function import model
from catena.core.model import Model
from catena.ops.sensitivity import sensitivity, sobol
from catena.ops.sensitivity.resampling import ratio, weights

PI = "3.141592653589793"


@model(
    id="toy.ishigami",
    inputs=f"a in -{PI}..{PI}, b in -{PI}..{PI}, c in -{PI}..{PI}",
    outputs="y",
    backend="jax",
)
def ishigami(a, b, c):
    return {"y": jnp.sin(a) + 7.0 * jnp.sin(b) ** 2 + 0.1 * c**4 * jnp.sin(a)}


@model(id="toy.sum", inputs="a in 0..1, b in 0..1", outputs="y, flat, big [mg]", backend="numpy")
def summed(a, b):
    return {"y": a + 2.0 * b, "flat": 0.0 * a + 3.0, "big": 1e6 * (a * b)}


@model(id="toy.root", inputs="a in -1..1, b in 0..1", outputs="y", backend="numpy")
def root(a, b):
    with np.errstate(invalid="ignore"):
        return {"y": np.sqrt(a) + b}


def test_ishigami_by_its_exact_indices() -> None:
    found = sensitivity(ishigami, n=4096, key=3)
    assert found["first"] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.01)
    assert found["total"] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.01)
    second = found.parts["second_order"]
    assert list(zip(second["input"], second["other"], strict=True)) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert second["second"] == pytest.approx([0.0, 0.2437, 0.0], abs=0.01)
    assert (found.lower["first"] <= [0.3139, 0.4424, 0.0]).all()
    assert (found.upper["total"] >= [0.5576, 0.4424, 0.2437]).all()
    assert found.summary["ranking"] == {"y": ["a", "b", "c"]}
    assert found.summary["evaluations"] == 4096 * 8
    assert "a explains" in found.summary["headline"]


def test_without_second_order_half_the_evaluations_do() -> None:
    found = sensitivity(ishigami, n=1024, second=False)
    assert found.summary["evaluations"] == 1024 * 5
    assert "second_order" not in found.parts
    assert found["total"] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.05)


def test_distributions_count_not_only_ranges() -> None:
    @model(id="toy.free", inputs="a, b", outputs="y", backend="numpy")
    def free(a, b):
        return {"y": a + 2.0 * b}

    over = {"a": "normal(0, 2)", "b": "normal(0, 1)"}
    found = sensitivity(free, "y", over, n=1024)
    assert found["first"] == pytest.approx([0.5, 0.5], abs=0.02)


def test_several_outputs_share_the_points() -> None:
    found = sensitivity(summed, ["y", "big"], n=256)
    assert list(found["output"]) == ["y", "y", "big", "big"]
    assert found.summary["evaluations"] == 256 * 6
    # The product of two uniform numbers: 3/7 for each alone, 1/7 for the pair.
    assert found["first"][2:] == pytest.approx([3 / 7, 3 / 7], abs=0.05)
    assert {name.split(" ")[0] for name in found.figures} == {"shares", "pairs"}
    assert found.plot().data


def test_a_category_and_a_whole_number_vary_too() -> None:
    @model(id="toy.mixed", inputs="n: integer in 0..3, kind: no|yes", outputs="y", backend="numpy")
    def mixed(n, kind):
        return {"y": n + 3.0 * np.asarray(kind)}

    found = sensitivity(mixed, "y", {"n": "integer 0..3", "kind": ["no", "yes"]}, n=1024)
    # Variances 1.25 and 2.25.
    assert found["first"] == pytest.approx([1.25 / 3.5, 2.25 / 3.5], abs=0.02)


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again, other = (sensitivity(ishigami, n=64, key=key) for key in (1, 1, 2))
    assert np.array_equal(first["total"], again["total"])
    assert not np.array_equal(first["total"], other["total"])


def test_an_output_that_does_not_vary_has_no_indices() -> None:
    with pytest.raises(InputError, match="does not vary") as caught:
        sensitivity(summed, "flat", n=64)
    assert "undefined" in caught.value.why


@pytest.mark.parametrize("n", [8, 1000, 4095])
def test_points_that_lose_balance_are_refused_with_the_next_good_number(n: int) -> None:
    with pytest.raises(InputError, match="base points") as caught:
        sensitivity(ishigami, n=n)
    assert f"n={2 ** max(4, int(np.ceil(np.log2(n))))}" in caught.value.fix


def test_nothing_to_vary_is_refused() -> None:
    with pytest.raises(InputError, match="Nothing to vary"):
        sensitivity(summed, "y", [])
    with pytest.raises(InputError, match="No input or parameter"):
        sensitivity(summed, "y", ["aa"])


def test_dependent_inputs_are_sent_to_shapley() -> None:
    with pytest.raises(InputError, match="depend on each other") as caught:
        sensitivity(summed, "y", method="sobol", correlation={("a", "b"): 0.5})
    assert "shapley" in caught.value.fix


def test_failing_points_are_left_out_and_counted() -> None:
    found = sensitivity(root, "y", {"a": "-0.1..1", "b": "0..1"}, n=1024)
    assert 0 < found.summary["left_out"] < 512
    assert "left out" in found.warnings[0]
    with pytest.raises(SolverError, match="failed"):
        sensitivity(root, "y", {"a": "-1..0.1", "b": "0..1"}, n=64)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e6, 1e6))
def test_indices_do_not_depend_on_units(scale: float, shift: float) -> None:
    random = np.random.default_rng(0)
    a, b = random.random((2, 64, 3))
    points = sobol.design(a, b, True)
    y = points[..., 0] + points[..., 1] * points[..., 2]
    again = weights(64, 1, 20)
    plain, other = (sobol.indices(v, 3, again) for v in (y, scale * (y + shift)))
    tolerance = 1e-6 + 1e-9 * abs(shift)
    assert np.allclose(plain.first[0], other.first[0], atol=tolerance)
    assert np.allclose(plain.total[0], other.total[0], atol=tolerance)


def test_bootstrap_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    held = 0
    for trial in range(100):
        top, bottom = random.normal(1.0, 1.0, (1, 200)), random.normal(2.0, 0.5, 200)
        _, low, high = ratio(top, bottom, weights(200, trial, 200))
        held += int(low[0] <= 0.5 <= high[0])
    assert 82 <= held <= 97


def test_the_model_may_be_an_id() -> None:
    over = {"logp": "1..4", "pka_base": "6..9"}
    fixed = {"pka_acid": 20.0}
    asked = "bridge.allometry"
    with pytest.raises(InputError):
        sensitivity(asked, over=over, given=fixed)


def test_a_model_is_never_changed() -> None:
    before = ishigami.key
    sensitivity(ishigami, n=16)
    assert isinstance(ishigami, Model)
    assert ishigami.key == before
