"""Set inversion against sets known exactly, with and without chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from catena.core.chain import Chain
from catena.core.errors import Infeasible, InputError
from catena.core.function import model
from catena.ops.invert import Region, invert
from catena.ops.invert.settings import InvertSettings


@model(id="toy.disc", inputs="x [mg], y [mg]", outputs="r [mg^2]", backend="jax")
def disc(x, y):
    return {"r": x**2 + y**2}


@model(id="toy.noisy", inputs="x [mg], y [mg], e [mg]", outputs="z [mg], w [mg]", backend="jax")
def noisy(x, y, e):
    return {"z": x + y + e, "w": x - y}


@model(id="toy.choice", inputs="x, kind: weak|strong = weak", outputs="y", backend="numpy")
def choice(x, kind):
    return {"y": x * np.where(np.asarray(kind) == 1, 2.0, 1.0)}


SQUARE = {"x": "-2..2 mg", "y": "-2..2 mg"}


def test_a_disc_is_enclosed_from_both_sides() -> None:
    found = invert(disc, {"r": "<= 1 mg^2"}, SQUARE)
    fractions = found.summary["fractions"]
    exact = np.pi / 16.0
    assert fractions["inside"] <= exact <= fractions["inside"] + fractions["maybe"]
    assert fractions["maybe"] < 0.02
    assert sum(fractions.values()) == pytest.approx(1.0)
    boxes = found.parts["boxes"]
    inner = np.array(boxes["status"]) == "inside"
    corners = (
        np.maximum(np.abs(boxes["x_low"]), np.abs(boxes["x_high"])) ** 2
        + np.maximum(np.abs(boxes["y_low"]), np.abs(boxes["y_high"])) ** 2
    )
    assert (corners[inner] <= 1.0).all()
    assert found.parts["checks"]["wrong"].sum() == 0


def test_the_largest_box_of_a_disc_is_nearly_its_square() -> None:
    found = invert(disc, {"r": "<= 1 mg^2"}, SQUARE)
    sides = np.asarray(found["high"]) - np.asarray(found["low"])
    assert 0.9 * 2.0 <= np.prod(sides) <= 2.0
    worst = np.max(np.abs([found["low"], found["high"]]), axis=0)
    assert np.sum(worst**2) <= 1.0 + 1e-9
    assert found.units["low"] == "mg"


def test_the_region_is_a_model_that_knows_its_points() -> None:
    found = invert(disc, {"r": "0.25..1 mg^2"}, SQUARE)
    region = found.model
    assert isinstance(region, Region)
    assert list(region.contains([[0.0, 0.0], [0.7, 0.0], [0.0, 1.5]])) == [False, True, False]
    said = region.predict(x=["0 mg", "700 ug", "5 mg"], y="0 mg")
    assert list(said["status"]) == ["outside", "inside", "outside"]
    assert list(said.in_domain) == [True, True, False]
    random = np.random.default_rng(0).uniform(-2.0, 2.0, (2000, 2))
    squared = (random**2).sum(axis=1)
    truth = (squared >= 0.25) & (squared <= 1.0)
    assert not (region.contains(random) & ~truth).any()
    assert not (truth & ~region.contains(random, undecided=True)).any()
    assert found.plot().data


def test_the_probability_contour_of_a_linear_gaussian_model() -> None:
    # P(x + y + e <= 2) >= 0.9 means x + y <= 2 - 1.2816 * 0.5.
    found = invert(noisy, "z <= 2 mg", {"x": "0..2 mg", "y": "0..2 mg"},
                   uncertain={"e": "normal(0 mg, 0.5 mg)"}, draws=1024)  # fmt: skip
    edge = 2.0 - norm.ppf(0.9) * 0.5
    exact = edge**2 / 8.0
    fractions = found.summary["fractions"]
    assert fractions["inside"] <= exact <= fractions["inside"] + fractions["maybe"]
    assert fractions["maybe"] < 0.15
    assert np.sum(found["high"]) <= edge + 0.05
    assert found.summary["wrong_inside"] < 0.02


def test_statements_with_probabilities_of_their_own() -> None:
    over, chance = {"x": "0..4 mg", "y": "0..4 mg"}, {"e": "normal(0 mg, 0.5 mg)"}
    found = invert(noisy, ["P(z > 3 mg) <= 10 %", "P(z >= 1 mg) >= 0.9", "w >= 0 mg"],
                   over, uncertain=chance)  # fmt: skip
    gap = norm.ppf(0.9) * 0.5
    points = np.array([[1.7, 0.3], [0.3, 1.7], [3.5, 0.5], [0.3, 0.1]])
    sums, signs = points.sum(axis=1), points[:, 0] >= points[:, 1]
    truth = (sums <= 3.0 - gap) & (sums >= 1.0 + gap) & signs
    assert list(truth) == [True, False, False, False]
    assert list(found.model.contains(points)) == list(truth)


def test_a_wanted_distribution_is_its_central_part() -> None:
    # The middle 90 % of normal(2, 1) is 2 +- 1.645; e alone moves z by 0.5.
    found = invert(noisy, {"z": "normal(2 mg, 1 mg)"}, {"x": "0..4 mg"}, given={"y": "0 mg"},
                   uncertain={"e": "normal(0 mg, 0.5 mg)"}, draws=1024)  # fmt: skip
    # One tail at a time matters at the ends: |x - 2| <= 1.645 - 1.2816 * 0.5.
    reach = 1.6449 - norm.ppf(0.9) * 0.5
    assert found["low"][0] == pytest.approx(2.0 - reach, abs=0.12)
    assert found["high"][0] == pytest.approx(2.0 + reach, abs=0.12)


def test_choices_are_searched_one_by_one() -> None:
    found = invert(choice, "1 <= y <= 2", {"x": "0..4", "kind": ["weak", "strong"]})
    assert found.summary["fractions"]["inside"] == pytest.approx((0.25 + 0.125) / 2, abs=0.01)
    assert found["low"][0] == pytest.approx(1.0, abs=0.03)
    assert found["high"][0] == pytest.approx(2.0, abs=0.03)
    assert list(found["choice"]) == ["", "weak"]
    assert list(found.model.contains([[0.7, 1.0], [0.7, 0.0]])) == [True, False]


def test_backwards_through_a_chain() -> None:
    @model(id="toy.first", inputs="dose [mg], cl [L/h]", outputs="auc [mg*h/L]", backend="jax")
    def first(dose, cl):
        return {"auc": dose / cl}

    @model(id="toy.second", inputs="auc [ug*h/mL]", outputs="effect", backend="jax")
    def second(auc):
        return {"effect": auc / (5.0 + auc)}

    chain = Chain({"pk": first, "pd": second}, ["pk.auc -> pd.auc"],
                  outputs={"effect": "pd.effect"}, id="toy.chain")  # fmt: skip
    found = invert(chain, {"effect": ">= 0.5"}, {"dose": "10..200 mg"},
                   uncertain={"cl": "lognormal(10 L/h, 30 %)"}, draws=1024)  # fmt: skip
    # An effect of 0.5 needs 5 mg*h/L: a dose of 5 cl, for 90 % of the clearances.
    exact = 50.0 * np.exp(norm.ppf(0.9) * np.sqrt(np.log1p(0.09)))
    assert found["low"][0] == pytest.approx(exact, rel=0.06)
    assert found["high"][0] == pytest.approx(200.0)


def test_what_the_budget_does_not_decide_stays_open() -> None:
    found = invert(disc, {"r": "<= 1 mg^2"}, SQUARE, n=300)
    assert found.summary["fractions"]["maybe"] > 0.1
    assert "undecided" in found.warnings[0]
    assert found.summary["evaluations"] <= 300 + 2000


def test_a_wish_nothing_grants_is_told() -> None:
    found = invert(disc, {"r": ">= 100 mg^2"}, SQUARE)
    assert np.isnan(found["low"]).all()
    assert "No inputs are sure" in found.summary["headline"]


def test_failing_points_are_outside() -> None:
    @model(id="toy.root", inputs="a", outputs="y", backend="numpy")
    def root(a):
        with np.errstate(invalid="ignore"):
            return {"y": np.sqrt(a)}

    found = invert(root, "y <= 1", {"a": "-2..2"})
    assert found["low"][0] == pytest.approx(0.0, abs=0.05)
    assert found["high"][0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("wanted", "options", "what"),
    [([], {}, "Nothing is wanted"), ({"r": "loads"}, {}, "Cannot want"),
     ({"q": "0..1"}, {}, "No output"), ("P(r <= 1) >= 1.5", {}, "Not a probability"),
     ({"r": "<= 1 mg"}, {}, "Not a constraint"), (3.0, {}, "Cannot want"),
     ({"r": "<= 1 mg^2"}, {"probability": 1.0}, "probability of 1"),
     ({"r": "<= 1 mg^2"}, {"uncertain": {"x": "normal(0 mg, 1 mg)"}}, "both chosen and uncertain")],
)  # fmt: skip
def test_nonsense_is_refused(wanted: Any, options: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        invert(disc, wanted, SQUARE, **options)


def test_contradicting_statements_are_named() -> None:
    with pytest.raises(Infeasible) as caught:
        invert(disc, ["r <= 1 mg^2", "r >= 2 mg^2"], SQUARE)
    assert caught.value.details["conflicts"] == ["r <= 1 mg^2", "r >= 2 mg^2"]


def test_too_few_draws_for_a_high_probability_are_refused() -> None:
    with pytest.raises(InputError, match="cannot confirm") as caught:
        invert(noisy, "z <= 2 mg", {"x": "0..2 mg", "y": "0..2 mg"}, probability=0.999,
               uncertain={"e": "normal(0 mg, 0.5 mg)"})  # fmt: skip
    assert "draws=8192" in caught.value.fix


def test_too_many_inputs_are_refused() -> None:
    names = [f"x{k}" for k in range(7)]

    @model(id="toy.wide", inputs=", ".join(names), outputs="y", backend="numpy")
    def wide(**values):
        return {"y": sum(values.values())}

    with pytest.raises(InputError, match="too many to subdivide"):
        invert(wide, "y <= 1", dict.fromkeys(names, "0..1"))


def test_settings_are_the_arguments() -> None:
    from catena.ops.invert.analysis import OPERATION

    chosen = InvertSettings(wanted={"r": "<= 1 mg^2"}, over=SQUARE, resolution=0.1)
    found = OPERATION.run(disc, chosen)
    direct = invert(disc, {"r": "<= 1 mg^2"}, SQUARE, resolution=0.1)
    assert found.summary["fractions"] == direct.summary["fractions"]


def test_order_statistics_hold_the_quantile() -> None:
    from catena.ops.invert.margin import quantile_limits

    random = np.random.default_rng(0)
    _, low, high = quantile_limits(random.normal(size=(2000, 512)), 0.1, 0.95)
    held = np.mean((low <= norm.ppf(0.1)) & (norm.ppf(0.1) <= high))
    assert 0.94 <= held <= 0.985
    assert np.isfinite(low).all()
