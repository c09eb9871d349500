"""Any model that offers what a slot asks for fits into it."""

from __future__ import annotations

import pytest
from chain_toys import Counted, pk, trial

from catena.core.chain import Chain
from catena.core.chain.slot import Slot
from catena.core.errors import ChainError
from catena.core.function import model

SLOT = Slot("disease", "exposure [mg*h/L], weight [kg]", "effect", doc="exposure to effect")


def chain() -> Chain:
    return Chain(
        {"pk": pk, "disease": SLOT, "trial": trial},
        ["pk.auc -> disease.exposure", "disease.effect -> trial.effect"],
        inputs={"weight": ["disease.weight"]},
        id="virtual",
    )


@model(id="toy.emax", inputs="exposure [ug*h/mL], ec50 [mg*h/L] = 5", outputs="effect, other")
def emax(exposure, ec50):
    return {"effect": exposure / (ec50 + exposure), "other": exposure}


@model(id="toy.heavy", inputs="weight [g], k = 0.01", outputs="effect [percent]")
def heavy(weight, k):
    return {"effect": weight * k}


def test_a_chain_with_a_slot_is_built_but_not_run():
    hollow = chain()
    assert list(hollow.slots) == ["disease"]
    assert hollow.inputs.names[0] == "weight"
    assert len(hollow.key) == 64
    with pytest.raises(ChainError, match="unfilled slots: disease") as caught:
        hollow.predict(weight=70.0)
    assert "chain.fill(disease=model)" in caught.value.fix


def test_models_that_fit_fill_it_and_bring_their_own_inputs():
    full = chain().fill(disease=emax)
    assert "weight" not in full.inputs  # this disease does not depend on it
    assert "ec50" in full.inputs
    assert full.predict(dose=50.0, clearance=10.0, size=4.0)["trial.signal"][0] == pytest.approx(
        1.0
    )
    other = chain().fill(disease=heavy)
    assert [str(edge) for edge in other.edges] == ["disease.effect -> trial.effect"]
    result = other.predict(weight="2 kg", size=1.0)
    assert result["trial.signal"][0] == pytest.approx(0.2)


def test_every_misfit_is_reported():
    @model(id="toy.misfit", inputs="exposure [umol/L], age [year]", outputs="harm")
    def misfit(exposure, age):
        return {"harm": exposure}

    with pytest.raises(ChainError) as caught:
        chain().fill(disease=misfit)
    text = str(caught.value)
    assert len(caught.value.faults) == 3
    for part in (
        "toy.misfit does not offer effect", "Cannot fill  exposure [umol/L]  with  exposure [mg*h/L]",
        "toy.misfit needs age [year], which the slot does not offer", "slot 'disease'",
    ):  # fmt: skip
        assert part in text


def test_only_slots_are_filled():
    with pytest.raises(ChainError, match="cannot be filled") as caught:
        chain().fill(pk=pk, desease=emax, disease="no.such.model")
    text = str(caught.value)
    assert "No slot 'pk'" in text
    assert "did you mean disease" in text
    assert "No model 'no.such.model'" in text


def test_defaults_and_cache_survive_filling():
    from catena.core.runtime import MemoryCache

    cache = MemoryCache()
    full = chain().at(dose=77.0).with_cache(cache).fill(disease=emax)
    assert full.inputs["dose"].default == 77.0
    assert full._cache is cache


def test_slots_round_trip_as_plain_data():
    again = Slot.from_dict(SLOT.to_dict())
    assert (again.name, again.inputs, again.outputs, again.doc) == (
        SLOT.name, SLOT.inputs, SLOT.outputs, SLOT.doc,
    )  # fmt: skip
    short = Slot.from_dict({"slot": "x", "inputs": "a [mg]", "outputs": "b"})
    assert short.inputs["a"].unit == "mg"
    assert repr(short) == "Slot('x': a -> b)"


def test_a_slot_may_feed_a_counted_node():
    counted = Counted(2.0)
    built = Chain({"s": Slot("any", "", "v"), "c": counted}, ["s.v -> c.x"])
    source = model(id="toy.source", inputs="a = 3", outputs="v")(lambda a: {"v": a})
    assert built.fill(s=source).predict()["c.y"].tolist() == [6.0]
