"""The reference adult: organ masses, flows, densities and spreads, read once from our tables.

Sex is an index everywhere: 0 male, 1 female (the order of :data:`SEXES`).  Numbers and their
sources stand in the CSV files beside this module.

Sources: ICRP Publication 89 (2002), doi:10.1016/S0146-6453(03)00002-2 (masses, flows);
McNally et al. (2014), doi:10.1016/j.tox.2013.07.009 (coefficients of variation, kind of spread);
Brown et al. (1997), doi:10.1177/074823379701300401 (densities, arterial share of blood);
Price et al. (2003), doi:10.1080/10408440390242324 (organ mass against height);
Johnson et al. (2005), doi:10.1002/lt.20519 (liver against body surface);
Lee et al. (2000), doi:10.1093/ajcn/72.3.796 (muscle against height, weight and age).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import DataError
from catena.core.spec import Field, Schema
from catena.science.body.organs import INDEX, ORGANS

__all__ = ["SEXES", "ReferenceAdult", "parameter_schema", "reference_adult", "rows"]

SEXES: tuple[str, ...] = ("male", "female")
"""Category order of the port ``sex``; a sex inside a Model is its index here."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceAdult:
    """Reference adults of both sexes; the first axis of every array is sex (male, female).

    Args:
        organ_mass: masses (2, organ) [kg]; ``rest`` closes the reference body mass.
        by_surface: organs whose mass goes with body surface (organ,).
        by_muscle: organs whose mass goes with expected skeletal muscle (organ,); all others go with
            height.
        size_exponent: exponents of that size against the reference adult (organ,).
        organ_cv: coefficients of variation of mass (2, organ); 0 where mass closes a balance.
        lognormal: organs with lognormal spread of mass (organ,), the others are normal.
        flow_fraction: shares of cardiac output (2, organ), 0 for the lung; they sum to one.
        density: tissue densities (organ,) [kg/L].
        height: heights (2,) [cm].
        body_mass: body masses (2,) [kg].
        cardiac_output: resting cardiac outputs (2,) [L/h].
        hematocrit: (2,).
        albumin: plasma concentrations (2,) [g/L].
        alpha1_acid_glycoprotein: plasma concentrations (2,) [g/L].
    """

    organ_mass: FloatArray
    by_surface: NDArray[np.bool_]
    by_muscle: NDArray[np.bool_]
    size_exponent: FloatArray
    organ_cv: FloatArray
    lognormal: NDArray[np.bool_]
    flow_fraction: FloatArray
    density: FloatArray
    height: FloatArray
    body_mass: FloatArray
    cardiac_output: FloatArray
    hematocrit: FloatArray
    albumin: FloatArray
    alpha1_acid_glycoprotein: FloatArray


def rows(name: str) -> list[dict[str, str]]:
    """Rows of one of the CSV tables beside this module.

    Args:
        name: file name, e.g. ``"reference_organs.csv"``.

    Returns:
        One dict of texts per row.
    """
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _by_sex(table: list[dict[str, str]], column: str) -> FloatArray:
    """Array (2, rows) of the columns ``<column>_male`` and ``<column>_female``; empty is nan."""
    return np.array([[float(row[f"{column}_{sex}"] or "nan") for row in table] for sex in SEXES])


def _close_mass(mass: FloatArray, body_mass: FloatArray, blood_mass: FloatArray) -> FloatArray:
    """Give ``rest`` what the reference body mass has beyond organs and blood."""
    closed = mass.copy()
    closed[:, INDEX["rest"]] = body_mass - blood_mass - np.nansum(mass, axis=1)
    return closed


def _close_flow(fraction: FloatArray) -> FloatArray:
    """Give ``rest`` the share of the cardiac output no named organ takes; the lung is in series."""
    closed = fraction.copy()
    closed[:, INDEX["lung"]] = 0.0
    closed[:, INDEX["rest"]] = 1.0 - np.nansum(closed, axis=1)
    return closed


@cache
def reference_adult() -> ReferenceAdult:
    """Reference adults of both sexes (read once).

    Returns:
        The tables as arrays on the organ axis.

    Raises:
        DataError: a table was edited so that its organs are no longer those of the body shelf.
    """
    organs = rows("reference_organs.csv")
    if tuple(row["organ"] for row in organs) != ORGANS:
        raise DataError(
            "the reference organ table does not follow the organ order",
            where="science/body/physiology/reference_organs.csv",
            why="rows and ORGANS differ",
            fix="give exactly one row per organ, in the order of ORGANS",
        )
    person = {
        row["quantity"]: np.array([float(row[sex]) for sex in SEXES])
        for row in rows("reference_adult.csv")
    }
    mass = _by_sex(organs, "mass")
    return ReferenceAdult(
        organ_mass=_close_mass(mass, person["body_mass"], person["blood_mass"]),
        by_surface=np.array([row["size"] == "surface" for row in organs]),
        by_muscle=np.array([row["size"] == "muscle" for row in organs]),
        size_exponent=np.array([float(row["size_exponent"]) for row in organs]),
        organ_cv=_by_sex(organs, "cv"),
        lognormal=np.array([row["spread"] == "lognormal" for row in organs]),
        flow_fraction=_close_flow(_by_sex(organs, "flow")),
        density=np.array([float(row["density"]) for row in organs]),
        height=person["height"],
        body_mass=person["body_mass"],
        cardiac_output=person["cardiac_output"],
        hematocrit=person["hematocrit"],
        albumin=person["albumin"],
        alpha1_acid_glycoprotein=person["alpha1_acid_glycoprotein"],
    )


def parameter_schema() -> Schema:
    """Parameters of body.physiology with defaults, bounds, units and sources from our table.

    Returns:
        One field per row of ``parameters.csv``.
    """
    return Schema(
        Field(
            name=row["name"],
            unit="" if row["unit"] == "1" else row["unit"],
            default=float(row["value"]),
            bounds=(float(row["low"]), float(row["high"]) if row["high"] else None),
            doc="; ".join(part for part in (row["note"], f"source: {row['source']}") if part),
        )
        for row in rows("parameters.csv")
    )
