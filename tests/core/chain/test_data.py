"""A chain is plain data too: it reads from YAML, writes back, and draws itself."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from chain_toys import pd, pk, sellar, three, trial

from catena.core.chain import Chain
from catena.core.chain.ports import Edge
from catena.core.chain.slot import Slot
from catena.core.errors import ChainError

MODELS = {m.info.id: m for m in (pk, pd, trial, *sellar("newton").nodes.values())}

TEXT = """
id: small.trial
title: From dose to signal
nodes:
  pk: {model: toy.pk, at: {clearance: 5 L/h}}
  pd: toy.pd
  molar: bridge.molar_mass
  trial: {slot: any trial, inputs: "effect", outputs: "signal"}
edges:
  - pk.auc -> pd.exposure
  - [pd.effect, trial.effect]
inputs: {dose: pk.dose}
outputs: {signal: trial.signal}
at: {dose: 0.2 g}
"""


def test_a_chain_is_read_from_yaml_and_round_trips():
    chain = Chain.from_dict(yaml.safe_load(TEXT), MODELS)
    assert chain.inputs["dose"].default == 200.0
    assert chain.inputs["clearance"].default == 5.0
    text = yaml.safe_dump(chain.to_dict(MODELS))
    again = Chain.from_dict(yaml.safe_load(text), MODELS)
    assert again.to_dict(MODELS) == chain.to_dict(MODELS)
    assert again.key == chain.key
    filled = again.fill(trial=trial)
    assert filled.predict(mass_concentration=1.0, molar_mass=1.0)["signal"][0] == pytest.approx(
        2 * 40 / 45 * np.sqrt(20)
    )


def test_feedback_and_nested_chains_round_trip():
    outer = Chain({"loop": sellar({"d1": "anderson"}), "pk": pk.at(dose=5.0)}, id="outer")
    again = Chain.from_dict(outer.to_dict(MODELS), MODELS)
    assert again.key == outer.key
    assert again.nodes["loop"].steps[0].feedback.method == "anderson"
    plain = sellar("newton").to_dict(MODELS)
    assert plain["feedback"] == {"method": "newton"}
    assert Chain.from_dict(plain, MODELS).predict()["f"][0] == sellar("newton").predict()["f"][0]


def test_parameters_changed_by_at_are_written():
    changed = three().at(**{"pd.emax": 7.0, "pk.dose": 3.0})
    data = changed.to_dict(MODELS)
    assert data["nodes"]["pd"] == {"model": "toy.pd", "at": {"emax": 7.0}}
    assert data["at"] == {"dose": 3.0}
    assert Chain.from_dict(data, MODELS).predict()["signal"] == changed.predict()["signal"]
    assert changed.to_dict()["nodes"]["pd"] == "toy.pd"  # unknown models can only be named


def test_arrays_and_tables_as_defaults_are_written_as_lists():
    from catena.core.function import model
    from catena.core.spec import Field, Schema

    table = Field(
        "events", kind="table", shape=("event",), columns=Schema.parse("time [h], amt [mg]")
    )

    @model(id="toy.table", inputs=Schema([Field("v", shape=("k",)), table]), outputs="n")
    def tabled(v, events):
        return {"n": v.sum(axis=1)}

    chain = Chain({"a": tabled}).at(v=[1.0, 2.0], events=[{"time": 0.0, "amt": 5.0}])
    data = chain.to_dict({"toy.table": tabled})
    assert data["at"] == {"v": [1.0, 2.0], "events": {"time": [0.0], "amt": [5.0]}}
    assert Chain.from_dict(data, {"toy.table": tabled}).predict()["a.n"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "Not a chain"),
        ({"nodes": {}, "edgs": []}, "did you mean edges"),
        ({"edges": []}, "needs nodes"),
        ({"nodes": {"a": 3}}, "Not a node"),
        ({"nodes": {"a": {"model": "toy.pk", "att": {}}}}, "Not a node"),
        ({"nodes": {"a": {"model": "toy.pk", "at": {"dosis": 1}}}}, "node 'a'"),
        ({"nodes": {"a": {"model": "toy.nothing"}}}, "No model 'toy.nothing'"),
        ({"nodes": {"a": "toy.pk"}, "edges": ["a.b -> c.d"]}, "2 faults"),
    ],
)
def test_wrong_data_is_refused(data, text):
    with pytest.raises(ChainError) as caught:
        Chain.from_dict(data, MODELS)
    assert text in str(caught.value)


def test_models_and_slots_may_be_given_as_objects():
    chain = Chain.from_dict({"nodes": {"pk": pk, "s": Slot("x", "a", "b")}})
    assert set(chain.nodes) == {"pk", "s"}


def test_the_graph_names_nodes_edges_and_factors():
    data = sellar("newton").graph()
    assert data["feedback"][0]["unknowns"] in (["d1.y1"], ["d2.y2"])
    assert {"name": "f", "source": "goal.f"} in data["outputs"]
    edge = three().graph()["edges"][0]
    assert (edge["source_unit"], edge["target_unit"], edge["factor"]) == ("mg*h/L", "ug*h/mL", 1.0)
    described = three().describe()
    assert described["graph"]["name"] == "toy.three"


def test_mermaid_shows_slots_groups_and_units():
    chart = Chain(
        {"in_": three(), "s": Slot("any", "auc [mg*h/L]", "v")}, ["in_.pk.auc -> s.auc"]
    ).to_mermaid()
    assert chart.startswith("flowchart LR\n")
    assert ":::slot" in chart
    assert 'in_ -- "pk.auc → auc [mg*h/L]" --> s' in chart
    assert 'subgraph loop1["feedback: newton"]' in sellar("newton").to_mermaid()


def test_edges_are_values():
    edge = Edge.parse("a.b.c -> d.e")
    assert edge == Edge.parse(["a.b.c", "d.e"]) == Edge.parse(edge)
    assert str(edge) == "a.b.c -> d.e"
    assert [str(port) for port in edge.ports] == ["a.b.c", "d.e"]
    assert edge.ports[0].name == "b.c"
    assert repr(three()) == "<chain toy.three: pk, pd, trial; 2 edges>"
