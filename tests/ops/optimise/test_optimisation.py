"""Optimisation of models by every method."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from catena.core.errors import Infeasible, InputError
from catena.ops.optimise import OPERATION, optimise
from catena.ops.optimise.settings import OptimiseSettings


@pytest.mark.parametrize(
    ("method", "budget"), [("gradient", 600), ("hybrid", 1500), ("evolution", 1500), ("cma", 600)]
)
def test_bowl_is_found(models: ModuleType, method: str, budget: int) -> None:
    found = optimise(models.bowl, ["a", "b"], minimise="f", method=method, budget=budget, key=1)  # type: ignore[arg-type]
    assert found["a"][0] == pytest.approx(3.0, abs=1e-3)
    assert found["b"][0] == pytest.approx(4.0, abs=1e-3)
    assert found.summary["evaluations"] <= budget
    assert "f is smallest" in found.summary["headline"]


def test_bayesian_finds_the_bowl_in_twenty_evaluations(models: ModuleType) -> None:
    found = optimise(models.bowl, ["a", "b"], minimise="f", method="bayesian", budget=20, key=2)
    assert found["f"][0] < 0.05
    assert len(found.parts["history"]["f"]) == 20


def test_active_limits_are_met_exactly(models: ModuleType) -> None:
    """Smallest f with a + b = 5 at (3 - 4/3, 10/3): Lagrange."""
    for limits in (["g <= 5 mg"], ["a + b <= 5 mg"]):
        found = optimise(models.bowl, ["a", "b"], minimise="f", subject_to=limits,
                         method="gradient", budget=2000, key=3)  # fmt: skip
        assert found["a"][0] == pytest.approx(5.0 / 3.0, abs=1e-4)
        assert found["b"][0] == pytest.approx(10.0 / 3.0, abs=1e-4)


def test_all_basins_of_himmelblau_are_counted(models: ModuleType) -> None:
    found = optimise(models.waves, ["a", "b"], minimise="f", method="gradient", budget=6000, key=4)
    basins = found.summary["basins"]
    assert basins["optima"] == 4
    assert basins["probability_better_missed"] < 0.2
    assert found["f"][0] == pytest.approx(-5.0, abs=0.05)
    assert found.parts["optima"]["searches"].sum() == basins["searches"]


@pytest.mark.parametrize(("method", "budget"), [("hybrid", 1500), ("evolution", 1500)])
def test_mixed_spaces(models: ModuleType, method: str, budget: int) -> None:
    found = optimise(models.mixed, ["a", "n", "kind", "on"], minimise="f", method=method,
                     budget=budget, key=5)  # type: ignore[arg-type]  # fmt: skip
    assert found["f"][0] == pytest.approx(-3.0, abs=1e-2)
    assert found["kind"][0] == "blue"
    assert found["on"][0] == "yes"


def test_pareto_set_lies_on_the_known_curve(models: ModuleType) -> None:
    found = optimise(models.trade, ["a", "b"], minimise=["one", "two"], method="nsga2",
                     budget=2000, key=6)  # fmt: skip
    one, two = found["one"], found["two"]
    assert len(one) > 20
    assert np.max(two - (1.0 - np.sqrt(one))) < 0.05
    assert np.all(np.diff(one) >= 0)
    assert {"front", "convergence", "parallel"} <= set(found.figures)
    for name in found.figures:
        assert found.figures[name]().data


def test_robust_choice_differs_from_the_nominal_one(models: ModuleType) -> None:
    """E[(d/c - 2)^2] is smallest at d = 2 E[1/c] / E[1/c^2]; for a log-normal exp(-3 s^2/2)."""
    found = optimise(models.dosing, ["dose"], minimise="loss", method="gradient", budget=400,
                     uncertain={"clearance": "lognormal(5 L/h, 40 %)"}, scenarios=512, key=7)  # fmt: skip
    spread = np.log(1 + 0.4**2)
    mean_inverse = np.exp(spread / 2) / 5.0
    mean_square = np.exp(2 * spread) / 25.0
    for centre in (1.0, np.exp(spread / 2)):  # the text's first number is the median or the mean
        expected = 2.0 * mean_inverse * centre / (mean_square * centre**2)
        if found["dose"][0] == pytest.approx(expected, rel=0.03):
            break
    else:
        pytest.fail(f"dose {found['dose'][0]}")
    assert found.lower["loss"][0] < found["loss"][0] < found.upper["loss"][0]


def test_chance_constraint_holds_in_new_scenarios(models: ModuleType) -> None:
    found = optimise(models.dosing, ["dose"], maximise="level", subject_to=["level <= 3 mg*h/L"],
                     method="gradient", budget=400, probability=0.9, scenarios=256,
                     uncertain={"clearance": "lognormal(5 L/h, 30 %)"}, key=8)  # fmt: skip
    kept = found.summary["probability_kept"]["level <= 3 mg*h/L"]
    assert kept == pytest.approx(0.9, abs=0.03)


def test_cheap_versions_save_cost(models: ModuleType) -> None:
    found = optimise(models.grid, ["a", "mesh"], minimise="f", fidelity="mesh", budget=6, key=9)
    assert found["mesh"][0] == pytest.approx(64.0)
    assert found["a"][0] == pytest.approx(0.7, abs=0.05)
    assert found.summary["cost"] <= 7.0
    assert found.summary["evaluations"] > 2 * found.summary["evaluations_full"]


def test_huge_product_spaces_are_searched_not_listed() -> None:
    from catena.core.function import model

    names = [f"c{k}" for k in range(12)]

    @model(id="test.huge", inputs=", ".join(f"{n}: a|b|c|d|e|f|g|h|i|j" for n in names),
           outputs="f", backend="numpy")  # fmt: skip
    def huge(**choices: np.ndarray) -> dict[str, np.ndarray]:
        return {"f": sum((choices[n] - k % 10) ** 2 for k, n in enumerate(names)) * 1.0}

    found = optimise(huge, names, minimise="f", budget=6000, key=10)
    assert found["f"][0] == 0.0
    assert found.summary["method"] == "evolution"


def test_the_choice_is_explained(models: ModuleType) -> None:
    few = optimise(models.bowl, ["a", "b"], minimise="f", budget=12, key=1)
    assert few.summary["method"] == "bayesian"
    assert "12 evaluations only" in few.summary["reason"]
    many = optimise(models.trade, ["a", "b"], minimise=["one", "two"], budget=500, key=1)
    assert many.summary["method"] == "nsga2"


def test_same_key_same_answer(models: ModuleType) -> None:
    first = optimise(models.waves, ["a", "b"], minimise="f", method="hybrid", budget=800, key=11)
    again = optimise(models.waves, ["a", "b"], minimise="f", method="hybrid", budget=800, key=11)
    assert first["a"][0] == again["a"][0]


def test_conflicting_output_limits_are_named(models: ModuleType) -> None:
    with pytest.raises(Infeasible) as error:
        optimise(models.bowl, ["a", "b"], minimise="f", method="hybrid", budget=600,
                 subject_to=["f <= 1", "g >= 12 mg", "g <= 19 mg"])  # fmt: skip
    assert set(error.value.conflicts) == {"f <= 1", "g >= 12 mg"}
    assert "closest" in error.value.details


def test_conflicting_linear_limits_are_named(models: ModuleType) -> None:
    with pytest.raises(Infeasible) as error:
        optimise(models.bowl, ["a", "b"], minimise="f",
                 subject_to=["a + b >= 15", "a + b <= 12", "a <= 9"])  # fmt: skip
    assert set(error.value.conflicts) == {"a + b >= 15", "a + b <= 12"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "no output is named"),
        ({"minimise": "f", "maximise": "f"}, "maximised or minimised, once"),
        ({"minimise": "f", "method": "gradeint"}, "methods are"),
        ({"minimise": ["f", "g"], "method": "cma"}, "2 are given"),
        (
            {"minimise": "f", "uncertain": {"b": "normal(5 mg, 1 mg)"}, "risk": "luck"},
            "measures are",
        ),
        ({"minimise": "f", "fidelity": "c"}, "it is not varied"),
    ],
)
def test_nonsense_is_refused(models: ModuleType, given: dict[str, object], why: str) -> None:
    over = ["a"] if "uncertain" in given else ["a", "b"]
    with pytest.raises(InputError) as error:
        optimise(models.bowl, over, budget=10, **given)  # type: ignore[arg-type]
    assert why in error.value.why


def test_constant_outputs_are_refused(models: ModuleType) -> None:
    with pytest.raises(InputError, match="Nothing to optimise"):
        optimise(models.flat, ["a"], minimise="f", method="bayesian", budget=20)


def test_settings_run_the_same_search(models: ModuleType) -> None:
    settings = OptimiseSettings(over={"a": "1..9 mg", "b": "0..10 mg"}, minimise="f",
                                method="gradient", budget=300)  # fmt: skip
    found = OPERATION.run(models.bowl, settings, key=1)
    direct = optimise(models.bowl, {"a": "1..9 mg", "b": "0..10 mg"}, minimise="f",
                      method="gradient", budget=300, key=1)  # fmt: skip
    assert found["f"][0] == direct["f"][0]
