"""Recomputes the claims of body.physiology."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.claims import Finding
from catena.formats.datasets import find
from catena.science.body.organs import INDEX, ORGANS, SYSTEMIC, organ_indices
from catena.science.body.physiology.model import physiology
from catena.science.body.physiology.population import SURVEY, VirtualAdults, virtual_adults
from catena.science.body.physiology.reference import SEXES, reference_adult

__all__ = [
    "flow_balance",
    "liver_and_surface",
    "mass_balance",
    "organ_mass_location",
    "organ_mass_spread",
    "survey_quantiles",
]

PEOPLE = 20_000
MCNALLY = "body/httk/mcnally2014_organ_mass_flow.csv"
Floats = NDArray[np.float64]

COMPARED: dict[str, str] = {
    "lung": "Lung",
    "heart": "Heart",
    "brain": "Brain",
    "kidney": "Kidney",
    "liver": "Liver",
    "stomach": "Stomach",
    "small_intestine": "Small_intestine",
    "spleen": "Spleen",
    "pancreas": "Pancreas",
}
"""Organs both tables define alike, by their name in the table of McNally et al."""

LEFT_OUT: dict[str, str] = {
    "adipose": "closes the body mass",
    "rest": "closes the body mass",
    "skin": "the table gives women the men's value; ours is ICRP 89 by body surface",
    "bone": "the table has bone without marrow; ours is the whole skeleton",
    "large_intestine": "the table leaves out the rectosigmoid",
    "muscle": "ours goes with weight and age, and spreads about that, after Lee et al. (2000)",
    "gonads": "the table adds further genital organs",
}
"""Organs left out of the comparison, and why."""


@cache
def _people(seed: int) -> tuple[VirtualAdults, Any]:
    people = virtual_adults(PEOPLE, seed=seed, source="moments")
    return people, physiology.predict(people)


def _size(people: VirtualAdults) -> Floats:
    """Size factors (n, organ) that carry reference organ masses to each person."""
    from catena.science.body.physiology.person import size

    return np.asarray(size(people))


@dataclass(frozen=True)
class _Listed:
    """One organ of one sex in the table of McNally et al."""

    mass: float
    cv: float
    lognormal: bool


def _table() -> dict[tuple[str, str], _Listed]:
    """The table of McNally et al. by (tissue, sex), without tissues that lack a mass or spread."""
    with find(MCNALLY).open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return {
        (row["tissue"], row["gender"].lower()): _Listed(
            float(row["mass_ref"]), float(row["mass_cv"]), row["mass_dist"] == "Log-normal"
        )
        for row in rows
        if row["mass_ref"] and row["mass_cv"]
    }


def _standardised(seed: int) -> dict[tuple[str, str], Floats]:
    """Organ masses carried back to reference size, by (organ, sex)."""
    people, found = _people(seed)
    mass = found["organ_mass"] / _size(people)
    return {
        (organ, sex): mass[people["sex"] == code, INDEX[organ]]
        for organ in COMPARED
        for code, sex in enumerate(SEXES)
    }


def organ_mass_location(seed: int = 0) -> Finding:
    """Largest deviation of an organ's central mass from the table of McNally et al."""
    table, masses = _table(), _standardised(seed)
    deviation, arithmetic = {}, {}
    for (organ, sex), mass in masses.items():
        row = table[COMPARED[organ], sex]
        centre = np.exp(np.mean(np.log(mass))) if row.lognormal else np.mean(mass)
        deviation[f"{organ}, {sex}"] = float(centre / row.mass - 1.0)
        arithmetic[f"{organ}, {sex}"] = float(np.mean(mass) / row.mass - 1.0)
    both = [
        abs(table[name, sex].mass / table[name, other].mass - 1.0)
        for name in COMPARED.values()
        for sex, other in (SEXES, SEXES[::-1])
    ]
    return Finding(
        value=max(map(abs, deviation.values())),
        baseline=max(both),
        n=len(deviation),
        extra={"deviation": deviation, "of arithmetic means": arithmetic, "left out": LEFT_OUT},
    )


def organ_mass_spread(seed: int = 0) -> Finding:
    """Largest deviation of an organ's coefficient of variation from the same table."""
    table = _table()
    deviation = {
        f"{organ}, {sex}": float(np.std(mass) / np.mean(mass) / row.cv - 1.0)
        for (organ, sex), mass in _standardised(seed).items()
        for row in (table[COMPARED[organ], sex],)
    }
    return Finding(
        value=max(map(abs, deviation.values())),
        baseline=1.0,
        n=len(deviation),
        extra={"deviation": deviation, "left out": LEFT_OUT},
    )


def liver_and_surface(seed: int = 0) -> Finding:
    """Correlation of liver mass with body surface (baseline: liver scaled by height alone)."""
    people, found = _people(seed)
    surface, liver = found["body_surface_area"], found["liver_mass"]
    reference = reference_adult()
    bare = liver / _size(people)[:, INDEX["liver"]]
    by_height = bare * (people["height"] / reference.height[people["sex"]]) ** 0.75
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, people.size, (200, people.size))
    spread = [np.corrcoef(liver[rows], surface[rows])[0, 1] for rows in draws]
    low, high = np.quantile(spread, (0.05, 0.95))
    within = {
        sex: float(np.corrcoef(liver[people["sex"] == code], surface[people["sex"] == code])[0, 1])
        for code, sex in enumerate(SEXES)
    }
    return Finding(
        value=np.corrcoef(liver, surface)[0, 1],
        low=low,
        high=high,
        baseline=np.corrcoef(by_height, surface)[0, 1],
        n=people.size,
        extra={"within sex": within},
    )


def flow_balance(seed: int = 0) -> Finding:
    """Largest relative gap between the systemic organ flows and the cardiac output."""
    people, found = _people(seed)
    total = found["organ_flow"][:, organ_indices(SYSTEMIC)].sum(axis=1)
    return Finding(value=np.max(np.abs(total / found["cardiac_output"] - 1.0)), n=people.size)


def mass_balance(seed: int = 0) -> Finding:
    """Largest relative gap between organs with blood and the body weight."""
    people, found = _people(seed)
    blood = found["arterial_volume"] + found["venous_volume"]
    density = physiology.param_values["blood_density"]
    total = found["organ_mass"].sum(axis=1) + blood * density
    return Finding(
        value=np.max(np.abs(total / people["weight"] - 1.0)),
        n=people.size,
        extra={
            "organs": list(ORGANS),
            "organ deviates redrawn": people.redrawn_deviates,
            "people redrawn": people.redrawn_people,
        },
    )


def _quantile(values: Floats, weights: Floats, at: Floats) -> Floats:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return np.interp(at * below[-1], below, values[order])


def survey_quantiles(seed: int = 0) -> Finding:
    """Largest deviation of 5/50/95 % quantiles of virtual adults from the survey's."""
    import pandas as pd

    people, _ = _people(seed)
    at = np.array([0.05, 0.5, 0.95])
    survey = pd.read_csv(find(SURVEY))
    survey = survey[survey["ridexagy"].between(18, 64)]
    columns = {"height": "bmxhtlenavg", "weight": "bmxwt", "serum_creatinine": "lbxscr"}
    deviation, naive = {}, []
    for code, sex in enumerate(SEXES):
        real = survey[survey["riagendr"] == sex.capitalize()].dropna(subset=list(columns.values()))
        weights = real["wtmec6yr"].to_numpy()
        for name, column in columns.items():
            truth = _quantile(real[column].to_numpy(dtype=float), weights, at)
            ours = np.quantile(people[name][people["sex"] == code], at)
            deviation[f"{name}, {sex}"] = [float(x) for x in ours / truth - 1.0]
            naive.append(np.max(np.abs(truth[1] / truth - 1.0)))
    return Finding(
        value=max(abs(x) for found in deviation.values() for x in found),
        baseline=max(naive),
        n=people.size,
        extra={"deviation at 5, 50, 95 %": deviation},
    )
