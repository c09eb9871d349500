"""The model molecule.descriptors: published values, bad rows, batches."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.formats.compound import cards, load_card
from catena.science.molecule.descriptors import descriptors, model

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CAFFEINE = "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
IMIPRAMINE_HCL = "CN(C)CCCN1c2ccccc2CCc2ccccc21.Cl"
MIDAZOLAM = "Cc1ncc2n1-c1ccc(Cl)cc1C(c1ccccc1F)=NC2"

# PubChem: molar mass, monoisotopic mass, polar area, donors, acceptors are not all counted alike,
# so only masses, areas and donors are compared.
PUBLISHED = {
    ASPIRIN: (180.16, 180.0423, 63.6, 1),
    CAFFEINE: (194.19, 194.0804, 58.4, 0),
    MIDAZOLAM: (325.8, 325.0782, 30.2, 0),
    "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O": (308.3, 308.1049, 63.6, 1),
}


def test_published_values() -> None:
    result = descriptors.predict(smiles=list(PUBLISHED))
    mass, exact, area, donors = (
        np.array(column) for column in zip(*PUBLISHED.values(), strict=True)
    )
    assert result["molar_mass"] == pytest.approx(mass, rel=3e-4)
    assert result["exact_mass"] == pytest.approx(exact, abs=1e-4)
    np.testing.assert_array_equal(result["hbd"], donors)
    # RDKit counts warfarin's ring as aromatic, which moves its area by 3.9 square angstrom
    assert result["tpsa"][:3] == pytest.approx(area[:3], abs=3.5)


@pytest.mark.parametrize("name", cards())
def test_compound_cards_have_the_mass_of_their_structure(name: str) -> None:
    card = load_card(name)
    mass = descriptors.predict(smiles=[card.smiles])["molar_mass"][0]
    assert mass == pytest.approx(card.ports()["molar_mass"], rel=1e-3)


def test_salt_gives_the_values_of_its_parent() -> None:
    result = descriptors.predict(smiles=[IMIPRAMINE_HCL, "CN(C)CCCN1c2ccccc2CCc2ccccc21"])
    assert result["standard_smiles"][0] == result["standard_smiles"][1]
    assert result["molar_mass"][0] == pytest.approx(280.42, abs=0.01)
    assert result["salt_stripped"].tolist() == [True, False]
    assert result["ion_class"].tolist() == ["base", "base"]


def test_tautomers_share_the_inchikey() -> None:
    keys = descriptors.predict(smiles=["O=c1cccc[nH]1", "Oc1ccccn1"])["inchikey"]
    assert keys[0] == keys[1] == "UBQKCCHYAOITMY-UHFFFAOYSA-N"


def test_effective_mass_discounts_halogens() -> None:
    result = descriptors.predict(smiles=[MIDAZOLAM, CAFFEINE])
    assert result["molar_mass"] - result["mw_effective"] == pytest.approx([17 + 22, 0])
    assert (result["fluorine"][0], result["chlorine"][0], result["iodine"][0]) == (1, 1, 0)


def test_bad_rows_raise_with_index_and_reason() -> None:
    with pytest.raises(InputError) as caught:
        descriptors.predict(smiles=[ASPIRIN, "C(C", CAFFEINE, "C1CC1.C1CCC1"])
    assert [(fault.row, fault.field) for fault in caught.value.rows] == [
        (1, "smiles"),
        (3, "smiles"),
    ]
    assert "not a SMILES" in caught.value.rows[0].why
    assert "mixture" in caught.value.rows[1].why


def test_bad_rows_can_be_skipped() -> None:
    result = descriptors.predict(smiles=[ASPIRIN, "C(C", CAFFEINE], on_error="skip")
    assert result["molar_mass"] == pytest.approx([180.159, 194.194], abs=1e-3)
    assert [status == "ok" for status in result.status] == [True, False, True]
    assert "not a SMILES" in result.status[1]


def test_evaluate_never_returns_a_number_for_a_bad_row() -> None:
    with pytest.raises(InputError):
        descriptors.evaluate({"smiles": np.array(["C(C"], dtype=object)}, 1)


def test_each_molecule_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    describe = model._describe

    def counted(parent: object) -> dict[str, object]:
        seen.append(parent.smiles)  # type: ignore[attr-defined]
        return describe(parent)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "_describe", counted)
    result = descriptors.predict(smiles=[ASPIRIN, CAFFEINE] * 50)
    assert len(result["molar_mass"]) == 100
    assert len(seen) == 2
