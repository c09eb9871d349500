"""Names and fixed numbers of the partition methods (no arrays, so that declarations load fast)."""

from __future__ import annotations

__all__ = [
    "METHOD_NAMES",
    "NEGLIGIBLE",
    "NO_ACID",
    "NO_BASE",
    "PH_CELL",
    "PH_PLASMA",
    "PH_RED_BLOOD_CELL",
    "STRONG_BASE_PKA",
]

METHOD_NAMES = (
    "rodgers_rowland",
    "poulin_theil",
    "berezhkovskiy",
    "schmitt",
    "pksim_standard",
)
"""The partition methods."""

PH_PLASMA = 7.4
PH_CELL = 7.0
"""pH of intracellular tissue water (Rodgers and Rowland)."""
PH_RED_BLOOD_CELL = 7.22
STRONG_BASE_PKA = 7.0
"""From this basic pKa on, binding to acidic phospholipids governs tissue uptake (Rodgers 2005)."""

NO_ACID = 20.0
"""pKa that stands for "no acidic group"."""
NO_BASE = -10.0
"""pKa that stands for "no basic group"."""
NEGLIGIBLE = 5.0
"""A group further than this many units from plasma pH is charged to less than 1 in 1e5."""
