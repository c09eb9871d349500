"""The oral-drug chain: its wiring, its conservation laws, and one small study end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from catena.chains import chains, load_chain
from catena.core.errors import ModelNotFound
from catena.core.registry import load
from catena.formats.compound import load_card
from catena.study import load_study, run

STUDY = Path(__file__).parents[2] / "examples" / "oral_drug.yaml"
TIME = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24]


@pytest.fixture(scope="module")
def chain() -> Any:
    """The chain, filled with midazolam and the time grid."""
    card = load_card("midazolam")
    bare = load("chain.oral_drug")
    ports = {name: value for name, value in card.ports().items() if name in bare.inputs}
    return bare.at(smiles=card.smiles, **ports, time=TIME, route="oral")


def dosed(people: dict[str, Any], doses: list[float]) -> dict[str, Any]:
    return {
        **people,
        "dose": doses,
        "events": [[{"time": 0, "amt": dose, "cmt": "oral"}] for dose in doses],
    }


def test_it_is_registered_and_listed() -> None:
    assert "oral_drug" in chains()
    assert load("chain.oral_drug").info.id == "chain.oral_drug"
    with pytest.raises(ModelNotFound, match="oral_drugg"):
        load_chain("oral_drugg")


def test_every_node_is_fed_by_the_chain_and_only_people_doses_and_drug_are_asked(
    chain: Any,
) -> None:
    assert list(chain.nodes) == [
        "descriptors",
        "physiology",
        "partition",
        "clearance",
        "pbpk",
        "exposure",
    ]
    asked = [field.name for field in chain.inputs if field.required]
    assert sorted(asked) == ["age", "dose", "height", "serum_creatinine", "sex", "weight"]
    assert chain.capabilities.gradient


def test_the_file_and_the_chain_say_the_same() -> None:
    one = load_chain("oral_drug")
    again = type(one).from_dict(yaml.safe_load(yaml.safe_dump(one.to_dict())))
    assert again.key == one.key


def test_drug_is_conserved_and_exposure_rises_with_dose(chain: Any) -> None:
    people = load("body.physiology").population(1, seed=5)
    doses = [1e-3, 7.5, 60.0]
    result = chain.predict(dosed(dict(people), doses))
    np.testing.assert_allclose(
        result["pbpk.recovered"][:, 1:], np.array(doses)[:, None] * np.ones(13), rtol=1e-5
    )
    per_mg = result["auc"] / np.array(doses)
    # Michaelis-Menten: more than proportional, never less.
    assert per_mg[0] < per_mg[1] < per_mg[2]
    assert np.all(result["cmax"] <= result["plasma"].max(axis=1) * (1 + 1e-12))
    assert np.all((result["tmax"] > 0.2) & (result["tmax"] < 4))


def test_a_small_study_end_to_end(tmp_path: Path) -> None:
    given = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    given["settings"] |= {"people": 20, "chunk": 20, "gradients": False}
    given["uncertainty"] = {"draws": 4, "people": 10}
    given["inputs"]["time"] = TIME
    outcome = run(load_study(given), out=tmp_path)
    assert outcome.status == "done"
    assert len(outcome.answer.rows) == 20 * 4
    assert {"person", "dose", "auc", "cmax", "tmax", "half_life", "weight", "sex"} <= set(
        outcome.answer.rows.fields.names
    )
    per_dose = outcome.summary["per_dose"]
    assert [item["dose"] for item in per_dose] == [2.0, 5.0, 7.5, 15.0]
    medians = [item["cmax"]["p50"] for item in per_dose]
    assert medians == sorted(medians)
    # Published means of single oral doses are met within a factor of three by every quantity.
    assert all(found["fold_error"] < 3 for found in outcome.summary["evidence"].values())
    assert outcome.summary["recommended_dose"]["value"] in (7.5, 15.0)
    assert outcome.summary["optimum_dose"]["low"] < outcome.summary["optimum_dose"]["high"]
    assert len(outcome.answer.figures) == 6
    assert outcome.report.stat().st_size < 8 * 2**20
