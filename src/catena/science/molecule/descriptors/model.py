"""The model ``molecule.descriptors``: SMILES to standardised structure, descriptors, ionisation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import InputError, RowFault
from catena.core.model import Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.science.molecule.descriptors.ionisation import CLASSES, groups, ion_class
from catena.science.molecule.descriptors.standardise import Parent, standardise

_HALOGENS = {"fluorine": 9, "chlorine": 17, "bromine": 35, "iodine": 53}
# Effective mass removed per halogen atom in permeability relations, from the PK-Sim documentation
# (Open Systems Pharmacology): a halogen adds mass but little volume.
_HALOGEN_MASS = {"fluorine": 17.0, "chlorine": 22.0, "bromine": 62.0, "iodine": 98.0}

_OUTPUTS = Schema(
    [
        Field("standard_smiles", kind="molecule", doc="canonical SMILES of the neutral parent"),
        Field("inchikey", kind="text", doc="identity that mobile-hydrogen tautomers share"),
        Field("molar_mass", unit="g/mol", bounds=(0, None), doc="average mass of the parent"),
        Field("exact_mass", unit="g/mol", bounds=(0, None), doc="monoisotopic mass of the parent"),
        Field("logp", doc="octanol-water log P, Wildman and Crippen 1999"),
        Field("tpsa", unit="angstrom^2", bounds=(0, None), doc="polar area, Ertl 2000"),
        Field("hbd", kind="integer", doc="hydrogen-bond donors (N-H and O-H groups)"),
        Field("hba", kind="integer", doc="hydrogen-bond acceptors"),
        Field("rotatable_bonds", kind="integer", doc="rotatable bonds, amides excluded"),
        Field("aromatic_rings", kind="integer", doc="aromatic rings"),
        Field("fraction_csp3", bounds=(0, 1), doc="share of carbon atoms that are sp3"),
        Field("formal_charge", kind="integer", doc="permanent charge of the parent"),
        Field("acid_groups", kind="integer", doc="groups deprotonated near pH 7.4"),
        Field("base_groups", kind="integer", doc="groups protonated near pH 7.4"),
        Field("ion_class", kind="category", choices=CLASSES, doc="what the two counts make"),
        Field("fluorine", kind="integer", doc="fluorine atoms"),
        Field("chlorine", kind="integer", doc="chlorine atoms"),
        Field("bromine", kind="integer", doc="bromine atoms"),
        Field("iodine", kind="integer", doc="iodine atoms"),
        Field("mw_effective", unit="g/mol", doc="mass for permeability, halogens discounted"),
        Field("salt_stripped", kind="boolean", doc="counter-ions or solvents were removed"),
        Field("neutralised", kind="boolean", doc="protonation charges were removed"),
    ]
)


class Descriptors(Model):
    """Standardised structure, descriptors and ionisation class of small molecules.

    Each distinct SMILES of a batch is computed once. A row that is not one small molecule (no
    SMILES, a mixture, a radical, a metal complex) is a fault with its index and the reason;
    ``on_error="skip"`` keeps the other rows.

    Source: RDKit; Crippen contributions (Wildman and Crippen 1999, doi:10.1021/ci990307l); polar
    surface area (Ertl, Rohde and Selzer 2000, doi:10.1021/jm000942e); ionisable groups as listed
    in ``ionisable_groups.csv``.
    """

    info = ModelInfo(
        id="molecule.descriptors",
        title="Molecular descriptors",
        scale="molecule",
        backend="external",
        doc="Standardised parent structure, physico-chemical descriptors and ionisation class.",
        citation="RDKit, doi:10.5281/zenodo.591637; Wildman and Crippen 1999, "
        "doi:10.1021/ci990307l; Ertl 2000, doi:10.1021/jm000942e",
        tags=("molecule", "rdkit"),
    )
    inputs = Schema([Field("smiles", kind="molecule", doc="SMILES of one molecule or its salt")])
    outputs = _OUTPUTS

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        texts = np.asarray(batch["smiles"]).tolist()
        _, faults = _parents(texts)
        return [
            RowFault(row, "smiles", faults[text])
            for row, text in enumerate(texts)
            if text in faults
        ]

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        texts = np.asarray(batch["smiles"]).tolist()
        parents, faults = _parents(texts)
        if faults:
            raise InputError(
                "not every row is one small molecule",
                rows=[RowFault(i, "smiles", faults[t]) for i, t in enumerate(texts) if t in faults],
                where="model molecule.descriptors",
                why="; ".join(sorted(set(faults.values()))[:3]),
                fix='correct these rows, or call predict(on_error="skip")',
            )
        rows = {text: _describe(parent) for text, parent in parents.items()}
        columns = {field.name: [rows[text][field.name] for text in texts] for field in _OUTPUTS}
        return {name: _column(name, values) for name, values in columns.items()}


def _parents(texts: list[Any]) -> tuple[dict[Any, Parent], dict[Any, str]]:
    """Standardises each distinct text once: parents by text, and reasons by bad text."""
    parents: dict[Any, Parent] = {}
    faults: dict[Any, str] = {}
    for text in dict.fromkeys(texts):
        try:
            parents[text] = _remembered(text)
        except ValueError as error:
            faults[text] = str(error)
    return parents, faults


@functools.lru_cache(maxsize=8192)
def _remembered(text: Any) -> Parent:
    """Checking and computing both need the parent; the second look costs nothing."""
    return standardise(text)


def _describe(parent: Parent) -> dict[str, Any]:
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    molecule = parent.molecule
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    halogens = {name: numbers.count(number) for name, number in _HALOGENS.items()}
    ionisable = groups(molecule)
    mass = average_mass(molecule)
    return {
        "standard_smiles": parent.smiles,
        "inchikey": Chem.MolToInchiKey(molecule),
        "molar_mass": mass,
        "exact_mass": rdMolDescriptors.CalcExactMolWt(molecule),
        "logp": rdMolDescriptors.CalcCrippenDescriptors(molecule)[0],
        "tpsa": rdMolDescriptors.CalcTPSA(molecule),
        "hbd": rdMolDescriptors.CalcNumHBD(molecule),
        "hba": rdMolDescriptors.CalcNumHBA(molecule),
        "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds(molecule),
        "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings(molecule),
        "fraction_csp3": rdMolDescriptors.CalcFractionCSP3(molecule),
        "formal_charge": Chem.GetFormalCharge(molecule),
        "acid_groups": ionisable["acid"],
        "base_groups": ionisable["base"],
        "ion_class": CLASSES.index(ion_class(ionisable["acid"], ionisable["base"])),
        **halogens,
        "mw_effective": mass - sum(_HALOGEN_MASS[name] * n for name, n in halogens.items()),
        "salt_stripped": bool(parent.stripped),
        "neutralised": parent.neutralised,
    }


def average_mass(molecule: Any) -> float:
    """Returns the average molar mass [g/mol] of an RDKit molecule, as drawn."""
    from rdkit.Chem import Descriptors as described

    # RDKit fills this module at import time, which its type stubs do not show.
    return float(described.MolWt(molecule))  # type: ignore[attr-defined]


def _column(name: str, values: list[Any]) -> np.ndarray:
    kind = _OUTPUTS[name].kind
    if kind in ("molecule", "text"):
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    if kind == "real":
        return np.asarray(values, dtype=float)
    return np.asarray(values, dtype=bool if kind == "boolean" else np.int64)


descriptors = Descriptors()
"""``molecule.descriptors``."""
