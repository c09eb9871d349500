"""The curated namespace: few names, all of them real, none imported before it is used."""

from __future__ import annotations

import pytest

import catena


def test_every_public_name_exists() -> None:
    assert len(catena.__all__) <= 30
    assert sorted(catena.__all__) == catena.__all__
    for name in catena.__all__:
        assert getattr(catena, name) is not None
    assert set(catena.__all__) < set(dir(catena))


def test_unknown_name_and_version() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = catena.nonsense
    assert catena.__version__.count(".") >= 1


def test_one_line_prediction() -> None:
    result = catena.predict("molecule.descriptors", smiles="CCO")
    assert result["molar_mass"][0] == pytest.approx(46.069, abs=0.01)


def test_one_line_chain() -> None:
    @catena.model(id="test.double", inputs="a [mg] in 0..10", outputs="b [mg]")
    def double(a):  # type: ignore[no-untyped-def]
        return {"b": 2.0 * a}

    chain = catena.chain(first=double, second=double, edges=["first.b -> second.a"])
    assert chain.predict(a="1 mg")["second.b"][0] == 4.0
