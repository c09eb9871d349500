"""A chain computes what its nodes compute one after the other, and is a Model itself."""

from __future__ import annotations

import numpy as np
import pytest
from chain_toys import Counted, pd, pk, three, trial

from catena.core.chain import Chain
from catena.core.errors import ChainError, InputError, SolverError
from catena.core.function import model
from catena.core.model import Model
from catena.core.runtime import MemoryCache
from catena.core.spec import Field, Schema


def by_hand(dose, clearance, ec50=5.0, emax=2.0, size=20.0):
    exposure = dose / clearance
    return emax * exposure / (ec50 + exposure) * np.sqrt(size)


def test_a_chain_computes_what_its_nodes_do_one_after_the_other():
    dose, clearance = np.linspace(10, 500, 7), np.linspace(1, 20, 7)
    result = three().predict(dose=dose, clearance=clearance)
    np.testing.assert_allclose(result["signal"], by_hand(dose, clearance), rtol=1e-14)
    np.testing.assert_allclose(result["pk.auc"], dose / clearance, rtol=1e-14)
    assert result.units["pk.auc"] == "mg*h/L"


def test_unconnected_ports_become_inputs_named_by_port_where_that_is_unique():
    chain = Chain({"a": pk, "b": pk, "pd": pd}, ["a.auc -> pd.exposure"])
    assert set(chain.inputs.names) == {"a.dose", "a.clearance", "b.dose", "b.clearance", "ec50"}
    assert "b.auc" in chain.outputs
    assert chain.params.names == ("pd.emax",)


def test_one_input_serves_several_ports_in_their_units():
    @model(id="toy.grams", inputs="amount [g] in 0..0.5 = 0.2", outputs="half [g]")
    def grams(amount):
        return {"half": amount / 2}

    chain = Chain({"pk": pk, "g": grams}, inputs={"dose": ["pk.dose", "g.amount"]})
    field = chain.inputs["dose"]
    assert (field.unit, field.bounds, field.default) == ("mg", (0.0, 500.0), 100)
    result = chain.predict(dose="0.4 g")
    assert result["pk.auc"][0] == pytest.approx(40.0)
    assert result["g.half"][0] == pytest.approx(0.2)
    with pytest.raises(InputError, match="Bad input"):
        chain.predict(dose="600 mg")


def test_units_of_one_dimension_convert_on_the_edge():
    @model(id="toy.celsius", inputs="t [degC] = 25", outputs="t [degC]")
    def celsius(t):
        return {"t": t}

    @model(id="toy.kelvin", inputs="t [K] > 0", outputs="t [K]")
    def kelvin(t):
        return {"t": t}

    chain = Chain({"a": celsius, "b": kelvin}, ["a.t -> b.t"])
    assert chain.predict(t=[0.0, 37.0])["b.t"].tolist() == [273.15, 310.15]


def test_constant_inputs_are_computed_once_whatever_the_number_of_rows():
    first, second = Counted(2.0), Counted(3.0, inputs="x, z = 1")
    chain = Chain({"molecule": first, "person": second}, ["molecule.y -> person.x"])
    result = chain.predict(x=4.0, z=np.arange(1000.0))
    assert first.calls == [1]
    assert second.calls == [1000]
    assert result["person.y"].tolist() == [24.0] * 1000


def test_rows_of_a_stochastic_node_differ_and_keys_follow_the_node_path():
    noisy = Counted(1.0, stochastic=True)
    chain = Chain({"a": noisy, "b": noisy})
    result = chain.predict({"a.x": 0.0, "b.x": np.zeros(50)}, key=1)
    assert len(set(result["a.y"])) == 50
    assert not np.array_equal(result["a.y"], result["b.y"])
    again = Chain({"b": noisy, "a": noisy}).predict({"a.x": 0.0, "b.x": np.zeros(50)}, key=1)
    np.testing.assert_array_equal(again["a.y"], result["a.y"])
    other = chain.predict({"a.x": 0.0, "b.x": np.zeros(50)}, key=2)
    assert not np.array_equal(other["a.y"], result["a.y"])


def test_with_a_cache_only_what_changed_runs_again():
    first, second, last = Counted(2.0), Counted(3.0), Counted(4.0)
    edges = ["a.y -> b.x", "b.y -> c.x"]
    chain = Chain({"a": first, "b": second, "c": last}, edges).with_cache(MemoryCache())
    x = np.arange(5.0)
    assert chain.predict(x=x)["c.y"].tolist() == (24 * x).tolist()
    edited = chain.replace(c=Counted(5.0))
    assert edited.predict(x=x)["c.y"].tolist() == (30 * x).tolist()
    chain.predict(x=x)
    assert [len(first.calls), len(second.calls), len(last.calls)] == [1, 1, 1]
    chain.predict(x=x + 1)
    assert [len(first.calls), len(second.calls), len(last.calls)] == [2, 2, 2]


def test_cached_values_cannot_be_changed_by_a_reader():
    chain = Chain({"a": Counted(2.0)}).with_cache(MemoryCache())
    values = chain.predict(x=[1.0, 2.0])["a.y"]
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 9.0


def test_stochastic_nodes_are_cached_by_their_key():
    noisy = Counted(1.0, stochastic=True)
    chain = Chain({"a": noisy}).with_cache(MemoryCache())
    one, two, again = (chain.predict(x=[0.0, 0.0], key=key)["a.y"] for key in (1, 2, 1))
    assert len(noisy.calls) == 2
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, two)


def test_a_chain_is_a_node_of_another():
    inner = three()
    outer = Chain({"inner": inner, "count": Counted(10.0)}, ["inner.trial.signal -> count.x"])
    dose = np.array([50.0, 100.0])
    np.testing.assert_allclose(outer.predict(dose=dose)["count.y"], 10 * by_hand(dose, 10.0))
    assert "inner.pd.emax" in outer.params
    jacobian = outer.at(**{"inner.pd.emax": 4.0}).jacobian(dose=dose, of="count.y", wrt="dose")
    step = 10 * (by_hand(dose + 1e-4, 10.0, emax=4.0) - by_hand(dose - 1e-4, 10.0, emax=4.0))
    np.testing.assert_allclose(jacobian["count.y", "dose"], step / 2e-4, rtol=1e-6)


def test_at_changes_inputs_and_parameters_and_leaves_the_original_alone():
    chain = three()
    changed = chain.at(**{"pk.dose": "200 mg", "pd.emax": 3.0, "clearance": 5.0})
    assert changed.predict()["signal"][0] == pytest.approx(by_hand(200.0, 5.0, emax=3.0))
    assert chain.predict()["signal"][0] == pytest.approx(by_hand(100.0, 10.0))
    assert changed.key != chain.key
    assert changed.replace(trial=trial).predict()["signal"][0] == pytest.approx(
        by_hand(200.0, 5.0, emax=3.0)
    )
    with pytest.raises(InputError, match="Cannot change") as caught:
        chain.at(**{"pd.exposure": 1.0})
    assert "pk.auc -> pd.exposure feeds it" in caught.value.why
    with pytest.raises(InputError, match="Cannot change") as caught:
        chain.at(dosis=1.0)
    assert "dose" in caught.value.fix


def test_replace_checks_the_new_model_and_names_unknown_nodes():
    with pytest.raises(ChainError, match="No node 'pq'") as caught:
        three().replace(pq=pk)
    assert "pk" in caught.value.fix
    with pytest.raises(ChainError, match="cannot be built"):
        three().replace(pd=trial)


@model(
    id="toy.guarded",
    inputs="x in 0..10 = 1, y in 0..10 = 1",
    outputs="z",
)
def guarded(x, y):
    return {"z": x + y}


def test_a_row_a_node_cannot_take_is_refused_at_that_node():
    chain = Chain({"a": Counted(3.0), "b": guarded}, ["a.y -> b.x"])
    with pytest.raises(SolverError, match="Node 'b' fails on 1 of 3 rows") as caught:
        chain.predict(x=[1.0, 5.0, 2.0])
    assert "chain 'chain', node 'b'" in caught.value.where
    assert "15 is above the bound 10" in caught.value.why
    result = chain.predict(x=[1.0, 5.0, 2.0], on_error="skip")
    assert result["b.z"].tolist() == [4.0, 7.0]
    assert result.status == ["ok", "b.x: 15 is above the bound 10", "ok"]


def test_rows_skipped_at_the_border_and_in_nodes_keep_their_places():
    chain = Chain({"b": guarded, "a": Counted(3.0)}, ["b.z -> a.x"])
    chain = Chain({"first": Counted(3.0), "rest": chain}, ["first.y -> rest.x"])
    result = chain.predict(x=[1.0, 5.0, 2.0, 3.0], y=[1.0, 1.0, 99.0, 2.0], on_error="skip")
    assert result["rest.a.y"].tolist() == [12.0, 33.0]
    assert [text == "ok" for text in result.status] == [True, False, False, True]
    assert result.status[1].startswith("rest.x: 15")


def test_no_good_row_leaves_an_empty_result():
    chain = Chain({"a": Counted(3.0), "b": guarded}, ["a.y -> b.x"])
    result = chain.predict(x=[5.0, 6.0], on_error="skip")
    assert result.size == 0
    assert result["b.z"].shape == (0,)
    constant = chain.predict(x=9.0, y=[1.0, 2.0, 3.0], on_error="skip")
    assert constant.size == 0
    assert all("27 is above" in text for text in constant.status)


class Failing(Model):
    """Refuses rows where x is 13, as a solver would."""

    def __init__(self, style: str) -> None:
        from catena.core.model import ModelInfo
        from catena.core.spec import Schema

        self.info = ModelInfo(id="toy.failing")
        self.inputs, self.outputs = Schema.parse("x = 1"), Schema.parse("y")
        self.style = style

    def _predict(self, batch, params, key):
        from catena.core.errors import RowFault

        bad = np.flatnonzero(batch["x"] == 13)
        if self.style == "nan":
            return {"y": np.where(batch["x"] == 13, np.nan, batch["x"])}
        if len(bad) and self.style == "lanes":
            raise SolverError("step too small", details={"lanes": bad.tolist()})
        if len(bad) and self.style == "rows":
            raise InputError("bad text", rows=[RowFault(int(r), "x", "unlucky") for r in bad])
        if len(bad):
            raise ZeroDivisionError("by thirteen")
        return {"y": batch["x"]}


@pytest.mark.parametrize("style", ["nan", "lanes", "rows"])
def test_rows_that_fail_inside_a_node_are_named_or_skipped(style):
    chain = Chain({"a": Failing(style), "b": Counted(2.0)}, ["a.y -> b.x"])
    with pytest.raises((SolverError, InputError)) as caught:
        chain.predict(x=[1.0, 13.0])
    assert "node 'a'" in caught.value.where
    result = chain.predict(x=[1.0, 13.0, 3.0], on_error="skip")
    assert result["b.y"].tolist() == [2.0, 6.0]
    assert [text == "ok" for text in result.status] == [True, False, True]


def test_a_foreign_error_says_which_node_it_came_from():
    with pytest.raises(ZeroDivisionError) as caught:
        Chain({"a": Failing("crash")}).predict(x=13.0)
    assert caught.value.__notes__ == ["in node 'a' of chain 'chain'"]


class Careful(Model):
    """States its domain, checks across fields and reports diagnostics."""

    def __init__(self) -> None:
        from catena.core.model import ModelInfo
        from catena.core.spec import Schema

        self.info = ModelInfo(id="toy.careful")
        self.inputs, self.outputs = Schema.parse("x = 1, y = 1"), Schema.parse("z")

    def _predict(self, batch, params, key):
        return {"z": batch["x"] + batch["y"]}

    def _check(self, batch):
        from catena.core.errors import RowFault

        total = np.broadcast_to(batch["x"] + batch["y"], (batch.size,))
        return [RowFault(int(r), "x", "too much") for r in np.flatnonzero(total > 100)]

    def _domain(self, batch):
        return np.broadcast_to(batch["x"] < 10, (batch.size,))

    def _diagnose(self, batch, values):
        return {"seen": np.array(values["z"])}, []


def test_domains_and_diagnostics_of_nodes_are_combined():
    chain = Chain({"a": Careful(), "b": Careful()}, ["a.z -> b.x"])
    result = chain.predict(
        {"x": [1.0, 5.0, 200.0], "a.y": 1.0, "b.y": [1.0, 6.0, 1.0]}, on_error="skip"
    )
    assert result.in_domain.tolist() == [True, True]
    assert result.diagnostics["a"]["seen"].tolist() == [2.0, 6.0]
    assert result.diagnostics["b"]["in_domain"].tolist() == [True, True]
    assert result.status[2] == "a.x: too much"
    assert chain.predict(x=[1.0, 11.0])["b.z"].tolist() == [3.0, 13.0]
    assert chain.predict(x=[1.0, 11.0]).in_domain.tolist() == [True, False]


def test_provenance_lists_the_nodes():
    result = three().predict()
    assert result.provenance["model"] == "toy.three"
    assert result.provenance["nodes"]["pk"]["model"] == "toy.pk"
    assert len(result.provenance["nodes"]["pd"]["key"]) == 64


def test_nodes_given_as_ids_are_loaded_from_the_registry():
    chain = Chain(bridge="bridge.molar_mass")
    assert chain.predict(mass_concentration=1.0, molar_mass=500.0)[
        "bridge.molar_concentration"
    ].tolist() == [2.0]


def test_series_keep_their_dimensions_apart_unless_coupled():
    curve = Counted(1.0, inputs="time [h] (time)", outputs="c [mg/L] (time)")
    other = Counted(1.0, inputs="time [h] (time)", outputs="d [mg/L] (time)")
    free = Chain({"a": curve, "b": other})
    assert free.inputs["a.time"].shape == ("a.time",)
    assert free.outputs["b.d"].shape == ("b.time",)
    result = free.predict({"a.time": np.arange(3.0), "b.time": np.arange(5.0)})
    assert result.to_xarray().sizes == {"row": 1, "a.time": 3, "b.time": 5}
    joined = Chain({"a": curve, "b": other}, inputs={"time": ["a.time", "b.time"]})
    assert joined.outputs["b.d"].shape == ("time",)


def test_evaluate_and_predict_agree_and_an_empty_batch_stays_empty():
    chain = three()
    values = chain.evaluate(
        {"dose": np.array([10.0, 20.0]), "clearance": np.array([2.0]), "ec50": np.array([5.0]), "size": np.array([20.0])}, 2
    )  # fmt: skip
    np.testing.assert_array_equal(
        values["signal"], chain.predict(dose=[10.0, 20.0], clearance=2.0)["signal"]
    )
    assert chain.predict(dose=np.zeros(0))["signal"].shape == (0,)
    raw = chain._predict({"dose": np.array([10.0]), "clearance": np.array([2.0]), "ec50": np.array([5.0]), "size": np.array([20.0])}, {}, 0)  # fmt: skip
    assert raw["signal"][0] == values["signal"][0]


def test_tables_stay_padded_and_are_checked_row_by_row():
    table = Field("events", kind="table", shape=("event",), columns=Schema.parse("amt [mg]"))
    ragged = Field("v", shape=("k",), ragged=True, bounds=(0.0, None))

    @model(id="toy.give", inputs=Schema([table, Field("w", shape=("k",), ragged=True)]),
           outputs=Schema([table.with_(name="out"), ragged.with_(name="u", bounds=(None, None))]))  # fmt: skip
    def give(events, w):
        return {"out": events, "u": w}

    @model(id="toy.take", inputs=Schema([table, ragged]), outputs="total [mg]")
    def total(events, v):
        return {"total": np.where(events.mask, events.columns()["amt"], 0).sum(axis=1)}

    chain = Chain({"a": give, "b": total}, ["a.out -> b.events", "a.u -> b.v"])
    records = [[{"amt": 1.0}, {"amt": 2.0}], [{"amt": 5.0}], [{"amt": 7.0}]]
    result = chain.predict(events=records, w=[[1.0, 2.0], [-3.0], [4.0]], on_error="skip")
    assert result["b.total"].tolist() == [3.0, 7.0]
    assert result.status[1] == "b.v: -3 is below the bound 0"


def test_errors_in_judging_name_their_node():
    class Odd(Careful):
        def _diagnose(self, batch, values):
            raise SolverError("cannot judge")

    with pytest.raises(SolverError, match="cannot judge") as caught:
        Chain({"odd": Odd()}).predict()
    assert "node 'odd'" in caught.value.where


def test_diagnostics_of_skipped_rows_go_with_them_and_warnings_name_their_node():
    class Warned(Careful):
        def _diagnose(self, batch, values):
            return {
                "seen": np.array(values["z"]),
                "inner": {"z": np.array(values["z"])},
                "warnings": ["hot"],
            }, []

    chain = Chain({"a": Warned(), "b": guarded}, ["a.z -> b.x"])
    result = chain.predict({"x": [1.0, 20.0, 3.0], "a.y": 1.0, "b.y": 1.0}, on_error="skip")
    assert result["b.z"].tolist() == [3.0, 5.0]
    assert result.diagnostics["a"]["seen"].tolist() == [2.0, 4.0]
    assert result.diagnostics["a"]["inner"]["z"].tolist() == [2.0, 4.0]
    assert result.diagnostics["a"]["in_domain"].tolist() == [True, True]
    assert "a: hot" in result.warnings


def test_errors_in_derivatives_name_their_node():
    class Flat(Careful):
        def jvp(self, batch, tangents, size, key=0):
            raise SolverError("no slope")

        def vjp(self, batch, cotangents, size, key=0):
            raise SolverError("no slope")

    chain = Chain({"flat": Flat()})
    for mode in ("forward", "reverse"):
        with pytest.raises(SolverError, match="no slope") as caught:
            chain.jacobian(of="flat.z", wrt="x", mode=mode)
        assert "node 'flat'" in caught.value.where
