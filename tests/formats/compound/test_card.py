"""The shipped cards, and what model inputs follow from a card."""

from __future__ import annotations

import math

import pytest

from catena.formats.compound import Card, cards, load_card

UNITS_FREE = {"logp", "pka_acid", "pka_base"}


def quantity(value: float, unit: str = "", **more: object) -> dict[str, object]:
    return {"value": value, "unit": unit, "status": "measured", "source": "Smith 2001", **more}


def card(**more: object) -> Card:
    properties = {
        "molar_mass": quantity(0.3, "kg/mol"),
        "logp": quantity(2.0),
        "fu_plasma": quantity(10, "percent", cv=0.2),
        "blood_plasma_ratio": quantity(0.8),
    }
    return Card.model_validate({"name": "test", "smiles": "CCO", "properties": properties, **more})


def pathway(enzyme: str, **more: object) -> dict[str, object]:
    return {"enzyme": enzyme, "system": "microsome", "fu_incubation": quantity(0.5), **more}


@pytest.mark.parametrize("name", cards())
def test_shipped_card_is_complete(name: str) -> None:
    loaded = load_card(name)
    assert loaded.name == name
    ports = loaded.ports()
    assert {"molar_mass", "logp", "fu_plasma", "blood_plasma_ratio", "peff"} <= set(ports)
    assert all(math.isfinite(value) for value in ports.values())
    assert all(value >= 0 for port, value in ports.items() if port not in UNITS_FREE)
    assert set(loaded.uncertain()) <= set(ports)
    assert {"logp", "fu_plasma", "blood_plasma_ratio"} <= set(loaded.uncertain())


@pytest.mark.parametrize("name", cards())
def test_median_of_the_uncertainty_is_the_value(name: str) -> None:
    loaded = load_card(name)
    ports = loaded.ports()
    for port, law in loaded.uncertain().items():
        median_or_mode = law.parameters[1] if law.name == "triangular" else law.parameters[0]
        assert median_or_mode == pytest.approx(ports[port]), port


@pytest.mark.parametrize("name", cards())
def test_fitted_values_are_no_inputs(name: str) -> None:
    loaded = load_card(name)
    fitted = {q.value for block in loaded.fitted.values() for q in block.values()}
    assert fitted, "every shipped card lists what PK-Sim fitted"
    assert not fitted & {v for p, v in loaded.ports().items() if p != "gfr_fraction"}


def test_ports_are_in_model_units() -> None:
    ports = card().ports()
    assert ports["molar_mass"] == pytest.approx(300.0)
    assert ports["fu_plasma"] == pytest.approx(0.1)
    assert card().uncertain()["fu_plasma"].parameters == pytest.approx((0.1, 0.2))
    assert "pka_base" not in ports
    assert "share_cyp3a4" not in ports


def test_ports_can_be_limited_to_a_model() -> None:
    assert set(card().ports(["logp", "fu_plasma", "age"])) == {"logp", "fu_plasma"}


def test_further_pathways_add_up_per_unbound_concentration() -> None:
    metabolism = [
        pathway("UGT1A4", clint=quantity(6, "uL/min/mg"), fu_incubation=quantity(0.25)),
        pathway("CYP3A4", vmax=quantity(400, "pmol/min/mg"), km=quantity(4, "umol/L")),
    ]
    ports = card(metabolism=metabolism).ports()
    assert ports["vmax_microsome"] == 400
    assert ports["km"] == 4
    assert ports["fu_incubation"] == 0.5
    assert ports["clint_microsome"] == pytest.approx(12.0)  # 6 / 0.25 = 12 / 0.5
    assert ports["share_cyp3a4"] == pytest.approx(100 / 112)


def test_single_linear_pathway_keeps_its_uncertainty() -> None:
    one = card(metabolism=[pathway("CYP3A4", clint=quantity(85, "uL/min/mg", fold=4.0))])
    assert one.ports()["clint_microsome"] == 85
    assert one.uncertain()["clint_microsome"].name == "lognormal"


def test_hepatocytes_have_their_own_ports() -> None:
    cells = pathway("CYP2D6", clint=quantity(10, "uL/min/1e6 cells"), system="hepatocyte")
    ports = card(metabolism=[cells]).ports()
    assert ports["clint_hepatocyte"] == 10
    assert ports["fu_hepatocyte"] == 0.5
    assert "fu_incubation" not in ports
    assert ports["share_cyp3a4"] == 0


def test_midazolam_has_an_honest_window_and_doses() -> None:
    midazolam = load_card("midazolam")
    window = midazolam.window("cmax")
    assert window is not None
    assert window.bounds() == pytest.approx((0.031, 0.104))
    assert window.status == "assumed"
    assert midazolam.doses[0].values == (2, 5, 7.5, 15)
    assert "peff" in midazolam.assumed()
    assert load_card("digoxin").window("cmax") is None


def test_midazolam_auc_window_follows_from_the_cited_exposures() -> None:
    midazolam = load_card("midazolam")
    cmax, auc = midazolam.window("cmax"), midazolam.window("auc")
    assert cmax is not None
    assert auc is not None
    ratios = [
        fact.auc.to("mg*h/L") / fact.cmax.to("mg/L")
        for fact in midazolam.observed
        if fact.route == "oral" and fact.auc and fact.cmax
    ]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    for peak, area in zip(cmax.bounds(), auc.bounds(), strict=True):
        assert area / peak == pytest.approx(mean, rel=0.2)
