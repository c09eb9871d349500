"""The contract suite: good models pass, and each way of breaking the contract is found."""

from __future__ import annotations

import itertools
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena.core.contract import CHECKS, check_model
from catena.core.errors import ContractError, RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.result import Result
from catena.core.spec import Field, Schema

INFO = {"title": "Test", "doc": "A test.", "citation": "none"}
INPUTS = "a [mg] in 0..10, b in 0.5..2 = 1, mode: x|y = x"
Values = Mapping[str, Any]
_counter = itertools.count()


class Good(Model):
    """Correct in every way; the broken ones below change one thing each."""

    info = ModelInfo(id="test.good", **INFO)
    inputs = Schema.parse(INPUTS)
    outputs = Schema.parse("y [mg] >= 0")
    params = Schema.parse("p in 0..10 = 2")

    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": params["p"] * batch["a"] * batch["b"]}


class NoCitation(Good):
    info = ModelInfo(id="Bad Id", version="one", title="Test")


class NoBounds(Good):
    inputs = Schema.parse("a [mg], b = 1, mode: x|y = x")


class BadDefault(Good):
    params = Schema([Field("p", bounds=(0, 1), default=2.0)])


class Crashes(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        raise RuntimeError("always")


class AllZero(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": 0.0 * batch["a"]}


class RowsMix(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": batch["a"] + np.mean(batch["a"])}


class RowsCount(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": batch["a"] + np.arange(len(batch["a"]))}


class LeavesBounds(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": -batch["a"]}


class Random(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": batch["a"] + next(_counter)}


class SecretKey(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        return {"y": batch["a"] + key % 7}


class IgnoresKey(Good):
    capabilities = Capabilities(stochastic=True)


class Writes(Good):
    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        y = params["p"] * batch["a"] * batch["b"]
        batch["a"][:] = 0.0
        return {"y": y}


class WrongGradient(Good):
    capabilities = Capabilities(gradient=True)

    def _jvp(
        self, batch: Values, params: Values, tangents: Values, key: Any
    ) -> tuple[Values, Values]:
        return self._predict(batch, params, key), {"y": tangents.get("a", 0.0) + 0.0 * batch["a"]}


class SameKey(Good):
    def _identity(self) -> dict[str, Any]:
        return {"id": self.info.id}


class Leaks(Good):
    kept: list[Any] = []

    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        self.kept.append(np.zeros(50_000))
        return super()._predict(batch, params, key)


class Falls(Good):
    properties = {
        "falls with b": lambda inputs, outputs: outputs["y"] <= inputs["a"],
    }


class UpsideDown(Good):
    capabilities = Capabilities(uncertainty=True)

    def predict(self, *args: Any, **kwargs: Any) -> Result:
        result = super().predict(*args, **kwargs)
        result.lower, result.upper = {"y": result["y"] + 1.0}, {"y": result["y"]}
        return result


class NarrowIntervals(UpsideDown):
    def predict(self, *args: Any, **kwargs: Any) -> Result:
        result = Model.predict(self, *args, **kwargs)
        result.lower, result.upper = {"y": result["y"]}, {"y": result["y"]}
        return result

    def coverage_data(self) -> tuple[Values, Values]:
        return {"a": np.linspace(1, 5, 50)}, {"y": np.linspace(1, 5, 50)}


class WrongFlag(Good):
    def _domain(self, batch: Values) -> np.ndarray:
        return np.array([1.0, 0.0])


class Uncompilable(Good):
    def __init__(self) -> None:
        self.late = lambda: 1.0


class SlowImport(Good):
    import_budget = 0.0


class GridDependent(Good):
    capabilities = Capabilities(dynamic=True)
    inputs = Schema.parse("a [mg] in 0..10 = 1, time [h] (time) in 0..100")
    outputs = Schema.parse("y [mg] (time)")

    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        steps = np.diff(batch["time"], axis=1, prepend=0.0)
        return {"y": batch["a"][:, None] * np.cumprod(1.0 - 0.02 * steps, axis=1)}


BROKEN = [
    (NoCitation, "C01"), (NoBounds, "C03"), (BadDefault, "C04"), (Crashes, "C05"), (AllZero, "C05"),
    (RowsMix, "C06"), (RowsCount, "C07"), (LeavesBounds, "C09"), (Random, "C13"), (SecretKey, "C14"),
    (IgnoresKey, "C14"), (Writes, "C15"), (WrongGradient, "C16"), (SameKey, "C19"), (Falls, "C25"),
    (UpsideDown, "C26"), (NarrowIntervals, "C26"), (GridDependent, "C27"), (WrongFlag, "C35"),
]  # fmt: skip


def test_numbers_are_unique_and_enough() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids) >= 28
    assert all(check.meaning and check.fix for check in CHECKS)


def test_a_good_model_passes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # a worker imports this module
    report = check_model(Good())
    assert report.failures == (), str(report)
    report.require()
    # Registration, time grids, intervals, gradients, properties, domain, randomness: not this model.
    assert {c.id for c in report.checks if c.state == "n/a"} == {
        "C14",
        "C16",
        "C25",
        "C26",
        "C27",
        "C29",
        "C35",
    }
    assert "rows/s" in report["C23"].reason
    assert json.loads(json.dumps(report.to_dict()))["passed"] is True


@pytest.mark.parametrize(("kind", "check_id"), BROKEN, ids=[kind.__name__ for kind, _ in BROKEN])
def test_each_fault_is_found(kind: Callable[[], Model], check_id: str) -> None:
    report = check_model(kind(), quick=True)
    failed = report[check_id]
    assert failed.state == "fail", str(report)
    assert failed.reason
    assert failed.fix in str(report)
    with pytest.raises(ContractError, match="breaks the contract") as caught:
        report.require()
    assert check_id in caught.value.where


def test_leaks_and_slow_imports_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    assert check_model(Leaks(), only=("C24",))["C24"].state == "fail"
    assert check_model(SlowImport(), only=("C22",))["C22"].state == "fail"


def test_what_cannot_travel_is_said_not_failed() -> None:
    report = check_model(Uncompilable(), only=("C17", "C18", "C21"))
    assert {check.state for check in report.checks} == {"n/a"}
    assert "cannot travel" in report["C17"].reason


class Coupled(Good):
    """Random inputs contradict each other; its example does not."""

    def _check(self, batch: Values) -> list[RowFault]:
        return (
            [RowFault(0, "b", "b must be half of a")]
            if np.any(batch["b"] * 2 != batch["a"])
            else []
        )


class Exemplary(Coupled):
    def example_inputs(self) -> dict[str, Any]:
        return {"a": 2.0, "b": 1.0}


def test_example_inputs_replace_random_ones() -> None:
    report = check_model(Coupled(), only=("C05",))
    assert "b must be half of a" in report["C05"].reason
    assert check_model(Exemplary(), only=("C05", "C09")).passed
    assert check_model(Coupled(), rows={"a": [2.0, 4.0], "b": [1.0, 2.0]}, only=("C05",)).passed


def test_claims_of_a_plugin_are_read(install_plugin: Callable[..., Path]) -> None:
    code = """
import catena
@catena.model(id="my.claimed", inputs="a in 0..1 = 0.5", outputs="b", title="t", doc="d", citation="c")
def model(a):
    return {"b": a + 1.0}
"""
    files = {"claimed_pkg/__init__.py": code, "claimed_pkg/validation.yaml": "claims: []"}
    install_plugin("claimed", {"my.claimed": "claimed_pkg:model"}, files)
    assert "no claim" in check_model("my.claimed", only=("C29",))["C29"].reason
    install_plugin(
        "unclaimed",
        {"my.other": "other_mod:model"},
        {"other_mod.py": code.replace("claimed", "other")},
    )
    assert "states no claims" in check_model("my.other", only=("C29",))["C29"].reason


class Wide(Model):
    """Every kind of input a schema can ask for."""

    info = ModelInfo(id="test.wide", **INFO)
    inputs = Schema(
        [
            *Schema.parse(
                "low > 0, high <= -1, free = 0, around in -1..1 = 0, n: integer in 1..9, "
                "on: boolean, smiles: molecule, protein: sequence, name: text = x, "
                "wave [nm] (wave) in 300..310"
            ),
            Field("wide", bounds=(1e-6, 1e3), scale="log"),
            Field("drawn", distribution={"name": "lognormal", "parameters": (2.0, 0.3)}),
            Field("organ", shape=("organ",), labels=("liver", "gut"), bounds=(0, None), low_open=True),
            Field("given", shape=("point",), bounds=(0, None), default=np.ones(4)),
            Field("ghost", kind="structure", optional=True),
            Field("doses", kind="table", shape=("dose",), ragged=True,
                  columns=Schema.parse("time [h] >= 0, amount [mg] in 0..9, way: iv|oral, note = 0")),
        ]
    )  # fmt: skip
    outputs = Schema.parse("y, mark: text, profile (wave), organ_y (organ)")

    def _predict(self, batch: Values, params: Values, key: Any) -> Values:
        doses = batch["doses"]
        total = np.where(doses.mask, doses.values["amount"], 0.0).sum(axis=1)
        y = total + batch["low"] * batch["n"] + batch["high"] + batch["wide"] + batch["drawn"]
        y = y + np.where(batch["on"], 1.0, 2.0) + batch["free"] + batch["around"]
        return {
            "y": y + batch["given"].sum(axis=1) + [len(text) for text in batch["smiles"]],
            "mark": batch["protein"],
            "profile": batch["wave"] * y[:, None],
            "organ_y": batch["organ"] * y[:, None],
        }


def test_inputs_of_every_kind_are_made() -> None:
    report = check_model(Wide(), quick=True)
    failed = {check.id: check.reason for check in report.failures}
    assert set(failed) == {"C03"}, str(report)
    assert failed["C03"] == "no bounds on free"
    varied = Wide().inputs
    assert len(varied) == 16


def test_a_model_without_real_inputs_is_checked_too() -> None:
    class Letters(Good):
        inputs = Schema.parse("text: text")
        outputs = Schema.parse("count: integer")

        def _predict(self, batch: Values, params: Values, key: Any) -> Values:
            return {"count": np.array([len(text) for text in batch["text"]])}

    report = check_model(Letters(), quick=True)
    assert report.passed, str(report)
    for check_id in ("C10", "C11", "C12", "C30", "C31", "C34"):
        assert report[check_id].state == "n/a"


class Unmakeable(Good):
    inputs = Schema([Field("shape", kind="structure")])


class BadExample(Good):
    def example_inputs(self) -> dict[str, Any]:
        return {"a": 99.0}


def test_inputs_that_cannot_be_made_are_explained() -> None:
    assert "no valid inputs could be made" in check_model(Unmakeable(), only=("C05",))["C05"].reason
    assert "example_inputs() is refused" in check_model(BadExample(), only=("C05",))["C05"].reason
    # What builds on a prediction does not apply.
    assert check_model(BadExample(), only=("C07",))["C07"].state == "n/a"


class Covered(Good):
    capabilities = Capabilities(uncertainty=True, gradient=True)
    properties = {"at least a": lambda inputs, outputs: outputs["y"] >= inputs["a"] - 1e-9}

    def predict(self, *args: Any, **kwargs: Any) -> Result:
        result = super().predict(*args, **kwargs)
        result.lower, result.upper = {"y": result["y"] - 1.0}, {"y": result["y"] + 1.0}
        return result

    def coverage_data(self) -> tuple[Values, Values]:
        a = np.linspace(1, 5, 50)
        return {"a": a}, {"y": 2.0 * a + np.where(np.arange(50) % 10 == 0, 3.0, 0.5)}

    def _domain(self, batch: Values) -> np.ndarray:
        return np.broadcast_to(np.asarray(batch["a"]) < 5.0, (len(batch["a"]),))


def test_gradients_properties_intervals_and_domain_can_pass() -> None:
    report = check_model(Covered(), quick=True)
    assert report.passed, str(report)
    for check_id in ("C16", "C25", "C26", "C35"):
        assert report[check_id].state == "pass"
        assert report[check_id].reason


def test_the_worker_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from catena.core.contract import worker

    monkeypatch.setattr("sys.path", list(sys.path))
    question, answer = tmp_path / "question", tmp_path / "answer"
    values = pickle.dumps({"a": 2.0})
    for reference in (pickle.dumps(Good()), pickle.dumps("bridge.dose.per_kg")):
        asked = values if b"Good" in reference else pickle.dumps({"dose": 2.0, "weight": 70.0})
        question.write_bytes(pickle.dumps((sys.path, reference, asked)))
        worker.main(str(question), str(answer))
        data = pickle.loads(answer.read_bytes())
        assert len(data["key"]) == 64
        assert data["values"]
