"""Brings a SMILES to the one structure that is computed on: neutral parent, no salt, no solvent."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_HEAVY_ATOMS = 150
"""Above this size the rules for small molecules are not meant to hold."""

_COUNTERIONS = Path(__file__).with_name("counterions.csv")
# Elements of covalent drug molecules; anything else in the parent is a metal complex or a typo.
_ELEMENTS = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53})


@dataclass(frozen=True)
class Parent:
    """A standardised structure.

    Attributes:
        smiles: Canonical isomeric SMILES of the neutral parent.
        molecule: The RDKit molecule of ``smiles``.
        stripped: Names of what was removed (counter-ions, solvents), in the order found.
        neutralised: Whether charges of the given structure were removed.
    """

    smiles: str
    molecule: Any
    stripped: tuple[str, ...]
    neutralised: bool


def standardise(smiles: str) -> Parent:
    """Returns the neutral parent of a SMILES.

    Known counter-ions and solvents (``counterions.csv``) are stripped, functional groups are
    normalised (nitro, sulfoxide, ...) and protonation charges removed; permanent charges stay.
    The tautomer is kept as drawn: a canonical tautomer is often not the one that exists in water.

    Args:
        smiles: One molecule, possibly with counter-ions and solvents.

    Raises:
        ValueError: The text is no SMILES, or what it describes is not one small molecule: a
            mixture, a radical, a metal complex, or too large. The message gives the reason.
    """
    drawn, neutral, stripped = _single_parent(_parse(smiles))
    _refuse_exotic(neutral)
    from rdkit.Chem import MolFromSmiles, MolToSmiles

    canonical = MolToSmiles(neutral)
    parent = MolFromSmiles(canonical)
    if parent is None:
        raise ValueError("the neutral parent is not a valid structure")
    return Parent(canonical, parent, stripped, _charged_atoms(drawn) > _charged_atoms(parent))


def _parse(smiles: str) -> Any:
    from rdkit import Chem, rdBase

    if not isinstance(smiles, str) or not smiles.strip():
        raise ValueError("empty SMILES")
    text = smiles.strip()
    if len(text) > 5000:
        raise ValueError("longer than 5000 characters")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text, sanitize=False)
        if molecule is None:
            raise ValueError("not a SMILES (syntax)")
        problems = Chem.DetectChemistryProblems(molecule)
        if problems:
            raise ValueError(f"not a possible molecule: {problems[0].Message()}")
        molecule = Chem.MolFromSmiles(text)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise ValueError("not a SMILES")
    if any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms()):
        raise ValueError("holds a wildcard atom (*)")
    return molecule


def _single_parent(molecule: Any) -> tuple[Any, Any, tuple[str, ...]]:
    """The one part that is no counter-ion, as drawn and neutral, and the names of the others."""
    from rdkit import Chem

    parts = list(Chem.GetMolFrags(molecule, asMols=True))
    if len(parts) == 1:
        return parts[0], _neutral(parts[0]), ()
    # Keyed by the neutral form: two charge states of one molecule are one molecule.
    parts.sort(key=_charged_atoms)  # of these the most charged is kept as drawn
    distinct = {Chem.MolToSmiles(_neutral(part)): part for part in parts}
    names = {smiles: _counterion(smiles) for smiles in distinct}
    kept = [smiles for smiles, name in names.items() if name is None]
    if not kept:  # the counter-ion or solvent itself was meant
        kept = [max(distinct, key=lambda smiles: (distinct[smiles].GetNumHeavyAtoms(), smiles))]
    if len(kept) > 1:
        raise ValueError(f"a mixture of {len(kept)} molecules: {'; '.join(sorted(kept))}")
    stripped = tuple(str(name) for smiles, name in names.items() if smiles not in kept)
    return distinct[kept[0]], _neutral(distinct[kept[0]]), stripped


def _counterion(smiles: str) -> str | None:
    from rdkit import Chem

    plain = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(plain)
    return _counterions().get(Chem.MolToSmiles(plain))


@functools.cache
def _counterions() -> dict[str, str]:
    from rdkit import Chem

    with _COUNTERIONS.open(newline="", encoding="utf-8") as handle:
        return {
            Chem.MolToSmiles(_neutral(Chem.MolFromSmiles(row["smiles"]))): row["name"]
            for row in csv.DictReader(handle)
        }


def _neutral(molecule: Any) -> Any:
    from rdkit import rdBase
    from rdkit.Chem.MolStandardize import rdMolStandardize

    with rdBase.BlockLogs():
        normal = rdMolStandardize.Normalize(molecule)
        return rdMolStandardize.Uncharger(canonicalOrder=True).uncharge(normal)


def _charged_atoms(molecule: Any) -> int:
    return sum(atom.GetFormalCharge() != 0 for atom in molecule.GetAtoms())


def _refuse_exotic(molecule: Any) -> None:
    if molecule.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise ValueError(f"{molecule.GetNumHeavyAtoms()} heavy atoms, more than {MAX_HEAVY_ATOMS}")
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() not in _ELEMENTS:
            raise ValueError(f"holds {atom.GetSymbol()}, which is no element of small molecules")
        if atom.GetNumRadicalElectrons():
            raise ValueError(f"a radical at {atom.GetSymbol()}{atom.GetIdx()}")
