from __future__ import annotations

import pickle

import numpy as np
import pytest
from toys_surrogate import after, decay, fragile, kinds, smooth, tank

import catena as ct
from catena.core.errors import CatenaError, InputError, SolverError
from catena.core.result import Result
from catena.ops.surrogate import OPERATION, surrogate


def _points(n: int = 400) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    return {"a": rng.uniform(0, 10, n), "b": rng.uniform(0.1, 10, n)}


def test_the_target_is_met_on_rows_never_seen(replaced: Result) -> None:
    assert replaced.summary["met"]
    assert replaced.summary["evaluations"] <= 90
    truth, found = smooth.predict(_points()), replaced.model.predict(_points())
    for name in ("y", "z"):
        error = found[name] - truth[name]
        assert np.sqrt((error**2).mean()) <= 0.03 * truth[name].std()
    assert "within 3.00%" in replaced.summary["headline"]
    assert list(replaced["output"]) == ["y", "z"]


def test_predictions_carry_intervals_and_domain(replaced: Result) -> None:
    truth, found = smooth.predict(_points()), replaced.model.predict(_points())
    assert found.in_domain.all()
    assert not found.warnings
    for name in ("y", "z"):
        inside = (found.lower[name] <= truth[name]) & (truth[name] <= found.upper[name])
        assert 0.7 <= inside.mean() <= 1.0
        assert np.all(found.lower[name] <= found[name])


def test_it_has_the_ports_of_its_parent(replaced: Result) -> None:
    assert replaced.model.inputs.names == smooth.inputs.names
    assert replaced.model.inputs.units == smooth.inputs.units
    assert replaced.model.outputs.units == {"y": "mg/L", "z": ""}
    assert replaced.model.predict(a="2000 ug", b=1)["y"] == pytest.approx(
        replaced.model.predict(a=2.0, b=1)["y"]
    )


def test_outside_its_domain_it_says_so_and_widens(replaced: Result) -> None:
    inside = replaced.model.predict(a=9.9, b=5.0)
    narrow = inside.upper["y"] - inside.lower["y"]
    wide = replaced.model.at(a=5.0)
    beyond = wide.predict(a=5.0, b=5.0, offset=4.0)  # held at 2 in training
    assert not beyond.in_domain[0]
    assert beyond.upper["y"] - beyond.lower["y"] > 3 * narrow
    assert "outside the domain" in beyond.warnings[0]
    mixed = replaced.model.predict(a=[1.0, 2.0], b=1.0, offset=[2.0, 3.0])
    np.testing.assert_array_equal(mixed.in_domain, [True, False])


def test_gradients_are_those_of_what_it_predicts(replaced: Result) -> None:
    fast = replaced.model
    at = {"a": [2.0, 7.0], "b": [1.0, 4.0]}
    found = fast.jacobian(at, of="z")
    step = 1e-3  # shorter steps drown in the rounding of large weights
    for name in ("a", "b"):
        up = fast.predict({**at, name: np.add(at[name], step)})["z"]
        down = fast.predict({**at, name: np.subtract(at[name], step)})["z"]
        np.testing.assert_allclose(found["z", name], (up - down) / (2 * step), rtol=1e-4)
    np.testing.assert_array_equal(found["z", "offset"], 0.0)
    reverse = fast.jacobian(at, of="z", mode="reverse")
    np.testing.assert_allclose(reverse["z", "a"], found["z", "a"], rtol=1e-6)
    np.testing.assert_array_equal(reverse["z", "offset"], 0.0)


def test_it_replaces_its_parent_in_a_chain(replaced: Result) -> None:
    chain = ct.chain(pk=smooth, pd=after, edges=["pk.y -> pd.dose"])
    fast = chain.replace(pk=replaced.model)
    slow = chain.predict(a=3.0, b=2.0)["pd.effect"]
    quick = fast.predict(a=3.0, b=2.0)
    assert quick["pd.effect"] == pytest.approx(slow, rel=0.02)
    assert quick.in_domain.all()
    far = fast.predict(a=3.0, b=2.0, offset=5.0)
    assert not far.in_domain.any()
    assert "outside the domain" in str(far.warnings)
    slopes = fast.jacobian({"a": 3.0, "b": 2.0}, of="pd.effect", wrt="a")
    assert slopes["pd.effect", "a"] == pytest.approx(
        chain.jacobian({"a": 3.0, "b": 2.0}, of="pd.effect", wrt="a")["pd.effect", "a"], rel=0.1
    )


def test_any_number_of_rows_gives_the_same_numbers(replaced: Result) -> None:
    many = _points(3000)
    whole = replaced.model.predict(many)["y"]
    part = replaced.model.predict({n: v[2990:] for n, v in many.items()})["y"]
    np.testing.assert_allclose(whole[2990:], part, rtol=1e-9)
    assert replaced.model.predict({"a": [], "b": []}).size == 0


def test_it_travels_to_workers(replaced: Result) -> None:
    replaced.model.predict(a=1.0, b=1.0)
    back = pickle.loads(pickle.dumps(replaced.model))
    assert back.predict(a=1.0, b=1.0)["y"] == replaced.model.predict(a=1.0, b=1.0)["y"]
    assert back.key == replaced.model.key


def test_training_is_recorded(replaced: Result) -> None:
    record = replaced.model.training
    assert record.rows == replaced.summary["training_rows"]
    assert set(record.conformal) == {"y", "z"}
    assert record.domain["variables"]["a"] == [0.0, 10.0, "mg"]
    assert len(record.data_key) == 64


def test_the_same_seed_gives_the_same_surrogate(replaced: Result) -> None:
    again = surrogate(smooth, ["a", "b"], of=["y", "z"], budget=90, target_error=0.03, key=1)
    assert again.model.key == replaced.model.key


def test_tables_and_drawings(replaced: Result) -> None:
    assert replaced.parts["history"]["evaluations"][0] >= 24
    checks = replaced.parts["checks"].table()
    assert len(checks) == replaced.summary["checked_rows"]
    assert {"a [mg]", "y [mg/L]", "y_surrogate [mg/L]"} <= set(checks.columns)
    for name in ("agreement", "convergence"):
        assert len(replaced.plot(name).data) >= 2


def test_a_target_that_is_not_reached_is_refused_with_what_was_reached() -> None:
    with pytest.raises(SolverError) as caught:
        surrogate(smooth, ["a", "b"], of="y", budget=30, target_error=1e-6)
    assert caught.value.details["achieved"]["y"]["nrmse"] > 1e-6
    assert "allow_short" in caught.value.fix
    short = surrogate(smooth, ["a", "b"], of="y", budget=30, target_error=1e-6, allow_short=True)
    assert not short.summary["met"]
    assert "NOT" in short.summary["headline"]
    assert "was not reached" in short.warnings[0]


def test_curves_are_learned_by_modes() -> None:
    times = np.linspace(0, 8, 9)
    result = surrogate(decay, ["k", "x0"], of="x", given={"time": times}, method="pod",
                       budget=70, target_error=0.03, key=2)  # fmt: skip
    assert result.summary["met"]
    truth = decay.predict(k=0.4, x0=3.0, time=times)
    found = result.model.predict(k=0.4, x0=3.0)
    np.testing.assert_allclose(found["x"], truth["x"], atol=0.1)
    assert found.lower["x"].shape == (1, 9)
    slopes = result.model.jacobian({"k": 0.4, "x0": 3.0}, of="x", wrt="x0")["x", "x0"]
    np.testing.assert_allclose(slopes[0], np.exp(-0.4 * times), atol=0.05)
    with pytest.raises(InputError, match="time"):
        result.model.predict(k=0.4, x0=3.0, time=[0.0, 1.0])


def test_functions_are_learned_by_operator_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catena.learn.networks.operator._STEPS", 200)  # of 1200: enough for 30 %
    result = surrogate(tank(), {"feed": "0..2 L/h"}, budget=120, target_error=0.3, key=1)
    assert result.summary["method"] == "operator"
    feed = 1.0 + np.sin(np.linspace(0, 3, 12))
    found = result.model.predict(feed=feed)["level"]
    truth = tank().predict(feed=feed)["level"]
    assert np.sqrt(((found - truth) ** 2).mean()) < 0.3 * truth.std()


def test_choices_whole_numbers_and_parameters_may_vary() -> None:
    over = {"x": None, "n": None, "way": ["up", "down"], "open": None}
    result = surrogate(kinds, over, budget=80, target_error=0.05, key=3, allow_short=True)
    found = result.model.predict(x=[0.2, 0.9], n=3, way=["up", "down"], open=True)
    np.testing.assert_allclose(found["y"], [1.6, 0.5], atol=0.2)
    assert not result.model.predict(x=0.2, n=3, way="flat", open=True).in_domain[0]
    lifted = surrogate(smooth, ["a", "gain"], of="y", budget=60, target_error=0.1, key=3)
    assert "gain" in lifted.model.inputs
    one = smooth.at(gain=1.5).predict(a=4.0, b=1.0)["y"]
    assert lifted.model.predict(a=4.0, gain=1.5)["y"] == pytest.approx(one, rel=0.1)


def test_points_that_fail_are_left_out_and_reported() -> None:
    result = surrogate(fragile, ["x", "w"], budget=70, target_error=0.05, key=1, allow_short=True)
    assert result.summary["failed_rows"] > 0
    assert "could not be evaluated" in str(result.warnings)
    assert result.model.predict(x=0.3, w=0.5)["y"] == pytest.approx(0.59, abs=0.05)
    assert not result.model.predict(x=0.99, w=0.5).in_domain[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"over": ["a", "c"]}, "No input or parameter 'c'"),
        ({"over": ["a", "b"], "of": "why"}, "No output 'why'"),
        ({"over": ["a", "b"], "of": "flat"}, "does not vary"),
        ({"over": ["a", "b"]}, "does not vary"),
        ({"over": ["a", "b"], "budget": 10}, "too small"),
        ({"over": ["a", "b"], "target_error": 2.0}, "makes no sense"),
        ({"over": {"a": "9..2 mg"}}, "a"),
        ({"over": ["a", "b"], "given": {"a": 3}}, "both fixed and varied"),
        ({"over": ["a", "b"], "of": "y", "method": "pod"}, "Nothing to reduce"),
        ({"over": ["a", "b"], "of": "y", "method": "operator"}, "No operator"),
        ({"over": ["a", "b"], "of": "y", "method": "forest"}, "No method"),
        ({"over": ["a", "b"], "of": "y", "subject_to": ["a >= 8 mg", "a <= 2 mg"]}, ""),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(CatenaError) as caught:
        surrogate(smooth, **{"budget": 40, **arguments})  # type: ignore[arg-type]
    assert named in str(caught.value)


def test_it_runs_from_settings() -> None:
    settings = OPERATION.settings(over=["a", "b"], of="y", budget=50, target_error=0.2)
    result = OPERATION.run(smooth, settings, given={"offset": "3 mg/L"})
    assert result.provenance["operation"] == "surrogate"
    assert result.model.inputs["offset"].default == 3.0
