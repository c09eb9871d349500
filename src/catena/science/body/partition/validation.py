"""Claims of body.partition, recomputed from our table and from public tables of human drugs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.claims import Finding
from catena.science.body.organs import INDEX
from catena.science.body.partition.conventions import NO_ACID, NO_BASE
from catena.science.body.partition.drug import Drug
from catena.science.body.partition.human_drugs import DrugTable, computed, measured
from catena.science.body.partition.ionisation import Groups
from catena.science.body.partition.methods import METHODS, partition
from catena.science.body.partition.volume import steady_state_volume

__all__ = [
    "drugs",
    "fold_error_finding",
    "human_vss",
    "human_vss_measured",
    "reference_body",
    "reference_drugs",
    "vss_per_weight",
]

_TABLE = Path(__file__).with_name("reference_drugs.csv")
_BLOOD_VOLUME, _HEMATOCRIT = 5.3, 0.45
_DRAWS = 2000
Array = NDArray[np.float64]


def drugs() -> dict[str, NDArray[Any]]:
    """The eleven reference drugs as columns; absent pKas hold the values meaning "no such group"."""
    with _TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    empty = {"pka_acid": NO_ACID, "pka_base": NO_BASE}
    texts = ("drug", "ion_class", "unit", "source")
    return {
        name: np.array([row[name] for row in rows])
        if name in texts
        else np.array([float(row[name] or empty.get(name, np.nan)) for row in rows])
        for name in rows[0]
    }


def reference_body() -> tuple[Array, float]:
    """Organ volumes (16) [L] of the reference male without gonads and rest, and weight [kg]."""
    from catena.science.body.physiology.reference import reference_adult

    adult = reference_adult()
    volume = adult.organ_mass[0] / adult.density
    volume[[INDEX["gonads"], INDEX["rest"]]] = 0.0
    return volume, float(adult.body_mass[0])


def vss_per_weight(drug: Drug, method: str = "rodgers_rowland") -> Array:
    """Vss of drugs in the reference male [L/kg], shape (n,)."""
    volume, weight = reference_body()
    kp = partition(drug, method).kp
    vss = steady_state_volume(kp, volume, _BLOOD_VOLUME, drug.blood_plasma_ratio, drug.hematocrit)
    return np.asarray(vss) / weight


def _fold(predicted: Array, observed: Array) -> Array:
    return np.exp(np.abs(np.log(predicted / observed)))


def _draws(n: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, n, size=(_DRAWS, n))


def fold_error_finding(
    predicted: Array, observed: Array, seed: int, extra: dict[str, Any] | None = None
) -> Finding:
    """Geometric mean fold error with a 90 % bootstrap interval over drugs.

    Args:
        predicted: predictions (n,), positive.
        observed: observations (n,), positive.
        seed: seed of the bootstrap.
        extra: further facts.

    Returns:
        The finding; the baseline predicts the geometric mean of the observed values for every drug.
    """
    error = np.log(predicted / observed)
    means = np.abs(error)[_draws(len(error), seed)].mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.05, 0.95]))
    spread = np.abs(np.log(observed) - np.log(observed).mean())
    facts = {
        "within_2_fold": float((np.abs(error) <= np.log(2)).mean()),
        "within_3_fold": float((np.abs(error) <= np.log(3)).mean()),
        "median_fold_error": float(np.exp(np.median(np.abs(error)))),
        "average_fold_error": float(np.exp(error.mean())),
    }
    return Finding(
        value=float(np.exp(np.abs(error).mean())),
        low=float(low),
        high=float(high),
        baseline=float(np.exp(spread.mean())),
        n=len(error),
        extra=facts | (extra or {}),
    )


def reference_drugs(seed: int = 0) -> Finding:
    """Largest fold error of Vss over the eleven reference drugs.

    Args:
        seed: seed of the bootstrap over drugs.

    Returns:
        The largest fold error, its 90 % interval, and per-drug figures in ``extra``.
    """
    table = drugs()
    groups = Groups(table["pka_acid"], table["pka_base"])
    ratio = table["blood_plasma_ratio"]
    predicted = vss_per_weight(Drug(table["logp"], table["fu_plasma"], groups, ratio, _HEMATOCRIT))
    observed = table["vss_observed"]
    fold = _fold(predicted, observed)
    largest = fold[_draws(len(fold), seed)].max(axis=1)
    low, high = np.quantile(largest, [0.05, 0.95])
    constant = np.full_like(observed, np.exp(np.log(observed).mean()))
    second = _fold(predicted, table["vss_lombardo"])
    names = table["drug"].tolist()
    return Finding(
        value=float(fold.max()),
        low=float(low),
        high=float(high),
        baseline=float(_fold(constant, observed).max()),
        n=len(fold),
        extra={
            "predicted": dict(zip(names, predicted.round(4).tolist(), strict=True)),
            "fold_error": dict(zip(names, fold.round(3).tolist(), strict=True)),
            "geometric_mean_fold_error": float(np.exp(np.log(fold).mean())),
            "largest_fold_error_against_lombardo_2018": float(second.max()),
            "worst_against_lombardo_2018": names[int(second.argmax())],
        },
    )


def _vss_finding(table: DrugTable, seed: int) -> Finding:
    """Finding of Rodgers-Rowland, with the error of every method in ``extra``."""
    drug = Drug(table.logp, table.fu, table.groups, table.blood_ratio, _HEMATOCRIT)
    predicted = {method: vss_per_weight(drug, method) for method in METHODS}
    errors = {
        method: float(np.exp(np.log(_fold(value, table.vss)).mean()))
        for method, value in predicted.items()
    }
    return fold_error_finding(predicted["rodgers_rowland"], table.vss, seed, {"methods": errors})


def human_vss_measured(seed: int = 0) -> Finding:
    """Vss of drugs with measured fu and B:P, pKa at hand (see validation.yaml).

    Args:
        seed: seed of the bootstrap over drugs.

    Raises:
        DataError: a table is not on this machine.
    """
    table = measured()
    return _vss_finding(table.where(np.isfinite(table.vss) & table.blood_ratio_measured), seed)


def human_vss(seed: int = 0) -> Finding:
    """Vss of all drugs of the large human table, pKa and B:P inferred (see validation.yaml).

    Args:
        seed: seed of the bootstrap over drugs.

    Raises:
        DataError: the table is not on this machine.
    """
    return _vss_finding(computed(), seed)
