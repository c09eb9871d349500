"""From SMILES to the neutral parent: salts, charges, and what is refused."""

from __future__ import annotations

import pytest

from catena.science.molecule.descriptors import standardise


@pytest.mark.parametrize(
    ("given", "parent", "stripped", "neutralised"),
    [
        ("CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Oc1ccccc1C(=O)O", (), False),
        ("CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "CC(=O)Oc1ccccc1C(=O)O", ("sodium",), True),
        ("CN(C)CCCN1c2ccccc2CCc2ccccc21.Cl", "CN(C)CCCN1c2ccccc2CCc2ccccc21",
         ("hydrogen chloride",), False),
        ("C[NH+](C)CCCN1c2ccccc2CCc2ccccc21.[Cl-]", "CN(C)CCCN1c2ccccc2CCc2ccccc21",
         ("hydrogen chloride",), True),
        ("CN(C)CCC(c1ccc(Cl)cc1)c1ccccn1.O=C(O)/C=C\\C(=O)O",
         "CN(C)CCC(c1ccc(Cl)cc1)c1ccccn1", ("maleic or fumaric acid",), False),
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O", (), True),
        ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO", ("hydrogen chloride",), False),
        ("O=N(=O)c1ccccc1", "O=[N+]([O-])c1ccccc1", (), False),
        ("OC(CC(=O)O)(CC(=O)O)C(=O)O", "O=C(O)CC(O)(CC(=O)O)C(=O)O", (), False),
        ("CCN.CCN.OS(=O)(=O)O", "CCN", ("sulfuric acid",), False),
        ("CCN.CC[NH3+]", "CCN", (), True),
        ("CC[NH3+].CCN", "CCN", (), True),
        ("O", "O", (), False),
    ],
)  # fmt: skip
def test_parent(given: str, parent: str, stripped: tuple[str, ...], neutralised: bool) -> None:
    found = standardise(given)
    assert (found.smiles, found.stripped, found.neutralised) == (parent, stripped, neutralised)


def test_stereo_and_tautomer_are_kept() -> None:
    assert standardise("C[C@H](N)C(=O)O").smiles == "C[C@H](N)C(=O)O"
    keto, enol = standardise("CC(=O)CC(C)=O").smiles, standardise("CC(=O)C=C(C)O").smiles
    assert keto != enol


def test_standard_form_is_a_fixed_point() -> None:
    for smiles in ("CC[NH2+]CC.[Cl-]", "[O-]c1ccccc1.[K+]", "C[C@H]([NH3+])C(=O)[O-]"):
        once = standardise(smiles)
        again = standardise(once.smiles)
        assert again.smiles == once.smiles
        assert not again.stripped
        assert not again.neutralised


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (None, "empty"),
        ("C(C", "not a SMILES"),
        ("aspirin!", "not a SMILES"),
        ("CN(C)(C)C", "valence"),
        ("c1cccc1", "not a possible molecule"),
        ("C*", "wildcard"),
        ("[CH3]", "radical"),
        ("F[Pt]", "holds Pt"),
        ("[Na+].[Cl-]", "holds Na"),
        ("C1CC1.C1CCC1", "mixture of 2"),
        ("C" * 160, "heavy atoms"),
        ("C" * 6000, "5000 characters"),
    ],
)
def test_what_is_no_small_molecule(smiles: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        standardise(smiles)
