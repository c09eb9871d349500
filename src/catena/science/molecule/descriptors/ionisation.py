"""Which groups of a molecule are charged near pH 7.4, by rules with a source each."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Any, Literal

IonClass = Literal["neutral", "acid", "base", "zwitterion"]
CLASSES: tuple[IonClass, ...] = ("neutral", "acid", "base", "zwitterion")

_GROUPS = Path(__file__).with_name("ionisable_groups.csv")


def groups(molecule: Any) -> dict[str, int]:
    """Counts the acidic and basic groups that are charged near pH 7.4.

    The rules (``ionisable_groups.csv``) hold groups whose typical pKa (Perrin, Dempsey and
    Serjeant 1981, pKa Prediction for Organic Acids and Bases) makes them mostly ionised at
    pH 7.4. An atom that two rules match counts once.

    Args:
        molecule: RDKit molecule of the neutral parent.

    Returns:
        ``{"acid": n, "base": n}``.
    """
    found: dict[str, set[int]] = {"acid": set(), "base": set()}
    for role, pattern in _patterns():
        for match in molecule.GetSubstructMatches(pattern):
            if role == "acid" or not found["base"] & set(match):
                found[role].add(_site(molecule, match))
    return {role: len(atoms) for role, atoms in found.items()}


def ion_class(acids: int, bases: int) -> IonClass:
    """Returns the class that the two counts make."""
    if acids and bases:
        return "zwitterion"
    return "acid" if acids else "base" if bases else "neutral"


def _site(molecule: Any, match: tuple[int, ...]) -> int:
    """The atom of a match that carries the charge: the one with hydrogen, else nitrogen."""
    atoms = [molecule.GetAtomWithIdx(index) for index in match]
    acidic = [atom for atom in atoms if atom.GetTotalNumHs() and atom.GetAtomicNum() in (7, 8)]
    nitrogen = [atom for atom in atoms if atom.GetAtomicNum() == 7]
    return int(next(iter([*acidic, *nitrogen, *atoms])).GetIdx())


@functools.cache
def _patterns() -> tuple[tuple[str, Any], ...]:
    from rdkit import Chem

    with _GROUPS.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    compiled = [(row["role"], Chem.MolFromSmarts(row["smarts"])) for row in rows]
    broken = [row["name"] for row, (_, pattern) in zip(rows, compiled, strict=True) if not pattern]
    if broken:
        raise RuntimeError(f"SMARTS that do not parse: {broken}")
    return tuple(compiled)
