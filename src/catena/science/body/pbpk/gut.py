"""Gut anatomies: the segments a dissolved dose passes and the mucosa it crosses.

Two anatomies share one set of equations: ``yu_amidon`` (seven equal transit compartments of a smooth
tube, to be used with an effective permeability Peff measured in or scaled to human jejunum) and
``thelen`` (anatomical segments with their enlarged surface, to be used with PK-Sim's specific
transcellular permeability).  Numbers and sources are in ``gut_segments.csv``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from catena.core.errors import InputError, closest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ANATOMIES", "Gut", "gut"]

ANATOMIES: tuple[str, ...] = ("yu_amidon", "thelen")
"""Names of the anatomies in ``gut_segments.csv``."""


@dataclass(frozen=True)
class Gut:
    """Segments of one gut anatomy, in the order of flow.

    Args:
        name: Name of the anatomy.
        segments: Names of the segments; the last is the colon.
        area: Absorbing area [cm^2] that multiplies the permeability.
        basolateral_area: Area [cm^2] between enterocytes and blood.
        fluid: Volume [L] in which the drug is dissolved.
        transit: First-order rate [1/h] at which a segment empties into the next.
        flow_share: Mucosal blood flow relative to that of the small intestine.
        cell_volume: Volume [L] of the enterocytes.
        enzyme_share: Share of the small-intestinal enzyme.
    """

    name: str
    segments: tuple[str, ...]
    area: NDArray[np.float64]
    basolateral_area: NDArray[np.float64]
    fluid: NDArray[np.float64]
    transit: NDArray[np.float64]
    flow_share: NDArray[np.float64]
    cell_volume: NDArray[np.float64]
    enzyme_share: NDArray[np.float64]


@cache
def gut(name: str) -> Gut:
    """One gut anatomy by name.

    Args:
        name: ``"yu_amidon"`` or ``"thelen"``.

    Returns:
        The anatomy.

    Raises:
        InputError: no anatomy has this name.
    """
    if name not in ANATOMIES:
        near = ", ".join(closest(name, ANATOMIES)) or " or ".join(ANATOMIES)
        raise InputError(
            f"unknown gut anatomy {name!r}", where="gut", why="no such rows", fix=f"use {near}"
        )
    text = resources.files(__package__).joinpath("gut_segments.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if row["gut"] == name]
    columns = [key for key in rows[0] if key not in ("gut", "segment")]
    values = {key: np.array([float(row[key]) for row in rows]) for key in columns}
    return Gut(name=name, segments=tuple(row["segment"] for row in rows), **values)
