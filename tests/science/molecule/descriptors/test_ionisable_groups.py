"""Ionisable groups of drugs whose ionisation at pH 7.4 every textbook gives."""

from __future__ import annotations

import pytest

from catena.science.molecule.descriptors import standardise
from catena.science.molecule.descriptors.ionisation import groups, ion_class

DRUGS = {
    "aspirin": ("CC(=O)Oc1ccccc1C(=O)O", 1, 0),
    "warfarin": ("CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O", 1, 0),
    "diclofenac": ("O=C(O)Cc1ccccc1Nc1c(Cl)cccc1Cl", 1, 0),
    "losartan": ("CCCCc1nc(Cl)c(CO)n1Cc1ccc(-c2ccccc2-c2nn[nH]n2)cc1", 1, 0),
    "sulfadiazine": ("Nc1ccc(S(=O)(=O)Nc2ncccn2)cc1", 1, 0),
    "piroxicam": ("CN1C(=C(O)c2ccccc2S1(=O)=O)C(=O)Nc1ccccn1", 1, 0),
    "pioglitazone": ("CCc1ccc(CCOc2ccc(CC3SC(=O)NC3=O)cc2)nc1", 1, 0),
    "imipramine": ("CN(C)CCCN1c2ccccc2CCc2ccccc21", 0, 1),
    "propranolol": ("CC(C)NCC(O)COc1cccc2ccccc12", 0, 1),
    "metformin": ("CN(C)C(=N)NC(=N)N", 0, 2),
    "pentamidine": ("N=C(N)c1ccc(OCCCCCOc2ccc(cc2)C(=N)N)cc1", 0, 2),
    "chloroquine": ("CCN(CC)CCCC(C)Nc1ccnc2cc(Cl)ccc12", 0, 2),
    "amiloride": ("NC(=N)NC(=O)c1nc(Cl)c(N)nc1N", 0, 1),
    "bethanechol": ("CC(C[N+](C)(C)C)OC(N)=O", 0, 1),
    "paraquat": ("C[n+]1ccc(cc1)-c1cc[n+](C)cc1", 0, 2),
    "glycine": ("NCC(=O)O", 1, 1),
    "cetirizine": ("OC(=O)COCCN1CCN(CC1)C(c1ccccc1)c1ccc(Cl)cc1", 1, 2),
    "midazolam": ("Cc1ncc2n1-c1ccc(Cl)cc1C(c1ccccc1F)=NC2", 0, 0),
    "caffeine": ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", 0, 0),
    "paracetamol": ("CC(=O)Nc1ccc(O)cc1", 0, 0),
    "aniline": ("Nc1ccccc1", 0, 0),
    "nitrobenzene": ("O=[N+]([O-])c1ccccc1", 0, 0),
    "benzamide": ("NC(=O)c1ccccc1", 0, 0),
    "methanesulfonamide": ("CS(N)(=O)=O", 0, 0),
    "diazepam": ("CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", 0, 0),
}


@pytest.mark.parametrize("drug", DRUGS)
def test_counts(drug: str) -> None:
    smiles, acids, bases = DRUGS[drug]
    assert groups(standardise(smiles).molecule) == {"acid": acids, "base": bases}


def test_class_of_two_counts() -> None:
    assert [ion_class(a, b) for a, b in [(0, 0), (2, 0), (0, 1), (1, 1)]] == [
        "neutral",
        "acid",
        "base",
        "zwitterion",
    ]
