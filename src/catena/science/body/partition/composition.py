"""What tissues are made of: the tables each partition method reads, on the sixteen-organ axis.

Every table is tidy (tissue, quantity, value, unit, source).  The literature does not describe all
sixteen organs, so ``organ_tissues.csv`` names, per method, the tissue each organ borrows and why.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from catena.core.jaxconfig import enable_x64
from catena.science.body.organs import ORGANS

if TYPE_CHECKING:
    from jax import Array

__all__ = ["ADIPOSE", "Composition", "borrowed_tissues", "composition"]

enable_x64()

_FOLDER = Path(__file__).parent
_TABLES: dict[str, str] = {
    "rodgers_rowland": "composition_rodgers_rowland.csv",
    "poulin_theil": "composition_poulin_theil.csv",
    "schmitt": "composition_schmitt.csv",
    "pksim_standard": "composition_willmann.csv",
}

ADIPOSE: NDArray[np.bool_] = np.array([organ == "adipose" for organ in ORGANS])
"""True for the one organ whose neutral lipid is triglyceride (vegetable oil, not octanol)."""


@dataclass(frozen=True)
class Composition:
    """Composition of the organs and of the blood parts that one method reads.

    Attributes:
        organs: quantity name -> array over the organ axis (16).
        plasma: quantity name -> value in plasma (empty when the method needs none).
        red_blood_cell: quantity name -> value in red blood cells.
    """

    organs: Mapping[str, NDArray[np.float64]]
    plasma: Mapping[str, float]
    red_blood_cell: Mapping[str, float]

    def __getitem__(self, quantity: str) -> Array:
        """One quantity over the organ axis (16), as a JAX array."""
        return jnp.asarray(self.organs[quantity])


def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def composition(table: str) -> Composition:
    """Composition table of one method.

    Args:
        table: ``rodgers_rowland``, ``poulin_theil`` (also read by Berezhkovskiy), ``schmitt`` or
            ``pksim_standard``.

    Returns:
        The composition on the organ axis, with plasma and red blood cells apart.
    """
    by_tissue: dict[str, dict[str, float]] = {}
    for row in _rows(_TABLES[table]):
        by_tissue.setdefault(row["tissue"], {})[row["quantity"]] = float(row["value"])
    plasma = by_tissue.pop("plasma", {})
    red_blood_cell = by_tissue.pop("red_blood_cell", {})
    tissue_of = {row["organ"]: row[table] for row in _rows("organ_tissues.csv")}
    quantities = next(iter(by_tissue.values()))
    organs = {
        quantity: np.array([by_tissue[tissue_of[organ]][quantity] for organ in ORGANS])
        for quantity in quantities
    }
    for column in organs.values():
        column.setflags(write=False)
    return Composition(
        MappingProxyType(organs), MappingProxyType(plasma), MappingProxyType(red_blood_cell)
    )


def borrowed_tissues(table: str) -> dict[str, str]:
    """Organs without a composition of their own, with the tissue they borrow and the reason.

    Args:
        table: as for :func:`composition`.

    Returns:
        organ -> "tissue: reason", only for organs whose name differs from the tissue read.
    """
    return {
        row["organ"]: f"{row[table]}: {row['reason']}"
        for row in _rows("organ_tissues.csv")
        if row["organ"] != row[table]
    }
