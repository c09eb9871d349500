"""Evidence for ``molecule.descriptors``: masses and ionisation classes of known drugs."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from catena.core.claims import Finding
from catena.core.result import Result
from catena.formats import datasets
from catena.science.molecule.descriptors.ionisation import CLASSES, ion_class
from catena.science.molecule.descriptors.model import average_mass, descriptors

HUMAN = "body/ivive/Human_PK_data.csv.gz"
ANIMAL = "body/ivive/Animal_PK_data.csv.gz"
HTTK = "body/httk/chem_physical_invitro.csv.xz"
PH = 7.4
RESAMPLES = 1000


def molar_mass(seed: int = 0) -> Finding:
    """Share of drugs whose molar mass agrees with the published one within 0.1 %.

    The SMILES of the set are charged as at pH 7.4, so agreement shows that the parent is right.
    Baseline: the mass of the SMILES as given, without standardisation.
    """
    from rdkit.Chem import MolFromSmiles

    table = _read(HUMAN)
    result = descriptors.predict(smiles=table["smiles_r"].to_numpy(object), on_error="skip")
    rows = _kept(result)
    published = table["MW"].to_numpy(float)[rows]
    agree = np.abs(result["molar_mass"] / published - 1) <= 1e-3
    given = [average_mass(MolFromSmiles(text)) for text in table["smiles_r"].iloc[rows]]
    naive = np.abs(np.asarray(given) / published - 1) <= 1e-3
    low, high = _interval(agree, seed)
    differing = table["smiles_r"].iloc[rows[~agree]].tolist()
    return Finding(
        float(agree.mean()),
        low=low,
        high=high,
        baseline=float(naive.mean()),
        n=len(rows),
        extra={"refused": len(table) - len(rows), "differing": differing},
    )


def ionisation(seed: int = 0) -> Finding:
    """Share of drugs whose class agrees with the ChemAxon pKa values of the httk table.

    The pKa values of httk are computed by ChemAxon (none is measured). Names join them to the
    structures of the animal PK table. A donor below pH 7.4 makes an acid, an acceptor above it a
    base. Drugs are split in two by a hash of their connectivity; the rules were revised on the
    other half only. Baseline: the most frequent class of that other half.
    """
    table = _read(ANIMAL).assign(name=lambda t: t["NAME"].str.strip().str.lower())
    pka = _read(HTTK).assign(name=lambda t: t["Compound"].str.strip().str.lower())
    joined = table.merge(pka.drop_duplicates("name"), on="name")
    joined = joined[joined["pKa_Donor.Reference"].eq("ChemAxon")].reset_index(drop=True)
    result = descriptors.predict(smiles=joined["smiles_r"].to_numpy(object), on_error="skip")
    rows = _kept(result)
    reference = [
        ion_class(
            int(any(value < PH for value in _numbers(donor))),
            int(any(value > PH for value in _numbers(acceptor))),
        )
        for donor, acceptor in joined[["pKa_Donor", "pKa_Accept"]].iloc[rows].to_numpy()
    ]
    held = np.array([_held_out(key) for key in result["inchikey"]])
    return _agreement(np.array(reference), _classes(result), held, seed)


def _read(path: str) -> Any:
    import pandas as pd

    return pd.read_csv(datasets.find(path))


def _kept(result: Result) -> np.ndarray:
    """Indices of the rows that were not refused."""
    return np.flatnonzero([text == "ok" for text in result.status])


def _classes(result: Result) -> np.ndarray:
    return np.asarray(result["ion_class"], dtype=str)


def _numbers(cell: Any) -> list[float]:
    """Numbers of a cell such as "6.93,10.4"; empty cells hold a blank."""
    return [float(part) for part in str(cell).split(",") if part.strip() not in ("", "nan")]


def _held_out(inchikey: str) -> bool:
    return hashlib.sha256(inchikey[:14].encode()).digest()[0] % 2 == 1


def _agreement(
    reference: np.ndarray, predicted: np.ndarray, held: np.ndarray, seed: int
) -> Finding:
    names, counts = np.unique(reference[~held], return_counts=True)
    majority = names[np.argmax(counts)]
    agree = (reference == predicted)[held]
    low, high = _interval(agree, seed)
    confusion = {
        f"{truth} called {call}": int(((reference == truth) & (predicted == call))[held].sum())
        for truth in CLASSES
        for call in CLASSES
        if truth != call
    }
    return Finding(
        float(agree.mean()),
        low=low,
        high=high,
        baseline=float((reference[held] == majority).mean()),
        n=int(held.sum()),
        extra={
            "majority": str(majority),
            "other_half": float((reference == predicted)[~held].mean()),
            "confusion": {name: count for name, count in confusion.items() if count},
        },
    )


def _interval(hits: np.ndarray, seed: int) -> tuple[float, float]:
    """90 % bootstrap interval of a share."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, len(hits), size=(RESAMPLES, len(hits)))
    low, high = np.quantile(hits[picks].mean(axis=1), [0.05, 0.95])
    return float(low), float(high)
