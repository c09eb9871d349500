"""Amounts of drug-metabolising enzymes in liver microsomes and in the gut wall."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

__all__ = ["CYP3A4", "DIM", "ENZYMES", "gut_content", "liver_abundance"]

DIM = "enzyme"
"""Name of the array dimension that runs over :data:`ENZYMES`."""

ENZYMES: tuple[str, ...] = (
    "CYP1A2",
    "CYP2A6",
    "CYP2B6",
    "CYP2C8",
    "CYP2C9",
    "CYP2C19",
    "CYP2D6",
    "CYP2E1",
    "CYP3A4",
    "CYP3A5",
)
"""The enzymes of recombinant data, in their fixed order."""

CYP3A4: int = ENZYMES.index("CYP3A4")


@cache
def _table(quantity: str) -> tuple[float, ...]:
    with Path(__file__).with_name("enzymes.csv").open(newline="", encoding="utf-8") as file:
        value = {
            row["enzyme"]: float(row["value"])
            for row in csv.DictReader(file)
            if row["quantity"] == quantity
        }
    return tuple(value.get(enzyme, 0.0) for enzyme in ENZYMES)


def liver_abundance() -> tuple[float, ...]:
    """Mean abundances in liver microsomes [pmol/mg], one per enzyme.

    CYP3A5 is 0 here: the table's value is that of expressers, who are the minority.
    """
    return tuple(
        0.0 if enzyme == "CYP3A5" else value
        for enzyme, value in zip(ENZYMES, _table("liver_abundance"), strict=True)
    )


def gut_content() -> tuple[float, ...]:
    """Mean contents of the whole small intestine [nmol], one per enzyme (0: not reported)."""
    return _table("gut_content")
