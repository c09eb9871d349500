"""Models on four back ends: units in, checked values out, exact gradients, what-if copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from catena.core.errors import (
    CatenaError,
    ContractError,
    InputError,
    RowFault,
    SchemaError,
    SolverError,
)
from catena.core.function import model
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.core.trainable import TrainingRecord

PORTS = {"inputs": "a [mg] in 0..10 = 1, b = 2", "outputs": "y [mg], z", "params": "p = 3"}


@model(id="test.numpy", **PORTS)
def in_numpy(a: Any, b: Any, p: Any) -> Mapping[str, Any]:
    return {"y": p * a * np.sin(b), "z": a**2 + b}


@model(id="test.jax", **PORTS)
def in_jax(a: Any, b: Any, p: Any) -> Mapping[str, Any]:
    return {"y": p * a * jnp.sin(b), "z": a**2 + b}


@model(id="test.torch", **PORTS)
def in_torch(a: Any, b: Any, p: Any) -> Mapping[str, Any]:
    return {"y": p * a * torch.sin(b), "z": a**2 + b}


ALL = [in_numpy, in_jax, in_torch]


@pytest.mark.parametrize("built", ALL, ids=lambda m: m.info.backend)
def test_every_backend_gives_the_same_values_and_gradients(built: Model) -> None:
    a, b = np.array([0.0, 1.0, 10.0]), np.array([0.3, 1.0, 2.0])
    result = built.predict(a=a, b=b)
    assert result["y"] == pytest.approx(3 * a * np.sin(b))
    modes = ["auto", "forward", "reverse", "difference"]
    for mode in modes:
        slopes = built.jacobian({"a": a, "b": b}, mode=mode)  # type: ignore[arg-type]
        assert slopes["y", "a"] == pytest.approx(3 * np.sin(b), rel=1e-8)
        assert slopes["y", "b"] == pytest.approx(3 * a * np.cos(b), rel=1e-8, abs=1e-9)
        assert slopes["z", "a"] == pytest.approx(2 * a, rel=1e-8, abs=1e-8)
    assert built.jacobian({"a": a, "b": b}, of="y", wrt="p")["y", "p"] == pytest.approx(
        a * np.sin(b)
    )
    exact = built.info.backend != "numpy"
    assert built.jacobian(a=1.0).mode == ("forward" if exact else "difference")
    assert bool(built.jacobian(a=1.0).warnings) is not exact


@pytest.mark.parametrize("built", ALL, ids=lambda m: m.info.backend)
def test_at_returns_a_changed_copy(built: Model) -> None:
    with built.at(p=6, a="2e-3 g") as variant:
        assert variant.predict()["y"] == pytest.approx(6 * 2 * np.sin(2))
        assert variant.key != built.key
    assert built.predict()["y"] == pytest.approx(3 * np.sin(2))
    with pytest.raises(InputError, match="Cannot change 'q'"):
        built.at(q=1)
    with pytest.raises(SchemaError, match="one value"):
        built.at(a=[1, 2])
    with pytest.raises(InputError):
        built.at(a=-5)


@pytest.mark.parametrize("built", ALL, ids=lambda m: m.info.backend)
def test_no_rows_give_no_rows(built: Model) -> None:
    assert built.predict(a=np.zeros(0))["y"].shape == (0,)


def test_units_are_converted_and_provenance_recorded() -> None:
    result = in_jax.predict({"a": "2000 ug"}, b=1.0, key=7)
    assert result["z"].tolist() == [5.0]
    assert result.provenance["model"] == "test.jax"
    assert result.provenance["seed"] == 7
    assert result.provenance["model_key"] == in_jax.key
    assert result.units == {"y": "mg", "z": ""}
    assert in_numpy.predict().provenance["gradient"] == "central differences"


def test_skipped_rows_keep_their_place_in_the_status() -> None:
    result = in_jax.predict(a=[1, -1, 3], on_error="skip")
    assert result.status == ["ok", "a: -1 is below the bound 0 mg", "ok"]
    assert result["z"].tolist() == [3.0, 11.0]
    table = result.table()
    assert np.isnan(table["z"][1])
    assert table["status"].tolist() == result.status


class Picky(Model):
    """Refuses some rows before, some during and some after the computation."""

    info = ModelInfo(id="test.picky")
    inputs = Schema.parse("x, method: plain|fancy = plain, when: series (t) = 0").with_defaults(
        {"when": [0.0]}
    )
    outputs = Schema.parse("y, label: low|high, curve (t)")
    static_fields = ("method",)
    capabilities = Capabilities(uncertainty=True)

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        return [RowFault(int(i), "x", "is 13") for i in np.flatnonzero(batch["x"] == 13)]

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(np.abs(batch["x"]) < 5)

    def _diagnose(
        self, batch: Any, values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        return {"steps": 3}, [
            RowFault(int(i), "", "solver gave up") for i in np.flatnonzero(values["y"] == 7)
        ]

    def _predict(self, batch: Any, params: Any, key: Any) -> Mapping[str, Any]:
        assert isinstance(batch["method"], str)
        with np.errstate(invalid="ignore"):
            y = np.where(batch["x"] < 0, np.sqrt(batch["x"]), batch["x"])
        return {"y": y, "label": (batch["x"] > 2).astype(int), "curve": y[:, None] + batch["when"]}


def test_rows_that_fail_at_any_stage_are_reported_and_the_others_finish() -> None:
    x = [1.0, 13.0, 7.0, -1.0, 6.0]
    result = Picky().predict(x=x, on_error="skip")
    assert result["y"].tolist() == [1.0, 6.0]
    assert result["label"].tolist() == ["low", "high"]
    assert result.in_domain.tolist() == [True, False]
    assert result.status[1] == "x: is 13"
    assert result.status[2] == "solver gave up"
    assert result.status[3] == "y: the output is not finite"
    assert result.diagnostics == {"steps": 3}
    with pytest.raises(InputError, match="is 13"):
        Picky().predict(x=13.0)
    with pytest.raises(SolverError) as caught:
        Picky().predict(x=[7.0, -1.0])
    assert {row["row"] for row in caught.value.details["rows"]} == {0, 1}
    assert Picky().predict(x=[-1.0, -1.0], on_error="skip").size == 0
    assert Picky().predict(x=-1.0, on_error="skip").size == 0


def test_static_fields_must_agree() -> None:
    assert Picky().predict(x=[1, 2], method="fancy").size == 2
    with pytest.raises(InputError, match="same for all rows"):
        Picky().predict(x=[1, 2], method=["fancy", "plain"])


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ({}, r"missing \['y'\]"),
        ({"y": np.zeros(2), "w": np.zeros(2)}, r"undeclared \['w'\]"),
        ({"y": np.zeros(3)}, "declared"),
        ({"y": np.zeros((2, 2))}, "declared"),
    ],
)
def test_models_must_return_what_they_declare(returned: dict[str, Any], why: str) -> None:
    broken = model(id="test.broken", inputs="x", outputs="y")(lambda x: returned)
    with pytest.raises(ContractError, match=why):
        broken.predict(x=[1.0, 2.0])


def test_scalar_outputs_without_batch_axis_serve_all_rows() -> None:
    constant = model(id="test.constant", inputs="x", outputs="y")(lambda x: {"y": 5.0})
    assert constant.predict(x=[1.0, 2.0])["y"].tolist() == [5.0, 5.0]


def test_the_decorator_checks_arguments() -> None:
    with pytest.raises(SchemaError, match="'z' is not declared"):
        model(id="test.x", inputs="x", outputs="y")(lambda z: {"y": z})
    with pytest.raises(SchemaError, match="does not take 'w'"):
        model(id="test.x", inputs="x, w", outputs="y")(lambda x: {"y": x})
    catch_all = model(id="test.x", inputs="x", outputs="y")(lambda **v: {"y": v["x"]})
    assert catch_all.predict(x=2.0)["y"].tolist() == [2.0]


def test_stochastic_functions_take_the_key() -> None:
    @model(id="test.noise", inputs="x = 0", outputs="y", backend="jax",
           capabilities=Capabilities(stochastic=True))  # fmt: skip
    def noise(x: Any, key: Any) -> Mapping[str, Any]:
        return {"y": x + jax.random.normal(jax.random.key(key), x.shape)}

    same = [noise.predict(x=[0.0, 0.0], key=3)["y"].tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert noise.predict(x=[0.0, 0.0], key=4)["y"].tolist() != same[0]


def test_series_inputs_and_parameters_have_full_jacobians() -> None:
    @model(id="test.series", inputs=Schema([Field("w", shape=("k",), default=[1.0, 2.0])]),
           outputs="total, each (k)", params=Schema([Field("m", shape=("k",), default=[3.0, 4.0])]),
           backend="jax")  # fmt: skip
    def series(w: Any, m: Any) -> Mapping[str, Any]:
        return {"total": (w * m).sum(axis=1), "each": w**2 * m}

    slopes = series.jacobian(w=[[1.0, 2.0], [3.0, 4.0]])
    assert slopes["total", "w"].tolist() == [[3.0, 4.0], [3.0, 4.0]]
    assert slopes["each", "w"][1].tolist() == [[18.0, 0.0], [0.0, 32.0]]
    by_rows = series.jacobian(w=[[1.0, 2.0], [3.0, 4.0]], mode="reverse")
    assert np.allclose(by_rows["each", "w"], slopes["each", "w"])
    assert series.jacobian(of="total", wrt="m")["total", "m"].tolist() == [[1.0, 2.0]]
    differences = series.jacobian(wrt=("w", "m"), mode="difference")
    assert differences["total", "m"] == pytest.approx(np.array([[1.0, 2.0]]), rel=1e-9)


def test_derivatives_to_unknown_things_are_refused() -> None:
    with pytest.raises(InputError, match="No derivative"):
        in_jax.jacobian(wrt="q")
    with pytest.raises(CatenaError, match="No field"):
        in_jax.jacobian(of="q")


def test_own_derivative_rules_are_used() -> None:
    class Ruled(Model):
        info = ModelInfo(id="test.ruled", backend="external")
        inputs = Schema.parse("x")
        outputs = Schema.parse("y")
        capabilities = Capabilities(gradient=True)

        def _predict(self, batch: Any, params: Any, key: Any) -> Mapping[str, Any]:
            return {"y": batch["x"] ** 2}

        def _jvp(self, batch: Any, params: Any, tangents: Any, key: Any) -> Any:
            return {"y": batch["x"] ** 2}, {"y": 100.0 * tangents["x"]}

        def _vjp(self, batch: Any, params: Any, cotangents: Any, key: Any) -> Any:
            return {"x": 200.0 * cotangents["y"]}

    assert Ruled().jacobian(x=[1.0], mode="forward")["y", "x"].tolist() == [100.0]
    assert Ruled().jacobian(x=[1.0], mode="reverse")["y", "x"].tolist() == [200.0]


def test_explain_ranks_by_variance_then_elasticity() -> None:
    @model(id="test.explained", inputs=Schema([
        Field("cl", unit="L/h", default=10.0, distribution={"name": "lognormal", "parameters": (10.0, 0.5)}),
        Field("dose", unit="mg", default=100.0, distribution={"name": "normal", "parameters": (100.0, 1.0)}),
        Field("other", default=1.0)]), outputs="auc [mg*h/L]", backend="jax")  # fmt: skip
    def explained(cl: Any, dose: Any, other: Any) -> Mapping[str, Any]:
        return {"auc": dose / cl + 0.0 * other}

    table = explained.predict().explain("auc")
    assert table["input"].tolist() == ["cl", "dose", "other"]
    assert table["elasticity"].tolist() == pytest.approx([-1.0, 1.0, 0.0])
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["share"][0] > 0.95
    with pytest.raises(InputError, match="No row"):
        explained.predict().explain("auc", rows=5)


def test_describe_is_plain_and_repr_is_short() -> None:
    description = in_jax.describe()
    assert description["id"] == "test.jax"
    assert description["capabilities"]["gradient"] is True
    assert repr(in_jax) == "<test.jax 0.1.0: a, b -> y, z>"
    assert TrainingRecord(data_key="k", rows=3).conformal == {}


def test_rows_near_a_bound_use_one_sided_differences() -> None:
    @model(id="test.root", inputs="x in 0..1", outputs="y", backend="numpy")
    def root(x: Any) -> Mapping[str, Any]:
        assert np.all((x >= 0) & (x <= 1))
        return {"y": x**1.5}

    slopes = root.jacobian(x=[0.25, 1.0])["y", "x"]
    assert slopes == pytest.approx([0.75, 1.5], rel=1e-7)
