"""Recompute the adult survey moments that ``virtual_adults`` draws from.

Weight is lognormal above a shift, chosen so that its logarithm has no skewness.

Reads the public NHANES 2013-2018 examination records (sex, age, height, weight, creatinine,
hematocrit, examination weights) and writes weighted means, standard deviations and correlations by
sex and age band.  Only these summaries are committed, never a record.

Run from the repository root: ``python tools/body_adult_moments.py``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from catena.formats.datasets import find

SURVEY = "body/httk/nhanes_mecdt.csv.xz"
TARGET = Path(__file__).parents[1] / "src/catena/science/body/physiology/adult_moments.csv"
BANDS = ((18, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 80))
DIALYSIS_ABOVE = 3.0  # mg/dL: dozens of dialysis patients would else set the spread of thousands
SOURCE = "NHANES 2013-2018 (CDC), weights wtmec6yr, tools/body_adult_moments.py"


def adults() -> pd.DataFrame:
    """Complete adult records, creatinine up to 3 mg/dL."""
    table = pd.read_csv(find(SURVEY))
    needed = ["bmxhtlenavg", "bmxwt", "lbxscr", "lbxhct", "wtmec6yr"]
    table = table[table["ridexagy"] >= BANDS[0][0]].dropna(subset=needed)
    return table[table["lbxscr"] <= DIALYSIS_ABOVE]


def symmetric_shift(weight: np.ndarray, share: np.ndarray) -> float:
    """The shift [kg] for which ln(weight - shift) has no weighted skewness."""

    def skewness(shift: float) -> float:
        log = np.log(weight - shift)
        centred = log - np.average(log, weights=share)
        return float(np.average(centred**3, weights=share))

    lightest = float(weight.min())
    return float(brentq(skewness, lightest - 200.0, lightest - 1e-3))


def moments(band: pd.DataFrame, total_weight: float) -> list[tuple[str, float, str]]:
    """Weighted moments of one sex and age band as (quantity, value, unit)."""
    weights = band["wtmec6yr"].to_numpy()
    shift = symmetric_shift(band["bmxwt"].to_numpy(dtype=float), weights)
    columns = {
        "height": (band["bmxhtlenavg"], "cm"),
        "ln_weight_above": (np.log(band["bmxwt"] - shift), "ln kg"),
        "ln_creatinine": (np.log(band["lbxscr"]), "ln mg/dL"),
        "hematocrit": (band["lbxhct"] / 100.0, "1"),
    }
    values = np.array([series for series, _ in columns.values()], dtype=float)
    mean = np.average(values, axis=1, weights=weights)
    covariance = np.cov(values, aweights=weights, ddof=0)
    sd = np.sqrt(np.diag(covariance))
    found = [("share", float(weights.sum() / total_weight), "1"), ("persons", len(band), "1")]
    for name, m, s, (_, unit) in zip(columns, mean, sd, columns.values(), strict=True):
        found += [(f"{name}_mean", m, unit), (f"{name}_sd", s, unit)]
    found.append(("weight_shift", shift, "kg"))
    found.append(("height_weight_correlation", covariance[0, 1] / (sd[0] * sd[1]), "1"))
    return found


def main() -> None:
    """Write the table of moments."""
    table = adults()
    lines = []
    for sex in ("male", "female"):
        people = table[table["riagendr"] == sex.capitalize()]
        for low, high in BANDS:
            band = people[(people["ridexagy"] >= low) & (people["ridexagy"] < high)]
            for name, value, unit in moments(band, people["wtmec6yr"].sum()):
                lines.append((sex, low, high, name, f"{value:.5g}", unit, SOURCE))
    with TARGET.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("sex", "age_low", "age_high", "quantity", "value", "unit", "source"))
        writer.writerows(lines)


if __name__ == "__main__":
    main()
